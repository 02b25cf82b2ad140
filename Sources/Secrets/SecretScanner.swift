// SPDX-License-Identifier: Apache-2.0

/// Finds what looks like a secret in any bytes: tokens by their form, private keys, credentials in addresses, and
/// values beside a name that says so.
///
/// Each byte is looked at a bounded number of times. What is encoded, packed or split is not found.
package enum SecretScanner {
    /// The matches in order of their place; none overlaps another.
    package static func scan(_ bytes: [UInt8]) -> [SecretMatch] {
        var matches: [SecretMatch] = []
        var position = 0
        while position < bytes.count {
            guard let match = match(in: bytes, at: position, bytes[position]) else {
                position += 1
                continue
            }
            switch match.confidence {
            case .certain:
                // A name beside a token says less than the token's own form.
                while let last = matches.last, last.range.overlaps(match.range) { matches.removeLast() }
                matches.append(match)
                position = match.range.upperBound
            case .likely:
                if matches.last?.range.overlaps(match.range) != true { matches.append(match) }
                position += 1
            }
        }
        return matches
    }

    private static func match(in bytes: [UInt8], at position: Int, _ byte: UInt8) -> SecretMatch? {
        switch byte {
        case UInt8(ascii: "-"): return PrivateKeyText.match(bytes, position)
        case UInt8(ascii: ":"), UInt8(ascii: "="): return NamedValue.match(bytes, position)
        default: break
        }
        for kind in SecretKind.byFirstByte[Int(byte)] {
            if let match = token(kind, bytes, position) { return match }
        }
        return nil
    }

    private static func token(_ kind: SecretKind, _ bytes: [UInt8], _ position: Int) -> SecretMatch? {
        guard bytes[position...].starts(with: kind.prefix) else { return nil }
        // What could go on is no beginning. So no run of bytes is read again from each of its places.
        if kind.standsAlone, position > 0, isWord(bytes[position - 1]) || kind.alphabet.contains(bytes[position - 1]) {
            return nil
        }
        let start = position + kind.prefix.count
        var end = start
        while end < bytes.count, end - start <= kind.length.upperBound, kind.alphabet.contains(bytes[end]) { end += 1 }
        // A web token has three parts.
        guard kind.length.contains(end - start), kind.name != "JSON web token" || hasTwoDots(bytes[start..<end]),
            Disorder.bits(bytes[start..<end]) >= kind.disorder, !Disorder.isPlaceholder(bytes[start..<end])
        else { return nil }
        return SecretMatch(kind: kind.name, confidence: .certain, range: position..<end)
    }

    private static func hasTwoDots(_ text: ArraySlice<UInt8>) -> Bool { text.count { $0 == UInt8(ascii: ".") } == 2 }

    static func isWord(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || byte == UInt8(ascii: "_")
    }
}

/// A private key in PEM or one of its relatives. RFC 7468, openssh PROTOCOL.key
private enum PrivateKeyText {
    private static let begin = Array("-----BEGIN ".utf8)
    private static let privateKey = Array("PRIVATE KEY".utf8)
    private static let longest = 16_384
    /// Bytes in which the next run has to come, headers of an encrypted key among them.
    private static let nearest = 400
    /// Bytes of a run, less than any line of a key has.
    private static let line = 40

    static func match(_ bytes: [UInt8], _ position: Int) -> SecretMatch? {
        guard bytes[position...].starts(with: begin) else { return nil }
        let head = bytes[position...].prefix(80)
        guard
            let label = head.indices.first(where: { head[$0] == privateKey[0] && head[$0...].starts(with: privateKey) })
        else { return nil }
        // A program that looks for keys has the first line, and no key behind it.
        let start = label + privateKey.count
        guard let first = run(bytes[start...].prefix(nearest), from: start) else { return nil }
        var end = first
        while end < bytes.count, end - start < longest, let next = run(bytes[end...].prefix(nearest), from: end) {
            end = next
        }
        return SecretMatch(kind: "private key", confidence: .certain, range: position..<end)
    }

    /// Where the first run of a key's text in a window ends, there or a line's length behind it.
    private static func run(_ window: ArraySlice<UInt8>, from start: Int) -> Int? {
        var length = 0
        for (offset, byte) in zip(window.indices, window) {
            length = SecretKind.Alphabet.base64.contains(byte) ? length + 1 : 0
            if length == line, Disorder.bits(window[(offset - line + 1)...offset]) >= 4 { return offset + 1 }
        }
        return nil
    }
}
