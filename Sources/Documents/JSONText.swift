// SPDX-License-Identifier: Apache-2.0

/// A JSON text that was checked whole (RFC 8259), with the place of every value in it; nothing is copied out of it.
///
/// For bytes of a stranger that go on as they are once they have been judged: what is read here is what the next reader
/// gets. Refused are a name twice in one object, in whatever spelling, invalid UTF-8, half a surrogate pair, and
/// more depth or values than were allowed.
package struct JSONText: Sendable {
    package struct Limits: Sendable, Hashable {
        /// Nesting of arrays and objects; the outermost one is depth 1.
        package var depth: Int
        /// Values of all kinds, names of members included.
        package var values: Int

        package init(depth: Int, values: Int = 2_000_000) {
            self.depth = depth
            self.values = values
        }
    }

    /// Where and why a text is not JSON.
    package struct Flaw: Error, Sendable, Hashable {
        package let offset: Int
        package let reason: String
    }

    package enum Kind: UInt8, Sendable, Hashable { case null, bool, number, string, array, object }

    /// A value: its bytes, and the entry behind its last descendant. A member is two entries, its name and its value.
    struct Entry: Sendable {
        let kind: Kind
        /// Strings only: there is a backslash in it.
        var hasEscape = false
        let start: Int32
        var end: Int32
        var next: Int32
    }

    package let bytes: [UInt8]
    let entries: [Entry]

    /// Reads the whole of `bytes` as one value.
    package init(_ bytes: [UInt8], limits: Limits) throws(Flaw) {
        guard bytes.count < Int(Int32.max) else { throw Flaw(offset: 0, reason: "a text that is too long") }
        do { _ = try UTF8Span(validating: bytes.span) } catch {
            throw Flaw(offset: error.byteOffsets.lowerBound, reason: "text that is no UTF-8")
        }
        var reader = JSONTextReader(bytes: bytes, limits: limits)
        entries = try reader.read()
        self.bytes = bytes
    }

    package var root: JSONValue { JSONValue(text: self, index: 0) }
}

/// One value of a ``JSONText``.
package struct JSONValue: Sendable {
    let text: JSONText
    let index: Int

    private var entry: JSONText.Entry { text.entries[index] }

    package var kind: JSONText.Kind { entry.kind }
    /// Where it stands, quotes and brackets included.
    package var range: Range<Int> { Int(entry.start)..<Int(entry.end) }

    /// Its own bytes, as they were written.
    package var bytes: ArraySlice<UInt8> { text.bytes[range] }

    /// The text of a string; nil for anything else.
    package var string: String? {
        guard kind == .string else { return nil }
        return String(decoding: text.content(of: entry), as: UTF8.self)
    }

    /// A number without fraction and exponent that fits; nil for anything else.
    package var int: Int? {
        guard kind == .number else { return nil }
        return Int(String(decoding: text.bytes[range], as: UTF8.self))
    }

    package var bool: Bool? { kind == .bool ? text.bytes[range.lowerBound] == UInt8(ascii: "t") : nil }
    package var isNull: Bool { kind == .null }

    /// The elements of an array; none for anything else.
    package var elements: JSONList { JSONList(text: text, parent: kind == .array ? index : nil) }

    /// The names and values of an object in the order written; none for anything else.
    package var members: [(name: String, value: JSONValue)] {
        guard kind == .object else { return [] }
        var members: [(String, JSONValue)] = []
        var position = index + 1
        while position < Int(entry.next) {
            let name = String(decoding: text.content(of: text.entries[position]), as: UTF8.self)
            members.append((name, JSONValue(text: text, index: position + 1)))
            position = Int(text.entries[position + 1].next)
        }
        return members
    }

    /// The value of an object's member; nil when this is no object or has no such member.
    package subscript(name: String) -> JSONValue? {
        guard kind == .object else { return nil }
        var position = index + 1
        while position < Int(entry.next) {
            if text.content(of: text.entries[position]).elementsEqual(name.utf8) {
                return JSONValue(text: text, index: position + 1)
            }
            position = Int(text.entries[position + 1].next)
        }
        return nil
    }
}

/// The elements of an array, each found when it is its turn.
package struct JSONList: Sequence, Sendable {
    let text: JSONText
    let parent: Int?

    package func makeIterator() -> AnyIterator<JSONValue> {
        guard let parent else { return AnyIterator { nil } }
        var position = parent + 1
        let end = Int(text.entries[parent].next)
        return AnyIterator {
            guard position < end else { return nil }
            defer { position = Int(text.entries[position].next) }
            return JSONValue(text: text, index: position)
        }
    }
}

extension JSONText {
    /// What a string says, without quotes and escapes.
    func content(of entry: Entry) -> ArraySlice<UInt8> {
        let inside = bytes[(Int(entry.start) + 1)..<(Int(entry.end) - 1)]
        return entry.hasEscape ? Self.unescaped(inside)[...] : inside
    }

    /// The bytes that a checked string with escapes stands for.
    static func unescaped(_ inside: ArraySlice<UInt8>) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(inside.count)
        var index = inside.startIndex
        while index < inside.endIndex {
            let byte = inside[index]
            index += 1
            guard byte == UInt8(ascii: "\\") else {
                output.append(byte)
                continue
            }
            let escape = inside[index]
            index += 1
            switch escape {
            case UInt8(ascii: "b"): output.append(0x08)
            case UInt8(ascii: "f"): output.append(0x0C)
            case UInt8(ascii: "n"): output.append(0x0A)
            case UInt8(ascii: "r"): output.append(0x0D)
            case UInt8(ascii: "t"): output.append(0x09)
            case UInt8(ascii: "u"):
                var value = unit(inside, index)
                index += 4
                if (0xD800...0xDBFF).contains(value) {
                    value = 0x10000 + (value - 0xD800) << 10 + (unit(inside, index + 2) - 0xDC00)
                    index += 6
                }
                if let scalar = UnicodeScalar(value) { output += UTF8.encode(scalar).map(Array.init) ?? [] }
            default: output.append(escape)
            }
        }
        return output
    }

    /// Four hexadecimal digits.
    private static func unit(_ bytes: ArraySlice<UInt8>, _ start: Int) -> UInt32 {
        bytes[start..<start + 4].reduce(0) { $0 << 4 | UInt32(hexadecimalValue($1) ?? 0) }
    }

    static func hexadecimalValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }
}
