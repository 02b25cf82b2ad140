// SPDX-License-Identifier: Apache-2.0

/// Collects bytes up to a CRLF; what a line must not hold is refused at the byte.
struct LineCollector: Sendable {
    private(set) var line: [UInt8] = []
    private var sawCarriageReturn = false

    /// Takes one byte; true when it ends the line, which then waits for ``next()``.
    ///
    /// - Parameter allowsTab: True for fields, where a tab is white space.
    mutating func take(_ byte: UInt8, allowsTab: Bool) throws(HTTPRefusal) -> Bool {
        if sawCarriageReturn {
            guard byte == UInt8(ascii: "\n") else { throw .lineEnd }
            sawCarriageReturn = false
            return true
        }
        switch byte {
        case UInt8(ascii: "\r"): sawCarriageReturn = true
        case UInt8(ascii: "\n"): throw .lineEnd
        case UInt8(ascii: "\t") where allowsTab: line.append(byte)
        case 0x20...0x7e: line.append(byte)
        default: throw .character
        }
        return false
    }

    /// Starts the next line.
    mutating func next() { line.removeAll(keepingCapacity: true) }
}

/// One field of a head.
package struct HTTPField: Equatable, Sendable {
    /// As it was sent.
    package let name: String
    /// Without the white space around it.
    package let value: String

    var key: String { name.lowercased() }

    /// Reads a line that has no CR, LF, control character or byte outside ASCII.
    init(_ line: [UInt8]) throws(HTTPRefusal) {
        guard let first = line.first, !Self.isSpace(first) else { throw .folded }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > 0 else { throw .field }
        guard !Self.isSpace(line[colon - 1]) else { throw .spaceBeforeColon }
        guard line[..<colon].allSatisfy(Self.isTokenByte) else { throw .field }
        name = String(decoding: line[..<colon], as: UTF8.self)
        value = Self.trimmed(line[(colon + 1)...])
    }

    init(name: String, value: String) {
        self.name = name
        self.value = value
    }

    static func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

    static func trimmed(_ bytes: ArraySlice<UInt8>) -> String {
        let front = bytes.drop(while: isSpace)
        let end = front.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? front.startIndex
        return String(decoding: front[..<end], as: UTF8.self)
    }

    /// RFC 9110 5.6.2.
    static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"),
            UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
            true
        default: byte.isASCIILetter || byte.isASCIIDigit
        }
    }

    /// The elements of a comma-separated value, lower-cased; nil when one of them is no token.
    static func tokens(_ value: String) -> [String]? {
        var tokens: [String] = []
        for part in Array(value.utf8).split(separator: UInt8(ascii: ",")) {
            let token = trimmed(part)
            if token.isEmpty { continue }
            guard token.utf8.allSatisfy(isTokenByte) else { return nil }
            tokens.append(token.lowercased())
        }
        return tokens
    }
}
