// SPDX-License-Identifier: Apache-2.0

/// One answer of HTTP/1.1, on a connection that ends with it.
package struct HTTPAnswer: Sendable, Equatable {
    package let status: Int
    /// Names in lower case.
    package let fields: [(name: String, value: String)]
    package let body: [UInt8]

    package init(status: Int, fields: [(name: String, value: String)] = [], body: [UInt8]) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    package subscript(name: String) -> String? {
        for field in fields where field.name == name { return field.value }
        return nil
    }

    package static func == (left: HTTPAnswer, right: HTTPAnswer) -> Bool {
        left.status == right.status && left.body == right.body
            && left.fields.elementsEqual(right.fields) { $0.name == $1.name && $0.value == $1.value }
    }
}

/// Reads one, piece by piece and strictly: one framing, bounded head and body, nothing folded.
package struct HTTPAnswerReader {
    package struct Flaw: Error, Equatable {
        package let reason: String
        /// The connection ended, or broke, where more was to come.
        package let isCut: Bool

        init(_ reason: String, isCut: Bool = false) {
            self.reason = reason
            self.isCut = isCut
        }
    }

    private enum Framing {
        case counted(Int)
        case chunked, untilEnd
    }
    private enum Chunk {
        case size
        case data(Int)
        case end, trailer
    }

    private var pending: [UInt8] = []
    private var status = 0
    private var fields: [(name: String, value: String)] = []
    private var framing: Framing?
    private var chunk = Chunk.size
    private var body: [UInt8] = []
    private var isWhole = false

    private static let longestHead = 64 << 10
    private static let longestBody = 16 << 20

    package init() {}

    /// - Returns: The answer, once it is whole; what follows it is left alone.
    package mutating func append(_ bytes: ArraySlice<UInt8>) throws(Flaw) -> HTTPAnswer? {
        pending += bytes
        if framing == nil {
            guard let end = Self.find(Array("\r\n\r\n".utf8), in: pending[...]) else {
                guard pending.count <= Self.longestHead else { throw Flaw("its head is too long") }
                return nil
            }
            try readHead(pending[..<end])
            pending.removeFirst(end + 4)
        }
        switch framing {
        case .counted(let count)?:
            guard pending.count >= count else { return nil }
            body = Array(pending[..<count])
            isWhole = true
        case .chunked?: try readChunks()
        case .untilEnd?, nil: try checkLength(pending.count)
        }
        return isWhole ? HTTPAnswer(status: status, fields: fields, body: body) : nil
    }

    /// The connection has ended.
    package mutating func finish() throws(Flaw) -> HTTPAnswer {
        if case .untilEnd? = framing { return HTTPAnswer(status: status, fields: fields, body: pending) }
        throw Flaw(framing == nil && pending.isEmpty ? "it did not come" : "it ended too early", isCut: true)
    }

    private func checkLength(_ count: Int) throws(Flaw) {
        guard count <= Self.longestBody else { throw Flaw("it is longer than \(Self.longestBody) bytes") }
    }

    static func find(_ wanted: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
        guard let first = wanted.first, bytes.count >= wanted.count else { return nil }
        var at = bytes.startIndex
        let last = bytes.endIndex - wanted.count
        while at <= last {
            if bytes[at] == first, bytes[at..<at + wanted.count].elementsEqual(wanted) { return at }
            at += 1
        }
        return nil
    }

    // MARK: Head

    private mutating func readHead(_ head: ArraySlice<UInt8>) throws(Flaw) {
        var lines: [ArraySlice<UInt8>] = []
        var rest = head
        while let end = Self.find([0x0D, 0x0A], in: rest) {
            lines.append(rest[rest.startIndex..<end])
            rest = rest[(end + 2)...]
        }
        lines.append(rest)
        for line in lines where line.contains(where: { ($0 < 0x20 && $0 != 0x09) || $0 == 0x7F }) {
            throw Flaw("its head has a control character in it")
        }
        try readStatus(lines.removeFirst())
        var lengths: [Int] = []
        var isChunked = false
        for line in lines {
            guard let colon = line.firstIndex(of: 0x3A), colon > line.startIndex,
                line[..<colon].allSatisfy({ $0 > 0x20 && $0 < 0x7F })
            else { throw Flaw("a field of its head has no name") }
            let name = String(decoding: line[..<colon].map { (0x41...0x5A).contains($0) ? $0 + 32 : $0 }, as: UTF8.self)
            var value = line[(colon + 1)...]
            while let first = value.first, first == 0x20 || first == 0x09 { value.removeFirst() }
            while let last = value.last, last == 0x20 || last == 0x09 { value.removeLast() }
            fields.append((name, String(decoding: value, as: UTF8.self)))
            switch name {
            case "content-length":
                guard let count = Self.decimal(value) else { throw Flaw("its length is no number") }
                lengths.append(count)
            case "transfer-encoding":
                guard !isChunked, value.elementsEqual("chunked".utf8) else { throw Flaw("its coding is unknown") }
                isChunked = true
            default: break
            }
        }
        guard lengths.count + (isChunked ? 1 : 0) <= 1 else { throw Flaw("it has more than one length") }
        if let count = lengths.first { try checkLength(count) }
        framing = isChunked ? .chunked : lengths.first.map { .counted($0) } ?? .untilEnd
    }

    private mutating func readStatus(_ line: ArraySlice<UInt8>) throws(Flaw) {
        let words = line.split(separator: 0x20, maxSplits: 2, omittingEmptySubsequences: false)
        guard words.count >= 2, words[0].elementsEqual("HTTP/1.1".utf8) || words[0].elementsEqual("HTTP/1.0".utf8),
            words[1].count == 3, let status = Self.decimal(words[1]), (200..<600).contains(status)
        else { throw Flaw("it is no answer of HTTP/1.1") }
        self.status = status
    }

    static func decimal(_ digits: ArraySlice<UInt8>) -> Int? {
        guard (1...9).contains(digits.count) else { return nil }
        var value = 0
        for digit in digits {
            guard (0x30...0x39).contains(digit) else { return nil }
            value = value * 10 + Int(digit - 0x30)
        }
        return value
    }

    // MARK: Chunks

    private mutating func readChunks() throws(Flaw) {
        var rest = pending[...]
        reading: while !isWhole {
            switch chunk {
            case .size:
                guard let end = Self.find([0x0D, 0x0A], in: rest.prefix(34)) else {
                    guard rest.count < 34 else { throw Flaw("a piece of it has no length") }
                    break reading
                }
                let count = try Self.hexadecimal(rest[rest.startIndex..<end])
                try checkLength(body.count + count)
                rest = rest[(end + 2)...]
                chunk = count == 0 ? .trailer : .data(count)
            case .data(let count):
                let piece = rest.prefix(count)
                body += piece
                rest = rest.dropFirst(piece.count)
                chunk = piece.count == count ? .end : .data(count - piece.count)
                if case .data = chunk { break reading }
            case .end, .trailer:
                guard rest.count >= 2 else { break reading }
                guard rest.starts(with: [0x0D, 0x0A]) else { throw Flaw("a piece of it does not end where it says") }
                rest = rest.dropFirst(2)
                if case .trailer = chunk { isWhole = true }
                chunk = .size
            }
        }
        pending = Array(rest)
    }

    private static func hexadecimal(_ digits: ArraySlice<UInt8>) throws(Flaw) -> Int {
        var value = 0
        for digit in digits {
            let number: UInt8
            switch digit {
            case 0x30...0x39: number = digit - 0x30
            case 0x41...0x46: number = digit - 0x37
            case 0x61...0x66: number = digit - 0x57
            default: throw Flaw("a piece of it has no length")
            }
            value = value << 4 | Int(number)
        }
        guard (1...8).contains(digits.count) else { throw Flaw("a piece of it has no length") }
        return value
    }
}
