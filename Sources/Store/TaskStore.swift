// SPDX-License-Identifier: Apache-2.0
package import TaskModel

/// When something is recorded; from the clock of whoever drives the store.
package struct Moment: Sendable, Hashable {
    /// Since 1970.
    package let wallMilliseconds: Int
    package let monotonicMilliseconds: Int

    package init(wallMilliseconds: Int, monotonicMilliseconds: Int) {
        self.wallMilliseconds = wallMilliseconds
        self.monotonicMilliseconds = monotonicMilliseconds
    }
}

/// A time that a task waits for, kept so that a restart does not forget it.
package struct TaskTimer: Sendable, Hashable {
    package enum Kind: String, Sendable, CaseIterable {
        /// The session has to be over.
        case deadline
        /// The longest time in the queue.
        case queueAge = "queue_age"
        /// A step has to be over, or is tried again.
        case step
        /// The first of the open questions is answered by nobody.
        case approval
    }

    package let task: String
    package let kind: Kind
    package let dueMilliseconds: Int

    package init(task: String, kind: Kind, dueMilliseconds: Int) {
        self.task = task
        self.kind = kind
        self.dueMilliseconds = dueMilliseconds
    }
}

/// How many tasks may hold a slot.
package struct SlotCaps: Sendable, Hashable {
    package let perOwner: Int
    package let total: Int

    package init(perOwner: Int, total: Int) {
        self.perOwner = perOwner
        self.total = total
    }
}

/// One change of one task: all of it is stored, or nothing.
package struct TaskChange: Sendable {
    /// As it is to be; its revision is the one that it was read with.
    package var task: TaskRecord
    /// What happened, when the state changes.
    package var event: TransitionEvent?
    /// The task takes a slot, if there is one below these caps.
    package var takesSlot: SlotCaps?
    package var events: [NewEvent]
    package var journal: [JournalRecord]
    package var approvals: [ApprovalRecord]
    /// Set, or where the time is nil taken away.
    package var timers: [TaskTimer.Kind: Int?]

    package init(
        _ task: TaskRecord, _ event: TransitionEvent? = nil, takesSlot: SlotCaps? = nil, events: [NewEvent] = [],
        journal: [JournalRecord] = [], approvals: [ApprovalRecord] = [], timers: [TaskTimer.Kind: Int?] = [:]
    ) {
        self.task = task
        self.event = event
        self.takesSlot = takesSlot
        self.events = events
        self.journal = journal
        self.approvals = approvals
        self.timers = timers
    }
}

/// Which tasks a list is of; newest first.
package struct TaskQuery: Sendable, Hashable {
    package var owner: String?
    package var statuses: Set<TaskState>
    package var repository: String?
    /// That was handed over.
    package var branch: String?
    /// Only those that began before this one.
    package var before: String?
    package var limit: Int

    package init(
        owner: String? = nil, statuses: Set<TaskState> = [], repository: String? = nil, branch: String? = nil,
        before: String? = nil, limit: Int = 50
    ) {
        self.owner = owner
        self.statuses = statuses
        self.repository = repository
        self.branch = branch
        self.before = before
        self.limit = limit
    }
}

/// What became of a task that is to be created.
package enum Creation: Sendable, Hashable {
    case created(TaskRecord)
    /// The same owner asked for it before, by the same key.
    case replayed(TaskRecord)
    /// Another owner used the key.
    case taken
}

/// Everything that outlives a process of the control plane.
///
/// For one writer. Each call is one transaction, durable when it returns. Every implementation passes the same conformance
/// suite.
package protocol TaskStore: AnyObject {
    func create(_ task: TaskRecord, _ events: [NewEvent], timers: [TaskTimer.Kind: Int], at moment: Moment)
        throws(StoreError) -> Creation
    /// - Returns: The task as it is stored now.
    /// - Throws: `.conflict` when the task was changed since, `.noSlot` without one, `.refused` for a change of state that
    ///   is no row of ``TransitionTable``. Nothing is stored then.
    func apply(_ change: TaskChange, at moment: Moment) throws(StoreError) -> TaskRecord
    func task(_ id: String) throws(StoreError) -> TaskRecord?
    func tasks(_ query: TaskQuery) throws(StoreError) -> [TaskRecord]
    /// Tasks that wait for a slot, first come first.
    func queue() throws(StoreError) -> [TaskRecord]
    /// Tasks that are not over, oldest first.
    func unfinished() throws(StoreError) -> [TaskRecord]
    func slotsTaken(owner: String?) throws(StoreError) -> Int
    /// Events behind a sequence number, in order.
    func events(of task: String, after sequence: Int, limit: Int) throws(StoreError) -> [EventRecord]
    func journal(of task: String) throws(StoreError) -> [JournalRecord]
    func approvals(of task: String) throws(StoreError) -> [ApprovalRecord]
    func timers(of task: String) throws(StoreError) -> [TaskTimer]
    /// Timers that are due, earliest first.
    func dueTimers(at milliseconds: Int) throws(StoreError) -> [TaskTimer]
    func nextDue() throws(StoreError) -> Int?
    /// Copies everything to a new file while the store is in use.
    func backUp(to path: String) throws(StoreError)
}
