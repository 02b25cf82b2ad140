// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Documents
internal import Egress
internal import Glibc
internal import LinuxSystem
internal import Policy
internal import Wire

/// One session's packages at `packages.internal`, between its control socket and its end.
///
///     inside ── egress gateway ── connection ──▶ PackageClient ── a name ──▶ its one index ──▶ PackageFetch ──▶ upstream
///                                     ◀── page written anew, files as they come ──┘
///
/// One thread. It reads what a sandbox and what an index wrote, both hostile, and holds the indexes' credentials. A session
/// chooses names, and files that an index has listed for them; nothing else of its requests goes out.
package final class PackageBroker {
    private let control: BrokerControl<PackageServing>
    private(set) var loop: EventLoop!
    private(set) var names: VettedNames!
    private(set) var pool: TransferPool!
    private(set) var site: PackageSite!
    private(set) var ledger: CappedLines!
    private var connections: Descriptor?
    private var listening: EventLoop.Registration?
    private var controlRegistration: EventLoop.Registration?
    private var clients: [ObjectIdentifier: PackageClient] = [:]
    private var isOrderly = false
    private var listings = PackageListings()
    var totals = PackageTotals()

    /// Exit status for a refusal and for a supervisor that breaks the protocol.
    private static let failed: Int32 = 125
    /// Others wait in the socket.
    private static let mostClients = 16
    private static let longestConfiguration = 4 << 20
    private static let longestSecret = 65536

    private enum Source: Int { case control, connections }

    /// - Parameter control: The socket to the supervisor.
    package init(control: Int32) { self.control = BrokerControl(control) }

    /// Serves until the supervisor says that the session is over, or is gone.
    ///
    /// - Returns: The exit status.
    package func run() -> Int32 {
        do throws(BrokerRefused) {
            try ModelConfinement.enter()
            let start: PackageStart
            do throws(ModelBroker.Unusable) { start = try receiveStart() } catch {
                control.report(.unusable(error.text))
                return Self.failed
            }
            try ModelConfinement.narrow(waived: start.options.contains(.landlockWaived))
        } catch {
            control.report(.refused(error.refusal))
            return Self.failed
        }
        do throws(SystemError) {
            try listen()
            control.report(.ready)
            try loop.run()
        } catch { return Self.failed }
        totals.linesLost = ledger.lost
        control.report(.ended(totals))
        return isOrderly ? 0 : Self.failed
    }

    // MARK: Start

    private func receiveStart() throws(ModelBroker.Unusable) -> PackageStart {
        do {
            let (start, descriptors) = try control.receiveStart(room: PackageStart.files + PackageStart.mostSecrets)
            try take(start, descriptors)
            return start
        } catch let error as ModelBroker.Unusable {
            throw error
        } catch { throw ModelBroker.Unusable(text: "\(error)") }
    }

    private func take(_ start: PackageStart, _ numbers: [Int32]) throws {
        let document = Descriptor(owning: numbers[0])
        connections = Descriptor(owning: numbers[1])
        let file = Descriptor(owning: numbers[2])
        var secrets: [Secret] = []
        for number in numbers[PackageStart.files...] {
            secrets.append(try Secret(sealed: Descriptor(owning: number), longest: Self.longestSecret))
        }
        let bytes = try document.readAll(limit: Self.longestConfiguration, subject: "the configuration")
        let configuration = try PackageConfiguration(json: try JSON.read(bytes, file: "the package configuration"))
        let head = RecordHead(correlation: configuration.egress.correlation)
        ledger = CappedLines(file, head, mostBytes: start.ledgerBytes)
        loop = try EventLoop()
        names = try VettedNames(loop)
        names.setHosts(configuration.egress.hosts)
        pool = try TransferPool(loop)
        site = try PackageSite(configuration, secrets, start)
    }

    private func listen() throws(SystemError) {
        let own = control.number
        try checked("make non-blocking", "the control socket") { sp_set_nonblocking(own, 1) }
        if let number = connections?.number {
            try checked("make non-blocking", "the way in") { sp_set_nonblocking(number, 1) }
        }
        controlRegistration = try loop.add(own, SP_EPOLLIN, self, tag: Source.control.rawValue)
        try resume()
    }

    private func resume() throws(SystemError) {
        guard listening == nil, let number = connections?.number, clients.count < Self.mostClients else { return }
        listening = try loop.add(number, SP_EPOLLIN, self, tag: Source.connections.rawValue)
    }

    private func pause() {
        if let listening { loop.remove(listening) }
        listening = nil
    }

    // MARK: Listings

    /// What a session was shown of a project's page; nil when that is not known any more.
    func listing(of name: PackageName) -> [String: SimplePage.File]? { listings[name] }

    func keep(_ page: SimplePage, of name: PackageName) { listings.keep(page, of: name) }

    // MARK: Connections

    private func accept() {
        let received: Received?
        do throws(SystemError) {
            received = try connections?.receive(limit: BrokerConnection.longest, room: 1, subject: "a connection")
        } catch {
            if error.errno == .again { return }
            return refuseConnections()
        }
        guard let message = received else { return refuseConnections() }
        let sockets = message.descriptors.map { ClientSocket(Descriptor(owning: $0)) }
        guard sockets.count == 1, message.bytes == BrokerConnection.message else { return }
        do throws(SystemError) {
            let client = try PackageClient(self, sockets[0])
            clients[ObjectIdentifier(client)] = client
        } catch {
            // Without memory for it the connection is closed here, and its client hears that.
            totals.failed += 1
        }
        if clients.count >= Self.mostClients { pause() }
    }

    /// A message that is none: whoever sent it is not to be listened to.
    private func refuseConnections() {
        pause()
        connections = nil
    }

    /// Forgets a connection that has closed its socket. It may be in the middle of its own event.
    func forget(_ client: PackageClient) {
        guard let kept = clients.removeValue(forKey: ObjectIdentifier(client)) else { return }
        loop.postpone { withExtendedLifetime(kept) {} }
        do throws(SystemError) { try resume() } catch { loop.stop() }
    }

    // MARK: End

    private func heed() {
        switch control.ending() {
        case .none: return
        case .orderly: isOrderly = true
        case .broken: isOrderly = false
        }
        loop.stop()
    }
}

