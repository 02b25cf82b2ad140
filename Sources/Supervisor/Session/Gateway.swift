// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Wire

/// One session's gateway: the process that reads what the sandbox wrote to a terminal or a frame socket.
///
/// It is started before the sandbox, confines itself meanwhile, and gets its descriptors when the sandbox's terminal
/// exists. Nothing of the workload runs before it has said that it is ready. A gateway that ends while the session
/// lives takes the session with it: nobody would read the terminal any more, the keys that stop it included.
final class Gateway {
    /// Where frames go, and how much of them is taken.
    private static let mostFrames: UInt32 = 65_536
    private static let mostFrameBytes: UInt64 = 16 << 20
    /// How long a gateway may take to say that it is ready, and to end once it was told to: a terminal that was
    /// stopped (Ctrl-S) takes nothing.
    private static let patience: UInt64 = 5_000_000_000

    private let terminal: CallerTerminal?
    private var program: ConfinedProgram?
    private let control: Descriptor
    private var frames: Descriptor?
    private var frameFile: Descriptor?
    private let inner = DescriptorSet()
    /// The session's end of the frame socket, for descriptor 4 inside; closed here by ``begin(_:options:)``.
    private(set) var innerFrames: Int32?
    /// Both ends of the session's pty, held and never read. Without the inner one a workload that lets go of its terminal
    /// for a moment would lose it for good; without the outer one a gateway's death would be a hang-up (SIGHUP) inside
    /// that the record could not tell from a signal of the workload's own.
    private let pty = DescriptorSet()

    private var begun = false
    private var isReady = false
    private var hasEnded = false
    /// The terminal took nothing any more, so that the last of the output is lost.
    private(set) var isStalled = false
    private(set) var totals = GatewayReport.Totals()
    /// What went wrong with it.
    private(set) var failure: SystemError?

    /// The socket to wait on; ``heed()`` takes what is there.
    var number: Int32 { control.number }

    /// Starts the program; it waits for its descriptors.
    ///
    /// - Parameter frames: path of the file for the runner's frames, made or emptied here.
    static func start(
        _ programs: Programs, _ paths: HostPaths, identity: ConfinedProgram.Identity, terminal: CallerTerminal?,
        frames: String?
    ) throws(SystemError) -> Gateway {
        let filter = try FilterCache(paths).filter(
            program: "sallyport-gateway", allowed: GatewaySyscalls.allowed, answered: GatewaySyscalls.answered,
            ioctlRequests: GatewaySyscalls.ioctlRequests)
        let program = try programs.opened("sallyport-gateway")
        let null = try Descriptor.open("/dev/null", O_RDWR)
        let channel = try Channel.messages()
        let control = try channel.first.duplicate()
        // A gateway that does not read must not hold up the deadline.
        let fd = control.number
        try checked("make non-blocking", "the gateway's socket") { sp_set_nonblocking(fd, 1) }
        let started: ConfinedProgram
        do throws(LaunchError) {
            started = try ConfinedProgram.start(
                program, argv: ["sallyport-gateway"], environment: [], identity: identity,
                descriptors: [null.number, null.number, null.number, channel.second.number], filter: filter)
        } catch {
            throw SystemError("start", "sallyport-gateway at \(error.step)", error.errno, remedy: error.remedy)
        }
        let gateway = Gateway(terminal, consume control, consume started)
        if let frames { try gateway.openFrames(frames) }
        return gateway
    }

    private init(_ terminal: CallerTerminal?, _ control: consuming Descriptor, _ program: consuming ConfinedProgram) {
        self.terminal = terminal
        self.control = control
        self.program = consume program
    }

    private func openFrames(_ path: String) throws(SystemError) {
        let file = try Descriptor.open(
            path, O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK, mode: 0o600)
        guard try FileStatus.of(file, subject: "\"\(path)\"").isRegular else {
            throw SystemError("write frames to", "\"\(path)\"", .invalid, remedy: "Name a regular file.")
        }
        let channel = try Channel.stream()
        innerFrames = inner.keep(try channel.second.duplicate())
        frames = try channel.first.duplicate()
        frameFile = consume file
    }

    // MARK: Start

    /// Hands over the descriptors, waits until bytes are being moved, and takes the caller's terminal.
    ///
    /// - Parameter outer: outer end of the session's pty, when it has one.
    func begin(_ outer: consuming Descriptor?, options: GatewayStart.Options) throws(SystemError) {
        var roles: Set<GatewayStart.Role> = []
        let handed = DescriptorSet()
        var numbers: [Int32] = []
        func hand(_ role: GatewayStart.Role, _ descriptor: consuming Descriptor) {
            roles.insert(role)
            numbers.append(handed.keep(descriptor))
        }
        if let outer, let terminal {
            try terminal.copyModes(to: outer)
            let fd = outer.number
            pty.keep(Descriptor(owning: Int32(try checked("open", "the session's terminal") { sp_pty_peer(fd) })))
            pty.keep(try outer.duplicate())
            hand(.ptyMaster, outer)
            if terminal.takesInput { hand(.terminalInput, try terminal.openInput()) }
            hand(.terminalOutput, try terminal.openOutput())
        }
        if let frames = frames.take(), let frameFile = frameFile.take() {
            hand(.frames, frames)
            hand(.frameFile, frameFile)
        }
        innerFrames = nil
        inner.closeAll()
        let start = GatewayStart(
            roles: roles, options: options, window: terminal?.window, frames: Self.mostFrames,
            frameFileBytes: Self.mostFrameBytes)
        begun = true
        try control.send(GatewayCommand.start(start).encoded(), descriptors: numbers, subject: "the gateway's start")
        handed.closeAll()
        let deadline = sp_clock_ns(CLOCK_MONOTONIC) + Self.patience
        while !isReady && failure == nil && wait(until: deadline) { _ = heed() }
        if let failure { throw failure }
        guard isReady else {
            throw SystemError("start", "the gateway", Errno(ETIMEDOUT), remedy: "It did not say that it is ready.")
        }
        try terminal?.enter()
    }

