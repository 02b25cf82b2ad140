// SPDX-License-Identifier: Apache-2.0
package import Documents
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
        /// What it waits for in the queue may have changed without anybody telling.
        case admission
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

/// What the daemon itself has to do at a time that is stored.
package enum Chore: String, Sendable, CaseIterable {
    /// Removing what is old.
    case collect
}

/// How many tasks may hold a slot, and how many may come.
package struct SlotCaps: Sendable, Hashable {
    package let perOwner: Int
    package let total: Int
    /// Tasks that one owner may submit within an hour.
    package let perHour: Int

    package init(perOwner: Int, total: Int, perHour: Int = TaskLimits.tasksPerHour) {
        self.perOwner = perOwner
        self.total = total
        self.perHour = perHour
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
    /// Changes of other tasks that this one brings with it, in the same transaction.
    package var consequences: [TaskChange] = []
    package var budget: BudgetChange?
    /// Thresholds that are told by this change, each once for ever.
    package var marks: [BudgetMark] = []

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
    /// What their records bear.
    package var correlation: CorrelationID?
    /// Only those that began before this one.
    package var before: String?
    package var limit: Int

    package init(
        owner: String? = nil, statuses: Set<TaskState> = [], repository: String? = nil, branch: String? = nil,
        correlation: CorrelationID? = nil, before: String? = nil, limit: Int = 50
    ) {
        self.correlation = correlation
        self.owner = owner
        self.statuses = statuses
        self.repository = repository
        self.branch = branch
        self.before = before
        self.limit = limit
    }
}

/// A task that another one depends on.
package struct Parent: Sendable, Hashable {
    package let id: String
    package let status: TaskState

    package init(id: String, status: TaskState) {
        self.id = id
        self.status = status
    }
}

/// Everything that outlives a process of the control plane.
///
/// For one writer. Each call is one transaction, durable when it returns. Every implementation passes the same conformance
/// suite.
package protocol TaskStore: AnyObject {
    /// A key that is known is answered before any of the terms is looked at.
    func create(
        _ task: TaskRecord, _ terms: CreationTerms, _ events: [NewEvent], timers: [TaskTimer.Kind: Int],
        at moment: Moment
    ) throws(StoreError) -> Creation
    /// - Returns: The task as it is stored now.
    /// - Throws: `.conflict` when the task was changed since, `.noSlot` without one, `.refused` for a change of state that
    ///   is no row of ``TransitionTable``. Nothing is stored then.
    func apply(_ change: TaskChange, at moment: Moment) throws(StoreError) -> TaskRecord
    func task(_ id: String) throws(StoreError) -> TaskRecord?
    func tasks(_ query: TaskQuery) throws(StoreError) -> [TaskRecord]
    /// Tasks that wait, in the order in which they are asked: by priority, then first come first.
    ///
    /// - Parameter after: Only those behind this one.
    func queue(after: QueuedTask?, limit: Int) throws(StoreError) -> [QueuedTask]
    /// Counts from 1; also for a task that is not in the queue, as if it were.
    func queuePosition(_ task: QueuedTask) throws(StoreError) -> Int
    /// Owners of tasks ahead of one that wait for something of the host.
    ///
    /// - Parameter except: Tasks that keep nobody.
    func ownersWaitingForHost(ahead: QueuedTask, except: Set<String>) throws(StoreError) -> [String]
    func slotHolders() throws(StoreError) -> [SlotHolder]
    /// How long the last tasks of a repository held their slots, newest first; without those that were cancelled.
    func durations(of repository: String, limit: Int) throws(StoreError) -> [Int]
    func budgetUse(_ budget: String, _ period: String) throws(StoreError) -> BudgetUse
    /// What an attempt reserved and has not settled; the limit of each is what it reserved.
    func reservations(of task: String, attempt: Int) throws(StoreError) -> [BudgetPeriod]
    /// Thresholds of a period that were told.
    func budgetMarks(_ budget: String, _ period: String) throws(StoreError) -> [Int]
    /// Tasks that are over since before a time, oldest first; without those that are held or that another task names.
    func expired(before milliseconds: Int, limit: Int) throws(StoreError) -> [TaskRecord]
    /// Removes a task with all that belongs to it.
    ///
    /// - Throws: `.refused` for one that is not over, is held, or that another one names.
    func remove(_ task: String) throws(StoreError)
    /// Forgets what was taken of budgets in periods before one.
    func forgetBudgets(before period: String) throws(StoreError)
    /// When something is due; nil when that was never said.
    func chore(_ kind: Chore) throws(StoreError) -> Int?
    func set(_ kind: Chore, due milliseconds: Int) throws(StoreError)
    /// What a task depends on.
    func parents(of task: String) throws(StoreError) -> [Parent]
    /// Tasks that depend on one directly and have not begun.
    func dependants(of task: String) throws(StoreError) -> [TaskRecord]
    /// Tasks that are not over, in the order of the queue.
    func unfinished() throws(StoreError) -> [TaskRecord]
    func slotsTaken(owner: String?) throws(StoreError) -> Int
    /// When the first came of as many tasks that an owner submitted or resumed as it may within a time; nil while there are
    /// fewer.
    func oldestOfFull(_ rate: CreationTerms.Rate, _ owner: String) throws(StoreError) -> Int?
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

extension TaskStore {
    package func create(_ task: TaskRecord, _ events: [NewEvent], timers: [TaskTimer.Kind: Int], at moment: Moment)
        throws(StoreError) -> Creation
    { try create(task, CreationTerms(), events, timers: timers, at: moment) }
}
