// SPDX-License-Identifier: Apache-2.0

/// One line of git's wire format: four hexadecimal digits of length, then that many bytes less four.
///
/// - SeeAlso: gitprotocol-common(5), "pkt-line Format".
package enum PktLine: Equatable, Sendable {
    case data([UInt8])
    /// Length 0000: the end of a section.
    case flush

    /// The longest line that git writes, its length digits included.
    package static let longest = 65520

    /// Why bytes are no pkt-line of a request that we take.
    package enum Flaw: String, Error, Sendable {
        /// Anything but four hexadecimal digits.
        case length = "a line's length is not four hexadecimal digits"
        /// 0001 to 0003 are marks of protocol version 2, which has no push.
        case mark = "a line has a length that only protocol version 2 knows"
        case tooLong = "a line is longer than 65520 bytes"
    }

    /// A line with these bytes, which must fit.
    package static func encoded(_ bytes: some Collection<UInt8>) -> [UInt8] {
        precondition(bytes.count <= longest - 4)
        let digits = Array("0123456789abcdef".utf8)
        let length = bytes.count + 4
        return [12, 8, 4, 0].map { digits[length >> $0 & 15] } + bytes
    }

    package static func encoded(_ text: String) -> [UInt8] { encoded(Array(text.utf8)) }

    package static let flushBytes = Array("0000".utf8)
}

/// Puts one pkt-line together from bytes as they come.
struct PktLineReader: Sendable {
    private var digits = 0
    private var length = 0
    private var payload: [UInt8] = []

    /// True between two lines.
    var isAtStart: Bool { digits == 0 }

    /// Takes one byte; a line when it is whole.
    mutating func take(_ byte: UInt8) throws(PktLine.Flaw) -> PktLine? {
        guard digits == 4 else { return try takeDigit(byte) }
        payload.append(byte)
        return payload.count == length - 4 ? finish(.data(payload)) : nil
    }

    private mutating func takeDigit(_ byte: UInt8) throws(PktLine.Flaw) -> PktLine? {
        guard let value = Self.value(of: byte) else { throw .length }
        length = length << 4 | value
        digits += 1
        guard digits == 4 else { return nil }
        switch length {
        case 0: return finish(.flush)
        case 1...3: throw .mark
        case 4: return finish(.data([]))
        case 5...PktLine.longest: return nil
        default: throw .tooLong
        }
    }

    private mutating func finish(_ line: PktLine) -> PktLine {
        (digits, length, payload) = (0, 0, [])
        return line
    }

    private static func value(of byte: UInt8) -> Int? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): Int(byte - UInt8(ascii: "a")) + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): Int(byte - UInt8(ascii: "A")) + 10
        default: nil
        }
    }
}
