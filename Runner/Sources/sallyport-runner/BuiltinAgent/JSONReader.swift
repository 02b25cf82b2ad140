// SPDX-License-Identifier: Apache-2.0

/// Reads one JSON text, strictly: RFC 8259 and nothing beside it, no name twice in one object, no half of a surrogate pair.
package struct JSONReader {
    package struct Flaw: Error, Equatable {
        package let reason: String
        package let offset: Int
    }

    package struct Limits: Sendable {
        package var bytes = 16 << 20
        package var depth = 64
        /// Values of any kind.
        package var values = 500_000

        package init() {}
    }

    private let bytes: [UInt8]
    private let limits: Limits
    private var at = 0
    private var values = 0

    package static func read(_ bytes: [UInt8], limits: Limits = Limits()) throws(Flaw) -> JSONTree {
        guard bytes.count <= limits.bytes else {
            throw Flaw(reason: "it is longer than \(limits.bytes) bytes", offset: limits.bytes)
        }
        var reader = JSONReader(bytes: bytes, limits: limits)
        let value = try reader.value(depth: 1)
        reader.skipSpace()
        guard reader.at == bytes.count else { throw reader.flaw("something follows its end") }
        return value
    }

    private init(bytes: [UInt8], limits: Limits) {
        self.bytes = bytes
        self.limits = limits
    }

    private func flaw(_ reason: String) -> Flaw { Flaw(reason: reason, offset: at) }

    private mutating func skipSpace() {
        while at < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[at]) { at += 1 }
    }

    private var next: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        at += 1
        return true
    }

    private mutating func value(depth: Int) throws(Flaw) -> JSONTree {
        skipSpace()
        values += 1
        guard values <= limits.values else { throw flaw("it has more than \(limits.values) values") }
        guard let first = next else { throw flaw("it ends too early") }
        switch first {
        case 0x7B: return try object(depth: depth)
        case 0x5B: return try array(depth: depth)
        case 0x22: return .string(try string())
        case 0x2D, 0x30...0x39: return .number(try number())
        default:
            for (word, value) in [("true", JSONTree.bool(true)), ("false", .bool(false)), ("null", .null)]
            where bytes[at...].starts(with: word.utf8) {
                at += word.utf8.count
                return value
            }
            throw flaw("no value stands there")
        }
    }

    private func checkDepth(_ depth: Int) throws(Flaw) {
        guard depth <= limits.depth else { throw flaw("it is more than \(limits.depth) deep") }
    }

    private mutating func array(depth: Int) throws(Flaw) -> JSONTree {
        try checkDepth(depth)
        at += 1
        var elements: [JSONTree] = []
        skipSpace()
        if take(0x5D) { return .array(elements) }
        while true {
            elements.append(try value(depth: depth + 1))
            skipSpace()
            if take(0x5D) { return .array(elements) }
            guard take(0x2C) else { throw flaw("a list goes on without a comma") }
        }
    }

    private mutating func object(depth: Int) throws(Flaw) -> JSONTree {
        try checkDepth(depth)
        at += 1
        var members: [JSONTree.Member] = []
        var names: Set<String> = []
        skipSpace()
        if take(0x7D) { return .object(members) }
        while true {
            skipSpace()
            guard next == 0x22 else { throw flaw("a name of an object is no string") }
            let name = try string()
            guard names.insert(name).inserted else { throw flaw("a name stands twice in one object") }
            skipSpace()
            guard take(0x3A) else { throw flaw("a name has no colon behind it") }
            members.append(.init(name, try value(depth: depth + 1)))
            skipSpace()
            if take(0x7D) { return .object(members) }
            guard take(0x2C) else { throw flaw("an object goes on without a comma") }
        }
    }

    // MARK: Numbers

    private mutating func number() throws(Flaw) -> String {
        let start = at
        _ = take(0x2D)
        if !take(0x30) { try digits() }
        if take(0x2E) { try digits() }
        if next == 0x65 || next == 0x45 {
            at += 1
            if !take(0x2B) { _ = take(0x2D) }
            try digits()
        }
        return String(decoding: bytes[start..<at], as: UTF8.self)
    }

    private mutating func digits() throws(Flaw) {
        let start = at
        while let byte = next, byte >= 0x30, byte <= 0x39 { at += 1 }
        guard at > start else { throw flaw("a number lacks a digit") }
    }

    // MARK: Strings

    private mutating func string() throws(Flaw) -> String {
        at += 1
        var output: [UInt8] = []
        while let byte = next {
            switch byte {
            case 0x22:
                at += 1
                let text = String(decoding: output, as: UTF8.self)
                // What had to be mended was no UTF-8.
                guard text.utf8.elementsEqual(output) else { throw flaw("a string is no UTF-8") }
                return text
            case 0x5C: try escape(to: &output)
            case 0..<0x20: throw flaw("a string has a control character in it")
            default:
                output.append(byte)
                at += 1
            }
        }
        throw flaw("a string has no end")
    }

    private mutating func escape(to output: inout [UInt8]) throws(Flaw) {
        at += 1
        guard let byte = next else { throw flaw("a string has no end") }
        at += 1
        switch byte {
        case 0x22, 0x5C, 0x2F: output.append(byte)
        case 0x62: output.append(0x08)
        case 0x66: output.append(0x0C)
        case 0x6E: output.append(0x0A)
        case 0x72: output.append(0x0D)
        case 0x74: output.append(0x09)
        case 0x75: output += String(try scalar()).utf8
        default: throw flaw("a string has an unknown escape")
        }
    }

    private mutating func scalar() throws(Flaw) -> Character {
        var code = try hexadecimal()
        if (0xD800...0xDBFF).contains(code), take(0x5C), take(0x75) {
            let low = try hexadecimal()
            guard (0xDC00...0xDFFF).contains(low) else { throw flaw("a string has half of a surrogate pair") }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw flaw("a string has half of a surrogate pair") }
        return Character(scalar)
    }

    private mutating func hexadecimal() throws(Flaw) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next else { throw flaw("a string has no end") }
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte - 0x30
            case 0x41...0x46: digit = byte - 0x37
            case 0x61...0x66: digit = byte - 0x57
            default: throw flaw("an escape lacks a digit")
            }
            code = code << 4 | UInt32(digit)
            at += 1
        }
        return code
    }
}
