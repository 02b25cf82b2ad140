// SPDX-License-Identifier: Apache-2.0

/// One JSON value. The names of an object are unique and keep their order; a number keeps its spelling.
package indirect enum JSONTree: Sendable, Equatable {
    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([JSONTree])
    case object([Member])

    package struct Member: Sendable, Equatable {
        package let name: String
        package var value: JSONTree

        package init(_ name: String, _ value: JSONTree) {
            self.name = name
            self.value = value
        }
    }

    package static func int(_ value: Int) -> JSONTree { .number("\(value)") }

    /// The member of an object; nil when there is none, or this is no object.
    package subscript(name: String) -> JSONTree? {
        guard case .object(let members) = self else { return nil }
        for member in members where member.name == name { return member.value }
        return nil
    }

    package var string: String? {
        if case .string(let text) = self { return text }
        return nil
    }

    package var array: [JSONTree]? {
        if case .array(let elements) = self { return elements }
        return nil
    }

    package var members: [Member]? {
        if case .object(let members) = self { return members }
        return nil
    }

    package var isNull: Bool {
        if case .null = self { return true }
        return false
    }

    /// A whole number that is spelled as one.
    package var int: Int? {
        guard case .number(let text) = self else { return nil }
        var digits = Array(text.utf8)
        let isNegative = digits.first == 0x2D
        if isNegative { digits.removeFirst() }
        guard !digits.isEmpty, digits.count <= 18 else { return nil }
        var value = 0
        for digit in digits {
            guard digit >= 0x30, digit <= 0x39 else { return nil }
            value = value * 10 + Int(digit - 0x30)
        }
        return isNegative ? -value : value
    }

    // MARK: Text

    /// The shortest text of this value, in UTF-8: the same value gives the same bytes.
    package var text: [UInt8] {
        var output: [UInt8] = []
        append(to: &output)
        return output
    }

    private func append(to output: inout [UInt8]) {
        switch self {
        case .null: output += "null".utf8
        case .bool(let value): output += (value ? "true" : "false").utf8
        case .number(let spelling): output += spelling.utf8
        case .string(let text): Self.quote(text, to: &output)
        case .array(let elements):
            output.append(0x5B)
            for (index, element) in elements.enumerated() {
                if index > 0 { output.append(0x2C) }
                element.append(to: &output)
            }
            output.append(0x5D)
        case .object(let members):
            output.append(0x7B)
            for (index, member) in members.enumerated() {
                if index > 0 { output.append(0x2C) }
                Self.quote(member.name, to: &output)
                output.append(0x3A)
                member.value.append(to: &output)
            }
            output.append(0x7D)
        }
    }

    private static func quote(_ text: String, to output: inout [UInt8]) {
        output.append(0x22)
        for byte in text.utf8 {
            switch byte {
            case 0x22, 0x5C: output += [0x5C, byte]
            case 0x0A: output += [0x5C, 0x6E]
            case 0x0D: output += [0x5C, 0x72]
            case 0x09: output += [0x5C, 0x74]
            case 0..<0x20: output += [0x5C, 0x75, 0x30, 0x30, hex(byte >> 4), hex(byte & 15)]
            default: output.append(byte)
            }
        }
        output.append(0x22)
    }

    private static func hex(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
}
