// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// How a program that we started ended.
enum ChildEnd: Equatable {
    case exited(Int32)
    case signalled(Int32)
    /// It was stopped because somebody asked us to stop, with this signal.
    case interrupted(Int32)
    /// It was killed at its deadline.
    case late
}

/// Starts our own programs and waits for them; a request to stop is passed on to the one that runs.
struct ChildProcess {
    private let signals: Int32

    /// From here on SIGINT, SIGTERM and SIGHUP no longer end this process: the task's record is written first.
    init() throws(TaskFailure) {
        signals = Int32(
            try host { () throws(SystemError) -> Int in
                try checked("watch", "signals") { sp_block_signals_and_watch() }
            })
    }

    /// - Parameters:
    ///   - descriptors: Becomes 0, 1, 2 and so on of the program; -1 is /dev/null.
    ///   - live: Shown while the program runs.
    func run(_ arguments: [String], environment: [String], descriptors: [Int32], live: LiveView? = nil)
        throws(TaskFailure) -> ChildEnd
    {
        let child = try start(arguments, environment: environment, descriptors: descriptors)
        return try wait(child, name: arguments[0], live: live)
    }

    func start(_ arguments: [String], environment: [String], descriptors: [Int32]) throws(TaskFailure) -> Int32 {
        let argv = arguments.map { strdup($0) } + [nil]
        let envp = environment.map { strdup($0) } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        return Int32(
            try host { () throws(SystemError) -> Int in
                try checked("start", "\"\(arguments[0])\"") {
                    sp_task_spawn(arguments[0], argv, envp, descriptors, Int32(descriptors.count))
                }
            })
    }

    /// Waits for a child to end; asks it to stop when we are asked, and then waits on.
    ///
    /// - Parameter sinks: Read while it runs, and to their ends.
    func wait(_ child: Int32, name: String, live: LiveView? = nil, sinks: [PipeSink] = []) throws(TaskFailure)
        -> ChildEnd
    {
        try follow(child, name: name, live: live, sinks: sinks, output: nil, limit: 0, seconds: nil).end
    }

    /// Waits for a child to end, and takes what it wrote to its end of a pipe meanwhile: a byte more than `limit` at most.
    ///
    /// - Parameter seconds: A child that is still there then is killed.
    func wait(_ child: Int32, name: String, output: borrowing Descriptor, limit: Int, seconds: Int)
        throws(TaskFailure) -> (end: ChildEnd, bytes: [UInt8])
    {
        try follow(child, name: name, live: nil, output: output.number, limit: limit, seconds: seconds)
    }

    private func follow(
        _ child: Int32, name: String, live: LiveView?, sinks: [PipeSink] = [], output: Int32?, limit: Int,
        seconds: Int?
    ) throws(TaskFailure) -> (end: ChildEnd, bytes: [UInt8]) {
        let pidfd = try host { () throws(SystemError) -> Descriptor in
            Descriptor(owning: Int32(try checked("watch", "process \(child)") { sp_pidfd_open(child) }))
        }
        var deadline = seconds.map { ContinuousClock.now + .seconds($0) }
        var outcome: ChildEnd?
        var bytes: [UInt8] = []
        var polled = [pidfd.number, signals, output ?? -1, live?.descriptor ?? -1].map {
            pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
        }
        let fixed = polled.count
        polled += sinks.map { pollfd(fd: $0.number, events: Int16(POLLIN), revents: 0) }
        // The end of the output is its last writer's, which is the child: nothing it starts outlives it.
        while polled[0].fd >= 0 || polled[2].fd >= 0 {
            let ready = poll(&polled, nfds_t(polled.count), Self.milliseconds(until: deadline))
            guard ready >= 0 else { continue }
            if ready == 0, outcome == nil {
                outcome = .late
                deadline = nil
                // The child is not reaped before the end of this function, so its id cannot name another process.
                _ = sp_kill(child, SIGKILL)
            }
            if polled[2].revents != 0 {
                let piece = try Self.piece(of: polled[2].fd, name)
                if bytes.count <= limit { bytes += piece.prefix(limit + 1 - bytes.count) }
                if piece.isEmpty { polled[2].fd = -1 }
            }
            if polled[3].revents != 0 { live?.update() }
            for (index, sink) in sinks.enumerated() where polled[fixed + index].revents != 0 {
                sink.take()
                if !sink.isOpen { polled[fixed + index].fd = -1 }
            }
            if polled[0].revents != 0 { polled[0].fd = -1 }
            // Also when the child is gone: a terminal sends its interrupt to both.
            if polled[1].revents != 0, let number = takeSignal(), Self.stops.contains(number) {
                outcome = outcome ?? .interrupted(number)
                _ = sp_kill(child, SIGTERM)
            }
        }
        for sink in sinks { sink.drain() }
        var code: Int32 = 0
        var status: Int32 = 0
        _ = try host { () throws(SystemError) -> Int in
            try checked("wait for", "\"\(name)\"") { sp_wait_pidfd(pidfd.number, &code, &status) }
        }
        // CLD_EXITED
        return (outcome ?? (code == 1 ? .exited(status) : .signalled(status)), bytes)
    }

    private static func milliseconds(until deadline: ContinuousClock.Instant?) -> Int32 {
        guard let deadline else { return -1 }
        let left = (deadline - ContinuousClock.now).components
        return Int32(clamping: max(0, left.seconds * 1000 + left.attoseconds / 1_000_000_000_000_000 + 1))
    }

    private static func piece(of pipe: Int32, _ name: String) throws(TaskFailure) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let got = try host { () throws(SystemError) -> Int in
            try checked("read", "the output of \"\(name)\"") {
                buffer.withUnsafeMutableBytes { sp_read(pipe, $0.baseAddress!, $0.count) }
            }
        }
        return Array(buffer[..<got])
    }

    private static let stops: Set<Int32> = [SIGINT, SIGTERM, SIGHUP, SIGQUIT]

    private func takeSignal() -> Int32? {
        var information = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        guard sp_read(signals, &information, size) == size else { return nil }
        return Int32(information.ssi_signo)
    }
}

/// What a child says on a pipe, taken as it comes.
final class PipeSink {
    private let pipe: Descriptor
    private let heed: ([UInt8]) -> Void
    private(set) var isOpen = true

    var number: Int32 { pipe.number }

    init(_ pipe: consuming Descriptor, _ heed: @escaping ([UInt8]) -> Void) {
        self.pipe = pipe
        self.heed = heed
    }

    func take() {
        let fd = pipe.number
        var buffer = [UInt8](repeating: 0, count: 65536)
        let got = buffer.withUnsafeMutableBytes { sp_read(fd, $0.baseAddress!, $0.count) }
        if got > 0 { heed(Array(buffer[..<got])) } else if got != -Int(EINTR) && got != -Int(EAGAIN) { isOpen = false }
    }

    /// Takes what is there when the child is gone; a process that it left behind is not waited for.
    func drain() {
        while isOpen && sp_poll_one(pipe.number, Int16(POLLIN), 0) > 0 { take() }
    }
}
