// SPDX-License-Identifier: Apache-2.0
package import TaskModel

/// What is removed because it is old: whole tasks, so that no chain of events ever has a gap.
extension SQLiteStore {
    private static let over = TaskState.allCases.filter(\.isTerminal).map { "'\($0.rawValue)'" }
        .joined(separator: ", ")
    /// A task that others name is there as long as they are.
    private static let isFree =
        "status IN (\(over)) AND held_by IS NULL AND NOT EXISTS (SELECT 1 FROM dependencies d WHERE d.parent = tasks.id)"

    package func expired(before milliseconds: Int, limit: Int) throws(StoreError) -> [TaskRecord] {
        try readable(
            try connection.run(
                TaskRows.select + " WHERE \(Self.isFree) AND status_ms < ? ORDER BY status_ms, id LIMIT ?",
                [.int(milliseconds), .int(limit)]))
    }

    package func remove(_ task: String) throws(StoreError) {
        try connection.transaction { () throws(StoreError) in
            guard try !records(" WHERE id = ? AND \(Self.isFree)", [.text(task)]).isEmpty else {
                throw StoreError(
                    .refused, "remove", "task \(task)", "it is not over, or is held, or others depend on it",
                    remedy: "Release it with: sallyport release \(task).")
            }
            for table in ["dependencies", "timers", "approvals", "journal", "events"] {
                try connection.run("DELETE FROM \(table) WHERE task = ?", [.text(task)])
            }
            try connection.run("DELETE FROM tasks WHERE id = ?", [.text(task)])
        }
    }

    package func forgetBudgets(before period: String) throws(StoreError) {
        try connection.transaction { () throws(StoreError) in
            for table in ["budget_entries", "budget_marks"] {
                // As text, since that is how dates sort; a month sorts before its days.
                try connection.run("DELETE FROM \(table) WHERE period < ?", [.text(period)])
            }
        }
    }

    package func chore(_ kind: Chore) throws(StoreError) -> Int? {
        try connection.run("SELECT due_ms FROM chores WHERE kind = ?", [.text(kind.rawValue)]).first?
            .int(0)
    }

    package func set(_ kind: Chore, due milliseconds: Int) throws(StoreError) {
        try connection.run(
            "INSERT INTO chores (kind, due_ms) VALUES (?, ?) ON CONFLICT DO UPDATE SET due_ms = excluded.due_ms",
            [.text(kind.rawValue), .int(milliseconds)])
    }
}
