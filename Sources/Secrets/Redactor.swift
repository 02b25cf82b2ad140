// SPDX-License-Identifier: Apache-2.0

/// Blanks what looks like a credential in text that is on its way to a log, a frame or a person, piece by piece.
///
/// More than ``SecretScanner`` is sure of: a blank too many costs a reader a word, one too few a key. What comes out depends
/// on the text alone and never on the pieces in which it came. A line is held until it ends or has ``longestLine``
/// bytes; of a private key nothing is held but that it goes on.
package struct Redactor: Sendable {
    package static let longestLine = 65_536
    /// Of a line that is let go before its end, how much stays for what may go on: no token is longer.
    private static let overlap = 8192
    /// Bytes after which a private key without an end is none any more.
    private static let longestKey = 65_536

    private var held: [UInt8] = []
    private var inKey: Int?

    package init() {}

    /// The text so far that nothing can change any more.
    package mutating func take(_ bytes: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        for byte in bytes {
            held.append(byte)
            if byte == 0x0A {
                output += release(upTo: held.count)
            } else if held.count == Self.longestLine {
                output += release(upTo: held.count - Self.overlap)
            }
        }
        return output
    }

    /// What is left at the end of the text.
    package mutating func end() -> [UInt8] {
        defer { inKey = nil }
        return release(upTo: held.count)
    }

    /// The whole of a text without its credentials.
    package static func redacted(_ text: String) -> String {
        var redactor = Redactor()
        let start = redactor.take(Array(text.utf8))
        return String(decoding: start + redactor.end(), as: UTF8.self)
    }

    /// Lets the line go, up to a place or to the match that lies across it.
    private mutating func release(upTo place: Int) -> [UInt8] {
        let line = held
        var output: [UInt8] = []
        var rest = line[...]
        var beganHere = false
        while true {
            if let length = inKey {
                guard let end = KeyLines.end(in: rest) else {
                    inKey = length + rest.count < Self.longestKey ? length + rest.count : nil
                    held = []
                    // The key takes its line ends with it, and the reader still gets one.
                    return beganHere && line.last == 0x0A ? output + [0x0A] : output
                }
                inKey = nil
                rest = line[end...]
            }
            let start = KeyLines.start(in: rest)
            guard let start, start < place else {
                let end = append(rest, upTo: max(place, rest.startIndex), to: &output)
                held = Array(line[end...])
                return output
            }
            _ = append(rest[..<start], upTo: start, to: &output)
            output += "[private key]".utf8
            inKey = 0
            beganHere = true
            rest = line[(start + KeyLines.begin.count)...]
        }
    }

    /// Writes text with its credentials blanked; where it ends is before a match that would be cut in two.
    private func append(_ text: ArraySlice<UInt8>, upTo place: Int, to output: inout [UInt8]) -> Int {
        var end = place
        var position = text.startIndex
        for match in matches(in: text) {
            let range = (match.range.lowerBound + text.startIndex)..<(match.range.upperBound + text.startIndex)
            if range.lowerBound < end, range.upperBound > end { end = range.lowerBound }
            guard range.upperBound <= end else { break }
            output += text[position..<range.lowerBound] + Array("[\(match.kind)]".utf8)
            position = range.upperBound
        }
        output += text[position..<max(position, end)]
        return max(position, end)
    }

    /// What the scanner finds, and what a header or an address says is a credential; in order, and apart.
    private func matches(in line: ArraySlice<UInt8>) -> [SecretMatch] {
        let text = Array(line)
        var matches = SecretScanner.scan(text).filter { $0.kind != "private key" }
        for match in CredentialWords.scan(text) where !matches.contains(where: { $0.range.overlaps(match.range) }) {
            matches.append(match)
        }
        return matches.sorted { $0.range.lowerBound < $1.range.lowerBound }
    }
}

/// The lines around a private key in PEM. RFC 7468
private enum KeyLines {
    static let begin = Array("-----BEGIN ".utf8)
    private static let finish = Array("-----END ".utf8)
    private static let label = Array("PRIVATE KEY".utf8)
    private static let dashes = Array("-----".utf8)

    /// Where a key begins.
    static func start(in line: ArraySlice<UInt8>) -> Int? {
        line.indices.first { index in
            line[index] == begin[0] && line[index...].starts(with: begin)
                && contains(label, line[(index + begin.count)...].prefix(40))
        }
    }

    /// Behind the end of a key.
    static func end(in line: ArraySlice<UInt8>) -> Int? {
        for index in line.indices where line[index] == finish[0] && line[index...].starts(with: finish) {
            let rest = line[(index + finish.count)...].prefix(60)
            for place in rest.indices where rest[place...].starts(with: dashes) { return place + dashes.count }
        }
        return nil
    }

    private static func contains(_ word: [UInt8], _ text: ArraySlice<UInt8>) -> Bool {
        text.indices.contains { text[$0...].starts(with: word) }
    }
}

/// Words behind which a credential stands, whatever it looks like.
private enum CredentialWords {
    private static let schemes = ["bearer ", "basic ", "x-access-token:"].map { Array($0.utf8) }

    static func scan(_ text: [UInt8]) -> [SecretMatch] {
        let lower = text.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
        var matches: [SecretMatch] = []
        for index in lower.indices {
            if let match = scheme(lower, index) ?? address(lower, index) { matches.append(match) }
        }
        var end = 0
        return matches.filter { match in
            guard match.range.lowerBound >= end else { return false }
            end = match.range.upperBound
            return true
        }
    }

    private static func scheme(_ text: [UInt8], _ index: Int) -> SecretMatch? {
        guard text[index] == UInt8(ascii: "b") || text[index] == UInt8(ascii: "x"),
            index == 0 || !SecretScanner.isWord(text[index - 1]),
            let word = schemes.first(where: { text[index...].starts(with: $0) })
        else { return nil }
        let start = index + word.count
        var end = start
        while end < text.count, isTokenByte(text[end]) { end += 1 }
        return end - start >= 8 ? SecretMatch(kind: "credential", confidence: .likely, range: start..<end) : nil
    }

    /// `//user:password@`: the password is one however it was chosen.
    private static func address(_ text: [UInt8], _ index: Int) -> SecretMatch? {
        guard text[index...].starts(with: "://".utf8) else { return nil }
        let rest = text[(index + 3)...].prefix(512).prefix { $0 > 0x20 && !stops.contains($0) }
        guard let at = rest.lastIndex(of: UInt8(ascii: "@")),
            let colon = rest[..<at].firstIndex(of: UInt8(ascii: ":")), at - colon > 1
        else { return nil }
        return SecretMatch(kind: "password in an address", confidence: .likely, range: (colon + 1)..<at)
    }

    private static let stops = Set("/\"'`<>?#".utf8)

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        SecretScanner.isWord(byte) || "-.~+/=".utf8.contains(byte)
    }
}
