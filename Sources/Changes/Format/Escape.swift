// SPDX-License-Identifier: Apache-2.0

/// A file name as text that cannot act on a terminal or be mistaken for another name.
///
/// Printable characters stay; a backslash is doubled; control, format, unassigned and separator characters appear as
/// `\n`, `\x1b` or `\u{202e}`, bytes that are not UTF-8 as `\xff`. Reversible, so two names never look the same text.
package func escapedPath(_ path: [UInt8]) -> String { escaped(path, keeping: [], doublingBackslash: true) }

/// A line of a file, tabs kept, backslashes single.
func escapedLine(_ line: ArraySlice<UInt8>) -> String { escaped(Array(line), keeping: [9], doublingBackslash: false) }

private func escaped(_ bytes: [UInt8], keeping kept: Set<UInt32>, doublingBackslash: Bool) -> String {
    var out = ""
    var rest = bytes[...]
    while let first = rest.first {
        guard let (scalar, length) = decodedScalar(rest) else {
            out += "\\x" + hexadecimal(UInt32(first), width: 2)
            rest = rest.dropFirst()
            continue
        }
        rest = rest.dropFirst(length)
        if kept.contains(scalar.value) {
            out.unicodeScalars.append(scalar)
        } else if scalar == "\\" {
            out += doublingBackslash ? "\\\\" : "\\"
        } else if scalar == "\n" {
            out += "\\n"
        } else if scalar == "\t" {
            out += "\\t"
        } else if scalar == "\r" {
            out += "\\r"
        } else if actsOnTerminal(scalar) {
            out +=
                scalar.value < 0x80
                ? "\\x" + hexadecimal(scalar.value, width: 2) : "\\u{\(hexadecimal(scalar.value, width: 4))}"
        } else {
            out.unicodeScalars.append(scalar)
        }
    }
    return out
}

/// One well-formed UTF-8 character at the start of the bytes: shortest form, no surrogate. RFC 3629
private func decodedScalar(_ bytes: ArraySlice<UInt8>) -> (Unicode.Scalar, Int)? {
    var decoder = UTF8()
    var input = bytes.prefix(4).makeIterator()
    guard case .scalarValue(let scalar) = decoder.decode(&input) else { return nil }
    return (scalar, UTF8.width(scalar))
}

private func actsOnTerminal(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    // Format covers bidi overrides, zero-width characters and tags: CVE-2021-42574.
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: true
    case .spaceSeparator: scalar != " "
    default: false
    }
}

func hexadecimal(_ value: UInt32, width: Int) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}

/// Bytes as lower-case hexadecimal.
package func hexadecimal(_ bytes: [UInt8]) -> String { bytes.map { hexadecimal(UInt32($0), width: 2) }.joined() }
