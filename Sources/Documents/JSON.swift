// SPDX-License-Identifier: Apache-2.0

/// A JSON value. Objects keep their order, so that equal values give equal bytes.
package enum JSON: Sendable, Hashable {
    case null
    case bool(Bool)
    case int(Int)
    /// A number that is not finite is written as `null`.
    case double(Double)
    case string(String)
    case array([JSON])
    case object([Member])

    package struct Member: Sendable, Hashable {
        package var name: String
        package var value: JSON

        package init(_ name: String, _ value: JSON) {
            self.name = name
            self.value = value
        }
    }

    /// A whole number of any width; one that does not fit an `Int` becomes its decimal text, never a rounded number.
    package static func number(_ value: some BinaryInteger) -> JSON {
        Int(exactly: value).map { .int($0) } ?? .string(String(value))
    }

    /// Text of unknown origin: each invalid sequence becomes U+FFFD.
    package static func text(_ bytes: some Collection<UInt8>) -> JSON {
        .string(String(decoding: bytes, as: UTF8.self))
    }

    /// The string, or `null` where there is none.
    package static func optional(_ value: String?) -> JSON { value.map { .string($0) } ?? .null }

    /// The number, or `null` where there is none.
    package static func optional(_ value: (some BinaryInteger)?) -> JSON { value.map { .number($0) } ?? .null }

    /// The value of an object's member; nil when this is no object or has no such member.
    package subscript(name: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    package var stringValue: String? { if case .string(let value) = self { value } else { nil } }
    package var intValue: Int? { if case .int(let value) = self { value } else { nil } }
    package var boolValue: Bool? { if case .bool(let value) = self { value } else { nil } }
    package var arrayValue: [JSON]? { if case .array(let value) = self { value } else { nil } }
    package var objectValue: [Member]? { if case .object(let value) = self { value } else { nil } }
    package var isNull: Bool { self == .null }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int) { self = .int(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(arrayLiteral elements: JSON...) { self = .array(elements) }
    /// Members in the order written.
    package init(dictionaryLiteral elements: (String, JSON)...) { self = .object(elements.map { Member($0.0, $0.1) }) }
    package init(nilLiteral: ()) { self = .null }
}
