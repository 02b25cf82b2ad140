// SPDX-License-Identifier: Apache-2.0

/// How something that was kept from the terminal appears on it.
enum VisibleForm {
    /// A sequence after its ESC, given as the bytes that followed; `cut` says that more of it was taken away.
    static func appendSequence(
        _ body: Span<UInt8>, cut: Bool, _ charset: EscapeFilter.Charset, _ output: inout [UInt8]
    ) {
        appendControl(0x1B, charset, &output)
        let shown = min(body.count, EscapeFilter.longestVisible)
        for index in 0..<shown {
            let byte = body[index]
            output.append((0x20...0x7E).contains(byte) ? byte : UInt8(ascii: "?"))
        }
        guard cut || shown < body.count else { return }
        switch charset {
        case .utf8: output += Array("…".utf8)
        case .ascii: output += Array("...".utf8)
        }
    }

    /// A control character: its picture from U+2400 on, or caret notation where only ASCII is safe.
    static func appendControl(_ byte: UInt8, _ charset: EscapeFilter.Charset, _ output: inout [UInt8]) {
        switch charset {
        case .utf8: output += [0xE2, 0x90, 0x80 + byte]
        case .ascii: output += [UInt8(ascii: "^"), byte ^ 0x40]
        }
    }

    /// A character by its number, as in `\u{202e}`.
    static func appendScalar(_ scalar: Unicode.Scalar, _ output: inout [UInt8]) {
        output += Array("\\u{".utf8)
        output += Array(String(scalar.value, radix: 16).utf8)
        output.append(UInt8(ascii: "}"))
    }
}
