// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Supervisor
@testable import Wire

@Suite("marks of a session's budget")
struct SpendingMarksTests {
    private func percents(_ marks: inout SpendingMarks, spent: UInt64, unaffordable: UInt64 = 0) -> [UInt8] {
        var totals = ModelTotals()
        (totals.spent, totals.unaffordable) = (spent, unaffordable)
        return marks.reached(totals).map { word in
            guard case .spent(let percent, spent, 1_000_000) = word else { return 0 }
            return percent
        }
    }

    @Test("each is told once, when it is reached, and in order where both are at once")
    func once() {
        var marks = SpendingMarks(budget: 1_000_000)
        var told: [[UInt8]] = []
        for spent in [0, 799_999, 800_000, 900_000, 999_999, 1_000_000, 2_000_000, 1] as [UInt64] {
            told.append(percents(&marks, spent: spent))
        }
        #expect(told == [[], [], [80], [], [], [100], [], []])
        var jump = SpendingMarks(budget: 1_000_000)
        let both = percents(&jump, spent: 5_000_000)
        #expect(both == [80, 100])
    }

    @Test("a request that the budget has no room for is its end")
    func unaffordable() {
        var marks = SpendingMarks(budget: 1_000_000)
        let told = percents(&marks, spent: 10, unaffordable: 1)
        #expect(told == [80, 100])
    }

    @Test("numbers of a broker that lies are numbers")
    func lies() {
        var marks = SpendingMarks(budget: 1_000_000)
        let told = percents(&marks, spent: 1 << 60, unaffordable: 1 << 60)
        #expect(told == [80, 100])
    }
}
