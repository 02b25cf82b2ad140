// SPDX-License-Identifier: Apache-2.0

/// A ClientHello put together field by field, so that a test can get one of them wrong.
struct HelloMessage {
    var handshakeType: UInt8 = 1
    var version: [UInt8] = [3, 3]
    var session = [UInt8](repeating: 7, count: 32)
    var ciphers: [UInt8] = [0x13, 0x01, 0x13, 0x02]
    var compression: [UInt8] = [0]
    /// Nil for a hello without an extension block.
    var extensions: [(type: Int, content: [UInt8])]?
    var behind: [UInt8] = []
    /// Added to the length of the extension block, of the handshake message.
    var extensionLengthError = 0
    var lengthError = 0

    init(_ name: String? = "a.test") {
        extensions = [(10, [0, 2, 0, 29]), (43, [2, 3, 4])]
        if let name { extensions?.insert(Self.serverName(Array(name.utf8)), at: 0) }
    }

    func with(_ change: (inout HelloMessage) -> Void) -> HelloMessage {
        var copy = self
        change(&copy)
        return copy
    }

    func adding(_ type: Int, _ content: [UInt8] = []) -> HelloMessage {
        with { $0.extensions?.append((type, content)) }
    }

    static func serverName(_ name: [UInt8], type: UInt8 = 0) -> (type: Int, content: [UInt8]) {
        (0, sized16([type] + sized16(name)))
    }

    static func sized16(_ bytes: [UInt8], error: Int = 0) -> [UInt8] {
        let count = bytes.count + error
        return [UInt8(count >> 8 & 0xff), UInt8(count & 0xff)] + bytes
    }

    /// The handshake message without record headers.
    var message: [UInt8] {
        var body = version + [UInt8](repeating: 9, count: 32)
        body += [UInt8(session.count)] + session
        body += Self.sized16(ciphers) + [UInt8(compression.count)] + compression
        if let extensions {
            let block = extensions.flatMap { Self.sized16([], error: $0.type) + Self.sized16($0.content) }
            body += Self.sized16(block, error: extensionLengthError)
        }
        body += behind
        let count = body.count + lengthError
        return [handshakeType, UInt8(count >> 16 & 0xff), UInt8(count >> 8 & 0xff), UInt8(count & 0xff)] + body
    }

    /// In records of at most `size` bytes.
    func records(of size: Int = 16_384) -> [UInt8] { Self.records(message, of: size) }

    static func records(_ message: [UInt8], of size: Int = 16_384, version: [UInt8] = [3, 1]) -> [UInt8] {
        var records: [UInt8] = []
        for start in stride(from: 0, to: message.count, by: size) {
            records.append(22)
            records += version
            records += sized16(Array(message[start..<min(start + size, message.count)]))
        }
        return records
    }
}
