// SPDX-License-Identifier: Apache-2.0

/// CRC-32 as Ethernet and gzip have it. ISO 3309
struct CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ value >> 1 : value >> 1 }
    }

    static func of(_ bytes: some Sequence<UInt8>) -> UInt32 {
        ~bytes.reduce(~UInt32(0)) { crc, byte in table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)] ^ crc >> 8 }
    }
}

/// The frames of AWS's event stream, whatever the pieces in which the stream comes.
///
///     length of all (4)  length of headers (4)  CRC of those 8 (4)   headers   payload   CRC of all before (4)
///
/// - SeeAlso: Amazon Transcribe Developer Guide, "Event stream encoding".
struct FrameReader: Sendable {
    struct Frame: Equatable, Sendable {
        /// Those headers that are text.
        var headers: [String: String] = [:]
        var payload: [UInt8] = []
    }

    enum Flaw: Error, Equatable, Sendable {
        case tooLong
        case checksum
        case malformed
    }

    static let longest = 4 << 20

    private var buffer: [UInt8] = []
    private var length: Int?

    /// Bytes of a frame that is not there whole.
    var isInFrame: Bool { !buffer.isEmpty }

    /// Takes one byte; a frame when it ends one. After a flaw nothing more can be read: where the next frame begins is
    /// what the flawed one says.
    mutating func take(_ byte: UInt8) throws(Flaw) -> Frame? {
        buffer.append(byte)
        if buffer.count == 12 { length = try prelude() }
        guard let length, buffer.count == length else { return nil }
        defer {
            buffer = []
            self.length = nil
        }
        return try frame()
    }

    private func number(at index: Int) -> UInt32 { buffer[index..<index + 4].reduce(0) { $0 << 8 | UInt32($1) } }

    private func prelude() throws(Flaw) -> Int {
        guard CRC32.of(buffer[..<8]) == number(at: 8) else { throw .checksum }
        let length = number(at: 0)
        guard length <= UInt32(Self.longest) else { throw .tooLong }
        guard length >= 16, number(at: 4) <= length - 16 else { throw .malformed }
        return Int(length)
    }

    private func frame() throws(Flaw) -> Frame {
        let end = buffer.count - 4
        guard CRC32.of(buffer[..<end]) == number(at: end) else { throw .checksum }
        let headersEnd = 12 + Int(number(at: 4))
        var frame = Frame()
        var rest = buffer[12..<headersEnd]
        while let size = rest.popFirst() {
            guard let name = Self.text(&rest, Int(size)), let kind = rest.popFirst() else { throw .malformed }
            switch kind {
            case 0, 1: break
            case 2: try Self.skip(&rest, 1)
            case 3: try Self.skip(&rest, 2)
            case 4: try Self.skip(&rest, 4)
            case 5, 8: try Self.skip(&rest, 8)
            case 9: try Self.skip(&rest, 16)
            case 6, 7:
                guard rest.count >= 2 else { throw .malformed }
                let size = Int(rest.removeFirst()) << 8 | Int(rest.removeFirst())
                if kind == 6 {
                    try Self.skip(&rest, size)
                } else {
                    guard let value = Self.text(&rest, size), frame.headers.updateValue(value, forKey: name) == nil
                    else { throw .malformed }
                }
            default: throw .malformed
            }
        }
        frame.payload = Array(buffer[headersEnd..<end])
        return frame
    }

    private static func text(_ rest: inout ArraySlice<UInt8>, _ size: Int) -> String? {
        guard rest.count >= size else { return nil }
        defer { rest = rest.dropFirst(size) }
        return String(validating: rest.prefix(size), as: UTF8.self)
    }

    private static func skip(_ rest: inout ArraySlice<UInt8>, _ size: Int) throws(Flaw) {
        guard rest.count >= size else { throw .malformed }
        rest = rest.dropFirst(size)
    }
}
