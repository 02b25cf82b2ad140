// SPDX-License-Identifier: Apache-2.0

extension IPAddress: CustomStringConvertible {
    /// Reads the one spelling of an IPv4 address, four decimal numbers, or an IPv6 address as RFC 4291 2.2 has it.
    ///
    /// Nil for the other things that inet_aton(3) takes for an address (`127.1`, `0x7f.1`, `017700000001`,
    /// `2130706433`), for leading zeros, zone ids, brackets, ports and blanks: what two programs read differently is
    /// no address here.
    package init?(text: String) {
        let bytes = Array(text.utf8)[...]
        guard bytes.count <= 45 else { return nil }
        if !bytes.contains(UInt8(ascii: ":")) {
            guard let value = Self.v4(bytes) else { return nil }
            self = .v4(value)
        } else {
            guard let groups = Self.v6(bytes) else { return nil }
            func half(_ part: ArraySlice<UInt16>) -> UInt64 { part.reduce(0) { $0 << 16 | UInt64($1) } }
            self = .v6(half(groups[0..<4]), half(groups[4..<8]))
        }
    }

    private static func v4(_ bytes: ArraySlice<UInt8>) -> UInt32? {
        let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.count), part.count == 1 || part.first != UInt8(ascii: "0"),
                part.allSatisfy({ (0x30...0x39).contains($0) })
            else { return nil }
            let number = part.reduce(0) { $0 * 10 + UInt32($1 - 0x30) }
            guard number <= 255 else { return nil }
            value = value << 8 | number
        }
        return value
    }

    private static func v6(_ bytes: ArraySlice<UInt8>) -> [UInt16]? {
        let colon = UInt8(ascii: ":")
        let gap = bytes.indices.dropLast().first { bytes[$0] == colon && bytes[$0 + 1] == colon }
        guard let gap else {
            guard let all = groups(bytes, mayEndInV4: true), all.count == 8 else { return nil }
            return all
        }
        guard let head = groups(bytes[..<gap], mayEndInV4: false),
            let tail = groups(bytes[(gap + 2)...], mayEndInV4: true), head.count + tail.count <= 7
        else { return nil }
        return head + Array(repeating: 0, count: 8 - head.count - tail.count) + tail
    }

    private static func groups(_ bytes: ArraySlice<UInt8>, mayEndInV4: Bool) -> [UInt16]? {
        if bytes.isEmpty { return [] }
        var groups: [UInt16] = []
        let parts = bytes.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if mayEndInV4, index == parts.count - 1, part.contains(UInt8(ascii: ".")) {
                guard let value = v4(part) else { return nil }
                groups += [UInt16(value >> 16), UInt16(truncatingIfNeeded: value)]
            } else {
                // UInt16(_:radix:) also takes a sign, which is no hexadecimal digit.
                guard (1...4).contains(part.count), part.allSatisfy({ $0.hexadecimalValue != nil }),
                    let group = UInt16(String(decoding: part, as: UTF8.self), radix: 16)
                else { return nil }
                groups.append(group)
            }
        }
        return groups
    }

    /// The canonical text: RFC 5952 for IPv6, with an IPv4-mapped address ending in dotted decimals.
    package var description: String {
        switch self {
        case .v4(let value): Self.dotted(value)
        case .v6(0, let low) where low >> 32 == 0xFFFF: "::ffff:" + Self.dotted(UInt32(truncatingIfNeeded: low))
        case .v6(let high, let low): Self.text(groups: [high, low])
        }
    }

    private static func dotted(_ value: UInt32) -> String {
        [24, 16, 8, 0].map { String(value >> UInt32($0) & 0xFF) }.joined(separator: ".")
    }

    private static func text(groups halves: [UInt64]) -> String {
        let groups = halves.flatMap { half in [48, 32, 16, 0].map { half >> UInt64($0) & 0xFFFF } }
        func text(_ part: ArraySlice<UInt64>) -> String { part.map { String($0, radix: 16) }.joined(separator: ":") }
        // The longest run of at least two zero groups, the first one of equals.
        var best = 0..<0
        var start = 0
        for index in 0...8 where index == 8 || groups[index] != 0 {
            if index - start >= 2, index - start > best.count { best = start..<index }
            start = index + 1
        }
        if best.isEmpty { return text(groups[...]) }
        return text(groups[..<best.lowerBound]) + "::" + text(groups[best.upperBound...])
    }
}
