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

    /// How long to wait until they are asked for again, when that took so long: every task is looked at, and whoever asks has
    /// other things to do.
    ///
    /// - Returns: Milliseconds; two hundred times as long, from five seconds to ten minutes.
    package static func pause(after taken: Int) -> Int { min(max(taken * 200, 5_000), 600_000) }
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
            SELECT \(Self.sum("input_tokens")), \(Self.sum("output_tokens")), \(Self.sum("spent_microusd"))
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

    /// One that is too large to be credible must not overflow the sum of all.
    private static func sum(_ figure: String) -> String {
        "coalesce(sum(min(CAST(json_extract(report, '$.spending.\(figure)') AS INTEGER), \(SessionSpending.most))), 0)"
    }
}
