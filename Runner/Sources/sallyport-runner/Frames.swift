// SPDX-License-Identifier: Apache-2.0
internal import CRunner

/// Statements to the gateway on descriptor 4. All of them are claims; no outcome depends on them.
///
///     u32be length of the rest (at most 65,536), u8 version = 1, u8 type, payload of "key=value\n" lines
///
/// Values are UTF-8 with `%`, `=` and control characters as `%XX`. The golden files of Tests/Goldens/frames hold
/// this side and the gateway's to the same bytes.
enum Frames {
    enum Kind: UInt8 {
        case milestone = 1
        case note = 2
        case testOutcome = 3
        case turn = 4
        case toolCall = 5
        case cost = 6
    }

    struct Field {
        let key: String
        let value: String

        init(_ key: String, _ value: String) {
            self.key = key
            self.value = value
        }
    }

    private static let descriptor: Int32 = 4
    private static let longestLength = 65_536
    /// Leaves room for the key when every byte of the value is escaped.
    private static let longestText = 16_384

    static func milestone(_ name: String, _ fields: [Field] = []) {
        send(.milestone, [Field("name", name)] + fields)
    }

    static func note(_ text: String) { send(.note, [Field("text", text)]) }

    static func check(
        _ phase: String, _ name: String, _ outcome: CheckOutcome, exitCode: Int32, milliseconds: Int64
    ) {
        send(
            .testOutcome,
            [
                Field("phase", phase), Field("check", name), Field("outcome", outcome.name),
                Field("exit_code", "\(exitCode)"), Field("duration_ms", "\(milliseconds)"),
            ])
    }

    /// Makes descriptors 3 and 4 close-on-exec: what the agent writes must not look as if the runner had written it,
    /// and a reader outside must see the end of the stream when the runner ends.
    static func keepPrivate() {
        // Absent is fine: then nobody reads frames, and a bundle cannot be delivered, which is an error of its own.
        _ = sp_keep_private(3)
        _ = sp_keep_private(descriptor)
    }

    /// `frame TYPE [KEY=VALUE]...`: one frame on standard output, for the comparison with the golden files.
    static func writeOne(_ arguments: [String]) throws(Failure) -> ExitCode {
        guard let name = arguments.first, let kind = kind(name) else {
            throw Failure("frame needs a type: milestone, note, test, turn, tool or cost", code: .usage)
        }
        var fields: [Field] = []
        for argument in arguments.dropFirst() {
            let bytes = Array(argument.utf8)
            guard let equals = bytes.firstIndex(of: 0x3D) else {
                throw Failure("\"\(argument)\" is not KEY=VALUE", code: .usage)
            }
            fields.append(
                Field(
                    String(decoding: bytes[..<equals], as: UTF8.self),
                    String(decoding: bytes[(equals + 1)...], as: UTF8.self)))
        }
        guard write(encode(kind, fields), to: 1) else { throw Failure("cannot write the frame") }
        return .delivered
    }

    private static func kind(_ name: String) -> Kind? {
        switch name {
        case "milestone": .milestone
        case "note": .note
        case "test": .testOutcome
        case "turn": .turn
        case "tool": .toolCall
        case "cost": .cost
        default: nil
        }
    }

    static func send(_ kind: Kind, _ fields: [Field]) {
        // A frame that cannot be written is lost; it was a claim, and the work goes on.
        _ = write(encode(kind, fields), to: descriptor)
    }

    private static func encode(_ kind: Kind, _ fields: [Field]) -> [UInt8] {
        var payload: [UInt8] = []
        for field in fields {
            let line = Array(field.key.utf8) + [0x3D] + escaped(field.value) + [0x0A]
            guard payload.count + line.count + 2 <= longestLength else { break }
            payload += line
        }
        let length = UInt32(payload.count + 2)
        return [
            UInt8(length >> 24), UInt8(length >> 16 & 255), UInt8(length >> 8 & 255), UInt8(length & 255), 1,
            kind.rawValue,
        ] + payload
    }

    private static func escaped(_ value: String) -> [UInt8] {
        var result: [UInt8] = []
        // By scalar, so that a cut value is still UTF-8.
        for scalar in value.unicodeScalars {
            guard result.count < longestText else { break }
            for byte in UTF8.encode(scalar)! {
                if byte < 0x20 || byte == 0x7F || byte == 0x25 || byte == 0x3D {
                    result += [0x25, hexDigit(byte >> 4), hexDigit(byte & 15)]
                } else {
                    result.append(byte)
                }
            }
        }
        return result
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x37 + value }

    private static func write(_ bytes: [UInt8], to fd: Int32) -> Bool {
        bytes.withUnsafeBufferPointer { buffer in
            buffer.withMemoryRebound(to: CChar.self) { sp_write_all(fd, $0.baseAddress!, $0.count) == 0 }
        }
    }
}
