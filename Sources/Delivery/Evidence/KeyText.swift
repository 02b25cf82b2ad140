// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Glibc
internal import LinuxSystem

/// The two files of a key, in the one spelling that OpenSSL writes: PEM with a single line of base64.
///
///     evidence.key   PKCS#8           30 2e 02 01 00 30 05 06 03 2b 65 70 04 22 04 20  32 bytes
///     evidence.pub   SubjectPublicKeyInfo   30 2a 30 05 06 03 2b 65 70 03 21 00        32 bytes
///
/// - SeeAlso: RFC 7468 (PEM), RFC 8410 (Ed25519 in PKCS#8 and X.509).
enum KeyText {
    static let publicPrefix: [UInt8] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00]
    static let privatePrefix: [UInt8] = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
    ]

    static func encode(_ der: [UInt8], _ label: String) -> [UInt8] {
        Array(head(label)) + Base64.encode(der) + Array(tail(label))
    }

    /// The bytes between the lines of a label; nil unless they are exactly that many.
    static func decode(_ text: [UInt8], _ label: String, bytes count: Int) -> [UInt8]? {
        let (head, tail) = (head(label), tail(label))
        guard text.count == head.count + (count + 2) / 3 * 4 + tail.count, text.starts(with: head),
            text.suffix(tail.count).elementsEqual(tail)
        else { return nil }
        return Base64.decode(text[head.count..<(text.count - tail.count)])
    }

    /// The file of a private key. What is secret on the way is overwritten.
    static func writePrivateKey(_ seed: borrowing Wiped, into text: borrowing Wiped) {
        let der = Wiped(count: privatePrefix.count + 32)
        der.start.update(from: privatePrefix, count: privatePrefix.count)
        (der.start + privatePrefix.count).update(from: seed.start, count: 32)
        var letters = Base64.encode(UnsafeBufferPointer(start: der.start, count: der.count))
        defer { wipe(&letters) }
        let lines = [Array(head("PRIVATE KEY")), letters, Array(tail("PRIVATE KEY"))]
        precondition(lines.reduce(0) { $0 + $1.count } == text.count)
        var at = 0
        for line in lines {
            (text.start + at).update(from: line, count: line.count)
            at += line.count
        }
    }

    /// Reads that file; false unless it is exactly that.
    static func privateKey(_ text: borrowing Wiped, into seed: borrowing Wiped) -> Bool {
        let (head, tail) = (head("PRIVATE KEY"), tail("PRIVATE KEY"))
        let bytes = UnsafeBufferPointer(start: text.start, count: text.count)
        guard bytes.count == head.count + 64 + tail.count, bytes.starts(with: head),
            bytes.suffix(tail.count).elementsEqual(tail),
            var der = Base64.decode(bytes[head.count..<(head.count + 64)])
        else { return false }
        defer { wipe(&der) }
        guard der.count == 48, der.starts(with: privatePrefix) else { return false }
        for index in 0..<32 { seed.start[index] = der[privatePrefix.count + index] }
        return true
    }

    private static func wipe(_ bytes: inout [UInt8]) {
        bytes.withUnsafeMutableBytes { room in if let start = room.baseAddress { explicit_bzero(start, room.count) } }
    }

    private static func head(_ label: String) -> String.UTF8View { "-----BEGIN \(label)-----\n".utf8 }
    private static func tail(_ label: String) -> String.UTF8View { "\n-----END \(label)-----\n".utf8 }
}
