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
    ///   - attendant: Hears it while it runs.
    func run(
        _ arguments: [String], environment: [String], descriptors: [Int32], live: LiveView? = nil,
        attendant: SandboxAttendant? = nil
    ) throws(TaskFailure) -> ChildEnd {
        let child = try start(arguments, environment: environment, descriptors: descriptors)
        attendant?.handedOver()
        return try wait(child, name: arguments[0], live: live, attendant: attendant)
    }

    /// - Parameter isAlone: In a pid namespace of its own, so that nothing that it starts outlives it.
    func start(_ arguments: [String], environment: [String], descriptors: [Int32], isAlone: Bool = false)
        throws(TaskFailure) -> Int32
    {
        let argv = arguments.map { strdup($0) } + [nil]
        let envp = environment.map { strdup($0) } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        return Int32(
            try host { () throws(SystemError) -> Int in
                try checked("start", "\"\(arguments[0])\"") {
                    isAlone
                        ? sp_task_spawn_alone(arguments[0], argv, envp, descriptors, Int32(descriptors.count))
                        : sp_task_spawn(arguments[0], argv, envp, descriptors, Int32(descriptors.count))
                }
            })
    }

    /// Waits for a child to end; asks it to stop when we are asked, and then waits on.
    ///
    /// - Parameters:
    ///   - sinks: Read while it runs; at its end what is in them is taken, and nobody else is waited for who still could
    ///     write more.
    ///   - seconds: A child that is still there then is killed, with all of its process group if it leads one; nil waits
    ///     for ever. What had come before, such as a request to stop, stays the outcome.
    func wait(
        _ child: Int32, name: String, live: LiveView? = nil, attendant: SandboxAttendant? = nil, sinks: [PipeSink] = [],
        seconds: Int? = nil
    ) throws(TaskFailure) -> ChildEnd {
        let pidfd = try host { () throws(SystemError) -> Descriptor in
            Descriptor(owning: Int32(try checked("watch", "process \(child)") { sp_pidfd_open(child) }))
        }
        var deadline = seconds.map { ContinuousClock.now + .seconds($0) }
        var outcome: ChildEnd?
        let asking = attendant?.numbers ?? []
        var polled = ([pidfd.number, signals, live?.descriptor ?? -1] + asking + sinks.map(\.number)).map {
            pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
        }
        let fixed = polled.count - sinks.count
        while polled[0].revents == 0 {
            let ready = poll(&polled, nfds_t(polled.count), Self.milliseconds(until: deadline))
            // By the clock, and not by what poll says: a child that never stops talking would never be late.
            if let end = deadline, ContinuousClock.now >= end {
                outcome = outcome ?? .late
                deadline = nil
                Self.kill(child)
            }
            guard ready > 0 else { continue }
            if polled[2].revents != 0 { live?.update() }
            if let attendant, (3..<3 + asking.count).contains(where: { polled[$0].revents != 0 }), !attendant.heed() {
                for index in asking.indices { polled[3 + index].fd = -1 }
                // Without an answer to be had it would stand still until its time is over.
                if attendant.failure != nil { _ = sp_kill(child, SIGTERM) }
            }
            for (index, sink) in sinks.enumerated() where polled[fixed + index].revents != 0 {
                sink.take(name)
                if sink.failure != nil { Self.kill(child) }
                if !sink.isOpen { polled[fixed + index].fd = -1 }
            }
            // Also when the child is gone: a terminal sends its interrupt to both.
            if polled[1].revents != 0, let number = takeSignal(), Self.stops.contains(number) {
                outcome = outcome ?? .interrupted(number)
                _ = sp_kill(child, SIGTERM)
            }
        }
        // Whom it left behind in its group, such as a helper that waits for a server.
        Self.kill(child)
        for sink in sinks { sink.drain(name) }
        var code: Int32 = 0
        var status: Int32 = 0
        _ = try host { () throws(SystemError) -> Int in
            try checked("wait for", "\"\(name)\"") { sp_wait_pidfd(pidfd.number, &code, &status) }
        }
        if let failure = sinks.lazy.compactMap(\.failure).first { throw TaskFailure(failure) }
        try attendant?.conclude()
        // CLD_EXITED
        return outcome ?? (code == 1 ? .exited(status) : .signalled(status))
    }

    /// Waits where nothing runs.
    ///
    /// - Returns: False when somebody asked us to stop meanwhile.
    func pause(_ duration: Duration) -> Bool {
        let end = ContinuousClock.now + duration
        var polled = pollfd(fd: signals, events: Int16(POLLIN), revents: 0)
        while ContinuousClock.now < end {
            guard poll(&polled, 1, Self.milliseconds(until: end)) > 0, let number = takeSignal() else { continue }
            if Self.stops.contains(number) { return false }
        }
        return true
    }

    /// Waits where nothing runs until something was seen by a watch, which has forgotten it afterwards.
    ///
    /// - Returns: False when somebody asked us to stop meanwhile.
    func pause(until watch: borrowing Descriptor) -> Bool {
        var polled = [signals, watch.number].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        while true {
            guard poll(&polled, 2, -1) > 0 else { continue }
            if polled[0].revents != 0, let number = takeSignal(), Self.stops.contains(number) { return false }
            if polled[1].revents != 0 {
                var events = [UInt8](repeating: 0, count: 4096)
                while sp_read(watch.number, &events, events.count) > 0 {}
                return true
            }
        }
    }

    /// Ends a child that is not reaped yet, so that its id can name no other process and no other group.
    private static func kill(_ child: Int32) {
        _ = sp_kill(-child, SIGKILL)
        _ = sp_kill(child, SIGKILL)
    }

    private static func milliseconds(until deadline: ContinuousClock.Instant?) -> Int32 {
        guard let deadline else { return -1 }
        let left = (deadline - ContinuousClock.now).components
        return Int32(clamping: max(0, left.seconds * 1000 + left.attoseconds / 1_000_000_000_000_000 + 1))
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
    /// Why it could not be read.
    private(set) var failure: SystemError?

    private static let pieceBytes = 65536

    var number: Int32 { pipe.number }

    init(_ pipe: consuming Descriptor, _ heed: @escaping ([UInt8]) -> Void) {
        self.pipe = pipe
        self.heed = heed
    }

    /// Takes a piece of what is there.
    @discardableResult
    fileprivate func take(_ name: String) -> Int {
        do throws(SystemError) {
            let bytes = try pipe.readSome(upTo: Self.pieceBytes, subject: "what \(name) says")
            if bytes.isEmpty { isOpen = false } else { heed(bytes) }
            return bytes.count
        } catch {
            failure = error
            isOpen = false
            return 0
        }
    }

    /// Takes what is there when the child is gone: no more than a pipe holds, whoever goes on writing.
    fileprivate func drain(_ name: String) {
        var left = Int32(clamping: sp_pipe_size(pipe.number))
        while isOpen, left > 0, sp_poll_one(pipe.number, Int16(POLLIN), 0) > 0 { left -= Int32(take(name)) }
    }
}
