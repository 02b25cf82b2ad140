// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Documents
internal import Egress
internal import Glibc
internal import LinuxSystem
internal import Policy
internal import Wire

/// One connection from inside, from its first byte to its end: one request, one answer.
///
///     head ──▶ route ──▶ whose name? ──▶ page of its index ──▶ written anew ──▶ close
///       └────────┴───────────┴── refused      └── or, of the files that it lists, one ──▶ passed on ──▶ close
///
/// Nothing here waits: each step is an event of the loop.
final class PackageClient {
    private enum Phase { case head, page, file, flushing, lingering, closed }

    private unowned let broker: PackageBroker
    private let socket: ClientSocket
    private var registration: EventLoop.Registration?
    private var watched: UInt32 = 0
    private var phase = Phase.head
    private var timer: LoopTimer?
    private var reader = RequestHeadReader()
    private var head: RequestHead?
    private var route: PackageRoute?
    private var index: PackageSite.Index?
    private var fetch: PackageFetch?
    private var pageType = ""
    private var page: [UInt8] = []
    private var isChunked = false
    private var hasAnswered = false
    private var outbox = Outbox()
    private var received = 0
    private var lingered = 0
    private var record = PackageRecord()
    private let begun: UInt64

    private static let headMilliseconds: UInt64 = 5000
    private static let lingerMilliseconds: UInt64 = 2000
    private static let lingerBytes = 16 << 20
    /// What may wait for a slow client before its index has to wait too.
    private static let fullBytes = 256 << 10
    private static let mostPage: UInt64 = 32 << 20
    private static let mostFile: UInt64 = 4 << 30
    /// The page of a project and one of its files, together.
    private static let mostMilliseconds: UInt64 = 3_600_000
    private static let pageTypes =
        "\(SimplePage.jsonType), application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"

    init(_ broker: PackageBroker, _ socket: ClientSocket) throws(SystemError) {
        self.broker = broker
        self.socket = socket
        begun = broker.loop.now
        let number = socket.number
        try checked("make non-blocking", "a connection") { sp_set_nonblocking(number, 1) }
        try watch(SP_EPOLLIN)
        setTimer(Self.headMilliseconds) { client in
            if client.received == 0 { return client.close() }
            client.refuse(
                PackageRefusal(
                    .requestTimeout, .tooSlow, "the request's head did not come in time", remedy: "Send it at once."))
        }
    }

    private func watch(_ wanted: UInt32) throws(SystemError) {
        if let registration {
            if wanted != watched { try broker.loop.change(registration, wanted) }
        } else {
            registration = try broker.loop.add(socket.number, wanted, self)
        }
        watched = wanted
    }

    /// The same where a failure ends the connection.
    private func wait(for wanted: UInt32) {
        do throws(SystemError) { try watch(wanted) } catch { close() }
    }

    private func setTimer(_ milliseconds: UInt64, _ action: @escaping (PackageClient) -> Void) {
        timer?.cancel()
        timer = broker.loop.after(milliseconds: milliseconds) { [weak self] in if let self { action(self) } }
    }

    // MARK: Request

    private func read() {
        while phase == .head {
            var got = 0
            let number = socket.number
            let bytes = [UInt8](unsafeUninitializedCapacity: 16_384) { buffer, count in
                got = sp_receive_bytes(number, buffer.baseAddress!, buffer.count)
                count = max(0, got)
            }
            if got == -Int(EAGAIN) || got == -Int(EINTR) { return }
            guard got > 0 else { return close() }
            received += got
            switch reader.append(bytes.span) {
            case .needMore: continue
            case .refused(let reason):
                refuse(
                    PackageRefusal(
                        .badRequest, .malformed, "the request is malformed (\(reason.rawValue))",
                        remedy: "Send plain HTTP/1.1."))
            case .head(let head): begin(head)
            }
        }
    }

    private func begin(_ head: RequestHead) {
        self.head = head
        record.method = head.method
        record.target = head.target
        do throws(PackageRefusal) {
            let route = try PackageRoute(head)
            self.route = route
            guard head.framing == .none || head.framing == .length(0) else {
                throw PackageRefusal(
                    .badRequest, .malformed, "a request that reads has no body", remedy: "Send it without one.")
            }
            record.package = route.package.text
            guard let index = broker.site.owner(of: route.package) else {
                throw PackageRefusal(
                    .notFound, .unowned, "no index of this session has packages by the name of \(route.package)",
                    remedy: "The operator's file of --packages says which names come from which index.")
            }
            self.index = index
            record.index = index.name
            wait(for: 0)
            setTimer(Self.mostMilliseconds) { $0.close() }
            if case .file(let name, let file) = route, let listing = broker.listing(of: name) {
                try fetchFile(file, listing, of: index)
            } else {
                fetchPage(route.package, of: index)
            }
        } catch { refuse(error) }
    }

