// SPDX-License-Identifier: Apache-2.0
package import TaskModel

/// What of all tasks is counted for whoever looks at figures.
package struct StoreFigures: Sendable, Hashable {
    /// Every state, also those that no task is in.
    package var statuses: [(status: TaskState, count: Int)] {
        TaskState.allCases.map { ($0, counts[$0] ?? 0) }
    }
    package var counts: [TaskState: Int] = [:]
    /// Of tasks that are over and had a slot, in milliseconds.
    package var durations: [Int] = []
    package var approvalWaits: [Int] = []
    package var inputTokens = 0
    package var outputTokens = 0
    package var microDollars = 0
    package var slotsTaken = 0
    package var promised = TaskResources.nothing
}

extension SQLiteStore {
    package func figures() throws(StoreError) -> StoreFigures {
        var figures = StoreFigures()
        for row in try connection.run("SELECT status, count(*) FROM tasks GROUP BY status") {
            guard let status = row.text(0).flatMap(TaskState.init(rawValue:)) else { continue }
            figures.counts[status] = row.int(1)
        }
        let over = TaskState.allCases.filter(\.isTerminal).map { "'\($0.rawValue)'" }.joined(
            separator: ", ")
        figures.durations = try connection.run(
            "SELECT status_ms - admitted_ms FROM tasks WHERE admitted_ms IS NOT NULL AND status IN (\(over))"
        ).compactMap { $0.int(0) }
        // What the order or the policy answered at once kept nobody waiting.
        figures.approvalWaits = try connection.run(
            "SELECT decided_ms - created_ms FROM approvals WHERE decided_ms IS NOT NULL "
                + "AND (decided_by LIKE 'uid:%' OR status = 'TIMED_OUT')"
        ).compactMap { $0.int(0) }
        let spending = try connection.run(
            """
            SELECT coalesce(sum(json_extract(report, '$.spending.input_tokens')), 0),
                coalesce(sum(json_extract(report, '$.spending.output_tokens')), 0),
                coalesce(sum(json_extract(report, '$.spending.spent_microusd')), 0)
            FROM tasks WHERE report IS NOT NULL
            """
        ).first
        figures.inputTokens = spending?.int(0) ?? 0
        figures.outputTokens = spending?.int(1) ?? 0
        figures.microDollars = spending?.int(2) ?? 0
        for holder in try slotHolders() {
            figures.slotsTaken += 1
            figures.promised = figures.promised + holder.resources
        }
        return figures
    }
}
