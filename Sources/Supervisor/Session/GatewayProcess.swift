// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Wire

/// A gateway as its supervisor holds it: the program, the socket to it, and its end.
///
/// It is started before the sandbox, confines itself meanwhile, and gets its descriptors by its first message when the
/// sandbox has made them. It reads hostile bytes: nothing here waits for it without an end, and nothing of what it says
/// is believed without having been decoded.
final class GatewayProcess {
    /// What the one program is started as.
    enum Role {
        /// Reads what the sandbox wrote to a terminal or a frame socket.
        case terminal
        /// Serves the session's network.
        case egress
        /// Serves the session's repository.
        case git
        /// Serves the session's models, with secrets that it alone has.
        case model
        /// Serves what the session's task is about at its forge.
        case forge
        /// Serves the session's packages, with the credentials of their indexes.
        case packages
    }

    /// How long a gateway may take to say that it is ready, and to end once it was told to.
    private static let patience: UInt64 = 5_000_000_000

    private let role: Role
    private var program: ConfinedProgram?
    private let control: Descriptor

    /// The socket to wait on for reports.
    var number: Int32 { control.number }

    /// Starts the program; it waits for its first message.
    static func start(
        _ role: Role, _ programs: Programs, _ paths: HostPaths, identity: ConfinedProgram.Identity,
        view: ConfinedProgram.View? = nil, groups: ConfinedProgram.Groups? = nil
    ) throws(SystemError) -> GatewayProcess {
        let filter = try FilterCache(paths).filter(
            program: role.arguments.joined(separator: " "), allowed: role.calls, answered: role.answered,
            ioctlRequests: role.ioctlRequests, otherwise: role.otherwise)
        let program = try programs.opened(role.program)
        let null = try Descriptor.open("/dev/null", O_RDWR)
        let channel = try Channel.messages()
        let control = try channel.first.duplicate()
        let fd = control.number
        // A gateway that does not read must not hold up the deadline.
        try checked("make non-blocking", "\(role)'s socket") { sp_set_nonblocking(fd, 1) }
        do throws(LaunchError) {
            let started = try ConfinedProgram.start(
                program, argv: role.arguments, environment: [], identity: identity,
                descriptors: [null.number, null.number, null.number, channel.second.number], filter: filter,
                openFiles: role.openFiles, view: view, groups: groups)
            return GatewayProcess(role, consume control, consume started)
        } catch {
            throw SystemError("start", "\(role) at \(error.step)", error.errno, remedy: error.remedy)
        }
    }

    private init(_ role: Role, _ control: consuming Descriptor, _ program: consuming ConfinedProgram) {
        self.role = role
        self.control = control
        self.program = consume program
    }

    /// Its number on this host.
    func identifier() throws(SystemError) -> Int32 {
        guard let pidfd = program?.pidfd.number else { throw SystemError("find", "\(role)", .noSuchProcess) }
        return try processID(pidfd: pidfd)
    }

    // MARK: Talk

    /// Sends a message with descriptors, which stay the caller's.
    func send(_ message: [UInt8], descriptors: [Int32] = []) throws(SystemError) {
        try control.send(message, descriptors: descriptors, subject: "a command to \(role)")
    }

    /// The same where nothing hangs on it: one that has not read what it was told before misses this, and one that is
    /// gone is noticed by its socket.
    func tell(_ message: [UInt8]) { do throws(SystemError) { try send(message) } catch {} }

    /// Takes one report; nil when none is there.
    ///
    /// - Throws: also when it is gone, with how it ended. It is waited for then.
    func receive<Report>(
        limit: Int, _ decode: ([UInt8]) throws(MessageError) -> Report
    ) throws(SystemError) -> Report? {
        let message: Received?
        do throws(SystemError) { message = try control.receive(limit: limit, subject: "\(role)'s report") } catch {
            // ECONNRESET: it ended without reading all we said; its last report comes after this error. unix(7)
            if error.errno == .again || error.errno == Errno(ECONNRESET) { return nil }
            throw error
        }
        guard let message else { throw role.loss(reap(within: 1000) ?? "exit status 0") }
        for fd in message.descriptors { _ = sp_close(fd) }
        guard message.descriptors.isEmpty else { throw SystemError("read", "\(role)'s report", .invalid) }
        do throws(MessageError) { return try decode(message.bytes) } catch {
            throw SystemError(
                "read", "\(role)'s report", .invalid, remedy: "Use sallyport and \(role.program) of the same build.")
        }
    }

    /// Calls `heed` for each report until nothing more is wanted; false when that took too long.
    func wait(until isDone: () -> Bool, heed: () -> Void) -> Bool {
        let deadline = sp_clock_ns(CLOCK_MONOTONIC) + Self.patience
        while !isDone() {
            let now = sp_clock_ns(CLOCK_MONOTONIC)
            guard now < deadline else { return false }
            let events = sp_poll_one(number, Int16(POLLIN), Int32((deadline - now) / 1_000_000 + 1))
            if events != 0 && events != -Int(EINTR) { heed() }
        }
        return true
    }

    /// Why it did not become ready in time.
    var late: SystemError {
        SystemError("start", "\(role)", Errno(ETIMEDOUT), remedy: "It did not say that it is ready.")
    }

    /// What it says of itself, as the failure that it is.
    func failure(_ refusal: GatewayReport.Refusal) -> SystemError {
        let (reason, remedy) = refusal.explanation
        let errno = refusal.errno == 0 ? Errno.notPermitted : Errno(Int32(truncatingIfNeeded: refusal.errno))
        return SystemError("start", "\(role), which says that \(reason)", errno, remedy: remedy)
    }

