// SPDX-License-Identifier: Apache-2.0

/// Numbers with units as profiles and `--limit` write them. Each parser takes one spelling for one meaning, and
/// says nil to everything else; the caller names the key.
package enum Units {
    /// `512MiB`, `2GiB`, `64KiB`, or a plain count of bytes.
    package static func bytes(_ text: String) -> UInt64? {
        let (digits, unit) = split(text)
        guard let count = count(digits), let factor = byteUnits[unit] else { return nil }
        let (product, overflow) = count.multipliedReportingOverflow(by: factor)
        return overflow ? nil : product
    }

    /// `90s`, `30m`, `2h`, in seconds. A number without a unit could be any of them, so it is refused.
    package static func seconds(_ text: String) -> UInt64? {
        let (digits, unit) = split(text)
        guard let count = count(digits), let factor = timeUnits[unit] else { return nil }
        let (product, overflow) = count.multipliedReportingOverflow(by: factor)
        return overflow ? nil : product
    }

    /// `64MiB/s`, in bytes. A rate that is no unit of its own could be taken for a size, so `/s` belongs to it.
    package static func rate(_ text: String) -> UInt64? {
        text.hasSuffix("/s") ? bytes(String(text.dropLast(2))) : nil
    }

    package static func text(rate: UInt64) -> String { text(bytes: rate) + "/s" }

    /// Processors as a decimal with up to three places, in thousandths: `2.0` is 2000.
    package static func millis(_ text: String) -> Int? {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count <= 2, let whole = count(Array(parts[0])), whole <= 1_000_000 else { return nil }
        guard parts.count == 2 else { return Int(whole) * 1000 }
        guard (1...3).contains(parts[1].count), let fraction = count(Array(parts[1])) else { return nil }
        let scale = [100, 10, 1][parts[1].count - 1]
        return Int(whole) * 1000 + Int(fraction) * scale
    }

    /// A plain whole number.
    package static func count(_ text: String) -> UInt64? { count(Array(text.utf8)) }

    /// The shortest spelling that reads back as the same number.
    package static func text(bytes: UInt64) -> String {
        for (unit, factor) in [("GiB", UInt64(1) << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
        where bytes > 0 && bytes % factor == 0 {
            return "\(bytes / factor)\(unit)"
        }
        return "\(bytes)"
    }

    package static func text(seconds: UInt64) -> String {
        if seconds > 0, seconds % 3600 == 0 { return "\(seconds / 3600)h" }
        if seconds > 0, seconds % 60 == 0 { return "\(seconds / 60)m" }
        return "\(seconds)s"
    }

    static func text(millis: Int) -> String {
        var fraction = String(1000 + millis % 1000).dropFirst()
        while fraction.count > 1, fraction.last == "0" { fraction = fraction.dropLast() }
        return "\(millis / 1000).\(fraction)"
    }

    private static let byteUnits: [String: UInt64] = ["": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30]
    private static let timeUnits: [String: UInt64] = ["s": 1, "m": 60, "h": 3600]

    private static func split(_ text: String) -> (digits: [UInt8], unit: String) {
        let digits = text.utf8.prefix { isDigit($0) }
        return (Array(digits), String(text.dropFirst(digits.count)))
    }

    private static func count(_ digits: [UInt8]) -> UInt64? {
        guard !digits.isEmpty, digits.allSatisfy(isDigit) else { return nil }
        return UInt64(String(decoding: digits, as: UTF8.self))
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}
