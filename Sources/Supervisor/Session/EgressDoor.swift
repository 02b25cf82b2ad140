// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Policy
internal import Wire

/// One session's egress gateway, as its supervisor sees it: a process that holds the session's sockets and its policy.
///
/// Nothing of the workload runs before it has said that it is ready. When it ends early, egress is shut with it: the
/// sockets were the only way out. The session goes on, and its record says so.
final class EgressDoor {
    private let process: GatewayProcess
    private(set) var state = DoorState()
    /// What went wrong with it.
    private(set) var failure: SystemError?
    /// Finds which process holds a socket.
    var find: OwnerSearch?
    /// The host's sockets that the policy grants; set before ``begin(_:_:audit:options:)``.
    var grants: SocketGrants?

    /// The socket to wait on; ``heed()`` takes what is there.
    var number: Int32 { process.number }

    /// Starts the program; it waits for its sockets.
    init(_ programs: Programs, _ paths: HostPaths, identity: ConfinedProgram.Identity) throws(SystemError) {
        process = try GatewayProcess.start(.egress, programs, paths, identity: identity)
    }

    // MARK: Start

    /// Hands over the session's sockets and its policy; ``ready()`` comes next.
    ///
    /// - Parameters:
    ///   - sockets: Closed here afterwards: an open listener would keep the session's network alive.
    ///   - brokers: Where the gateway hands over connections to the session's own hosts.
    func begin(
        _ sockets: consuming NetworkSockets, _ configuration: EgressConfiguration, audit: borrowing Descriptor,
        options: EgressStart.Options, brokers: [(role: EgressStart.Role, number: Int32)] = []
    ) throws(SystemError) {
        state.isTold = options.contains(.tellsNames)
        let file = try SealedDocument.make(configuration.json, name: "egress configuration")
        var roles: [EgressStart.Role] = [.configuration, .audit]
        var numbers: [Int32] = [file.number, audit.number]
        for role in sockets.roles {
            guard let number = sockets.number(role) else { continue }
            guard let purpose = EgressStart.Role(role) else { continue }
            roles.append(purpose)
            numbers.append(number)
        }
        for (index, number) in (grants?.listeners ?? []).enumerated() {
            roles.append(.socketListener(number: UInt16(index + 1)))
            numbers.append(number)
        }
        for broker in brokers {
            roles.append(broker.role)
            numbers.append(broker.number)
        }
        let start = EgressStart(roles: roles, options: options)
        try process.send(EgressCommand.start(start).encoded(), descriptors: numbers)
        sockets.close()
        grants?.handedOver()
    }

    /// Waits until names are answered.
    func ready() throws(SystemError) {
        let isInTime = process.wait(until: { state.phase != .starting || failure != nil }, heed: { _ = heed() })
        if let failure { throw failure }
        guard isInTime else { throw process.late }
    }

    // MARK: While the session runs

    /// Takes one report; false when no more will come.
    func heed() -> Bool {
        do throws(SystemError) {
            let report = try process.receive(limit: EgressReport.longest, EgressReport.init(decoding:))
            return try report.map(take) ?? true
        } catch { return fail(error) }
    }

    private func take(_ report: EgressReport) throws(SystemError) -> Bool {
        switch try step(report) {
        case .nothing, .ready: return true
        case .answer(let query, let pair):
            process.tell(EgressCommand.owner(query: query, find?.owner(of: pair)).encoded())
        case .connect(let query, let number): connect(query, number)
        case .wanted(let name, let times): wanted?(name, times)
        case .changed(let generation, let cut): concluded?(.applied(generation: generation, cut: cut))
        case .unchanged: concluded?(.unusable)
        case .ended:
            concluded?(.gone)
            return false
        case .refused(let refusal): throw process.failure(refusal)
        }
        return true
    }

    /// Makes a connection to a socket of the host that the gateway asks for.
    private func connect(_ query: UInt32, _ number: UInt16) {
        do throws(SystemError) {
            guard let grants else { throw SystemError("connect to", "socket \(number)", Errno(ESHUTDOWN)) }
            let socket = try grants.connect(number)
            try process.send(EgressCommand.connected(query: query).encoded(), descriptors: [socket.number])
        } catch {
            let errno = UInt32(max(0, error.errno.code))
            process.tell(EgressCommand.notConnected(query: query, errno: errno).encoded())
        }
    }

    private func step(_ report: EgressReport) throws(SystemError) -> DoorState.Step {
        do throws(DoorState.Disorder) { return try state.take(report) } catch {
            throw SystemError(
                "go on with", "the egress gateway, which \(error)", Errno(EPROTO),
                remedy: "It was ended. Nothing leaves the session any more: its only way out ended with it.")
        }
    }

    /// Whatever it said or did: one that is not believed any more does not go on, and its sockets end with it.
    private func fail(_ error: SystemError) -> Bool {
        failure = failure ?? error
        process.dismiss()
        concluded?(.gone)
        return false
    }

    /// Hears of each name that no rule names, and how often it was asked for.
    var wanted: ((HostName, UInt16) -> Void)?

    // MARK: Another policy

    /// What became of a change of policy.
    enum Change {
        case applied(generation: UInt32, cut: UInt32)
        /// The gateway could not read it; the policy before stays in force.
        case unusable
        case gone
    }

    /// Hears how a change ended; also of an end of the gateway when no change is under way.
    var concluded: ((Change) -> Void)?

    /// Hands another policy to the gateway; ``concluded`` hears of it.
    func change(_ configuration: EgressConfiguration) throws(SystemError) {
        let file = try SealedDocument.make(configuration.json, name: "egress configuration")
        state.propose()
        do throws(SystemError) {
            try process.send(
                EgressCommand.policy(generation: configuration.generation).encoded(), descriptors: [file.number])
        } catch {
            state.withdraw()
            throw error
        }
    }

    // MARK: End

    /// Tells it to end, as soon as nobody is left inside; ``finish()`` has what it reports meanwhile.
    func close() {
        // Its socket would keep the session's network alive, and there is nobody left to find.
        find = nil
        grants = nil
        guard failure == nil && state.phase == .serving else { return }
        state.close()
        process.tell(EgressCommand.close.encoded())
    }

    /// Takes the last reports and ends it. Nothing happens the second time.
    func finish() {
        close()
        let isDone = { self.state.phase != .closing || self.failure != nil }
        if !process.wait(until: isDone, heed: { _ = heed() }) {
            _ = fail(
                SystemError(
                    "end", "the egress gateway", Errno(ETIMEDOUT),
                    remedy: "It gave no account of itself, and was killed; the last of its record may be missing."))
        }
        process.dismiss()
    }

    /// Returns when it can do nothing more with the session's ids, files and sockets, whether it has closed them or not.
    func leave() { process.leave() }
}

extension EgressStart.Role {
    /// Nil for what stays here.
    fileprivate init?(_ role: NetworkRole) {
        switch role {
        case .dnsUDP: self = .dnsDatagrams
        case .dnsTCP: self = .dnsListener
        case .tap: self = .tap
        case .listener(let port, _): self = .listener(port: port)
        case .transparent: self = .transparentListener
        case .diagnostics: return nil
        }
    }
}