extension PackageBroker: EventSource {
    package func ready(_ events: UInt32, tag: Int) {
        switch Source(rawValue: tag) {
        case .control: heed()
        case .connections: accept()
        case nil: break
        }
    }
}

extension Secret {
    /// What a sealed file holds, which is one secret and nothing else.
    convenience init(sealed file: consuming Descriptor, longest: Int) throws(SystemError) {
        let room = Secret(room: longest)
        let fd = file.number
        let count = try checked("read", "a secret") {
            room.withMutableBytes { sp_pread(fd, $0.baseAddress!, $0.count, 0) }
        }
        guard count > 0, count < longest else { throw SystemError("read", "a secret", .invalid) }
        self.init(room: count)
        withMutableBytes { target in
            room.withBytes { target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        }
    }
}

/// What a session was shown of the pages that it asked for last, within a bound.
struct PackageListings {
    private var files: [PackageName: [String: SimplePage.File]] = [:]
    private var order: [PackageName] = []
    private var count = 0

    private static let mostProjects = 512
    private static let mostFiles = 200_000

    subscript(name: PackageName) -> [String: SimplePage.File]? { files[name] }

    mutating func keep(_ page: SimplePage, of name: PackageName) {
        forget(name)
        let listed = Dictionary(page.files.map { ($0.name, $0) }) { first, _ in first }
        files[name] = listed
        order.append(name)
        count += listed.count
        while order.count > Self.mostProjects || count > Self.mostFiles, order[0] != name { forget(order[0]) }
    }

    private mutating func forget(_ name: PackageName) {
        guard let old = files.removeValue(forKey: name) else { return }
        count -= old.count
        order.removeAll { $0 == name }
    }
}
