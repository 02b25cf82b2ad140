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
        var asked: Int32?
        let pidfd = try host { () throws(SystemError) -> Descriptor in
            Descriptor(owning: Int32(try checked("watch", "process \(child)") { sp_pidfd_open(child) }))
        }
        while true {
            var polled = [
                pollfd(fd: pidfd.number, events: Int16(POLLIN), revents: 0),
                pollfd(fd: signals, events: Int16(POLLIN), revents: 0),
                pollfd(fd: live?.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
            ]
            polled += sinks.map { pollfd(fd: $0.isOpen ? $0.number : -1, events: Int16(POLLIN), revents: 0) }
            guard poll(&polled, nfds_t(polled.count), -1) > 0 else { continue }
            if polled[2].revents != 0 { live?.update() }
            for (sink, event) in zip(sinks, polled.dropFirst(3)) where event.revents != 0 { sink.take() }
            // Before the child's end is looked at: a terminal sends its interrupt to both, and the child may be gone first.
            if polled[1].revents != 0, let number = takeSignal(), Self.stops.contains(number) {
                asked = number
                // The child is not reaped before this call, so its id cannot name another process.
                _ = sp_kill(child, SIGTERM)
            }
            if polled[0].revents != 0 { break }
        }
        for sink in sinks { sink.drain() }
        var code: Int32 = 0
        var status: Int32 = 0
        _ = try host { () throws(SystemError) -> Int in
            try checked("wait for", "\"\(name)\"") { sp_wait_pidfd(pidfd.number, &code, &status) }
        }
        if let asked { return .interrupted(asked) }
        // CLD_EXITED
        return code == 1 ? .exited(status) : .signalled(status)
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
