// SPDX-License-Identifier: Apache-2.0

/// Dollars as people write them, without a rounding anywhere.
package enum Money {
    /// Micro-dollars of "5", "0.25" or "12.500000"; nil for anything else, and for more than 20 million dollars.
    package static func microDollars(_ text: String) -> UInt64? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let whole = Units.count(String(parts[0])), whole <= 20_000_000 else { return nil }
        guard parts.count == 2 else { return whole * 1_000_000 }
        let digits = parts[1]
        guard (1...6).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let fraction = UInt64(digits + String(repeating: "0", count: 6 - digits.utf8.count))
        else { return nil }
        return whole * 1_000_000 + fraction
    }

    /// The same the other way round, with cents at least.
    package static func text(_ microDollars: UInt64) -> String {
        var fraction = String(microDollars % 1_000_000)
        fraction = String(repeating: "0", count: 6 - fraction.utf8.count) + fraction
        while fraction.utf8.count > 2, fraction.hasSuffix("0") { fraction.removeLast() }
        return "\(microDollars / 1_000_000).\(fraction)"
    }
}
