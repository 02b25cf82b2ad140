// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Isolation
package import LinuxSystem
internal import Synchronization

/// What of a session's start needs nothing of its request, begun while that is still being read.
///
/// A second thread looks for the host's control groups and makes the network namespace, which together take as long as
/// everything that the first thread does until it can launch. A request that then turns out to be wrong costs a
/// namespace that nobody sees.
package struct HeadStart: ~Copyable {
    let signals: Descriptor
    /// Host mode only; a rootless session's child makes its own namespace, and its supervisor needs no second thread.
    let worker: WorkerThread?
    let network: SessionNetwork?
    private let layout: PendingLayout

    /// Blocks every signal of this process: until the session watches them they wait.
    ///
    /// Precondition: the main thread, and no other one yet; it becomes the child's life line. Descriptors of the caller
    /// are closed already, since this opens some of its own.
    package static func begin() throws(SystemError) -> HeadStart {
        let signals = Descriptor(owning: Int32(try checked("watch", "signals") { sp_block_signals_and_watch() }))
        sp_one_heap()
        guard Mode.current == .host else { return HeadStart(signals: signals, worker: nil) }
        return HeadStart(signals: signals, worker: try WorkerThread("network"))
    }

    private init(signals: consuming Descriptor, worker: WorkerThread?) {
        self.signals = signals
        self.worker = worker
        layout = PendingLayout(on: worker)
        network = worker.map { SessionNetwork.begin(on: $0) }
    }

    /// Where this host's controllers are.
    borrowing func cgroupLayout() throws(SystemError) -> CgroupLayout { try layout.get() }
}

/// The host's control groups while another thread looks for them, or when somebody asks.
private final class PendingLayout: Sendable {
    private struct Outcome {
        var layout: CgroupLayout?
        var error: SystemError?
    }

    private let found = Mutex(Outcome())
    private let job = Mutex<WorkerThread.Job?>(nil)

    init(on worker: WorkerThread?) {
        guard let worker else { return }
        let job = worker.perform { [self] in look() }
        self.job.withLock { $0 = job }
    }

    private func look() {
        var outcome = Outcome()
        do throws(SystemError) { outcome.layout = try CgroupLayout.detect() } catch { outcome.error = error }
        found.withLock { $0 = outcome }
    }

    func get() throws(SystemError) -> CgroupLayout {
        if let job = job.withLock({ $0 }) { job.wait() } else { look() }
        let outcome = found.withLock { $0 }
        guard let layout = outcome.layout else { throw outcome.error ?? SystemError("find", "control groups", .io) }
        return layout
    }
}
