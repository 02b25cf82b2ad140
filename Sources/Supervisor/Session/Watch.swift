// SPDX-License-Identifier: Apache-2.0
internal import CChildPath
internal import CLinux
internal import Glibc
internal import Isolation
internal import LinuxSystem

/// Waits for what happens to one running sandbox: its end, its deadline, refused calls, memory, our own signals.
///
/// Everything is pushed: epoll over a pidfd, the status socket, the refusal listener, a signalfd, timers and the memory
/// event. Only what sockets hold is asked for, once a second, since the kernel tells nobody of it.
struct Watch {
    enum Cause: Equatable {
        case none, deadline
        case requested(Int32)
        case memory, gateway
    }

    private enum Token: UInt64 {
        case listener = 1
        case pidfd, signals, deadline, pause, memory, sockets, gateway, egress, git, model, forge, packages, control,
            hosts,
            client

        /// Above them one for each stream, by its position.
        static let streams: UInt64 = 64
    }

    /// How the workload ended, if sp-init said so.
    private(set) var waitStatus: Int32?
    private(set) var execError: Int32?
    private(set) var initError: Int32?
    private(set) var cause = Cause.none
    private(set) var refusals = Refusals()
    private(set) var killedByUs = false

    private let grace: UInt64 = 5000
    private var ended = false
    private var stopping = false
    private let gateway: Gateway?
    private let egress: EgressDoor?
    private let git: GitDoor?
    private let model: ModelDoor?
    private let forge: ForgeDoor?
    private let packages: PackageDoor?
    private let control: ControlSocket?
    private let freezer: SessionFreezer?
    private let hosts: HostGate?
    private let client: ClientEnd?
    private let sockets: SocketMemory?

    /// - Parameter sockets: nil when nothing limits the session's memory as a whole.
    init(
        gateway: Gateway?, egress: EgressDoor?, git: GitDoor?, model: ModelDoor?, forge: ForgeDoor?,
        packages: PackageDoor?, control: ControlSocket?, freezer: SessionFreezer?, hosts: HostGate?,
        client: ClientEnd?, sockets: SocketMemory?
    ) {
        self.gateway = gateway
        self.egress = egress
        self.git = git
        self.model = model
        self.forge = forge
        self.packages = packages
        self.control = control
        self.freezer = freezer
        self.hosts = hosts
        self.client = client
        self.sockets = sockets
    }

