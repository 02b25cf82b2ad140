// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import LinuxSystem
internal import Synchronization

/// The network namespace of one session in host mode.
///
/// A second thread of the supervisor makes it while everything else is prepared, since it is the slowest part of a start
/// and needs nothing of the rest. It belongs to the host's user namespace, so that not even inside root has
/// CAP_NET_ADMIN over it; the cloning thread enters it, clones, and leaves it again, because the child, in a user
/// namespace of its own, may not. setns(2)
///
/// A socket that ``run(_:)`` makes belongs to the session's namespace for ever, whoever holds it later. An open listener
/// keeps the namespace alive.
///
/// Rootless, only a process in the session's user namespace may make one: the child does, as its launch plan says.
package final class SessionNetwork: Sendable {
    private let thread: WorkerThread
    private let making: WorkerThread.Job
    private let made: Outcome
    private let equipped = Mutex<Equipment>(Equipment())

    private struct Equipment: ~Copyable {
        var job: WorkerThread.Job?
        var sockets: NetworkSockets?
        var error: LaunchError?
    }

    /// Begins to make the namespace, with lo up; returns at once.
    package static func begin(on thread: WorkerThread) -> SessionNetwork {
        let made = Outcome()
        let making = thread.perform { made.set { () throws(SystemError) in try make() } }
        return SessionNetwork(thread, making, made)
    }

    private init(_ thread: WorkerThread, _ making: WorkerThread.Job, _ made: Outcome) {
        self.thread = thread
        self.making = making
        self.made = made
    }

    deinit {
        making.settle()
        if made.number >= 0 { _ = sp_close(made.number) }
    }

    private static func make() throws(SystemError) -> Int32 {
        // Whoever waits for a job does it where nobody has begun: also the cloning thread, which goes back.
        let home = try own()
        try checked("make", "a network namespace") { sp_new_network() }
        var made: Int32 = -1
        var failure: SystemError?
        do throws(SystemError) {
            try checked("bring up", "lo of the session's network") { sp_loopback_up() }
            // Above the numbers that a launch plan assigns.
            made = try own().duplicate().release()
        } catch { failure = error }
        try checked("leave", "the session's network namespace") { sp_enter_network(home.number) }
        if let failure { throw failure }
        return made
    }

    private static func own() throws(SystemError) -> Descriptor {
        Descriptor(owning: Int32(try checked("open", "this thread's network namespace") { sp_own_network() }))
    }

    /// Waits until lo is up.
    package func ready() throws(SystemError) {
        making.wait()
        _ = try made.get()
    }

    /// Begins to make the addresses and sockets of a plan; ``sockets()`` has them. At most once.
    package func equip(_ plan: NetworkPlan) {
        let job = thread.perform { [self] in
            equipped.withLock { equipment in
                do throws(SystemError) {
                    try entered {
                        do throws(LaunchError) { equipment.sockets = try NetworkSockets.make(plan) } catch {
                            equipment.error = error
                        }
                    }
                } catch { equipment.error = LaunchError(error, step: "net.enter") }
            }
        }
        equipped.withLock { $0.job = job }
    }

    /// The sockets of the plan, the caller's from here on; nil when there is no plan.
    func sockets() throws(LaunchError) -> NetworkSockets? {
        equipped.withLock { $0.job }?.wait()
        if let error = equipped.withLock({ $0.error }) { throw error }
        return equipped.withLock { $0.sockets.take() }
    }

    /// Runs `body` inside the namespace and returns when it has ended; what it threw is thrown here.
    ///
    /// Its descriptors are this process's.
    package func run(_ body: () throws(SystemError) -> Void) throws(SystemError) {
        var failure: SystemError?
        try entered { do throws(SystemError) { try body() } catch { failure = error } }
        if let failure { throw failure }
    }

    /// Runs `body` on the calling thread inside the namespace, and puts the thread back where it was.
    ///
    /// - Throws: also when the way back is barred; the thread is then in the wrong place and must start nothing more.
    func entered(_ body: () -> Void) throws(SystemError) {
        try ready()
        let inside = try made.get()
        let home = try Self.own()
        try checked("enter", "the session's network namespace") { sp_enter_network(inside) }
        body()
        try checked("leave", "the session's network namespace") { sp_enter_network(home.number) }
    }

    /// What a job brought: a number or an error.
    private final class Outcome: Sendable {
        private let result = Mutex<(number: Int32, error: SystemError?)>((-1, nil))

        /// The number, or -1.
        var number: Int32 { result.withLock { $0.number } }

        func set(_ body: () throws(SystemError) -> Int32) {
            do throws(SystemError) {
                let number = try body()
                result.withLock { $0.number = number }
            } catch { result.withLock { $0.error = error } }
        }

        func get() throws(SystemError) -> Int32 {
            let (number, error) = result.withLock { $0 }
            if number >= 0 { return number }
            throw error ?? SystemError("work in", "the session's network namespace", .io)
        }
    }
}
