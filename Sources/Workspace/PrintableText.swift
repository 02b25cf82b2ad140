// SPDX-License-Identifier: Apache-2.0

/// Text of unknown origin as printable ASCII in one line.
package enum PrintableText {
    /// Keeps 0x20...0x7E; a backslash is doubled, every other byte becomes `\xNN`, so two inputs never look alike.
    package static func escaped(_ bytes: some Sequence<UInt8>, longest: Int = 4096) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var result: [UInt8] = []
        for byte in bytes {
            guard result.count < longest else {
                result += "...".utf8
                break
            }
            switch byte {
            case 0x5C: result += [0x5C, 0x5C]
            case 0x20...0x7E: result.append(byte)
            default: result += [0x5C, 0x78, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// Leaves printable text as it is and escapes any other; for text that may have been escaped before.
    package static func escapedOnce(_ text: String, longest: Int = 4096) -> String {
        isPrintable(text.utf8) && text.utf8.count <= longest ? text : escaped(text.utf8, longest: longest)
    }

    /// True for text that ``escaped(_:longest:)`` can have written.
    package static func isPrintable(_ bytes: some Sequence<UInt8>) -> Bool {
        bytes.allSatisfy { (0x20...0x7E).contains($0) }
    }
}