    // MARK: Page

    private func fetchPage(_ name: PackageName, of index: PackageSite.Index) {
        phase = .page
        start(
            PackageFetch(
                broker, index, PackageLocation(name, at: index.upstream), accept: Self.pageTypes,
                mostBytes: Self.mostPage, self))
    }

    private func start(_ fetch: PackageFetch) {
        self.fetch = fetch
        fetch.begin()
    }

    /// - Parameter place: Where the page was found in the end; its references count from there.
    private func pageEnded(at place: PackageLocation) throws(PackageRefusal) {
        guard let index, let route, let head else { return }
        let listed: SimplePage
        do throws(SimplePage.Flaw) {
            listed =
                if pageType == SimplePage.jsonType {
                    try SimplePage(json: page, at: place)
                } else if SimplePage.htmlTypes.contains(pageType) {
                    try SimplePage(html: page, at: place)
                } else {
                    throw SimplePage.Flaw(reason: "it is of type \"\(pageType)\"")
                }
        } catch {
            throw Self.failed("the page of index \"\(index.name)\" cannot be read: \(error.reason)")
        }
        page = []
        let now = Int64(sp_clock_ns(CLOCK_REALTIME) / 1_000_000_000)
        let (shown, hidden) = listed.shown(by: index.rules, at: now)
        broker.keep(shown, of: route.package)
        broker.totals.hidden += UInt64(hidden.count)
        record.hidden = hidden
        if case .file(let name, let file) = route, let listing = broker.listing(of: name) {
            return try fetchFile(file, listing, of: index)
        }
        record.shown = shown.files.count
        let isJSON = head.fields.contains {
            $0.name.lowercased() == "accept" && $0.value.lowercased().contains(SimplePage.jsonType)
        }
        let body = isJSON ? JSONWriter().write(shown.json(of: route.package)) : shown.html(of: route.package)
        let type = isJSON ? SimplePage.jsonType : "text/html; charset=utf-8"
        record.event = .page
        record.status = HTTPStatus.ok.rawValue
        broker.totals.pages += 1
        var answer = HTTPResponse.head(.ok, type: type, length: .known(body.count))
        if head.method != "HEAD" { answer += body }
        finish(with: answer)
    }

    // MARK: File

    private func fetchFile(
        _ name: String, _ listing: [String: SimplePage.File], of index: PackageSite.Index
    ) throws(PackageRefusal) {
        phase = .file
        let suffix = ".metadata"
        var location = listing[name]?.location
        if location == nil, name.hasSuffix(suffix), let wheel = listing[String(name.dropLast(suffix.utf8.count))],
            wheel.hasMetadata
        {
            location = wheel.location.appending(suffix)
        }
        guard let location else {
            throw PackageRefusal(
                .notFound, .file, "index \"\(index.name)\" lists no such file for this session",
                remedy: "It may be hidden by min_age_days, wheels_only or downloads of the operator's file; "
                    + "see packages.jsonl of the session.")
        }
        start(PackageFetch(broker, index, location, accept: "*/*", mostBytes: Self.mostFile, self))
    }

    // MARK: Answers

    private static func failed(_ detail: String) -> PackageRefusal {
        PackageRefusal(.badGateway, .upstream, detail, remedy: "Try again later, or ask the operator of this host.")
    }

    private func refuse(_ refusal: PackageRefusal) {
        fetch?.cancel()
        fetch = nil
        let isFailure = refusal.code == .upstream
        record.event = isFailure ? .failed : .refused
        record.code = refusal.code
        record.detail = refusal.reason
        record.status = refusal.status.rawValue
        if isFailure { broker.totals.failed += 1 } else { broker.totals.refused += 1 }
        finish(with: refusal.bytes)
    }

    /// Whether the client takes less than comes.
    private var isFull: Bool { outbox.count > Self.fullBytes }
    private var patience: UInt64 { UInt64(broker.site.idleSeconds) * 1000 }

