// SPDX-License-Identifier: Apache-2.0

/// The name of a Python project in its one form: `Acme.Tool_2` and `acme-tool-2` are one project. PEP 503
package struct PackageName: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let text: String
    package var description: String { text }

    package static let longest = 128

    /// Nil for what is no name: letters, digits and `._-` between them.
    package init?(_ written: some StringProtocol) {
        let bytes = Array(written.utf8)
        guard (1...Self.longest).contains(bytes.count), let first = bytes.first, let last = bytes.last,
            Self.isAlphanumeric(first), Self.isAlphanumeric(last), let text = Self.normalized(bytes)
        else { return nil }
        self.text = text
    }

    package static func < (one: PackageName, other: PackageName) -> Bool { one.text < other.text }

    /// Small letters, and one hyphen for each run of separators; nil for other bytes.
    fileprivate static func normalized(_ bytes: [UInt8]) -> String? {
        var made: [UInt8] = []
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): made.append(byte | 0x20)
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): made.append(byte)
            case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                if made.last != UInt8(ascii: "-") { made.append(UInt8(ascii: "-")) }
            default: return nil
            }
        }
        return String(decoding: made, as: UTF8.self)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte | 0x20 {
        case UInt8(ascii: "a")...UInt8(ascii: "z"): true
        default: (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
    }
}

/// Names that belong to an index: one, all that begin alike (`acme-*`), or the rest (`*`).
package struct PackagePattern: Sendable, Hashable, CustomStringConvertible {
    /// In the form of names; empty for the rest.
    let stem: String
    let isPrefix: Bool

    package var description: String { isPrefix ? stem + "*" : stem }

    /// Nil for a text that is no pattern, or not in the one form of names: a pattern that is read in another way than it is
    /// written would leave names to somebody else.
    package init?(_ text: String) {
        isPrefix = text.hasSuffix("*")
        guard isPrefix else {
            guard let name = PackageName(text), name.text == text else { return nil }
            stem = text
            return
        }
        let stem = String(text.dropLast())
        guard stem.utf8.count < PackageName.longest, stem.first != "-",
            PackageName.normalized(Array(stem.utf8)) == stem
        else { return nil }
        self.stem = stem
    }

    package func matches(_ name: PackageName) -> Bool { isPrefix ? name.text.hasPrefix(stem) : name.text == stem }

    /// Larger for whoever decides: a whole name before each beginning, a longer beginning before a shorter one.
    package var weight: Int { isPrefix ? stem.utf8.count : PackageName.longest + 1 }
}
