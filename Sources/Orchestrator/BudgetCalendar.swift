// SPDX-License-Identifier: Apache-2.0

/// Days and months of the wall clock, in UTC: the same for everybody who shares a budget.
struct BudgetCalendar: Sendable, Hashable {
    let day: String
    let month: String
    /// When the day is over, and the month; milliseconds since 1970.
    let dayEnd: Int
    let monthEnd: Int

    private static let dayLength = 86_400_000

    init(milliseconds: Int) {
        let days = Self.floor(milliseconds, Self.dayLength)
        let (year, month, day) = Self.civil(days)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        self.month = "\(year)-\(two(month))"
        self.day = "\(self.month)-\(two(day))"
        dayEnd = (days + 1) * Self.dayLength
        let first = days - day + 1
        var next = first + 28
        while Self.civil(next).month == month { next += 1 }
        monthEnd = next * Self.dayLength
    }

    /// Days since 1970-01-01 as a date of the Gregorian calendar, counted in eras of 400 years from the first of March.
    private static func civil(_ days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = floor(shifted, 146_097)
        let ofEra = shifted - era * 146_097
        let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * ofYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, ofYear - (153 * marchMonth + 2) / 5 + 1
        )
    }

    private static func floor(_ number: Int, _ by: Int) -> Int {
        number >= 0 ? number / by : (number - by + 1) / by
    }
}
