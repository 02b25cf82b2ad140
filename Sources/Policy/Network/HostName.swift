// SPDX-License-Identifier: Apache-2.0

/// A host name in the one form that rules, questions and server names are compared in.
///
/// Labels of small letters, digits, hyphens and underscores, without the final dot. Capitals are taken as the small
/// letters they stand for in DNS (RFC 4343); anything that some program would read as an address is no name, however
/// it is spelled: `127.1`, `0x7f000001`, `1.2.3.4` (threat E21).
package struct HostName: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    /// Characters of the longest name: 255 bytes on the wire (RFC 1035 3.1).
    package static let longest = 253

    /// Why a text is no host name.
    package enum Flaw: Error, Sendable, Hashable {
        case empty, tooLong, trailingDot, emptyLabel, longLabel, hyphen, address
        case character(Unicode.Scalar)
    }

    /// The name of a text; nil when it is none.
    package init?(_ text: String) {
        do throws(Flaw) { try self.init(checking: text) } catch { return nil }
    }

    /// The name of a text.
    package init(checking text: String) throws(Flaw) {
        guard !text.isEmpty else { throw .empty }
        let bytes = Array(text.utf8)
        guard bytes.count <= Self.longest else { throw .tooLong }
        var small: [UInt8] = []
        small.reserveCapacity(bytes.count)
        for scalar in text.unicodeScalars {
            guard let byte = Self.folded(scalar) else { throw .character(scalar) }
            small.append(byte)
        }
        if small.last == UInt8(ascii: ".") { throw small.count == 1 ? .emptyLabel : .trailingDot }
        let labels = small.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        for label in labels {
            guard let first = label.first, let last = label.last else { throw .emptyLabel }
            guard label.count <= 63 else { throw .longLabel }
            // RFC 1123 2.1; a name that begins with a hyphen is also an option to many programs.
            guard first != UInt8(ascii: "-"), last != UInt8(ascii: "-") else { throw .hyphen }
        }
        guard let last = labels.last, !Self.isNumber(last) else { throw .address }
        self.text = String(decoding: small, as: UTF8.self)
    }

    /// Takes a text that is known to be canonical: a part of another name, cut at a dot.
    private init(canonical text: Substring.UTF8View) { self.text = String(Substring(text)) }

    /// How many labels it has.
    package var labelCount: Int { text.utf8.count(where: { $0 == UInt8(ascii: ".") }) + 1 }

    package var labels: [Substring] { text.split(separator: ".") }

    /// The name without its first label; nil for a name of one label.
    package var parent: HostName? {
        guard let dot = text.utf8.firstIndex(of: UInt8(ascii: ".")) else { return nil }
        return HostName(canonical: text.utf8[text.utf8.index(after: dot)...])
    }

    /// Whether this name lies below `other`: it ends in a dot and that name.
    package func isBelow(_ other: HostName) -> Bool {
        let mine = text.utf8
        let theirs = other.text.utf8
        guard mine.count > theirs.count + 1 else { return false }
        let tail = mine.suffix(theirs.count + 1)
        return tail.first == UInt8(ascii: ".") && tail.dropFirst().elementsEqual(theirs)
    }

    package var description: String { text }

    private static func folded(_ scalar: Unicode.Scalar) -> UInt8? {
        switch scalar.value {
        case 0x61...0x7A, 0x30...0x39, 0x2D, 0x2E, 0x5F: UInt8(scalar.value)
        case 0x41...0x5A: UInt8(scalar.value + 0x20)
        default: nil
        }
    }

    /// Whether programs take a name with this last label for an address: digits, or hexadecimal digits after 0x
    /// (URL Standard, "ends in a number"; inet_aton(3)).
    private static func isNumber(_ label: ArraySlice<UInt8>) -> Bool {
        if label.allSatisfy({ (0x30...0x39).contains($0) }) { return true }
        guard label.starts(with: "0x".utf8) else { return false }
        return label.dropFirst(2).allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }
}