    /// Runs until pid 1 is gone. `workload` is the pidfd that sp-init handed out.
    mutating func run(
        _ sandbox: borrowing Sandbox, workload: borrowing Descriptor, signals: borrowing Descriptor, streams: Streams,
        memory: Int32, memoryMask: UInt32, wallSeconds: UInt64, fault: FaultPoint
    ) throws(SystemError) {
        let epoll = Descriptor(owning: Int32(try checked("create", "an epoll instance") { sp_epoll_create() }))
        let deadline = Descriptor(owning: Int32(try checked("create", "a timer") { sp_timer_create() }))
        let pause = Descriptor(owning: Int32(try checked("create", "a timer") { sp_timer_create() }))
        func watch(_ fd: Int32, _ events: UInt32, _ token: Token) throws(SystemError) {
            try checked("watch", "descriptor \(fd)") { sp_epoll_add(epoll.number, fd, events, token.rawValue) }
        }
        let sources = streams.sources
        for (position, fd) in sources.enumerated() {
            try checked("watch", "output") {
                sp_epoll_add(epoll.number, fd, SP_EPOLLIN, Token.streams + UInt64(position))
            }
        }
        try watch(sandbox.pidfd.number, SP_EPOLLIN, .pidfd)
        try watch(signals.number, SP_EPOLLIN, .signals)
        try watch(deadline.number, SP_EPOLLIN, .deadline)
        try watch(pause.number, SP_EPOLLIN, .pause)
        var listening = false
        let listener = sandbox.listenerNumber
        if listener >= 0 {
            try watch(listener, SP_EPOLLIN, .listener)
            listening = true
        }
        if memory >= 0 { try watch(memory, memoryMask, .memory) }
        let look = Descriptor(owning: Int32(try checked("create", "a timer") { sp_timer_create() }))
        if sockets != nil {
            try watch(look.number, SP_EPOLLIN, .sockets)
            try checked("set", "a timer") { sp_timer_set(look.number, SocketMemory.interval) }
        }
        if let gateway { try watch(gateway.number, SP_EPOLLIN, .gateway) }
        if let egress { try watch(egress.number, SP_EPOLLIN, .egress) }
        if let git { try watch(git.number, SP_EPOLLIN, .git) }
        if let model { try watch(model.number, SP_EPOLLIN, .model) }
        if let forge { try watch(forge.number, SP_EPOLLIN, .forge) }
        if let packages { try watch(packages.number, SP_EPOLLIN, .packages) }
        if let control { try watch(control.number, SP_EPOLLIN, .control) }
        if let hosts { try watch(hosts.number, SP_EPOLLIN, .hosts) }
        // What it said stays unread, and only what is new is an event.
        if let client { try watch(client.number, SP_EPOLLIN | SP_EPOLLET, .client) }
        try checked("set", "the deadline") { sp_timer_set(deadline.number, wallSeconds * 1000) }

        while !ended {
            var events: UInt32 = 0
            var token: UInt64 = 0
            let got = sp_epoll_wait(epoll.number, &events, &token, -1)
            if got == -Int(EINTR) || got == 0 { continue }
            try checked("wait for", "the session") { got }
            switch Token(rawValue: token) {
            case .pidfd: ended = true
            case .signals: try signal(sandbox, workload, signals, deadline, fault)
            case .deadline:
                if !stopping { cause = .deadline }
                try escalate(sandbox, workload, deadline, fault)
            case .listener:
                if events & (SP_EPOLLHUP | SP_EPOLLERR) != 0 && events & SP_EPOLLIN == 0 {
                    _ = sp_epoll_remove(epoll.number, listener)
                } else if let wait = try serveRefusal(sandbox), listening {
                    _ = sp_epoll_remove(epoll.number, listener)
                    listening = false
                    try checked("set", "a timer") { sp_timer_set(pause.number, wait) }
                }
            case .pause:
                try drain(pause)
                if !listening && listener >= 0 {
                    try watch(listener, SP_EPOLLIN, .listener)
                    listening = true
                }
            case .memory:
                if try memoryRanOut(memory) {
                    cause = .memory
                    try kill(sandbox)
                }
            case .sockets:
                try drain(look)
                if let sockets, try sockets.isOver() {
                    cause = .memory
                    try kill(sandbox)
                } else {
                    try checked("set", "a timer") { sp_timer_set(look.number, SocketMemory.interval) }
                }
            case .gateway:
                guard let gateway, !gateway.heed() else { break }
                _ = sp_epoll_remove(epoll.number, gateway.number)
                if gateway.failure != nil {
                    cause = .gateway
                    try kill(sandbox)
                }
            case .egress:
                // One that is gone has shut egress; the session goes on without, and its record says so.
                if let egress, !egress.heed() { _ = sp_epoll_remove(epoll.number, egress.number) }
            case .git:
                // One that is gone serves the repository no more; the session goes on, and its record says so.
                if let git, !git.heed() { _ = sp_epoll_remove(epoll.number, git.number) }
            case .model:
                // As with the repository.
                if let model, !model.heed() { _ = sp_epoll_remove(epoll.number, model.number) }
            case .forge:
                if let forge, !forge.heed() { _ = sp_epoll_remove(epoll.number, forge.number) }
            case .packages:
                if let packages, !packages.heed() { _ = sp_epoll_remove(epoll.number, packages.number) }
            case .control: control?.heed()
            case .hosts: if let hosts, !hosts.heed() { _ = sp_epoll_remove(epoll.number, hosts.number) }
            case .client:
                guard let client else { break }
                var word = client.heed()
                while word != .nothing {
                    try stop(SIGTERM, sandbox, workload, deadline, fault)
                    if word == .gone || killedByUs {
                        _ = sp_epoll_remove(epoll.number, client.number)
                        break
                    }
                    word = client.heed()
                }
            case nil:
                let position = Int(token - Token.streams)
                _ = sp_epoll_remove(epoll.number, sources[position])
                // An end without a byte before it needs no thread.
                if events & SP_EPOLLIN != 0 { try streams.start(position) }
            }
            // Whom nobody can thaw is ended.
            if let failure = hosts?.failure { throw failure }
        }
        // sp-init reports right before it ends: its word waits in the socket, and one wake-up serves for both.
        while waitStatus == nil && execError == nil && initError == nil { if try !report(sandbox) { break } }
    }

    private mutating func serveRefusal(_ sandbox: borrowing Sandbox) throws(SystemError) -> UInt64? {
        switch try refusals.serve(sandbox.listenerNumber) {
        case .answered, .ended: return nil
        case .pause(let milliseconds): return milliseconds
        }
    }

    private func drain(_ timer: borrowing Descriptor) throws(SystemError) {
        var word: UInt64 = 0
        let got = sp_read(timer.number, &word, 8)
        if got < 0 && got != -Int(EAGAIN) { throw SystemError("read", "a timer", Errno(Int32(-got))) }
    }

    private mutating func report(_ sandbox: borrowing Sandbox) throws(SystemError) -> Bool {
        guard let record = try StatusReport.receive(sandbox.status, wait: false) else { return false }
        switch record.kind {
        case .exited: waitStatus = record.value
        case .execFailed: execError = record.value
        case .failed: initError = record.value
        case .started: throw SystemError("read", "a second start report", .invalid)
        }
        return true
    }

