// SPDX-License-Identifier: Apache-2.0
package import Blueprints
internal import Documents
internal import Store
package import TaskModel

extension Orchestrator {
    /// Says that nothing of a task may be removed however old it is, or that it may again.
    ///
    /// - Parameter by: Who holds it; nil releases it.
    package func hold(_ task: TaskRecord, by: String?) throws(TaskRefusal) -> TaskRecord {
        var held = task
        let before = held.admission.heldBy
        held.admission.heldBy = by
        let told = NewEvent(by == nil ? .holdReleased : .holdSet, ["by": .optional(by ?? before)])
        let wanted = held
        return try serving { () throws(StoreError) in try change(TaskChange(wanted, events: [told])) }
    }

    /// A month of UTC, as budgets name it.
    package static func month(at milliseconds: Int) -> String { BudgetCalendar(milliseconds: milliseconds).month }

    /// Makes a new attempt of a task that is FAILED or TIMED_OUT; what the earlier ones did stays in its events.
    ///
    /// It joins the queue as if it came now, and lives by what is applied now: whoever may not submit it any more, or not so
    /// often, or with so much, cannot have it by this way either.
    ///
    /// - Parameter gate: Lets it pass as if its owner submitted it now.
    package func resume(
        _ id: String, by: String, gate: (TaskRecord) throws(TaskRefusal) -> AcceptedTask
    ) throws(TaskRefusal) -> TaskRecord {
        var task = try find(id)
        let before = task.status
        guard before == .failed || before == .timedOut else {
            throw TaskRefusal(
                before.isTerminal ? .taskAlreadyTerminal : .validation,
                "cannot resume task \(id): it is \(before.rawValue). Only what is FAILED or TIMED_OUT is resumed.")
        }
        let parents = try serving { () throws(StoreError) in try store.parents(of: id) }
        if let ended = parents.first(where: { $0.status.isTerminal && $0.status != .completed }) {
            throw TaskRefusal(
                .validation,
                "cannot resume task \(id): task \(ended.id), which it depends on, is \(ended.status.rawValue). Resume that one first."
            )
        }
        try admitAnew(&task, try gate(task))
        task.status = .queued
        task.attempt += 1
        task.session = nil
        task.handle = nil
        task.report = nil
        task.news = 0
        task.failure = nil
        task.cancelledBy = nil
        task.deadlineMilliseconds = nil
        task.admission.arrivedMilliseconds = milliseconds
        task.admission.admittedMilliseconds = nil
        task.admission.waits = QueueReason(.slots, "a slot")
        let told = NewEvent(
            .taskResumed,
            [
                "by": .string(by), "attempt": .int(task.attempt), "was": .string(before.rawValue),
                "blueprint_sha256": .optional(task.blueprint?.digest),
            ])
        let resumed = task
        _ = try serving { () throws(StoreError) in
            try change(
                TaskChange(
                    resumed, .resumed, events: [told],
                    timers: [.queueAge: milliseconds + TaskLimits.queueMaxAge.milliseconds]))
        }
        needsWake = true
        advance(id)
        return try find(id)
    }

    private func admitAnew(_ task: inout TaskRecord, _ accepted: AcceptedTask) throws(TaskRefusal) {
        let owner = task.owner
        guard owner == "uid:\(accepted.submitter.uid)" else {
            throw TaskRefusal(
                .internalError,
                "cannot resume task \(task.id): another than its owner was asked about. Please report it.")
        }
        let rate = CreationTerms.Rate(most: caps.perHour, sinceMilliseconds: milliseconds - Self.hour)
        if let oldest = try serving({ () throws(StoreError) in try store.oldestOfFull(rate, owner) }) {
            throw refusal(.limited(oldestMilliseconds: oldest), owner)
        }
        task.blueprint = accepted.snapshot.stored(sha256: host.sha256)
        task.approvals = try ApprovalPolicy(accepted)
        task.admission.budgetMicroDollars = nil
        try weigh(accepted, &task)
    }
}
