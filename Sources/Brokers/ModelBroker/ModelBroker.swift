// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Documents
internal import Egress
internal import Glibc
internal import LinuxSystem
internal import Policy
internal import Wire

/// One session's models at `llm.internal`, between its control socket and its end.
///
///     inside ── egress gateway ── connection ──▶ ModelClient ── admitted request, credential ──▶ Transfer ──▶ upstream
///                                     ◀── pieces, as they come, past the meter ──┘
///     ledger, transcript, record ◀── one line for each request
///
/// One thread. It is the only process of a session that has a credential in memory, and it reads bytes that a sandbox
/// wrote: everything that looks at them is memory-safe code of ours, and what leaves is built anew from what was understood.
package final class ModelBroker {
    private let control: BrokerControl<ModelServing>
    private(set) var loop: EventLoop!
    private(set) var names: VettedNames!
    private(set) var pool: TransferPool!
    private(set) var site: ModelSite!
    private(set) var ledger: CappedLines!
    private(set) var transcript: CappedLines!
    private(set) var record: CappedLines!
    private var connections: Descriptor?
    private var listening: EventLoop.Registration?
    private var controlRegistration: EventLoop.Registration?
    private var clients: [ObjectIdentifier: ModelClient] = [:]
    private var isOrderly = false
    private var isClosing = false
    private var requests: UInt64 = 0
    private(set) var budget = ModelBudget(limit: .zero, turns: 0)
    var totals = ModelTotals()

    /// Exit status for a refusal and for a supervisor that breaks the protocol.
    private static let failed: Int32 = 125
    /// Others wait in the socket.
    private static let mostClients = 16
    private static let settleMilliseconds: UInt64 = 500
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
            let start: ModelStart
            do throws(Unusable) { start = try receiveStart() } catch {
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
        conclude()
        return isOrderly ? 0 : Self.failed
    }

    /// What the operator has to change.
    struct Unusable: Error { let text: String }

    // MARK: Start

    private func receiveStart() throws(Unusable) -> ModelStart {
        do {
            let (start, descriptors) = try control.receiveStart(room: ModelStart.files + ModelStart.mostSecrets)
            try take(start, descriptors)
            return start
        } catch let error as Unusable {
            throw error
        } catch { throw Unusable(text: "\(error)") }
    }

    private func take(_ start: ModelStart, _ numbers: [Int32]) throws {
        let document = Descriptor(owning: numbers[0])
        connections = Descriptor(owning: numbers[1])
        let head = RecordHead(correlation: start.correlation)
        ledger = CappedLines(Descriptor(owning: numbers[2]), head, mostBytes: start.ledgerBytes)
        transcript = CappedLines(Descriptor(owning: numbers[3]), head, mostBytes: start.transcriptBytes)
        record = CappedLines(Descriptor(owning: numbers[4]), head, mostBytes: start.recordBytes)
        var secrets: [Secret] = []
        for number in numbers[ModelStart.files...] {
            secrets.append(try Self.secret(Descriptor(owning: number)))
        }
        let bytes = try document.readAll(limit: Self.longestConfiguration, subject: "the configuration")
        let configuration = try ModelConfiguration(json: try JSON.read(bytes, file: "the model configuration"))
        loop = try EventLoop()
        names = try VettedNames(loop)
        names.setHosts(configuration.egress.hosts)
        pool = try TransferPool(loop)
        site = try ModelSite(configuration, secrets, start)
        budget = ModelBudget(site.policy)
    }

    private static func secret(_ file: consuming Descriptor) throws(SystemError) -> Secret {
        let room = Secret(room: longestSecret)
        let fd = file.number
        let count = try checked("read", "a secret") {
            room.withMutableBytes { sp_pread(fd, $0.baseAddress!, $0.count, 0) }
        }
        guard count > 0, count < longestSecret else { throw SystemError("read", "a secret", .invalid) }
        return room.withBytes { Secret($0[..<count]) }
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

    // MARK: Money

    /// Holds what a request may cost, once that can be accounted for whatever becomes of this process.
    func reserve(_ request: AdmittedRequest) throws(ModelRefusal) -> ModelBudget.Reservation {
        guard ledger.hasRoom(lines: budget.reservations.count + 1) else {
            throw Self.unaccounted("the ledger of this session takes no more lines")
        }
        let reservation = try budget.reserve(estimate: request.estimate, ceiling: request.ceiling)
        guard tellTotals() else {
            budget.settle(reservation, .failed)
            throw Self.unaccounted("the supervisor of this session does not hear what is spent")
        }
        return reservation
    }

    private static func unaccounted(_ detail: String) -> ModelRefusal {
        ModelRefusal(.ledger, detail, remedy: "Finish with what there is; the operator has to look at this host.")
    }

    /// Counts a call that costs nothing.
    func call() throws(ModelRefusal) { try budget.call() }

    func settle(_ reservation: ModelBudget.Reservation, _ outcome: ModelBudget.Outcome) {
        budget.settle(reservation, outcome)
    }

    /// Says what was spent and what is held; false when nobody hears it.
    func tellTotals() -> Bool {
        count()
        return control.report(.running(totals))
    }

    private func count() {
        totals.spent = UInt64(budget.spent.count)
        totals.held = UInt64(budget.held.count)
        totals.turns = UInt64(budget.turns)
        totals.linesLost = ledger.lost + transcript.lost + record.lost
    }

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
            let client = try ModelClient(self, sockets[0])
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
    func forget(_ client: ModelClient) {
        guard let kept = clients.removeValue(forKey: ObjectIdentifier(client)) else { return }
        loop.postpone { withExtendedLifetime(kept) {} }
        if isClosing {
            if !isBusy { loop.stop() }
            return
        }
        do throws(SystemError) { try resume() } catch { loop.stop() }
    }

    func nextNumber() -> UInt64 {
        requests += 1
        return requests
    }

    // MARK: End

    private var isBusy: Bool { clients.values.contains { $0.isSettling } }

    private func heed() {
        switch control.ending() {
        case .none: return
        case .orderly: isOrderly = true
        case .broken: isOrderly = false
        }
        if let controlRegistration { loop.remove(controlRegistration) }
        controlRegistration = nil
        refuseConnections()
        isClosing = true
        // Nobody is inside any more; what upstreams still count in this time need not be estimated.
        guard isOrderly, isBusy else { return loop.stop() }
        _ = loop.after(milliseconds: Self.settleMilliseconds) { [weak self] in self?.loop.stop() }
    }

    /// Settles what is under way, and tells what there was.
    private func conclude() {
        for client in clients.values { client.cutNow() }
        count()
        control.report(.ended(totals))
    }
}

extension ModelBroker: EventSource {
    package func ready(_ events: UInt32, tag: Int) {
        switch Source(rawValue: tag) {
        case .control: heed()
        case .connections: accept()
        case nil: break
        }
    }
}

/// A connection's socket, in an array.
final class ClientSocket {
    private let descriptor: Descriptor
    init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
    var number: Int32 { descriptor.number }
}
