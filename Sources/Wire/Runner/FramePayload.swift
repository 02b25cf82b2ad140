// SPDX-License-Identifier: Apache-2.0

/// The lines of a frame's payload, both ways.
enum FramePayload {
    static func decode(_ payload: Span<UInt8>) throws(FrameError) -> [Frame.Field] {
        var fields: [Frame.Field] = []
        var start = 0
        for index in payload.indices where payload[index] == UInt8(ascii: "\n") {
            guard fields.count < Frame.mostFields else { throw .tooManyFields }
            let field = try decodeLine(payload.extracting(start..<index))
            guard !fields.contains(where: { $0.key == field.key }) else { throw .duplicateKey }
            fields.append(field)
            start = index + 1
        }
        guard start == payload.count else { throw .unterminatedLine }
        return fields
    }

    private static func decodeLine(_ line: Span<UInt8>) throws(FrameError) -> Frame.Field {
        var equals = 0
        while equals < line.count, line[equals] != UInt8(ascii: "=") { equals += 1 }
        let key = line.extracting(first: equals)
        guard equals < line.count, isKey(key) else { throw .key }
        var value: [UInt8] = []
        var index = equals + 1
        while index < line.count {
            let byte = line[index]
            if byte == UInt8(ascii: "%") {
                guard index + 2 < line.count, let high = digit(line[index + 1]), let low = digit(line[index + 2])
                else { throw .percentEscape }
                value.append(high << 4 | low)
                index += 3
                continue
            }
            guard byte >= 0x20, byte != 0x7F, byte != UInt8(ascii: "=") else { throw .unescaped }
            value.append(byte)
            index += 1
        }
        guard let text = String(validating: value, as: UTF8.self) else { throw .notUTF8 }
        var name = ""
        for index in key.indices { name.unicodeScalars.append(Unicode.Scalar(key[index])) }
        return Frame.Field(key: name, value: text)
    }

    /// True for `[a-z][a-z0-9_]{0,31}`: a key is printed without escaping, so it can hold nothing that needs it.
    static func isKey(_ bytes: Span<UInt8>) -> Bool {
        guard (1...Frame.longestKey).contains(bytes.count) else { return false }
        for index in bytes.indices {
            switch bytes[index] {
            case UInt8(ascii: "a")...UInt8(ascii: "z"): break
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                if index == 0 { return false }
            default: return false
            }
        }
        return true
    }

    static func appendEscaped(_ value: String, to payload: inout [UInt8]) {
        let digits = Array("0123456789ABCDEF".utf8)
        for byte in value.utf8 {
            switch byte {
            case 0x00...0x1F, 0x7F, UInt8(ascii: "%"), UInt8(ascii: "="):
                payload += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 0x0F)]]
            default:
                payload.append(byte)
            }
        }
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
