// SPDX-License-Identifier: Apache-2.0

/// One line of a `.gitignore`, matched segment by segment without ever taking more than the product of the lengths.
///
/// - SeeAlso: gitignore(5).
package struct IgnorePattern: Equatable, Sendable {
    /// A match takes a path in again.
    package let isNegative: Bool
    /// Only directories match.
    let wantsDirectory: Bool
    /// The pattern without its slashes; `**` alone stands for any number of segments.
    private let segments: [[UInt8]]

    private static let slash = UInt8(ascii: "/")
    private static let backslash = UInt8(ascii: "\\")
    private static let star = UInt8(ascii: "*")
    private static let anyDepth = Array("**".utf8)
    package static let longest = 1024

    /// Nil for an empty line, a comment, and what is longer than ``longest``.
    package init?(line: some Collection<UInt8>) {
        var text = Self.trimmed(Array(line))
        guard let first = text.first, first != UInt8(ascii: "#"), text.count <= Self.longest else { return nil }
        isNegative = first == UInt8(ascii: "!")
        if isNegative { text.removeFirst() }
        wantsDirectory = text.last == Self.slash
        while text.last == Self.slash { text.removeLast() }
        guard !text.isEmpty else { return nil }
        // A slash at the start or in the middle ties the pattern to its directory.
        let isAnchored = text.contains(Self.slash)
        var parts = text.split(separator: Self.slash).map { Array($0) }
        if !isAnchored { parts.insert(Self.anyDepth, at: 0) }
        segments = parts
    }

    /// Without a carriage return and the blanks at the end, unless a backslash keeps them.
    private static func trimmed(_ line: [UInt8]) -> [UInt8] {
        var text = line
        if text.last == 0x0D { text.removeLast() }
        while text.last == 0x20 {
            if text.dropLast().last == backslash { break }
            text.removeLast()
        }
        return text
    }

    /// - Parameter path: The segments below the directory of the pattern's file.
    package func matches(_ path: some RandomAccessCollection<[UInt8]>, isDirectory: Bool) -> Bool {
        if wantsDirectory && !isDirectory { return false }
        return Self.matchPath(segments[...], Array(path)[...])
    }

    /// Only the last `**` is ever tried again: what stands before it has matched in the one place that leaves most.
    private static func matchPath(_ pattern: ArraySlice<[UInt8]>, _ path: ArraySlice<[UInt8]>) -> Bool {
        var at = pattern.startIndex
        var here = path.startIndex
        var retry: (pattern: Int, path: Int)?
        while here < path.endIndex {
            if at < pattern.endIndex, pattern[at] == anyDepth {
                // At the end it stands for what lies inside, not for the directory itself.
                if at + 1 == pattern.endIndex { return true }
                retry = (at + 1, here)
                at += 1
            } else if at < pattern.endIndex, matchSegment(pattern[at], path[here]) {
                at += 1
                here += 1
            } else if let again = retry {
                retry = (again.pattern, again.path + 1)
                at = again.pattern
                here = again.path + 1
            } else {
                return false
            }
        }
        return at == pattern.endIndex
    }

    private static func matchSegment(_ pattern: [UInt8], _ name: [UInt8]) -> Bool {
        var at = 0
        var here = 0
        var retry: (pattern: Int, name: Int)?
        while here < name.count {
            if at < pattern.count, pattern[at] == star {
                at += 1
                retry = (at, here)
            } else if let next = matchByte(pattern, at, name[here]) {
                at = next
                here += 1
            } else if let again = retry {
                retry = (again.pattern, again.name + 1)
                at = again.pattern
                here = again.name + 1
            } else {
                return false
            }
        }
        while at < pattern.count, pattern[at] == star { at += 1 }
        return at == pattern.count
    }

    /// Where the pattern goes on when its next item stands for a byte; nil when it does not.
    private static func matchByte(_ pattern: [UInt8], _ at: Int, _ byte: UInt8) -> Int? {
        guard at < pattern.count else { return nil }
        switch pattern[at] {
        case UInt8(ascii: "?"): return at + 1
        case backslash: return at + 1 < pattern.count && pattern[at + 1] == byte ? at + 2 : nil
        case UInt8(ascii: "["): return ByteSet.match(pattern, at + 1, byte)
        default: return pattern[at] == byte ? at + 1 : nil
        }
    }
}

/// A bracket expression: `[abc]`, `[!a-z]`, `[[:digit:]]`. glob(7)
private enum ByteSet {
    /// Where the pattern goes on; nil when the byte is not in the set or the set has no end.
    static func match(_ pattern: [UInt8], _ start: Int, _ byte: UInt8) -> Int? {
        var at = start
        guard at < pattern.count else { return nil }
        let isInverted = pattern[at] == UInt8(ascii: "!") || pattern[at] == UInt8(ascii: "^")
        if isInverted { at += 1 }
        var found = false
        var isFirst = true
        while at < pattern.count, isFirst || pattern[at] != UInt8(ascii: "]") {
            isFirst = false
            if let (members, next) = named(pattern, at) {
                found = found || members(byte)
                at = next
                continue
            }
            guard let (low, next) = plain(pattern, at) else { return nil }
            at = next
            if at + 1 < pattern.count, pattern[at] == UInt8(ascii: "-"), pattern[at + 1] != UInt8(ascii: "]") {
                guard let (high, after) = plain(pattern, at + 1) else { return nil }
                found = found || (low <= byte && byte <= high)
                at = after
            } else {
                found = found || low == byte
            }
        }
        guard at < pattern.count, found != isInverted else { return nil }
        return at + 1
    }

    private static func plain(_ pattern: [UInt8], _ at: Int) -> (UInt8, Int)? {
        guard at < pattern.count else { return nil }
        guard pattern[at] == UInt8(ascii: "\\") else { return (pattern[at], at + 1) }
        return at + 1 < pattern.count ? (pattern[at + 1], at + 2) : nil
    }

    private static func named(_ pattern: [UInt8], _ at: Int) -> ((UInt8) -> Bool, Int)? {
        for (name, members) in classes where pattern[at...].starts(with: name) { return (members, at + name.count) }
        return nil
    }

    private static func isLower(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }
    private static func isUpper(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte) }
    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    private static func isLetter(_ byte: UInt8) -> Bool { isLower(byte) || isUpper(byte) }
    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        isDigit(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
    }

    private static let classes: [(name: [UInt8], members: @Sendable (UInt8) -> Bool)] = [
        (Array("[:lower:]".utf8), isLower), (Array("[:upper:]".utf8), isUpper), (Array("[:digit:]".utf8), isDigit),
        (Array("[:space:]".utf8), isSpace), (Array("[:blank:]".utf8), { $0 == 0x20 || $0 == 0x09 }),
        (Array("[:alpha:]".utf8), isLetter), (Array("[:alnum:]".utf8), { isLetter($0) || isDigit($0) }),
        (Array("[:xdigit:]".utf8), isHexadecimal), (Array("[:cntrl:]".utf8), { $0 < 0x20 || $0 == 0x7F }),
        (Array("[:print:]".utf8), { (0x20...0x7E).contains($0) }),
        (Array("[:graph:]".utf8), { (0x21...0x7E).contains($0) }),
        (Array("[:punct:]".utf8), { (0x21...0x7E).contains($0) && !isLetter($0) && !isDigit($0) }),
    ]
}
