// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Orchestrator

/// Dates without a library.
@Suite("calendar of budgets")
struct BudgetCalendarTests {
    @Test(
        "days and months are those of UTC",
        arguments: [
            (0, "1970-01-01", 86_400_000, 31 * 86_400_000), (-1, "1969-12-31", 0, 0),
            (951_782_399_999, "2000-02-28", 951_782_400_000, 951_868_800_000),
            (951_782_400_000, "2000-02-29", 951_868_800_000, 951_868_800_000),
            (1_795_348_800_000, "2026-11-22", 1_795_392_000_000, 1_796_083_200_000),
            (4_107_542_399_000, "2100-02-28", 4_107_542_400_000, 4_107_542_400_000),
        ])
    func dates(_ milliseconds: Int, _ day: String, _ dayEnd: Int, _ monthEnd: Int) {
        let calendar = BudgetCalendar(milliseconds: milliseconds)
        #expect(calendar.day == day && calendar.month == String(day.dropLast(3)))
        #expect(calendar.dayEnd == dayEnd && calendar.monthEnd == monthEnd)
    }
}
