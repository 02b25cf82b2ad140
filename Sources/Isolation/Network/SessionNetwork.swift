// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import LinuxSystem
internal import Synchronization

/// The network namespace of one session, where only lo is up.
///
/// Host mode: a thread of the supervisor makes it while everything else is prepared, since it is the slowest part of a
/// start and needs nothing of the rest. It belongs to the host's user namespace, so that not even inside root has
/// CAP_NET_ADMIN over it; the cloning thread enters it, clones, and leaves it again, because the child, in a user
/// namespace of its own, may not. setns(2)
///
/// Rootless: only a process in the session's user namespace may make one, so the child does, and ``ofChild(_:_:)``
/// adopts it after the launch.
///
/// Both: a socket that ``run(_:)`` makes belongs to the session's namespace for ever, whoever holds it later. An open
/// listener keeps the namespace alive.
package final class SessionNetwork: Sendable {
    private enum Way: Sendable {
        /// The thread that made it and has been in it ever since.
        case thread(WorkerThread, making: WorkerThread.Job, made: Outcome)
        /// The namespaces of the child, this object's to close.
        case child(user: Int32, network: Int32)
    }
    private let way: Way

    /// Host mode: begins to make the namespace on a thread, whose later jobs are all inside it; returns at once.
    package static func begin(on thread: WorkerThread) -> SessionNetwork {
        let made = Outcome()
        let making = thread.perform { made.set { () throws(SystemError) in try make() } }
        return SessionNetwork(.thread(thread, making: making, made: made))
    }

    /// Rootless: the namespace that the child has made, reached through the child's user namespace.
    package static func ofChild(_ user: consuming Descriptor, _ network: consuming Descriptor) -> SessionNetwork {
        SessionNetwork(.child(user: user.release(), network: network.release()))
    }

    private init(_ way: Way) { self.way = way }

    deinit {
        switch way {
        case .thread(_, let making, let made):
            making.wait()
            if case .success(let number)? = made.value { _ = sp_close(number) }
        case .child(let user, let network):
            _ = sp_close(user)
            _ = sp_close(network)
        }
    }

    private static func make() throws(SystemError) -> Int32 {
        try checked("make", "a network namespace") { sp_new_network() }
        try checked("bring up", "lo of the session's network") { sp_loopback_up() }
        // Above the numbers that a launch plan assigns.
        let fd = Descriptor(owning: Int32(try checked("open", "the session's network namespace") { sp_own_network() }))
        return try fd.duplicate().release()
    }

    /// The namespace's descriptor, which stays this object's. Host mode: waits until lo is up.
    package func descriptor() throws(SystemError) -> Int32 {
        switch way {
        case .thread(_, let making, let made):
            making.wait()
            return try made.get()
        case .child(_, let network): return network
        }
    }

    /// Runs `body` inside the namespace and returns when it has ended; what it threw is thrown here.
    ///
    /// Every descriptor that it opens is this process's. It has CAP_NET_ADMIN and CAP_NET_BIND_SERVICE there, and must
    /// start no thread and no process. Host mode: on the namespace's own thread, after the jobs given before. Rootless:
    /// in a process that shares this one's memory and descriptors while the caller is suspended, since a thread cannot
    /// enter a user namespace (EINVAL). setns(2)
    package func run(_ body: @escaping @Sendable () throws(SystemError) -> Void) throws(SystemError) {
        let outcome = Outcome()
        let job: @Sendable () -> Void = {
            outcome.set { () throws(SystemError) in
                try body()
                return 0
            }
        }
        switch way {
        case .thread(let thread, _, _):
            _ = try descriptor()
            thread.perform(job).wait()
        case .child(let user, let network):
            let box = Unmanaged.passRetained(Box(job))
            defer { box.release() }
            try checked("enter", "the session's network namespace") {
                sp_run_in_network(
                    user, network,
                    { context in if let context { Unmanaged<Box>.fromOpaque(context).takeUnretainedValue().job() } },
                    box.toOpaque())
            }
        }
        _ = try outcome.get()
    }

    /// Runs `body` on the calling thread inside the namespace, and puts the thread back where it was.
    ///
    /// - Throws: also when the way back is barred; the thread is then in the wrong place and must start nothing more.
    func entered(_ body: () -> Void) throws(SystemError) {
        let inside = try descriptor()
        let home = Descriptor(owning: Int32(try checked("open", "the host's network namespace") { sp_own_network() }))
        try checked("enter", "the session's network namespace") { sp_enter_network(inside) }
        body()
        try checked("leave", "the session's network namespace") { sp_enter_network(home.number) }
    }

    private final class Box {
        let job: @Sendable () -> Void
        init(_ job: @escaping @Sendable () -> Void) { self.job = job }
    }

    /// What a job brought: a number or an error.
    private final class Outcome: Sendable {
        private let result = Mutex<Result<Int32, SystemError>?>(nil)

        var value: Result<Int32, SystemError>? { result.withLock { $0 } }

        func set(_ body: () throws(SystemError) -> Int32) {
            let got: Result<Int32, SystemError>
            do throws(SystemError) { got = .success(try body()) } catch { got = .failure(error) }
            result.withLock { $0 = got }
        }

        func get() throws(SystemError) -> Int32 {
            switch value {
            case .success(let number)?: return number
            case .failure(let error)?: throw error
            case nil: throw SystemError("work in", "the session's network namespace", .io)
            }
        }
    }
}
