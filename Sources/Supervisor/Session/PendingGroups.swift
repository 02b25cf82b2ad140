// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem
internal import Synchronization

/// A session's control groups while another thread makes them: several directories with their limits, under a lock that
/// the whole host shares.
final class PendingGroups: Sendable {
    private struct Outcome: ~Copyable {
        var group: SessionCgroup?
        var entrances: [Int32] = []
        var error: SystemError?
    }

    private let held = DescriptorSet()

    private let outcome = Mutex(Outcome())
    private let job = Mutex<WorkerThread.Job?>(nil)

    /// Begins to make the groups on `worker`, or makes them at once when there is none.
    ///
    /// Precondition: the session's state, which names them for sweep, is on disk, and its ids are in the host's table.
    static func begin(
        on worker: WorkerThread?, _ id: String, _ limits: CgroupLimits, _ layout: CgroupLayout, root: Bool
    ) -> PendingGroups {
        let pending = PendingGroups()
        let make: @Sendable () -> Void = { pending.make(id, limits, layout, root: root) }
        if let worker {
            let job = worker.perform(make)
            pending.job.withLock { $0 = job }
        } else {
            make()
        }
        return pending
    }

    private func make(_ id: String, _ limits: CgroupLimits, _ layout: CgroupLayout, root: Bool) {
        outcome.withLock { outcome in
            do throws(SystemError) {
                let group = try SessionCgroup.create(id, limits, layout, root: root)
                do throws(SystemError) { outcome.entrances = try group.entrances(held) } catch { outcome.error = error }
                outcome.group = consume group
            } catch { outcome.error = error }
        }
    }

    /// Waits for the groups and hands them over; nil when they were handed over before.
    func take() throws(SystemError) -> SessionCgroup? {
        job.withLock { $0 }?.wait()
        if let error = outcome.withLock({ $0.error }) { throw error }
        return outcome.withLock { $0.group.take() }
    }

    /// What a child joins the groups by, see ``SessionCgroup/entrances(_:)``; open as long as this is.
    var entrances: [Int32] { outcome.withLock { $0.entrances } }

    /// The groups of a session that will not be launched, if there are any: an error left none, or ones without entrance.
    func settle() -> SessionCgroup? {
        job.withLock { $0 }?.settle()
        return outcome.withLock { $0.group.take() }
    }
}
