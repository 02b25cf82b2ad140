// SPDX-License-Identifier: Apache-2.0

/// Money as people write it, in millionths of a dollar.
package enum DollarText {
    /// Above what any budget of this host can be.
    package static let most = 1_000_000_000_000

    /// `12`, `12.5`, `0.000001`; nil for everything else.
    package static func parse(_ text: some StringProtocol) -> Int? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let dollars = digits(parts[0], most: 7) else { return nil }
        guard parts.count == 2 else { return bounded(dollars * 1_000_000) }
        guard let part = digits(parts[1], most: 6) else { return nil }
        let scale = (parts[1].utf8.count..<6).reduce(1) { scale, _ in scale * 10 }
        return bounded(dollars * 1_000_000 + part * scale)
    }

    private static func bounded(_ amount: Int) -> Int? { amount <= most ? amount : nil }

    /// With cents at least.
    package static func text(_ amount: Int) -> String {
        var fraction = String(amount % 1_000_000)
        fraction = String(repeating: "0", count: 6 - fraction.utf8.count) + fraction
        while fraction.utf8.count > 2, fraction.hasSuffix("0") { fraction.removeLast() }
        return "\(amount / 1_000_000).\(fraction)"
    }

    private static func digits(_ text: some StringProtocol, most: Int) -> Int? {
        guard (1...most).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int(text)
    }
}
