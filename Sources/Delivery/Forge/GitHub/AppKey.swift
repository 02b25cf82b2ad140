// SPDX-License-Identifier: Apache-2.0
internal import CHogweed
internal import Documents
internal import Glibc
package import LinuxSystem

/// The private key of a GitHub App, which signs who the App is and is sent nowhere.
package struct AppKey: ~Copyable {
    /// RSAPrivateKey of PKCS#1.
    private let der: Wiped

    /// Signatures of longer keys than 8192 bits are not made.
    private static let longestSignature = 1024
    /// How long a statement holds: shorter than the ten minutes that GitHub takes at most, and from a little earlier, for
    /// clocks that differ.
    private static let validSeconds = 540
    private static let earlierSeconds = 60

    /// PKCS#8 around an RSA key: version 0, rsaEncryption without parameters. RFC 5958 2, RFC 8017 A.1
    private static let header: [UInt8] = [
        0x02, 0x01, 0x00, 0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00,
    ]

    /// Reads PEM as GitHub hands it out ("RSA PRIVATE KEY"), or as PKCS#8 ("PRIVATE KEY").
    ///
    /// - Parameter reference: Names it in errors, which hold nothing of it.
    package init(pem: Secret, reference: String) throws(ForgeError) {
        var bytes = Self.decoded(pem)
        defer { Self.wipe(&bytes) }
        der = Wiped(bytes)
        // One signature shows whether it is a key at all.
        guard Self.signature(Self.header, der) != nil else {
            throw ForgeError(
                .credential, "use the App's key", reference, "it is no RSA private key in PEM without a passphrase",
                remedy: "Give the .pem file that GitHub made for the App.")
        }
    }

    /// The key's DER; empty for what is no key.
    private static func decoded(_ pem: Secret) -> [UInt8] {
        var letters: [UInt8] = []
        defer { wipe(&letters) }
        var isWrapped = false
        let isPEM = pem.withBytes { text -> Bool in
            let lines = text.split(separator: 0x0A).map { $0.last == 0x0D ? $0.dropLast() : $0 }
            guard let first = lines.first, let last = lines.last, lines.count > 2 else { return false }
            isWrapped = first.elementsEqual("-----BEGIN PRIVATE KEY-----".utf8)  // not a secret
            let label = isWrapped ? "PRIVATE KEY" : "RSA PRIVATE KEY"
            guard first.elementsEqual("-----BEGIN \(label)-----".utf8),
                last.elementsEqual("-----END \(label)-----".utf8)
            else { return false }
            // Or what was outgrown would stay behind in memory.
            letters.reserveCapacity(text.count)
            for line in lines.dropFirst().dropLast() { letters += line }
            return true
        }
        guard isPEM, var bytes = Base64.decode(letters) else { return [] }
        guard isWrapped else { return bytes }
        defer { wipe(&bytes) }
        return unwrapped(bytes).map { Array(bytes[$0]) } ?? []
    }

    /// A statement of who the App is, for a few minutes. RFC 7519; RS256 of RFC 7518 3.3
    ///
    /// - Parameter seconds: The time now, since 1970.
    package borrowing func statement(app: Int, seconds: Int) throws(ForgeError) -> Secret {
        let claims: JSON = [
            "iat": .int(seconds - Self.earlierSeconds), "exp": .int(seconds + Self.validSeconds),
            "iss": .string("\(app)"),
        ]
        let text =
            Self.plain(Array("{\"alg\":\"RS256\",\"typ\":\"JWT\"}".utf8)) + [UInt8(ascii: ".")]
            + Self.plain(JSONWriter().write(claims))
        guard let signature = Self.signature(text, der) else {
            throw ForgeError(.credential, "sign with", "the App's key", "it does not sign", remedy: "Report this.")
        }
        return Secret(copying: text + [UInt8(ascii: ".")] + Self.plain(signature))
    }

    private static func signature(_ message: [UInt8], _ der: borrowing Wiped) -> [UInt8]? {
        var signature = [UInt8](repeating: 0, count: longestSignature)
        let count = sp_rsa_sha256_sign(
            der.start, der.count, message, message.count, &signature, signature.count)
        return count > 0 ? Array(signature.prefix(count)) : nil
    }

    /// The key inside PKCS#8; nil for what is another thing.
    private static func unwrapped(_ bytes: [UInt8]) -> Range<Int>? {
        guard let outer = content(bytes, at: 0, tag: 0x30), outer.upperBound == bytes.count,
            bytes[outer].starts(with: header)
        else { return nil }
        return content(bytes, at: outer.lowerBound + header.count, tag: 0x04)
    }

    /// What one element of DER holds. X.690 8.1
    private static func content(_ bytes: [UInt8], at start: Int, tag: UInt8) -> Range<Int>? {
        guard start + 1 < bytes.count, bytes[start] == tag else { return nil }
        var place = start + 2
        var length = Int(bytes[start + 1])
        if length >= 0x80 {
            let count = length & 0x7F
            guard (1...3).contains(count), place + count <= bytes.count else { return nil }
            length = bytes[place..<(place + count)].reduce(0) { $0 << 8 | Int($1) }
            place += count
        }
        return place + length <= bytes.count ? place..<(place + length) : nil
    }

    /// Base64 for addresses, without padding. RFC 4648 5
    private static func plain(_ bytes: [UInt8]) -> [UInt8] {
        Base64.encode(bytes).filter { $0 != UInt8(ascii: "=") }.map { letter in
            letter == UInt8(ascii: "+") ? UInt8(ascii: "-") : letter == UInt8(ascii: "/") ? UInt8(ascii: "_") : letter
        }
    }

    private static func wipe(_ bytes: inout [UInt8]) {
        bytes.withUnsafeMutableBytes { room in if let start = room.baseAddress { explicit_bzero(start, room.count) } }
    }
}
