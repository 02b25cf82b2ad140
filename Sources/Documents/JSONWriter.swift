// SPDX-License-Identifier: Apache-2.0

/// Writes JSON that is safe to show on a terminal, to paste into a script, and to read back with our own reader.
///
/// Escaped beyond what RFC 8259 asks: C1 controls and DEL (a terminal may act on them), U+2028 and U+2029 (line ends in
/// JavaScript and in YAML), directional marks (they reorder what a reviewer sees, CVE-2021-42574), and the two
/// non-characters YAML has no raw form for. Characters beyond the basic plane stay raw: as a pair of surrogate
/// escapes libyaml would refuse them.
package struct JSONWriter: Sendable {
    /// One member or element a line, indented by two spaces; otherwise a single line.
    package var pretty: Bool

    package init(pretty: Bool = false) { self.pretty = pretty }

    /// The value as UTF-8 without a trailing line end.
    package func write(_ value: JSON) -> [UInt8] {
        var output: [UInt8] = []
        write(value, depth: 0, to: &output)
        return output
    }

    private func write(_ value: JSON, depth: Int, to output: inout [UInt8]) {
        switch value {
        case .null: output += "null".utf8
        case .bool(let flag): output += (flag ? "true" : "false").utf8
        case .int(let number): output += String(number).utf8
        case .double(let number): output += (number.isFinite ? number.description : "null").utf8
        case .string(let text): write(text, to: &output)
        case .array(let elements):
            writeList(elements, brackets: ("[", "]"), depth: depth, to: &output) { element, output in
                write(element, depth: depth + 1, to: &output)
            }
        case .object(let members):
            writeList(members, brackets: ("{", "}"), depth: depth, to: &output) { member, output in
                write(member.name, to: &output)
                output += (pretty ? ": " : ":").utf8
                write(member.value, depth: depth + 1, to: &output)
            }
        }
    }

    private func writeList<Item>(
        _ items: [Item], brackets: (String, String), depth: Int, to output: inout [UInt8],
        item: (Item, inout [UInt8]) -> Void
    ) {
        output += brackets.0.utf8
        for (index, value) in items.enumerated() {
            if index > 0 { output += ",".utf8 }
            startLine(depth: depth + 1, to: &output)
            item(value, &output)
        }
        if !items.isEmpty { startLine(depth: depth, to: &output) }
        output += brackets.1.utf8
    }

    private func startLine(depth: Int, to output: inout [UInt8]) {
        guard pretty else { return }
        output.append(0x0A)
        output.append(contentsOf: repeatElement(0x20, count: 2 * depth))
    }

    private func write(_ text: String, to output: inout [UInt8]) {
        output.append(0x22)
        // Nearly all texts need no escape at all.
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }) {
            output.append(contentsOf: text.utf8)
        } else {
            escape(text, to: &output)
        }
        output.append(0x22)
    }

    private func escape(_ text: String, to output: inout [UInt8]) {
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": output += "\\\"".utf8
            case "\\": output += "\\\\".utf8
            case "\n": output += "\\n".utf8
            case "\r": output += "\\r".utf8
            case "\t": output += "\\t".utf8
            case _ where scalar.isUnsafeToDisplay:
                let digits = String(scalar.value, radix: 16)
                output += ("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).utf8
            default: output += String(scalar).utf8
            }
        }
    }
}

extension JSON {
    /// One line of text without a line end.
    package var compactText: String { String(decoding: JSONWriter().write(self), as: UTF8.self) }
    /// Indented text without a trailing line end.
    package var prettyText: String { String(decoding: JSONWriter(pretty: true).write(self), as: UTF8.self) }
}
