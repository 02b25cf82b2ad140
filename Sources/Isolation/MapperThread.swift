// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Synchronization

/// The thread that serves a child whose cloner is suspended.
///
/// The cloning thread sleeps until the child executes (CLONE_VFORK), and a child cannot write a map of 65,536 ids for
/// itself (EPERM), so a second thread that exists beforehand does it. kernel notes: user_namespaces(7)
final class MapperThread: Sendable {
    /// Where clone3 writes the child's pid before the child runs (CLONE_PARENT_SETTID).
    nonisolated(unsafe) let childPid: UnsafeMutablePointer<Int32>
    private let outcome = Mutex<Result<Int32, SystemError>?>(nil)
    private let ready: Int32
    private let mapped: Int32
    private let fault: Int32
    private let serve: (@Sendable (Int32) throws(SystemError) -> Int32)?
    private let thread = Mutex<pthread_t?>(nil)

    /// - Parameters:
    ///   - ready: read end of the pipe on which the child says that it exists.
    ///   - mapped: write end of the pipe on which the child waits.
    ///   - fault: the supervisor's end of the fault-point socket, or -1.
    ///   - serve: what to do for the child with this pid before it may go on; gives its user namespace's descriptor.
    ///     Nil for a child that asks for nothing.
    init(ready: Int32, mapped: Int32, fault: Int32, serve: (@Sendable (Int32) throws(SystemError) -> Int32)?) {
        childPid = .allocate(capacity: 1)
        childPid.initialize(to: 0)
        self.ready = ready
        self.mapped = mapped
        self.fault = fault
        self.serve = serve
    }

    deinit { childPid.deallocate() }

    func start() throws(SystemError) {
        var id = pthread_t()
        let result = pthread_create(
            &id, nil,
            { argument in
                if let argument { Unmanaged<MapperThread>.fromOpaque(argument).takeRetainedValue().main() }
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        guard result == 0 else { throw SystemError("start", "the id-map thread", Errno(result)) }
        thread.withLock { $0 = id }
    }

    private func main() {
        var byte: UInt8 = 0
        if fault >= 0 { watchFault(untilReady: true) }
        // End of file: the child ended before it got here; there is nobody to serve.
        guard sp_read(ready, &byte, 1) == 1, let serve else { return }
        do throws(SystemError) {
            let namespace = try serve(childPid.pointee)
            outcome.withLock { $0 = .success(namespace) }
            _ = sp_write(mapped, &byte, 1)
        } catch { outcome.withLock { $0 = .failure(error) } }
        // Closing is what the child waits for when it failed, and harmless otherwise.
        _ = sp_close(mapped)
        if fault >= 0 { watchFault(untilReady: false) }
    }

    /// The fault point's kill: at the byte, this whole process dies as by kill -9.
    private func watchFault(untilReady: Bool) {
        var byte: UInt8 = 0
        while true {
            let events = sp_poll_one(fault, Int16(POLLIN), untilReady ? 1 : -1)
            if events > 0 {
                if sp_read(fault, &byte, 1) == 1 { _ = sp_kill(getpid(), SIGKILL) }
                return
            }
            if untilReady && sp_poll_one(ready, Int16(POLLIN), 0) != 0 { return }
        }
    }

    /// Waits for the thread and returns the namespace it served, what it could not do, or nil when no child asked.
    func join() -> Result<Int32, SystemError>? {
        if let id = thread.withLock({ $0 }) { pthread_join(id, nil) }
        return outcome.withLock { $0 }
    }
}
