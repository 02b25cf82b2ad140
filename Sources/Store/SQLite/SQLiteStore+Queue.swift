// SPDX-License-Identifier: Apache-2.0
internal import Documents
package import TaskModel

/// The queue, the slots, and what tasks wait for of each other.
extension SQLiteStore {
    /// The order of the queue, as the index has it.
    private static let order = "ORDER BY priority DESC, arrived_ms, id"
    private static let ahead = "(priority > ? OR priority = ? AND (arrived_ms, id) < (?, ?))"

    private static func place(_ task: QueuedTask) -> [SQLValue] {
        [.int(task.priority), .int(task.priority), .int(task.arrivedMilliseconds), .text(task.id)]
    }

    package func queue(after: QueuedTask?, limit: Int) throws(StoreError) -> [QueuedTask] {
        let columns = "SELECT id, owner, repository, priority, arrived_ms, waits_for FROM tasks WHERE status = 'QUEUED'"
        let rows =
            if let after {
                try connection.run(
                    columns + " AND (priority < ? OR priority = ? AND (arrived_ms, id) > (?, ?)) \(Self.order) LIMIT ?",
                    Self.place(after) + [.int(limit)])
            } else {
                try connection.run("\(columns) \(Self.order) LIMIT ?", [.int(limit)])
            }
        return try rows.map { (row) throws(StoreError) in
            guard let id = row.text(0), let owner = row.text(1), let priority = row.int(3), let arrived = row.int(4)
            else { throw StoreError.unreadable("task", row.text(0), connection.path) }
            return QueuedTask(
                id: id, owner: owner, repository: row.text(2), priority: priority, arrivedMilliseconds: arrived,
                waits: row.text(5).flatMap(QueueReason.Kind.init(rawValue:)))
        }
    }

    package func queuePosition(_ task: QueuedTask) throws(StoreError) -> Int {
        let row = try connection.run(
            "SELECT count(*) FROM tasks WHERE status = 'QUEUED' AND \(Self.ahead)", Self.place(task)
        ).first
        return 1 + (row?.int(0) ?? 0)
    }

    package func ownersWaitingForHost(ahead task: QueuedTask, except: Set<String>) throws(StoreError) -> [String] {
        let kinds = QueueReason.Kind.allCases.filter(\.isOfHost)
        // As one value, so that there is one statement however many they are.
        let names = JSON.array(except.sorted().map { .string($0) }).compactText
        let rows = try connection.run(
            "SELECT DISTINCT owner FROM tasks WHERE status = 'QUEUED' AND \(Self.ahead) AND waits_for IN (\(kinds.map { _ in "?" }.joined(separator: ", "))) AND id NOT IN (SELECT value FROM json_each(?))",
            Self.place(task) + kinds.map { .text($0.rawValue) } + [.text(names)])
        return rows.compactMap { $0.text(0) }
    }

    package func slotHolders() throws(StoreError) -> [SlotHolder] {
        let rows = try connection.run(
            "SELECT id, owner, repository, admitted_ms, memory_bytes, cpu_milli, disk_bytes FROM tasks WHERE holds_slot = 1 ORDER BY admitted_ms, id"
        )
        return try rows.map { (row) throws(StoreError) in
            guard let id = row.text(0), let owner = row.text(1), let memory = row.int(4), let processors = row.int(5),
                let disk = row.int(6)
            else { throw StoreError.unreadable("task", row.text(0), connection.path) }
            return SlotHolder(
                id: id, owner: owner, repository: row.text(2), admittedMilliseconds: row.int(3),
                resources: TaskResources(memoryBytes: memory, milliProcessors: processors, diskBytes: disk))
        }
    }

    package func durations(of repository: String, limit: Int) throws(StoreError) -> [Int] {
        let over = TaskState.allCases.filter(\.isTerminal).filter { $0 != .cancelled }
        return try connection.run(
            "SELECT status_ms - admitted_ms FROM tasks WHERE repository = ? AND admitted_ms IS NOT NULL AND status IN (\(over.map { _ in "?" }.joined(separator: ", "))) ORDER BY created_ms DESC LIMIT ?",
            [.text(repository)] + over.map { .text($0.rawValue) } + [.int(limit)]
        ).compactMap { $0.int(0) }
    }

    package func parents(of task: String) throws(StoreError) -> [Parent] {
        try connection.run(
            "SELECT t.id, t.status FROM dependencies d JOIN tasks t ON t.id = d.parent WHERE d.task = ? ORDER BY t.id",
            [.text(task)]
        ).map { (row) throws(StoreError) in
            guard let id = row.text(0), let status = row.text(1).flatMap(TaskState.init(rawValue:)) else {
                throw StoreError.unreadable("task", row.text(0), connection.path)
            }
            return Parent(id: id, status: status)
        }
    }

    package func dependants(of task: String) throws(StoreError) -> [TaskRecord] {
        try readable(
            try connection.run(
                TaskRows.select
                    + " WHERE id IN (SELECT task FROM dependencies WHERE parent = ?) AND status IN ('SUBMITTED', 'QUEUED') ORDER BY id",
                [.text(task)]))
    }

    package func oldestOfFull(_ rate: CreationTerms.Rate, _ owner: String) throws(StoreError) -> Int? {
        // The newest that would have to be forgotten for one more to have room. An attempt is told by its event: the row
        // knows only the last.
        try connection.run(
            """
            SELECT created_ms AS came_ms FROM tasks WHERE owner = ?1 AND created_ms > ?2
            UNION ALL
            SELECT e.wall_ms FROM tasks t JOIN events e ON e.task = t.id
            WHERE t.owner = ?1 AND t.attempt > 1 AND t.arrived_ms > ?2 AND e.type = ?4 AND e.wall_ms > ?2
            ORDER BY came_ms DESC LIMIT 1 OFFSET ?3
            """,
            [
                .text(owner), .int(rate.sinceMilliseconds), .int(rate.most - 1),
                .text(EventType.fact(.taskResumed).text),
            ]
        ).first?.int(0)
    }

    /// What keeps a task from being taken; nil when nothing does.
    func obstacle(_ task: TaskRecord, _ terms: CreationTerms) throws(StoreError) -> Creation? {
        if let rate = terms.rate {
            let oldest = try oldestOfFull(rate, task.owner)
            if let oldest { return .limited(oldestMilliseconds: oldest) }
        }
        for name in terms.parents {
            guard let parent = try self.task(name) else { return .noParent(name) }
            guard parent.owner == task.owner else { return .foreignParent(name) }
            if parent.status.isTerminal, parent.status != .completed { return .endedParent(name, parent.status) }
        }
        return nil
    }
}
