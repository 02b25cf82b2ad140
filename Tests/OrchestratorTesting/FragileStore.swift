// SPDX-License-Identifier: Apache-2.0
package import Store
package import TaskModel

/// A store that fails when its test says so: at some change, or, as for a process that was killed, from now on.
package final class FragileStore: TaskStore {
    private let base: any TaskStore
    /// Nothing is stored and nothing is told any more.
    package var isDead = false
    /// Says which changes fail.
    package var failing: (TaskChange) -> StoreError? = { _ in nil }
    /// Tasks whose rows nobody can read.
    package var unreadable: Set<String> = []

    package static let full = StoreError(.full, "use", "the store", "the disk is full", remedy: "Free space.")

    package init(_ base: any TaskStore) { self.base = base }

    private func alive() throws(StoreError) { if isDead { throw Self.full } }

    package func create(
        _ task: TaskRecord, _ terms: CreationTerms, _ events: [NewEvent], timers: [TaskTimer.Kind: Int],
        at moment: Moment
    ) throws(StoreError) -> Creation {
        try alive()
        return try base.create(task, terms, events, timers: timers, at: moment)
    }
    package func apply(_ change: TaskChange, at moment: Moment) throws(StoreError) -> TaskRecord {
        try alive()
        if let error = failing(change) { throw error }
        return try base.apply(change, at: moment)
    }
    package func task(_ id: String) throws(StoreError) -> TaskRecord? {
        try alive()
        if unreadable.contains(id) {
            throw StoreError(.corrupted, "read", "task \(id)", "its row is damaged", remedy: "Restore a backup.")
        }
        return try base.task(id)
    }
    package func tasks(_ query: TaskQuery) throws(StoreError) -> [TaskRecord] {
        try alive()
        return try base.tasks(query)
    }
    package func queue(after: QueuedTask?, limit: Int) throws(StoreError) -> [QueuedTask] {
        try alive()
        return try base.queue(after: after, limit: limit)
    }
    package func queuePosition(_ task: QueuedTask) throws(StoreError) -> Int {
        try alive()
        return try base.queuePosition(task)
    }
    package func ownersWaitingForHost(ahead: QueuedTask, except: Set<String>) throws(StoreError) -> [String] {
        try alive()
        return try base.ownersWaitingForHost(ahead: ahead, except: except)
    }
    package func slotHolders() throws(StoreError) -> [SlotHolder] {
        try alive()
        return try base.slotHolders()
    }
    package func durations(of repository: String, limit: Int) throws(StoreError) -> [Int] {
        try alive()
        return try base.durations(of: repository, limit: limit)
    }
    package func budgetUse(_ budget: String, _ period: String) throws(StoreError) -> BudgetUse {
        try alive()
        return try base.budgetUse(budget, period)
    }
    package func reservations(of task: String, attempt: Int) throws(StoreError) -> [BudgetPeriod] {
        try alive()
        return try base.reservations(of: task, attempt: attempt)
    }
    package func budgetMarks(_ budget: String, _ period: String) throws(StoreError) -> [Int] {
        try alive()
        return try base.budgetMarks(budget, period)
    }
    package func expired(before milliseconds: Int, limit: Int) throws(StoreError) -> [TaskRecord] {
        try alive()
        return try base.expired(before: milliseconds, limit: limit)
    }
    package func remove(_ task: String) throws(StoreError) {
        try alive()
        try base.remove(task)
    }
    package func forgetBudgets(before period: String) throws(StoreError) {
        try alive()
        try base.forgetBudgets(before: period)
    }
    package func chore(_ kind: Chore) throws(StoreError) -> Int? {
        try alive()
        return try base.chore(kind)
    }
    package func set(_ kind: Chore, due milliseconds: Int) throws(StoreError) {
        try alive()
        try base.set(kind, due: milliseconds)
    }
    package func parents(of task: String) throws(StoreError) -> [Parent] {
        try alive()
        return try base.parents(of: task)
    }
    package func dependants(of task: String) throws(StoreError) -> [TaskRecord] {
        try alive()
        return try base.dependants(of: task)
    }
    package func unfinished() throws(StoreError) -> [TaskRecord] {
        try alive()
        return try base.unfinished()
    }
    package func oldestOfFull(_ rate: CreationTerms.Rate, _ owner: String) throws(StoreError) -> Int? {
        try alive()
        return try base.oldestOfFull(rate, owner)
    }
    package func slotsTaken(owner: String?) throws(StoreError) -> Int {
        try alive()
        return try base.slotsTaken(owner: owner)
    }
    package func events(of task: String, after sequence: Int, limit: Int) throws(StoreError) -> [EventRecord] {
        try alive()
        return try base.events(of: task, after: sequence, limit: limit)
    }
    package func journal(of task: String) throws(StoreError) -> [JournalRecord] {
        try alive()
        return try base.journal(of: task)
    }
    package func approvals(of task: String) throws(StoreError) -> [ApprovalRecord] {
        try alive()
        return try base.approvals(of: task)
    }
    package func timers(of task: String) throws(StoreError) -> [TaskTimer] {
        try alive()
        return try base.timers(of: task)
    }
    package func dueTimers(at milliseconds: Int) throws(StoreError) -> [TaskTimer] {
        try alive()
        return try base.dueTimers(at: milliseconds)
    }
    package func nextDue() throws(StoreError) -> Int? {
        try alive()
        return try base.nextDue()
    }
    package func backUp(to path: String) throws(StoreError) {
        try alive()
        try base.backUp(to: path)
    }
}
