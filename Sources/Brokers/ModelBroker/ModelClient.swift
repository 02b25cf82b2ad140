// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Egress
internal import Glibc
internal import LinuxSystem
internal import Wire

/// One connection from inside, from its first byte to its end: one request, one answer.
///
///     head ──▶ route ──▶ body ──▶ admitted? reserved? ──▶ name ──▶ Exchange with the upstream ──▶ settled ──▶ close
///       └────────┴─────────┴──────────────┴── refused, in the vendor's own form of an error
///
/// Nothing here waits: each step is an event of the loop.
final class ModelClient {
    private enum Phase { case head, body, exchange, flushing, lingering, closed }

    unowned let broker: ModelBroker
    private let socket: ClientSocket
    private var registration: EventLoop.Registration?
    private var phase = Phase.head
    private var timer: LoopTimer?
    private var reader = RequestHeadReader()
    private var head: RequestHead?
    private var route: ModelRoute?
    private var body: RequestBody?
    private var content: [UInt8] = []
    private var outbox = Outbox()
    private var exchange: Exchange?
    private var received: UInt64 = 0
    private var lingered = 0
    private var events: UInt32 = 0
    private let begun: UInt64

    private static let headMilliseconds: UInt64 = 5000
    private static let bodyMilliseconds: UInt64 = 60_000
    private static let lingerMilliseconds: UInt64 = 2000
    private static let lingerBytes = 16 << 20
    /// What may wait for a slow client before its upstream has to wait too.
    private static let fullBytes = 256 << 10

    init(_ broker: ModelBroker, _ socket: ClientSocket) throws(SystemError) {
        self.broker = broker
        self.socket = socket
        begun = broker.loop.now
        let number = socket.number
        try checked("make non-blocking", "a connection") { sp_set_nonblocking(number, 1) }
        try watch(SP_EPOLLIN)
        timer = broker.loop.after(milliseconds: Self.headMilliseconds) { [weak self] in self?.tooSlow() }
    }

    /// Whether something has still to be settled.
    var isSettling: Bool { exchange?.isUnderWay ?? false }

    private func watch(_ wanted: UInt32) throws(SystemError) {
        if let registration {
            if wanted != events { try broker.loop.change(registration, wanted) }
        } else {
            registration = try broker.loop.add(socket.number, wanted, self)
        }
        events = wanted
    }

    /// The same where a failure ends the connection.
    private func wait(for wanted: UInt32) {
        do throws(SystemError) { try watch(wanted) } catch { leave() }
    }

    private func setTimer(_ milliseconds: UInt64, _ action: @escaping (ModelClient) -> Void) {
        timer?.cancel()
        timer = broker.loop.after(milliseconds: milliseconds) { [weak self] in if let self { action(self) } }
    }

    // MARK: Reading

    private func read() {
        while phase == .head || phase == .body {
            var got = 0
            let number = socket.number
            let bytes = [UInt8](unsafeUninitializedCapacity: 65536) { buffer, count in
                got = sp_receive_bytes(number, buffer.baseAddress!, buffer.count)
                count = max(0, got)
            }
            if got == -Int(EAGAIN) || got == -Int(EINTR) { return }
            guard got > 0 else { return cutShort() }
            received += UInt64(got)
            if phase == .head { take(head: bytes) } else { take(body: bytes) }
        }
    }

    /// The client's end came before its request was whole.
    private func cutShort() {
        if phase == .body { note(.malformed, "the client went away in the middle of its request") }
        close()
    }

    private func tooSlow() {
        switch phase {
        case .head:
            if received == 0 { return close() }
            refuse(ModelRefusal(.malformed, "the request's head did not come in time", remedy: "Send it at once."))
        case .body:
            refuse(ModelRefusal(.malformed, "the request's body did not come in time", remedy: "Send it faster."))
        case .exchange, .flushing, .lingering, .closed: leave()
        }
    }

    private func take(head bytes: [UInt8]) {
        switch reader.append(bytes.span) {
        case .needMore: return
        case .refused(let reason):
            refuse(
                ModelRefusal(
                    .malformed, "the request is malformed (\(reason.rawValue))", remedy: "Speak plain HTTP/1.1."))
        case .head(let head):
            self.head = head
            do throws(ModelRefusal) { try begin(head) } catch { refuse(error) }
        }
    }

    private func begin(_ head: RequestHead) throws(ModelRefusal) {
        guard head.isFor("llm.internal", port: 80) else {
            throw ModelRefusal(
                .route, "this is llm.internal and no other host", remedy: "Use http://llm.internal/ as the base URL.")
        }
        let route = try ModelRoute.find(
            method: head.method, target: head.target, fields: head.fields.map { ModelField($0.name, $0.value) },
            policy: broker.site.policy)
        self.route = route
        var isCompressed = false
        for field in head.fields where field.name.lowercased() == "content-encoding" {
            guard field.value.lowercased() == "gzip", !isCompressed else {
                throw ModelRefusal(
                    .contentType, "the body is compressed by something else than gzip", remedy: "Send it plain.")
            }
            isCompressed = true
        }
        do throws(RequestBody.Flaw) {
            body = try RequestBody(head, isCompressed: isCompressed, limit: broker.site.policy.maximumBody)
        } catch { throw Self.refusal(error) }
        phase = .body
        setTimer(Self.bodyMilliseconds) { $0.tooSlow() }
        let rest = reader.rest
        reader = RequestHeadReader()
        if head.expectsContinue, rest.isEmpty { send(HTTPResponse.goOn) }
        take(body: rest)
    }