    /// What it says of the document that it was given.
    func unusable(_ reason: String) -> SystemError { SystemError("serve", role.service, .invalid, remedy: reason) }

    /// It said what does not fit what was said before.
    var disorder: SystemError {
        SystemError(
            "go on with", "\(role), whose report is out of order", Errno(EPROTO),
            remedy: "It was ended. \(role.consequence)")
    }

    /// It was told to end, and gave no account of itself.
    var mute: SystemError {
        SystemError("end", "\(role)", Errno(ETIMEDOUT), remedy: "It gave no account of itself, and was killed.")
    }

    // MARK: End

    /// Waits for its end and ends it where it takes longer. What happened in words, nil for exit status 0 or when it was
    /// waited for before.
    @discardableResult
    func reap(within milliseconds: Int32) -> String? {
        guard let program = program.take() else { return nil }
        if sp_poll_one(program.pidfd.number, Int16(POLLIN), milliseconds) <= 0 { program.kill() }
        do throws(SystemError) { return try program.wait() } catch { return error.description }
    }

    /// Ends it without waiting: nothing that it could still do is wanted. ``leave()`` comes next.
    func dismiss() { program?.kill() }

    /// Returns when it can do nothing more under its ids; what its exit still has to close is not waited for.
    ///
    /// That may take several ticks, longer than all the rest of a session's end. One that is left in its exit is reaped
    /// like every orphan, by init or the next subreaper, when this process has ended as well.
    func leave() {
        guard let pidfd = program?.pidfd.number else { return }
        var isLeft = false
        if sp_poll_one(pidfd, Int16(POLLIN), 0) <= 0 {
            // One that cannot be looked at is waited for.
            do throws(SystemError) { isLeft = try processHasNoMemory(pidfd: pidfd) } catch {}
        }
        // A broker's own processes end within its exit, and have files of the host open until then.
        if isLeft && role != .git { program = nil } else { reap(within: 1000) }
    }

    deinit { reap(within: 0) }
}

extension GatewayProcess.Role: CustomStringConvertible {
    var description: String {
        switch self {
        case .terminal: "the gateway"
        case .egress: "the egress gateway"
        case .git: "the git broker"
        case .model: "the model broker"
        case .forge: "the forge broker"
        case .packages: "the package broker"
        }
    }

    fileprivate var program: String {
        switch self {
        case .terminal, .egress: "sallyport-gateway"
        case .git, .model, .forge, .packages: "sallyport-broker"
        }
    }

    fileprivate var arguments: [String] {
        switch self {
        case .terminal: ["sallyport-gateway"]
        case .egress: ["sallyport-gateway", "egress"]
        case .git: ["sallyport-broker"]
        case .model: ["sallyport-broker", "model"]
        case .forge: ["sallyport-broker", "forge"]
        case .packages: ["sallyport-broker", "packages"]
        }
    }

    fileprivate var calls: [String] {
        switch self {
        case .terminal: GatewaySyscalls.allowed
        case .egress: EgressSyscalls.allowed
        case .git: BrokerSyscalls.allowed
        case .model, .packages: ModelSyscalls.allowed
        case .forge: ForgeSyscalls.allowed
        }
    }

    fileprivate var answered: [(name: String, errno: Int32)] {
        switch self {
        case .terminal: GatewaySyscalls.answered
        case .egress: EgressSyscalls.answered
        case .git, .model, .forge, .packages: []
        }
    }

    fileprivate var ioctlRequests: [UInt64] {
        switch self {
        case .terminal, .egress: GatewaySyscalls.ioctlRequests
        case .git: BrokerSyscalls.ioctlRequests
        case .model, .packages: ModelSyscalls.ioctlRequests
        case .forge: ForgeSyscalls.ioctlRequests
        }
    }

    /// What any other call is answered with; nil ends the process.
    fileprivate var otherwise: Int32? {
        switch self {
        case .terminal, .egress: nil
        case .git: BrokerSyscalls.otherwise
        case .model, .packages: ModelSyscalls.otherwise
        case .forge: ForgeSyscalls.otherwise
        }
    }

    fileprivate var openFiles: UInt64 {
        switch self {
        case .terminal: 1024
        // Two sockets for each connection, and a pipe for each direction that has bytes on their way.
        case .egress: 2048
        case .git, .model, .forge, .packages: 256
        }
    }

    /// What is served.
    fileprivate var service: String {
        switch self {
        case .terminal: "a terminal"
        case .egress: "a network"
        case .git: "a repository"
        case .model: "models"
        case .forge: "a forge"
        case .packages: "packages"
        }
    }

    /// What its end means for its session.
    fileprivate var consequence: String {
        switch self {
        case .terminal: "The session was ended with it, since nobody reads its terminal and frames any more."
        case .egress: "Nothing leaves the session any more: its only way out ended with it."
        case .git: "The session's repository is served no more; what was pushed before is in the quarantine."
        case .model: "No model is served any more; model.jsonl has what was settled before."
        case .forge: "Nothing of the forge is served any more; what was proposed before is kept."
        case .packages: "No package is served any more."
        }
    }

    /// It is gone without a last report.
    fileprivate func loss(_ how: String) -> SystemError {
        SystemError(
            self == .terminal ? "go on without" : "go on with", "\(self), which ended early (\(how))", Errno(EPIPE),
            remedy: consequence)
    }
}