    /// Sends the last bytes, and ends the connection in order.
    private func finish(with bytes: [UInt8]) {
        guard phase != .closed else { return }
        phase = .flushing
        setTimer(patience) { $0.close() }
        outbox.append(bytes)
        flush()
    }

    private func flush() {
        let before = outbox.sent
        switch outbox.flush(to: socket.number) {
        case .gone: return close()
        case .waiting:
            if outbox.sent != before { setTimer(patience) { $0.close() } }
            return wait(for: SP_EPOLLOUT)
        case .sent:
            if phase == .flushing { return linger() }
            // The index has as long as the client had.
            setTimer(Self.mostMilliseconds) { $0.close() }
            wait(for: 0)
        }
        if phase == .file { fetch?.goOn() }
    }

    /// Says that nothing more is sent, and lets the client read to the end: bytes that are still unread here would turn
    /// the close into a reset, which could overtake the answer.
    private func linger() {
        phase = .lingering
        _ = sp_shutdown_write(socket.number)
        setTimer(Self.lingerMilliseconds) { $0.close() }
        wait(for: SP_EPOLLIN)
    }

    private func drain() {
        var buffer = [UInt8](repeating: 0, count: 65536)
        while lingered < Self.lingerBytes {
            let got = sp_receive_bytes(socket.number, &buffer, buffer.count)
            if got == -Int(EAGAIN) || got == -Int(EINTR) { return }
            guard got > 0 else { return close() }
            lingered += got
        }
        close()
    }

    /// Ends it as it stands, and writes down what there was.
    private func close() {
        guard phase != .closed else { return }
        if phase == .page || phase == .file, record.detail == nil {
            record.event = .failed
            record.detail = "the client went away first, or took nothing"
        }
        phase = .closed
        timer?.cancel()
        fetch?.cancel()
        fetch = nil
        if let registration { broker.loop.remove(registration) }
        registration = nil
        _ = sp_shutdown_both(socket.number)
        // One that asked for nothing leaves no line.
        if received > 0 {
            record.bytesDown = outbox.sent
            record.milliseconds = (broker.loop.now - begun) / 1_000_000
            broker.totals.bytesDown += outbox.sent
            broker.ledger.append(record)
        }
        broker.forget(self)
    }
}

extension PackageClient: PackageTaker {
    func begins(type: String, length: Int?) {
        guard phase == .file, let head else {
            pageType = type
            return
        }
        hasAnswered = true
        record.event = .file
        record.status = HTTPStatus.ok.rawValue
        isChunked = length == nil && head.minorVersion == 1
        let bytes = HTTPResponse.head(
            .ok, type: "application/octet-stream",
            length: length.map { .known($0) } ?? (isChunked ? .chunked : .untilClose))
        guard head.method == "HEAD" else {
            outbox.append(bytes)
            return flush()
        }
        fetch?.cancel()
        broker.totals.files += 1
        finish(with: bytes)
    }

    var takesMore: Bool { phase != .file || !isFull }

    func take(_ piece: [UInt8]) {
        guard phase == .file else {
            page += piece
            return
        }
        outbox.append(isChunked ? HTTPResponse.chunk(piece[...]) : piece)
        flush()
    }

    func ended(_ failure: PackageFetch.Failure?) {
        let place = fetch?.location
        fetch = nil
        guard phase == .page || phase == .file, let place else { return }
        if let failure {
            guard !hasAnswered else {
                // An answer that is not whole must not look as if it were: it ends before its length, or without its end.
                record.event = .failed
                record.code = .upstream
                record.detail = failure.detail
                broker.totals.failed += 1
                return close()
            }
            return refuse(
                failure.isMissing
                    ? PackageRefusal(
                        .notFound, .file, failure.detail, remedy: "No other index is asked for a name of this one.")
                    : Self.failed(failure.detail))
        }
        guard phase == .page else {
            broker.totals.files += 1
            return finish(with: isChunked ? HTTPResponse.lastChunk : [])
        }
        do throws(PackageRefusal) { try pageEnded(at: place) } catch { refuse(error) }
    }
}

extension PackageClient: EventSource {
    func ready(_ events: UInt32, tag: Int) {
        switch phase {
        case .head: read()
        case .page, .file, .flushing:
            if events & (SP_EPOLLERR | SP_EPOLLHUP) != 0 { close() } else { flush() }
        case .lingering: drain()
        case .closed: break
        }
    }
}
