// SPDX-License-Identifier: Apache-2.0

/// Collects one multi-byte UTF-8 character, refusing overlong forms, surrogates and values past U+10FFFF.
///
/// Own code and not the standard library's decoder, because a stream is cut anywhere and because the byte that breaks
/// a character has to be judged again: it may be ESC.
///
/// - SeeAlso: Unicode, table 3-7 "Well-Formed UTF-8 Byte Sequences".
struct UTF8Accumulator: Sendable {
    enum Beginning { case needMore, invalid }
    enum Continuation {
        case needMore
        case scalar(Unicode.Scalar)
        case invalid
    }

    private var value: UInt32 = 0
    private var missing = 0
    /// What the next byte may be; narrower than 0x80...0xBF only for the second byte of some characters.
    private var allowed: ClosedRange<UInt8> = 0x80...0xBF

    /// Takes the first byte of a character, which is not ASCII.
    mutating func begin(_ byte: UInt8) -> Beginning {
        allowed = 0x80...0xBF
        switch byte {
        case 0xC2...0xDF:
            (value, missing) = (UInt32(byte & 0x1F), 1)
        case 0xE0...0xEF:
            (value, missing) = (UInt32(byte & 0x0F), 2)
            if byte == 0xE0 { allowed = 0xA0...0xBF }
            if byte == 0xED { allowed = 0x80...0x9F }
        case 0xF0...0xF4:
            (value, missing) = (UInt32(byte & 0x07), 3)
            if byte == 0xF0 { allowed = 0x90...0xBF }
            if byte == 0xF4 { allowed = 0x80...0x8F }
        default:
            return .invalid
        }
        return .needMore
    }

    /// Takes a later byte. After `.invalid` the byte itself was not consumed.
    mutating func `continue`(_ byte: UInt8) -> Continuation {
        guard allowed.contains(byte) else { return .invalid }
        allowed = 0x80...0xBF
        value = value << 6 | UInt32(byte & 0x3F)
        missing -= 1
        guard missing == 0 else { return .needMore }
        guard let scalar = Unicode.Scalar(value) else { return .invalid }
        return .scalar(scalar)
    }
}