    private static func refusal(_ flaw: RequestBody.Flaw) -> ModelRefusal {
        ModelRefusal(
            flaw == .tooLarge ? .tooLarge : .malformed, flaw.reason, remedy: "Send a smaller or a well-formed body.")
    }

    private func take(body bytes: [UInt8]) {
        guard phase == .body else { return }
        do throws(RequestBody.Flaw) {
            if !bytes.isEmpty, let more = try body?.take(bytes.span) { content += more }
            guard body?.isComplete ?? false else { return }
            try body?.end()
        } catch { return refuse(Self.refusal(error)) }
        body = nil
        timer?.cancel()
        guard let head, let route else { return close() }
        let request = ModelRequest(head, body: content)
        phase = .exchange
        wait(for: 0)
        do throws(ModelRefusal) {
            let admitted = try request.admitted(by: broker.site.policy, prices: broker.site.prices)
            exchange = try Exchange(self, route, request, admitted)
        } catch { return refuse(error) }
        content = []
        exchange?.begin()
    }

    // MARK: Answers

    /// Refuses the request: it goes nowhere.
    private func refuse(_ refusal: ModelRefusal) {
        note(refusal.reason, refusal.detail, status: refusal.status)
        let fields = head?.fields.map { ModelField($0.name, $0.value) } ?? []
        let family = route?.api.family ?? broker.site.family(of: fields)
        finish(with: refusal.response(for: family))
    }

    private func note(_ reason: ModelRefusal.Reason, _ detail: String, status: Int? = nil) {
        var record = ModelRecord()
        record.number = broker.nextNumber()
        record.method = head?.method
        record.target = head?.target
        record.api = route?.api.rawValue
        record.code = reason.rawValue
        record.reason = detail
        record.clientStatus = status
        record.spent = broker.budget.spent
        record.bytesUp = received
        record.milliseconds = (broker.loop.now - begun) / 1_000_000
        broker.ledger.append(record)
        broker.totals.refused += 1
        if reason == .budget {
            broker.totals.unaffordable += 1
            // Once: a session that asks on and on is no news.
            if broker.totals.unaffordable == 1 { _ = broker.tellTotals() }
        }
        broker.totals.bytesUp += received
    }

    /// Whether the client speaks HTTP/1.1, and so knows chunks.
    var knowsChunks: Bool { head?.minorVersion == 1 }

    /// Whether the client takes less than comes.
    var isFull: Bool { outbox.count > Self.fullBytes }

    var bytesReceived: UInt64 { received }
    var bytesSent: UInt64 { outbox.sent }
    var begunNanoseconds: UInt64 { begun }
    var requestHead: RequestHead? { head }

    /// Sends bytes, now as far as the client takes them.
    func send(_ bytes: [UInt8]) {
        guard phase != .closed else { return }
        outbox.append(bytes)
        flush()
    }

    /// Sends the last bytes, and ends the connection in order.
    func finish(with bytes: [UInt8]) {
        guard phase != .closed else { return }
        phase = .flushing
        timer?.cancel()
        setTimer(patience) { $0.leave() }
        send(bytes)
    }

    private var patience: UInt64 { UInt64(broker.site.idleSeconds) * 1000 }

    private func flush() {
        let before = outbox.sent
        switch outbox.flush(to: socket.number) {
        case .gone: return leave()
        case .waiting:
            if outbox.sent != before || phase == .exchange && events == 0 { setTimer(patience) { $0.leave() } }
            return wait(for: SP_EPOLLOUT | (phase == .head || phase == .body ? SP_EPOLLIN : 0))
        case .sent:
            if phase == .exchange { timer?.cancel() }
            if phase == .flushing { return linger() }
            wait(for: phase == .head || phase == .body ? SP_EPOLLIN : 0)
        }
        if phase == .exchange { exchange?.clientTakesMore() }
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

    // MARK: End

    /// The client is gone, or is given up. What it has asked for is still counted to its end.
    private func leave() {
        guard phase != .closed else { return }
        if let exchange, exchange.isUnderWay {
            unwatch()
            phase = .closed
            outbox.removeAll()
            timer?.cancel()
            _ = sp_shutdown_both(socket.number)
            return exchange.clientIsGone()
        }
        close()
    }

    /// What it had asked for is settled, and nobody waits for it.
    func release() { broker.forget(self) }

    private func unwatch() {
        if let registration { broker.loop.remove(registration) }
        registration = nil
    }

    private func close() {
        unwatch()
        timer?.cancel()
        phase = .closed
        broker.forget(self)
    }

    /// The session is over: what is under way is settled as it stands.
    func cutNow() { exchange?.cutNow() }
}

extension ModelClient: EventSource {
    func ready(_ events: UInt32, tag: Int) {
        switch phase {
        case .head, .body: read()
        case .exchange, .flushing:
            if events & (SP_EPOLLERR | SP_EPOLLHUP) != 0 { leave() } else { flush() }
        case .lingering: drain()
        case .closed: break
        }
    }
}
