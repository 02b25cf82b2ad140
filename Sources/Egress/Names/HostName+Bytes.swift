// SPDX-License-Identifier: Apache-2.0
internal import Policy

/// The one spelling of a host name that DNS questions, server names and Host fields are brought to before they are
/// compared with a rule (threat E08: two parsers that disagree on a name are a way past either).
///
/// Lower case, letters, digits, "-" and "_" in labels of 1 to 63, 253 in all, no trailing dot. Names in other scripts
/// exist here only in their "xn--" form.
extension HostName {
    /// Characters of a name without a trailing dot (RFC 1035 2.3.4: 255 on the wire).
    static let longest = 253
    static let longestLabel = 63

    /// True for the bytes that a label may have, before or after lower-casing.
    static func isLabelByte(_ byte: UInt8) -> Bool {
        byte.isASCIILetter || byte.isASCIIDigit || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }

    /// The canonical spelling of a name in dotted form; nil for everything that is no name of a host, which includes
    /// the empty name, a trailing dot and any spelling of an IPv4 address.
    static func canonical(_ bytes: Span<UInt8>) -> String? {
        guard (1...longest).contains(bytes.count) else { return nil }
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count)
        var labelStart = 0
        for index in bytes.indices {
            let byte = bytes[index]
            if byte == UInt8(ascii: ".") {
                guard (1...longestLabel).contains(index - labelStart) else { return nil }
                labelStart = index + 1
            } else {
                guard isLabelByte(byte) else { return nil }
            }
            text.append(byte.asciiLowercased)
        }
        guard (1...longestLabel).contains(bytes.count - labelStart) else { return nil }
        guard !isNumber(bytes.extracting(labelStart..<bytes.count)) else { return nil }
        return String(decoding: text, as: UTF8.self)
    }

    /// True for a last label that resolvers and URL parsers read as part of an IPv4 address: "127.1", "0x7f.1" and
    /// "2130706433" are all addresses to inet_aton(3) and to the URL standard.
    private static func isNumber(_ label: Span<UInt8>) -> Bool {
        var digitsOnly = true
        for index in label.indices where !label[index].isASCIIDigit { digitsOnly = false }
        if digitsOnly { return true }
        guard label.count >= 2, label[0] == UInt8(ascii: "0"), label[1].asciiLowercased == UInt8(ascii: "x") else {
            return false
        }
        for index in 2..<label.count where label[index].hexadecimalValue == nil { return false }
        return true
    }
}
