// SPDX-License-Identifier: Apache-2.0

/// Reads one JSON text strictly into values of its own.
///
/// For records that hold text of a sandbox or that a process wrote which had read such text: audit lines. Documents
/// that people write go through the YAML reader, which knows lines and gives remedies. What is too large to be
/// held twice is looked at as a ``JSONText``.
package enum JSONParser {
    package typealias Failure = JSONText.Flaw

    package static let deepest = 32

    /// Reads the whole of `bytes` as one value.
    package static func parse(_ bytes: [UInt8]) throws(Failure) -> JSON {
        try json(of: try JSONText(bytes, limits: .init(depth: deepest, values: .max)).root)
    }

    private static func json(of value: JSONValue) throws(Failure) -> JSON {
        switch value.kind {
        case .null: return .null
        case .bool: return .bool(value.bool == true)
        case .string: return .string(value.string ?? "")
        case .number:
            if let number = value.int { return .int(number) }
            let text = String(decoding: value.text.bytes[value.range], as: UTF8.self)
            guard let number = Double(text), number.isFinite else {
                throw Failure(offset: value.range.lowerBound, reason: "a number out of range")
            }
            return .double(number)
        case .array:
            var elements: [JSON] = []
            for element in value.elements { elements.append(try json(of: element)) }
            return .array(elements)
        case .object:
            var members: [JSON.Member] = []
            for (name, value) in value.members { members.append(.init(name, try json(of: value))) }
            return .object(members)
        }
    }
}
