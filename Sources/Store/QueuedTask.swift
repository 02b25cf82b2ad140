// SPDX-License-Identifier: Apache-2.0
package import TaskModel

/// A task's place in the queue, without what it is to do: thousands of them are walked at every end of a task.
package struct QueuedTask: Sendable, Hashable {
    package let id: String
    package let owner: String
    package let repository: String?
    package let priority: Int
    package let arrivedMilliseconds: Int
    package let waits: QueueReason.Kind?

    package init(_ task: TaskRecord) {
        self.init(
            id: task.id, owner: task.owner, repository: task.request.repository, priority: task.admission.priority,
            arrivedMilliseconds: task.admission.arrivedMilliseconds, waits: task.admission.waits?.kind)
    }

    package init(
        id: String, owner: String, repository: String?, priority: Int, arrivedMilliseconds: Int,
        waits: QueueReason.Kind?
    ) {
        self.id = id
        self.owner = owner
        self.repository = repository
        self.priority = priority
        self.arrivedMilliseconds = arrivedMilliseconds
        self.waits = waits
    }
}

/// A task that holds a slot.
package struct SlotHolder: Sendable, Hashable {
    package let id: String
    package let owner: String
    package let repository: String?
    package let admittedMilliseconds: Int?
    package let resources: TaskResources

    package init(
        id: String, owner: String, repository: String?, admittedMilliseconds: Int?, resources: TaskResources
    ) {
        self.id = id
        self.owner = owner
        self.repository = repository
        self.admittedMilliseconds = admittedMilliseconds
        self.resources = resources
    }
}

/// What must hold for a task to be taken, seen in the transaction that takes it.
package struct CreationTerms: Sendable, Hashable {
    /// Tasks that it depends on.
    package var parents: [String]
    /// The most that its owner may have submitted and resumed since a time, this one with them.
    package var rate: Rate?

    package struct Rate: Sendable, Hashable {
        package let most: Int
        package let sinceMilliseconds: Int

        package init(most: Int, sinceMilliseconds: Int) {
            self.most = most
            self.sinceMilliseconds = sinceMilliseconds
        }
    }

    package init(parents: [String] = [], rate: Rate? = nil) {
        self.parents = parents
        self.rate = rate
    }
}

/// What became of a task that is to be created.
package enum Creation: Sendable, Hashable {
    case created(TaskRecord)
    /// The same owner asked for it before, by the same key.
    case replayed(TaskRecord)
    /// Another owner used the key.
    case taken
    /// The owner has submitted as many as it may; the oldest of those that count was at this time.
    case limited(oldestMilliseconds: Int)
    /// It depends on a task that there is not.
    case noParent(String)
    /// It depends on another owner's task.
    case foreignParent(String)
    /// It depends on a task that will never be COMPLETED as it stands.
    case endedParent(String, TaskState)
}
