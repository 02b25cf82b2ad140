// SPDX-License-Identifier: Apache-2.0

/// Text of unknown origin as one line that a person can read, compare and copy.
package enum PlainText {
    /// Spells out everything but printable text: `\xNN` for bytes, `\u{..}` for characters, `\\` for the backslash.
    ///
    /// The result has no control character, no line break and no invisible or direction-changing character, and two
    /// different inputs have different results, so a file name shown this way names one file (peers of the same look,
    /// such as composed and decomposed letters, stay apart only as bytes).
    ///
    /// - Parameter limit: Bytes of input that are shown; what is cut is said with its length.
    package static func escape(_ bytes: [UInt8], limit: Int = .max) -> String {
        var output = ""
        var index = 0
        let end = min(bytes.count, max(limit, 0))
        while index < end {
            let byte = bytes[index]
            if byte < 0x80 {
                appendASCII(byte, &output)
                index += 1
                continue
            }
            guard let (scalar, length) = scalar(in: bytes, at: index, end: end) else {
                appendByte(byte, &output)
                index += 1
                continue
            }
            let attachesToNothing = output.isEmpty && HiddenScalars.isMark(scalar)
            if attachesToNothing || HiddenScalars.containsForPlainText(scalar) {
                output += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                output.unicodeScalars.append(scalar)
            }
            index += length
        }
        if end < bytes.count { output += "\\...(\(bytes.count - end) more bytes)" }
        return output
    }

    /// Spells out everything but printable text of a string; see ``escape(_:limit:)``.
    package static func escape(_ text: String, limit: Int = .max) -> String {
        escape(Array(text.utf8), limit: limit)
    }

    private static func appendASCII(_ byte: UInt8, _ output: inout String) {
        switch byte {
        case UInt8(ascii: "\\"): output += "\\\\"
        case 0x20...0x7E: output.unicodeScalars.append(Unicode.Scalar(byte))
        default: appendByte(byte, &output)
        }
    }

    private static func appendByte(_ byte: UInt8, _ output: inout String) {
        let digits = String(byte, radix: 16)
        output += digits.utf8.count == 1 ? "\\x0\(digits)" : "\\x\(digits)"
    }

    private static func scalar(in bytes: [UInt8], at start: Int, end: Int) -> (Unicode.Scalar, Int)? {
        var accumulator = UTF8Accumulator()
        guard case .needMore = accumulator.begin(bytes[start]) else { return nil }
        var index = start + 1
        while index < end {
            switch accumulator.continue(bytes[index]) {
            case .needMore: index += 1
            case .scalar(let scalar): return (scalar, index - start + 1)
            case .invalid: return nil
            }
        }
        return nil
    }
}
