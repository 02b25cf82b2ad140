// SPDX-License-Identifier: Apache-2.0

/// One period of one budget, and what it may hold.
package struct BudgetPeriod: Sendable, Hashable {
    /// Whose: `user:uid:1000`, `repository:/srv/r`, `team:core`.
    package let budget: String
    /// `2026-11-22` or `2026-11`, in UTC.
    package let period: String
    /// In micro-dollars.
    package let limit: Int

    package init(budget: String, period: String, limit: Int) {
        self.budget = budget
        self.period = period
        self.limit = limit
    }
}

/// What a change of a task means for budgets.
package enum BudgetChange: Sendable, Hashable {
    /// So much may be spent: it counts in each of these periods from now on.
    case reserve(Int, [BudgetPeriod])
    /// So much was spent by the task's attempt; it counts in place of what it reserved.
    case settle(Int)
}

/// A threshold of a period that was passed, told by a task's event.
package struct BudgetMark: Sendable, Hashable {
    package let budget: String
    package let period: String
    package let percent: Int

    package init(budget: String, period: String, percent: Int) {
        self.budget = budget
        self.period = period
        self.percent = percent
    }
}

/// What is taken of a period.
package struct BudgetUse: Sendable, Hashable {
    /// Settled.
    package let spent: Int
    /// Of tasks that are under way.
    package let reserved: Int

    package init(spent: Int, reserved: Int) {
        self.spent = spent
        self.reserved = reserved
    }

    package var taken: Int { spent + reserved }
}
