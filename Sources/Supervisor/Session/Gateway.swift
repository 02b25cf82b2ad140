// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Wire

/// One session's gateway: the process that reads what the sandbox wrote to a terminal or a frame socket.
///
/// Nothing of the workload runs before it has said that it is ready. A gateway that ends while the session lives takes
/// the session with it: nobody would read the terminal any more, the keys that stop it included.
final class Gateway {
    /// Where frames go, and how much of them is taken.
    private static let mostFrames: UInt32 = 65_536
    private static let mostFrameBytes: UInt64 = 16 << 20

    private let terminal: CallerTerminal?
    private let process: GatewayProcess
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
    var number: Int32 { process.number }

    /// Starts the program; it waits for its descriptors.
    ///
    /// - Parameter frames: the file for the runner's frames, which is appended to.
    init(
        _ programs: Programs, _ paths: HostPaths, identity: ConfinedProgram.Identity, terminal: CallerTerminal?,
        frames: consuming Descriptor?
    ) throws(SystemError) {
        self.terminal = terminal
        process = try GatewayProcess.start(.terminal, programs, paths, identity: identity)
        if let file = frames { try openFrames(file) }
    }

    private func openFrames(_ file: consuming Descriptor) throws(SystemError) {
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
        try process.send(GatewayCommand.start(start).encoded(), descriptors: numbers)
        handed.closeAll()
        let isInTime = process.wait(until: { isReady || failure != nil }, heed: { _ = heed() })
        if let failure { throw failure }
        guard isInTime else { throw process.late }
        try terminal?.enter()
    }

    // MARK: While the session runs

    /// Takes one report; false when no more will come.
    func heed() -> Bool {
        do throws(SystemError) {
            let report = try process.receive(limit: GatewayReport.longest, GatewayReport.init(decoding:))
            return try report.map(take) ?? true
        } catch {
            failure = failure ?? error
            return false
        }
    }

    private func take(_ report: GatewayReport) throws(SystemError) -> Bool {
        switch report {
        case .ready: isReady = true
        case .progress(let totals): self.totals = totals
        case .ended(let totals):
            self.totals = totals
            hasEnded = true
            return false
        case .refused(let refusal): throw process.failure(refusal)
        }
        return true
    }

    /// The caller's window has another size; false when the session has no terminal that could be told.
    func resize() -> Bool {
        if let size = terminal?.window { process.tell(GatewayCommand.window(size).encoded()) }
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
            process.tell(GatewayCommand.close.encoded())
            pty.closeAll()
            // A terminal that was stopped (Ctrl-S) takes nothing.
            isStalled = !process.wait(until: { hasEnded || failure != nil }, heed: { _ = heed() })
        }
        process.reap(within: begun && !isStalled ? 1000 : 0)
        terminal?.leave()
    }
}
