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

    package static let full = StoreError(.full, "use", "the store", "the disk is full", remedy: "Free space.")

    package init(_ base: any TaskStore) { self.base = base }

    private func alive() throws(StoreError) { if isDead { throw Self.full } }

    package func create(_ task: TaskRecord, _ events: [NewEvent], timers: [TaskTimer.Kind: Int], at moment: Moment)
        throws(StoreError) -> Creation
    {
        try alive()
        return try base.create(task, events, timers: timers, at: moment)
    }
    package func apply(_ change: TaskChange, at moment: Moment) throws(StoreError) -> TaskRecord {
        try alive()
        if let error = failing(change) { throw error }
        return try base.apply(change, at: moment)
    }
    package func task(_ id: String) throws(StoreError) -> TaskRecord? {
        try alive()
        return try base.task(id)
    }
    package func tasks(_ query: TaskQuery) throws(StoreError) -> [TaskRecord] {
        try alive()
        return try base.tasks(query)
    }
    package func queue() throws(StoreError) -> [TaskRecord] {
        try alive()
        return try base.queue()
    }
    package func unfinished() throws(StoreError) -> [TaskRecord] {
        try alive()
        return try base.unfinished()
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
