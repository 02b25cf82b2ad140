// SPDX-License-Identifier: Apache-2.0
internal import Wire

/// When a session's models come to 80 and to 100 in a hundred of its budget: each is news once.
///
/// What counts is spent and settled. A request for which the budget had no room is its end, however little is missing.
struct SpendingMarks {
    private let budget: UInt64
    private var told: Set<UInt8> = []

    /// - Parameter budget: In micro-dollars.
    init(budget: UInt64) { self.budget = budget }

    /// What was reached since it was asked last.
    mutating func reached(_ totals: ModelTotals) -> [SessionWord] {
        SessionWord.marks.filter { percent in
            let isReached =
                totals.unaffordable > 0 || Double(totals.spent) * 100 >= Double(budget) * Double(percent)
            return isReached && told.insert(percent).inserted
        }.map { .spent(percent: $0, amount: totals.spent, budget: budget) }
    }
}
