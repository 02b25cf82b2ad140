// SPDX-License-Identifier: Apache-2.0

/// The grammar of RFC 8259 over bytes that are valid UTF-8.
struct JSONTextReader {
    private let bytes: [UInt8]
    private let limits: JSONText.Limits
    private var index = 0
    private var entries: [JSONText.Entry] = []

    init(bytes: [UInt8], limits: JSONText.Limits) {
        self.bytes = bytes
        self.limits = limits
    }

    mutating func read() throws(JSONText.Flaw) -> [JSONText.Entry] {
        skipBlanks()
        try value(depth: 0)
        skipBlanks()
        guard index == bytes.count else { throw flaw("text after the value") }
        return entries
    }

    private func flaw(_ reason: String) -> JSONText.Flaw { JSONText.Flaw(offset: index, reason: reason) }

    private var current: UInt8? { index < bytes.count ? bytes[index] : nil }

    private mutating func skipBlanks() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { index += 1 }
    }

    private mutating func accept(_ byte: UInt8) -> Bool {
        guard current == byte else { return false }
        index += 1
        return true
    }

    private mutating func expect(_ byte: UInt8) throws(JSONText.Flaw) {
        guard accept(byte) else { throw flaw("no \"\(Character(UnicodeScalar(byte)))\" where one must be") }
    }

    /// Begins an entry here.
    private mutating func open(_ kind: JSONText.Kind) throws(JSONText.Flaw) -> Int {
        guard entries.count < limits.values else { throw flaw("more values than are read") }
        entries.append(.init(kind: kind, start: Int32(index), end: 0, next: 0))
        return entries.count - 1
    }

    private mutating func close(_ entry: Int) {
        entries[entry].end = Int32(index)
        entries[entry].next = Int32(entries.count)
    }

    private mutating func value(depth: Int) throws(JSONText.Flaw) {
        switch current {
        case UInt8(ascii: "{"):
            guard depth < limits.depth else { throw flaw("nested too deep") }
            try object(depth: depth)
        case UInt8(ascii: "["):
            guard depth < limits.depth else { throw flaw("nested too deep") }
            try array(depth: depth)
        case UInt8(ascii: "\""): try string()
        case UInt8(ascii: "t"): try word("true", .bool)
        case UInt8(ascii: "f"): try word("false", .bool)
        case UInt8(ascii: "n"): try word("null", .null)
        default: try number()
        }
    }

    private mutating func word(_ text: String, _ kind: JSONText.Kind) throws(JSONText.Flaw) {
        let entry = try open(kind)
        for byte in text.utf8 { try expect(byte) }
        close(entry)
    }

    private mutating func array(depth: Int) throws(JSONText.Flaw) {
        let entry = try open(.array)
        index += 1
        skipBlanks()
        var isFirst = true
        while !accept(UInt8(ascii: "]")) {
            if !isFirst { try expect(UInt8(ascii: ",")) }
            isFirst = false
            skipBlanks()
            try value(depth: depth + 1)
            skipBlanks()
        }
        close(entry)
    }

    private mutating func object(depth: Int) throws(JSONText.Flaw) {
        let entry = try open(.object)
        index += 1
        skipBlanks()
        var names = SeenNames()
        var isFirst = true
        while !accept(UInt8(ascii: "}")) {
            if !isFirst { try expect(UInt8(ascii: ",")) }
            isFirst = false
            skipBlanks()
            let name = entries.count
            try string()
            // Two readers could take different ones.
            guard names.insert(content(of: entries[name])) else { throw flaw("a name that was there before") }
            skipBlanks()
            try expect(UInt8(ascii: ":"))
            skipBlanks()
            try value(depth: depth + 1)
            skipBlanks()
        }
        close(entry)
    }

    private func content(of name: JSONText.Entry) -> ArraySlice<UInt8> {
        let inside = bytes[(Int(name.start) + 1)..<(Int(name.end) - 1)]
        return name.hasEscape ? JSONText.unescaped(inside)[...] : inside
    }

    // MARK: Scalars

    private mutating func number() throws(JSONText.Flaw) {
        let entry = try open(.number)
        _ = accept(UInt8(ascii: "-"))
        let whole = digits()
        guard whole > 0, whole == 1 || bytes[index - whole] != UInt8(ascii: "0") else { throw flaw("no value") }
        if accept(UInt8(ascii: ".")) {
            guard digits() > 0 else { throw flaw("no digit after the point") }
        }
        if accept(UInt8(ascii: "e")) || accept(UInt8(ascii: "E")) {
            if !accept(UInt8(ascii: "+")) { _ = accept(UInt8(ascii: "-")) }
            guard digits() > 0 else { throw flaw("no digit in the exponent") }
        }
        close(entry)
    }

    private mutating func digits() -> Int {
        let start = index
        while let byte = current, (0x30...0x39).contains(byte) { index += 1 }
        return index - start
    }

    private mutating func string() throws(JSONText.Flaw) {
        let entry = try open(.string)
        try expect(UInt8(ascii: "\""))
        while let byte = current {
            index += 1
            switch byte {
            case UInt8(ascii: "\""):
                close(entry)
                return
            case UInt8(ascii: "\\"):
                entries[entry].hasEscape = true
                try escape()
            case 0..<0x20: throw flaw("a control character in a string")
            default: break
            }
        }
        throw flaw("a string without an end")
    }

    private mutating func escape() throws(JSONText.Flaw) {
        guard let byte = current else { throw flaw("an escape without an end") }
        index += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return
        case UInt8(ascii: "u"): break
        default: throw flaw("an unknown escape")
        }
        let unit = try hexadecimal()
        guard !UTF16.isTrailSurrogate(unit) else { throw flaw("half a surrogate pair") }
        guard UTF16.isLeadSurrogate(unit) else { return }
        guard accept(UInt8(ascii: "\\")), accept(UInt8(ascii: "u")), UTF16.isTrailSurrogate(try hexadecimal()) else {
            throw flaw("half a surrogate pair")
        }
    }

    private mutating func hexadecimal() throws(JSONText.Flaw) -> UInt16 {
        guard index + 4 <= bytes.count else { throw flaw("an escape without an end") }
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard let digit = JSONText.hexadecimalValue(bytes[index]) else {
                throw flaw("an escape without four hexadecimal digits")
            }
            value = value << 4 | UInt16(digit)
            index += 1
        }
        return value
    }
}

/// The names of one object so far. Most objects have few, and comparing those costs less than hashing them.
private struct SeenNames {
    private var few: [ArraySlice<UInt8>] = []
    private var many: Set<ArraySlice<UInt8>> = []

    /// False when the name was there before.
    mutating func insert(_ name: ArraySlice<UInt8>) -> Bool {
        if many.isEmpty {
            if few.contains(where: { $0.elementsEqual(name) }) { return false }
            few.append(name)
            if few.count > 16 { many = Set(few) }
            return true
        }
        return many.insert(name).inserted
    }
}
