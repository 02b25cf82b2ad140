// SPDX-License-Identifier: Apache-2.0

/// An amount of money in millionths of a US dollar, whole and never negative: sums of it are exact.
package struct MicroDollars: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let count: Int

    package static let zero = MicroDollars(0)
    /// Sums stop here; nothing that is paid for comes near.
    package static let most = MicroDollars(Int.max)

    /// - Parameter count: Millionths; a negative number is nothing.
    package init(_ count: Int) { self.count = max(0, count) }

    package static func < (left: MicroDollars, right: MicroDollars) -> Bool { left.count < right.count }

    /// The sum, or ``most``.
    package static func + (left: MicroDollars, right: MicroDollars) -> MicroDollars {
        let (sum, overflows) = left.count.addingReportingOverflow(right.count)
        return overflows ? .most : MicroDollars(sum)
    }

    /// The difference, or nothing.
    package static func - (left: MicroDollars, right: MicroDollars) -> MicroDollars {
        MicroDollars(left.count - right.count)
    }

    /// Reads an amount in dollars: digits, and up to six more behind a point.
    package init?(dollars text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), (1...9).contains(parts[0].count),
            parts.allSatisfy({ $0.allSatisfy { (0x30...0x39).contains($0) } })
        else { return nil }
        var digits = Array(parts[0])
        let fraction = parts.count == 2 ? Array(parts[1]) : [UInt8(ascii: "0")]
        guard (1...6).contains(fraction.count) else { return nil }
        digits += fraction + [UInt8](repeating: UInt8(ascii: "0"), count: 6 - fraction.count)
        count = digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    /// In dollars, with six digits behind the point.
    package var description: String {
        let fraction = String(count % 1_000_000)
        return "\(count / 1_000_000).\(String(repeating: "0", count: 6 - fraction.count))\(fraction)"
    }
}
