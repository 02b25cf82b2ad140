// SPDX-License-Identifier: Apache-2.0

/// Reads one JSON value strictly (RFC 8259), in memory-safe code and with bounded depth.
///
/// For records that hold text of a sandbox or that a process wrote which had read such text: audit lines. Documents
/// that people write go through the YAML reader, which knows lines and gives remedies.
package struct JSONParser {
    /// Where and why a text is not JSON.
    package struct Failure: Error, Sendable, Hashable {
        package let offset: Int
        package let reason: String
    }

    package static let deepest = 32

    private let bytes: [UInt8]
    private var index = 0

    /// Reads the whole of `bytes` as one value.
    package static func parse(_ bytes: [UInt8]) throws(Failure) -> JSON {
        var parser = JSONParser(bytes: bytes)
        parser.skipBlanks()
        let value = try parser.value(depth: 0)
        parser.skipBlanks()
        guard parser.index == bytes.count else { throw parser.failure("text after the value") }
        return value
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private func failure(_ reason: String) -> Failure { Failure(offset: index, reason: reason) }

    private var current: UInt8? { index < bytes.count ? bytes[index] : nil }

    private mutating func skipBlanks() {
        while let byte = current, [0x20, 0x09, 0x0A, 0x0D].contains(byte) { index += 1 }
    }

    private mutating func accept(_ byte: UInt8) -> Bool {
        guard current == byte else { return false }
        index += 1
        return true
    }

    private mutating func expect(_ byte: UInt8) throws(Failure) {
        guard accept(byte) else { throw failure("no \"\(Character(UnicodeScalar(byte)))\" where one must be") }
    }

    private mutating func value(depth: Int) throws(Failure) -> JSON {
        guard depth < Self.deepest else { throw failure("nested too deep") }
        switch current {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func word(_ text: StaticString, _ value: JSON) throws(Failure) -> JSON {
        for byte in text.description.utf8 { try expect(byte) }
        return value
    }

    private mutating func array(depth: Int) throws(Failure) -> JSON {
        try expect(UInt8(ascii: "["))
        skipBlanks()
        var elements: [JSON] = []
        if accept(UInt8(ascii: "]")) { return .array(elements) }
        while true {
            skipBlanks()
            elements.append(try value(depth: depth + 1))
            skipBlanks()
            if accept(UInt8(ascii: "]")) { return .array(elements) }
            try expect(UInt8(ascii: ","))
        }
    }

    private mutating func object(depth: Int) throws(Failure) -> JSON {
        try expect(UInt8(ascii: "{"))
        skipBlanks()
        var members: [JSON.Member] = []
        var names: Set<String> = []
        if accept(UInt8(ascii: "}")) { return .object(members) }
        while true {
            skipBlanks()
            let name = try string()
            // Two readers could take different ones.
            guard names.insert(name).inserted else { throw failure("a name that was there before") }
            skipBlanks()
            try expect(UInt8(ascii: ":"))
            skipBlanks()
            members.append(.init(name, try value(depth: depth + 1)))
            skipBlanks()
            if accept(UInt8(ascii: "}")) { return .object(members) }
            try expect(UInt8(ascii: ","))
        }
    }

    // MARK: Scalars

    private mutating func number() throws(Failure) -> JSON {
        let start = index
        _ = accept(UInt8(ascii: "-"))
        let whole = digits()
        guard whole > 0, whole == 1 || bytes[index - whole] != UInt8(ascii: "0") else { throw failure("no value") }
        var isWhole = true
        if accept(UInt8(ascii: ".")) {
            isWhole = false
            guard digits() > 0 else { throw failure("no digit after the point") }
        }
        if accept(UInt8(ascii: "e")) || accept(UInt8(ascii: "E")) {
            isWhole = false
            if !accept(UInt8(ascii: "+")) { _ = accept(UInt8(ascii: "-")) }
            guard digits() > 0 else { throw failure("no digit in the exponent") }
        }
        let text = String(decoding: bytes[start..<index], as: UTF8.self)
        if isWhole, let number = Int(text) { return .int(number) }
        guard let number = Double(text), number.isFinite else { throw failure("a number out of range") }
        return .double(number)
    }

    private mutating func digits() -> Int {
        let start = index
        while let byte = current, (0x30...0x39).contains(byte) { index += 1 }
        return index - start
    }

    private mutating func string() throws(Failure) -> String {
        try expect(UInt8(ascii: "\""))
        var text: [UInt8] = []
        while let byte = current {
            index += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw failure("text that is no UTF-8")
                }
                return string
            case UInt8(ascii: "\\"): text += try escape()
            case 0..<0x20: throw failure("a control character in a string")
            default: text.append(byte)
            }
        }
        throw failure("a string without an end")
    }

    private mutating func escape() throws(Failure) -> [UInt8] {
        guard let byte = current else { throw failure("an escape without an end") }
        index += 1
        let simple: [UInt8: UInt8] = [
            0x22: 0x22, 0x5C: 0x5C, 0x2F: 0x2F, 0x62: 0x08, 0x66: 0x0C, 0x6E: 0x0A, 0x72: 0x0D, 0x74: 0x09,
        ]
        if let plain = simple[byte] { return [plain] }
        guard byte == UInt8(ascii: "u") else { throw failure("an unknown escape") }
        let unit = try hexadecimal()
        guard UTF16.isLeadSurrogate(unit) else { return try scalar(UInt32(unit)) }
        guard accept(UInt8(ascii: "\\")), accept(UInt8(ascii: "u")) else { throw failure("half a surrogate pair") }
        let second = try hexadecimal()
        guard UTF16.isTrailSurrogate(second) else { throw failure("half a surrogate pair") }
        return try scalar(0x10000 + (UInt32(unit) - 0xD800) << 10 + (UInt32(second) - 0xDC00))
    }

    private func scalar(_ value: UInt32) throws(Failure) -> [UInt8] {
        guard let scalar = UnicodeScalar(value) else { throw failure("half a surrogate pair") }
        return Array(String(Character(scalar)).utf8)
    }

    private mutating func hexadecimal() throws(Failure) -> UInt16 {
        guard index + 4 <= bytes.count else { throw failure("an escape without an end") }
        var value: UInt16 = 0
        for byte in bytes[index..<index + 4] {
            switch byte {
            case 0x30...0x39: value = value << 4 | UInt16(byte - 0x30)
            case 0x41...0x46: value = value << 4 | UInt16(byte - 0x37)
            case 0x61...0x66: value = value << 4 | UInt16(byte - 0x57)
            default: throw failure("an escape without four hexadecimal digits")
            }
        }
        index += 4
        return value
    }
}