    /// v1 says by an eventfd that the group ran out, and kills one process; the whole session goes, as v2's
    /// memory.oom.group does. v2 tells of every change of its counters, most of which are none of ours.
    private func memoryRanOut(_ fd: Int32) throws(SystemError) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 512)
        let got = buffer.withUnsafeMutableBytes { sp_pread(fd, $0.baseAddress!, $0.count, 0) }
        if got == -Int(ESPIPE) || got == 8 {
            var word: UInt64 = 0
            return sp_read(fd, &word, 8) == 8
        }
        let text = String(decoding: buffer.prefix(max(0, got)), as: UTF8.self)
        return text.split(separator: "\n").contains { $0.hasPrefix("oom_kill ") && $0 != "oom_kill 0" }
    }

    private mutating func signal(
        _ sandbox: borrowing Sandbox, _ workload: borrowing Descriptor, _ signals: borrowing Descriptor,
        _ deadline: borrowing Descriptor, _ fault: FaultPoint
    ) throws(SystemError) {
        while true {
            let number = sp_next_signal(signals.number)
            if number == -Int(EAGAIN) { return }
            try checked("read", "a signal") { number }
            let signal = Int32(number)
            if signal == SIGCONT {
                try gateway?.resume()
                continue
            }
            if signal == SIGTSTP {
                suspend(workload)
                continue
            }
            // A terminal of its own tells the session by itself when its size changes.
            if signal == SIGWINCH, let gateway, gateway.resize() { continue }
            if [SIGWINCH, SIGUSR1, SIGUSR2].contains(signal) {
                forward(signal, workload)
                continue
            }
            try stop(signal, sandbox, workload, deadline, fault)
        }
    }

    /// Passes a request to end on; the second one is not passed on but carried out.
    private mutating func stop(
        _ signal: Int32, _ sandbox: borrowing Sandbox, _ workload: borrowing Descriptor,
        _ deadline: borrowing Descriptor, _ fault: FaultPoint
    ) throws(SystemError) {
        cause = .requested(signal)
        try end(signal, sandbox, workload, deadline, fault)
    }

    /// First TERM and time to end, then the kill that cannot be refused.
    private mutating func escalate(
        _ sandbox: borrowing Sandbox, _ workload: borrowing Descriptor, _ deadline: borrowing Descriptor,
        _ fault: FaultPoint
    ) throws(SystemError) {
        try drain(deadline)
        try end(SIGTERM, sandbox, workload, deadline, fault)
    }

    private mutating func end(
        _ signal: Int32, _ sandbox: borrowing Sandbox, _ workload: borrowing Descriptor,
        _ deadline: borrowing Descriptor, _ fault: FaultPoint
    ) throws(SystemError) {
        if stopping { return try kill(sandbox) }
        fault.reach("stop.requested")
        stopping = true
        // What is frozen hears nothing of its end.
        try freezer?.end()
        forward(signal, workload)
        try checked("set", "the grace period") { sp_timer_set(deadline.number, grace) }
    }

    /// Ctrl-Z outside: the session stops with us, and goes on with us.
    ///
    /// SIGSTOP, since the workload need not heed the other one; the clock of the deadline runs on, as for any command.
    private func suspend(_ workload: borrowing Descriptor) {
        forward(SIGSTOP, workload)
        gateway?.suspend()
        // Cannot be blocked: this process stands still here until somebody continues it, and reads SIGCONT next.
        _ = sp_kill(getpid(), SIGSTOP)
        forward(SIGCONT, workload)
    }

    private func forward(_ signal: Int32, _ workload: borrowing Descriptor) {
        // The workload may have ended already; then there is nothing to tell.
        let group: UInt32 = 4  // PIDFD_SIGNAL_PROCESS_GROUP, 6.9; older kernels say EINVAL
        if sp_pidfd_signal(workload.number, signal, group) == -Int(EINVAL) {
            _ = sp_pidfd_signal(workload.number, signal, 0)
        }
    }

    private mutating func kill(_ sandbox: borrowing Sandbox) throws(SystemError) {
        killedByUs = true
        let result = sp_pidfd_signal(sandbox.pidfd.number, SIGKILL, 0)
        if result < 0 && result != -Int(ESRCH) { throw SystemError("kill", "the session", Errno(Int32(-result))) }
        // Afterwards: no instruction of its own comes between. On v1 a frozen task does not die before it is thawed.
        try freezer?.end()
    }
}

/// One fixed-size record of sp-init.
struct StatusReport {
    enum Kind: UInt32 {
        case started = 1
        case execFailed = 2
        case exited = 3
        case failed = 4
    }
    let kind: Kind
    let value: Int32
    let descriptors: [Int32]

    /// The next record; nil when there is none (without waiting) or sp-init is gone.
    static func receive(_ socket: borrowing Descriptor, wait: Bool) throws(SystemError) -> StatusReport? {
        if !wait && sp_poll_one(socket.number, Int16(POLLIN), 0) <= 0 { return nil }
        guard let message = try socket.receive(limit: 8, subject: "sp-init's report") else { return nil }
        guard message.bytes.count == 8 else { throw SystemError("read", "sp-init's report", .invalid) }
        func word(_ at: Int) -> UInt32 {
            (0..<4).reduce(UInt32(0)) { $0 | UInt32(message.bytes[at + $1]) << (8 * UInt32($1)) }
        }
        guard let kind = Kind(rawValue: word(0)) else { throw SystemError("read", "sp-init's report", .invalid) }
        return StatusReport(kind: kind, value: Int32(bitPattern: word(4)), descriptors: message.descriptors)
    }
}
