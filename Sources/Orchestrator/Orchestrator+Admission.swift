// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Store
internal import TaskModel

/// Slots and the queue for them.
extension Orchestrator {
    /// Takes a slot and goes on, or waits in the queue.
    func admit(_ submitted: TaskRecord) throws(StoreError) -> Bool {
        var task = submitted
        let record = try begin(.admissionControl, &task)
        reached(.admissionControl, .acted, task.id)
        do throws(StoreError) {
            // Still SUBMITTED: what is looked at before anything is spent comes next.
            try end(
                .admissionControl, record,
                TaskChange(task, takesSlot: caps, timers: [.queueAge: Int?.none]))
            return true
        } catch {
            guard error.code == .noSlot else { throw error }
        }
        task.status = .queued
        let position =
            try store.queue().filter { ($0.createdMilliseconds, $0.id) < (task.createdMilliseconds, task.id) }
            .count + 1
        let age = task.createdMilliseconds + TaskLimits.queueMaxAge.milliseconds
        try end(
            .admissionControl, record,
            TaskChange(
                task, .capReached, events: [NewEvent(.admissionQueued, ["position": .int(position)])],
                timers: [.queueAge: age]),
            output: ["queued": true])
        return false
    }

    /// Leaves the queue when there is a slot, or after too long.
    ///
    /// Whoever is woken here takes the slot before anybody else is asked, so that the order of the queue holds.
    func leaveQueue(_ queued: TaskRecord) throws(StoreError) -> Bool {
        var task = queued
        if milliseconds >= task.createdMilliseconds + TaskLimits.queueMaxAge.milliseconds {
            task.status = .failed
            task.failure = TaskFailureRecord(
                .concurrency, .transient,
                "the task waited for a slot for \(TaskLimits.queueMaxAge.milliseconds / 3_600_000) hours. Submit it again, or raise the caps."
            )
            try change(TaskChange(task, .queueExpired, events: [Self.ending(task)]))
            return true
        }
        guard try store.slotsTaken(owner: task.owner) < caps.perOwner, try store.slotsTaken(owner: nil) < caps.total
        else { return false }
        task.status = .submitted
        try change(TaskChange(task, .slotFreed))
        return true
    }

    /// A slot is free: wakes whoever is first for it.
    func wakeQueue() throws(StoreError) {
        for task in try store.queue() {
            if try store.slotsTaken(owner: nil) >= caps.total { return }
            if try store.slotsTaken(owner: task.owner) < caps.perOwner { advance(task.id) }
        }
    }

    /// How a task ended, for the feed.
    static func ending(_ task: TaskRecord) -> NewEvent {
        let fact: EventType.Fact =
            switch task.status {
            case .completed: .taskCompleted
            case .cancelled: .taskCancelled
            case .timedOut: .taskTimedOut
            case .failed, .pendingUploads, .queued, .submitted, .hydrating, .running, .awaitingApproval, .finalizing:
                .taskFailed
            }
        return NewEvent(fact, ["result": task.report?.json ?? .null, "error": task.failure?.json ?? .null])
    }
}

extension Duration {
    var milliseconds: Int {
        Int(components.seconds) * 1000 + Int(components.attoseconds / 1_000_000_000_000_000)
    }
}
