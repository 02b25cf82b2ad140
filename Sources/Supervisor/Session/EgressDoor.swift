// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Policy
internal import Wire

/// One session's egress gateway, as its supervisor sees it: a process that holds the session's sockets and its policy.
///
/// It is started before the sandbox and gets its sockets when the sandbox has made them; nothing of the workload runs
/// before it has said that it is ready. When it ends early, egress is shut with it: the sockets were the only way out.
/// The session goes on, and its record says so.
final class EgressDoor {
    private static let patience: UInt64 = 5_000_000_000
    /// Two sockets for each connection, and a pipe for each direction that has bytes on their way.
    private static let descriptors: UInt64 = 2048

    private var program: ConfinedProgram?
    private let control: Descriptor
    private var isReady = false
    private var hasEnded = false
    private(set) var totals = EgressReport.Totals()
    private(set) var denials: [EgressReport.Denial] = []
    private(set) var generation: UInt32 = 1
    /// What went wrong with it.
    private(set) var failure: SystemError?
    /// Finds which process holds a socket.
    var find: OwnerSearch?
    /// The host's sockets that the policy grants; set before ``begin(_:_:audit:options:)``.
    var grants: SocketGrants?

    /// The socket to wait on; ``heed()`` takes what is there.
    var number: Int32 { control.number }

    /// Starts the program; it waits for its sockets.
    static func start(_ programs: Programs, _ paths: HostPaths, identity: ConfinedProgram.Identity)
        throws(SystemError) -> EgressDoor
    {
        let filter = try FilterCache(paths).filter(
            program: "sallyport-gateway egress", allowed: EgressSyscalls.allowed, answered: EgressSyscalls.answered,
            ioctlRequests: GatewaySyscalls.ioctlRequests)
        let program = try programs.opened("sallyport-gateway")
        let null = try Descriptor.open("/dev/null", O_RDWR)
        let channel = try Channel.messages()
        let control = try channel.first.duplicate()
        let fd = control.number
        // A gateway that does not read must not hold up the deadline.
        try checked("make non-blocking", "the egress gateway's socket") { sp_set_nonblocking(fd, 1) }
        do throws(LaunchError) {
            let started = try ConfinedProgram.start(
                program, argv: ["sallyport-gateway", "egress"], environment: [], identity: identity,
                descriptors: [null.number, null.number, null.number, channel.second.number], filter: filter,
                openFiles: descriptors)
            return EgressDoor(consume control, consume started)
        } catch {
            throw SystemError("start", "the egress gateway at \(error.step)", error.errno, remedy: error.remedy)
        }
    }

    private init(_ control: consuming Descriptor, _ program: consuming ConfinedProgram) {
        self.control = control
        self.program = consume program
    }

    // MARK: Start

    /// Hands over the session's sockets and its policy, and waits until names are answered.
    ///
    /// - Parameter sockets: Closed here afterwards: an open listener would keep the session's network alive.
    func begin(
        _ sockets: consuming NetworkSockets, _ configuration: EgressConfiguration, audit: borrowing Descriptor,
        options: EgressStart.Options
    ) throws(SystemError) {
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
        let start = EgressStart(roles: roles, options: options)
        try control.send(
            EgressCommand.start(start).encoded(), descriptors: numbers, subject: "the egress gateway's start")
        sockets.close()
        grants?.handedOver()
        generation = configuration.generation
        let deadline = sp_clock_ns(CLOCK_MONOTONIC) + Self.patience
        while !isReady && failure == nil && wait(until: deadline) { _ = heed() }
        if let failure { throw failure }
        guard isReady else {
            throw SystemError(
                "start", "the egress gateway", Errno(ETIMEDOUT), remedy: "It did not say that it is ready.")
        }
    }

    // MARK: While the session runs

    /// Takes one report; false when no more will come.
    func heed() -> Bool {
        do throws(SystemError) {
            guard
                let message = try control.receive(limit: EgressReport.longest, subject: "the egress gateway's report")
            else { return fail(gone()) }
            for fd in message.descriptors { _ = sp_close(fd) }
            guard message.descriptors.isEmpty else {
                throw SystemError("read", "the egress gateway's report", .invalid)
            }
            return take(try report(message.bytes))
        } catch {
            if error.errno == .again || error.errno == Errno(ECONNRESET) { return true }
            return fail(error)
        }
    }

