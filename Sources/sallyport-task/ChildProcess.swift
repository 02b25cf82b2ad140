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
    func wait(_ child: Int32, name: String, live: LiveView? = nil) throws(TaskFailure) -> ChildEnd {
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
            guard poll(&polled, 3, -1) > 0 else { continue }
            if polled[2].revents != 0 { live?.update() }
            // Before the child's end is looked at: a terminal sends its interrupt to both, and the child may be gone first.
            if polled[1].revents != 0, let number = takeSignal(), Self.stops.contains(number) {
                asked = number
                // The child is not reaped before this call, so its id cannot name another process.
                _ = sp_kill(child, SIGTERM)
            }
            if polled[0].revents != 0 { break }
        }
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