    // MARK: While the session runs

    /// Takes one report; false when no more will come.
    func heed() -> Bool {
        do throws(SystemError) {
            guard let message = try control.receive(limit: GatewayReport.longest, subject: "the gateway's report")
            else {
                return fail(gone())
            }
            for fd in message.descriptors { _ = sp_close(fd) }
            guard message.descriptors.isEmpty else { throw SystemError("read", "the gateway's report", .invalid) }
            return take(try report(message.bytes))
        } catch {
            // ECONNRESET: it ended without reading all we said; its last report comes after this error. unix(7)
            if error.errno == .again || error.errno == Errno(ECONNRESET) { return true }
            return fail(error)
        }
    }

    private func report(_ bytes: [UInt8]) throws(SystemError) -> GatewayReport {
        do throws(MessageError) { return try GatewayReport(decoding: bytes) } catch {
            throw SystemError(
                "read", "the gateway's report", .invalid,
                remedy: "Use sallyport and sallyport-gateway of the same build.")
        }
    }

    private func take(_ report: GatewayReport) -> Bool {
        switch report {
        case .ready: isReady = true
        case .progress(let totals): self.totals = totals
        case .ended(let totals):
            self.totals = totals
            hasEnded = true
            return false
        case .refused(let refusal):
            let (reason, remedy) = refusal.explanation
            let errno = refusal.errno == 0 ? Errno.notPermitted : Errno(Int32(truncatingIfNeeded: refusal.errno))
            return fail(SystemError("start", "the gateway, which says that \(reason)", errno, remedy: remedy))
        }
        return true
    }

    private func fail(_ error: SystemError) -> Bool {
        failure = failure ?? error
        return false
    }

    /// How it ended without a last report.
    private func gone() -> SystemError {
        let how = reap(within: 1000) ?? "exit status 0"
        return SystemError(
            "go on without", "the gateway, which ended early (\(how))", Errno(EPIPE),
            remedy: "The session was ended with it, since nobody reads its terminal and frames any more.")
    }

    /// A gateway that has not read what it was told before misses this; one that is gone is noticed by its socket.
    private func tell(_ command: GatewayCommand) {
        do throws(SystemError) {
            try control.send(command.encoded(), descriptors: [], subject: "a command to the gateway")
        } catch {}
    }

    /// The caller's window has another size; false when the session has no terminal that could be told.
    func resize() -> Bool {
        if let size = terminal?.window { tell(.window(size)) }
        return terminal != nil
    }

    /// This process is about to be stopped: the shell gets its terminal back as it was.
    func suspend() { terminal?.leaveForNow() }

    /// This process was stopped and goes on.
    func resume() throws(SystemError) {
        try terminal?.enterAgain()
        _ = resize()
    }

    // MARK: End

    /// After the sandbox: what is still in the pty and the socket is moved, and the terminal is the caller's again.
    /// Nothing happens the second time.
    func finish() {
        defer { begun = false }
        if begun && !hasEnded && failure == nil {
            tell(.close)
            pty.closeAll()
            let deadline = sp_clock_ns(CLOCK_MONOTONIC) + Self.patience
            while !isStalled && !hasEnded && failure == nil {
                if wait(until: deadline) { _ = heed() } else { isStalled = true }
            }
        }
        _ = reap(within: begun && !isStalled ? 1000 : 0)
        terminal?.leave()
    }

    /// True when there is something to ``heed()``.
    private func wait(until deadline: UInt64) -> Bool {
        while true {
            let now = sp_clock_ns(CLOCK_MONOTONIC)
            guard now < deadline else { return false }
            let events = sp_poll_one(control.number, Int16(POLLIN), Int32((deadline - now) / 1_000_000 + 1))
            if events != -Int(EINTR) { return events != 0 }
        }
    }

    /// Waits for its end and ends it where it takes longer. What happened in words, nil for exit status 0.
    private func reap(within milliseconds: Int32) -> String? {
        guard let program = program.take() else { return nil }
        if sp_poll_one(program.pidfd.number, Int16(POLLIN), milliseconds) <= 0 { program.kill() }
        do throws(SystemError) { return try program.wait() } catch { return error.description }
    }

    deinit { _ = reap(within: 0) }
}