    private func report(_ bytes: [UInt8]) throws(SystemError) -> EgressReport {
        do throws(MessageError) { return try EgressReport(decoding: bytes) } catch {
            throw SystemError(
                "read", "the egress gateway's report", .invalid,
                remedy: "Use sallyport and sallyport-gateway of the same build.")
        }
    }

    private func take(_ report: EgressReport) -> Bool {
        switch report {
        case .ready: isReady = true
        case .whoIs(let query, let pair): tell(.owner(query: query, find?.owner(of: pair)))
        case .connect(let query, let number): connect(query, number)
        case .applied(let generation, let cut):
            self.generation = generation
            concluded?(.applied(generation: generation, cut: cut))
        case .unusable: concluded?(.unusable)
        case .denial(let denial): if denials.count < 64 { denials.append(denial) }
        case .ended(let totals):
            self.totals = totals
            hasEnded = true
            concluded?(.gone)
            return false
        case .refused(let refusal):
            let (reason, remedy) = refusal.explanation
            let errno = refusal.errno == 0 ? Errno.notPermitted : Errno(Int32(truncatingIfNeeded: refusal.errno))
            return fail(SystemError("start", "the egress gateway, which says that \(reason)", errno, remedy: remedy))
        }
        return true
    }

    /// Makes a connection to a socket of the host that the gateway asks for. A gateway that is gone is noticed elsewhere.
    private func connect(_ query: UInt32, _ number: UInt16) {
        guard let grants else { return tell(.notConnected(query: query, errno: UInt32(EINVAL))) }
        do throws(SystemError) {
            let socket = try grants.connect(number)
            try control.send(
                EgressCommand.connected(query: query).encoded(), descriptors: [socket.number],
                subject: "a connection to the egress gateway")
        } catch { tell(.notConnected(query: query, errno: UInt32(max(0, error.errno.code)))) }
    }

    private func fail(_ error: SystemError) -> Bool {
        failure = failure ?? error
        concluded?(.gone)
        return false
    }

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
        try control.send(
            EgressCommand.policy(generation: configuration.generation).encoded(), descriptors: [file.number],
            subject: "a policy to the egress gateway")
    }

    private func gone() -> SystemError {
        let how = reap(within: 1000) ?? "exit status 0"
        return SystemError(
            "go on with", "the egress gateway, which ended early (\(how))", Errno(EPIPE),
            remedy: "Nothing leaves the session any more: its only way out ended with it.")
    }

    /// A gateway that is gone is noticed by its socket.
    private func tell(_ command: EgressCommand) {
        do throws(SystemError) {
            try control.send(command.encoded(), descriptors: [], subject: "a command to the egress gateway")
        } catch {}
    }

    // MARK: End

    /// Shuts egress and takes the last reports. Nothing happens the second time.
    func finish() {
        guard program != nil else { return }
        if isReady && failure == nil {
            tell(.close)
            let deadline = sp_clock_ns(CLOCK_MONOTONIC) + Self.patience
            while !hasEnded && failure == nil && wait(until: deadline) { _ = heed() }
        }
        _ = reap(within: isReady && hasEnded ? 1000 : 0)
    }

    private func wait(until deadline: UInt64) -> Bool {
        while true {
            let now = sp_clock_ns(CLOCK_MONOTONIC)
            guard now < deadline else { return false }
            let events = sp_poll_one(control.number, Int16(POLLIN), Int32((deadline - now) / 1_000_000 + 1))
            if events != -Int(EINTR) { return events != 0 }
        }
    }

    private func reap(within milliseconds: Int32) -> String? {
        guard let program = program.take() else { return nil }
        if sp_poll_one(program.pidfd.number, Int16(POLLIN), milliseconds) <= 0 { program.kill() }
        do throws(SystemError) { return try program.wait() } catch { return error.description }
    }

    deinit { _ = reap(within: 0) }
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
