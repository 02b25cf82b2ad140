// SPDX-License-Identifier: Apache-2.0
internal import TaskModel

/// What tasks take of budgets.
extension SQLiteStore {
    package func budgetUse(_ budget: String, _ period: String) throws(StoreError) -> BudgetUse {
        // Bounded as it is when it is written: one row of another version must not overflow the sum for everybody.
        let row = try connection.run(
            "SELECT coalesce(sum(min(spent_micro, \(SessionSpending.most))), 0), coalesce(sum(CASE WHEN spent_micro IS NULL THEN reserved_micro END), 0) FROM budget_entries WHERE budget = ? AND period = ?",
            [.text(budget), .text(period)]
        ).first
        return BudgetUse(spent: row?.int(0) ?? 0, reserved: row?.int(1) ?? 0)
    }

    package func reservations(of task: String, attempt: Int) throws(StoreError) -> [BudgetPeriod] {
        try connection.run(
            "SELECT budget, period, reserved_micro FROM budget_entries WHERE task = ? AND attempt = ? AND spent_micro IS NULL ORDER BY budget, period",
            [.text(task), .int(attempt)]
        ).compactMap { row in
            guard let budget = row.text(0), let period = row.text(1), let reserved = row.int(2) else { return nil }
            return BudgetPeriod(budget: budget, period: period, limit: reserved)
        }
    }

    package func budgetMarks(_ budget: String, _ period: String) throws(StoreError) -> [Int] {
        try connection.run(
            "SELECT percent FROM budget_marks WHERE budget = ? AND period = ? ORDER BY percent",
            [.text(budget), .text(period)]
        ).compactMap { $0.int(0) }
    }

    func account(_ change: TaskChange, _ moment: Moment) throws(StoreError) {
        let task = change.task
        switch change.budget {
        case nil: break
        case .reserve(let amount, let periods):
            for period in periods {
                // The caller saw that it fits; that it does is for the transaction to say.
                guard try budgetUse(period.budget, period.period).taken + amount <= period.limit else {
                    throw StoreError(
                        .noBudget, "admit", "task \(task.id)",
                        "budget \(period.budget) has no room for it in \(period.period)",
                        remedy: "It waits for the end of the period.")
                }
                try connection.run(
                    "INSERT INTO budget_entries (budget, period, task, attempt, reserved_micro) VALUES (?, ?, ?, ?, ?)",
                    [
                        .text(period.budget), .text(period.period), .text(task.id), .int(task.attempt), .int(amount),
                    ])
            }
        case .settle(let amount):
            try connection.run(
                "UPDATE budget_entries SET spent_micro = ? WHERE task = ? AND attempt = ? AND spent_micro IS NULL",
                [.int(amount), .text(task.id), .int(task.attempt)])
        }
        for mark in change.marks {
            try connection.run(
                "INSERT INTO budget_marks (budget, period, percent, task, at_ms) VALUES (?, ?, ?, ?, ?)",
                [
                    .text(mark.budget), .text(mark.period), .int(mark.percent), .text(task.id),
                    .int(moment.wallMilliseconds),
                ])
        }
    }
}
