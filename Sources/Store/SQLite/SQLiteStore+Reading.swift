// SPDX-License-Identifier: Apache-2.0
internal import Documents
package import TaskModel

extension SQLiteStore {
    package func task(_ id: String) throws(StoreError) -> TaskRecord? {
        try records(" WHERE id = ?", [.text(id)]).first
    }

    package func tasks(_ query: TaskQuery) throws(StoreError) -> [TaskRecord] {
        var conditions: [String] = []
        var values: [SQLValue] = []
        if let owner = query.owner {
            conditions.append("owner = ?")
            values.append(.text(owner))
        }
        if let repository = query.repository {
            conditions.append("repository = ?")
            values.append(.text(repository))
        }
        if let branch = query.branch {
            conditions.append("branch = ?")
            values.append(.text(branch))
        }
        if let correlation = query.correlation {
            conditions.append("json_extract(request, '$.\(CorrelationID.member)') = ?")
            values.append(.text(correlation.description))
        }
        if !query.statuses.isEmpty {
            let marks = query.statuses.map { _ in "?" }.joined(separator: ", ")
            conditions.append("status IN (\(marks))")
            values += query.statuses.map { .text($0.rawValue) }
        }
        // Names sort by when they were made.
        conditions.append("id < ?")
        let filter = " WHERE " + conditions.joined(separator: " AND ") + " ORDER BY id DESC LIMIT ?"
        var found: [TaskRecord] = []
        // Behind every name.
        var before = query.before ?? "\u{10FFFF}"
        while found.count < query.limit {
            let wanted = query.limit - found.count
            let rows = try connection.run(TaskRows.select + filter, values + [.text(before), .int(wanted)])
            found += try readable(rows)
            // As many more as were left out.
            guard rows.count == wanted, let last = rows.last?.text(0) else { break }
            before = last
        }
        return found
    }

    package func unfinished() throws(StoreError) -> [TaskRecord] {
        let over = TaskState.allCases.filter(\.isTerminal).map { SQLValue.text($0.rawValue) }
        let marks = over.map { _ in "?" }.joined(separator: ", ")
        return try readable(
            try connection.run(
                TaskRows.select + " WHERE status NOT IN (\(marks)) ORDER BY priority DESC, arrived_ms, id", over))
    }

    package func slotsTaken(owner: String?) throws(StoreError) -> Int {
        let row =
            if let owner {
                try connection.run("SELECT count(*) FROM tasks WHERE holds_slot = 1 AND owner = ?", [.text(owner)])
            } else {
                try connection.run("SELECT count(*) FROM tasks WHERE holds_slot = 1")
            }
        return row.first?.int(0) ?? 0
    }

    package func events(of task: String, after sequence: Int, limit: Int) throws(StoreError) -> [EventRecord] {
        let rows = try connection.run(
            EventRows.select + " WHERE task = ? AND seq > ? ORDER BY seq LIMIT ?",
            [.text(task), .int(sequence), .int(limit)])
        return try rows.map { (row) throws(StoreError) in try EventRows.read(row, connection.path) }
    }

    package func journal(of task: String) throws(StoreError) -> [JournalRecord] {
        let rows = try connection.run(
            JournalRows.select + " WHERE task = ? ORDER BY attempt, started_ms, step, try", [.text(task)])
        return try rows.map { (row) throws(StoreError) in try JournalRows.read(row, connection.path) }
    }

    package func approvals(of task: String) throws(StoreError) -> [ApprovalRecord] {
        let rows = try connection.run(
            ApprovalRows.select + " WHERE task = ? ORDER BY created_ms, length(request), request", [.text(task)])
        return try rows.map { (row) throws(StoreError) in try ApprovalRows.read(row, connection.path) }
    }

    package func timers(of task: String) throws(StoreError) -> [TaskTimer] {
        try timers("WHERE task = ? ORDER BY kind", [.text(task)])
    }

    package func dueTimers(at milliseconds: Int) throws(StoreError) -> [TaskTimer] {
        try timers("WHERE due_ms <= ? ORDER BY due_ms, task, kind", [.int(milliseconds)])
    }

    package func nextDue() throws(StoreError) -> Int? {
        try connection.run("SELECT min(due_ms) FROM timers").first?.int(0)
    }

    private func timers(_ filter: String, _ values: [SQLValue]) throws(StoreError) -> [TaskTimer] {
        try connection.run("SELECT task, kind, due_ms FROM timers " + filter, values).map { (row) throws(StoreError) in
            guard let task = row.text(0), let kind = row.text(1).flatMap(TaskTimer.Kind.init(rawValue:)),
                let due = row.int(2)
            else { throw StoreError.unreadable("timer", row.text(0), connection.path) }
            return TaskTimer(task: task, kind: kind, dueMilliseconds: due)
        }
    }

    func records(_ filter: String, _ values: [SQLValue]) throws(StoreError) -> [TaskRecord] {
        try connection.run(TaskRows.select + filter, values).map { (row) throws(StoreError) in
            try TaskRows.read(row, connection.path)
        }
    }

    /// The tasks of a list. One whose row is damaged is told of, and keeps nobody from the others.
    func readable(_ rows: [SQLRow]) throws(StoreError) -> [TaskRecord] {
        var tasks: [TaskRecord] = []
        for row in rows {
            do throws(StoreError) {
                tasks.append(try TaskRows.read(row, connection.path))
            } catch {
                guard error.code == .corrupted else { throw error }
                tellLeftOut(row.text(0) ?? "", error)
            }
        }
        return tasks
    }
}
