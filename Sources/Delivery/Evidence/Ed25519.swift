// SPDX-License-Identifier: Apache-2.0
internal import CHogweed
internal import Glibc
internal import LinuxSystem

/// A public Ed25519 key, RFC 8032, and its one written form: PEM of a SubjectPublicKeyInfo, RFC 8410.
package struct PublicKey: Equatable, Sendable {
    /// 32 bytes.
    package let raw: [UInt8]
    /// SHA-256 of the SubjectPublicKeyInfo in DER, as `openssl pkey -pubin -outform DER | sha256sum` says it.
    package let id: String

    init(raw: [UInt8]) {
        precondition(raw.count == 32)
        self.raw = raw
        id = Digest.sha256(KeyText.publicPrefix + raw)
    }

    /// Reads the file that ``text`` makes, which is what OpenSSL writes too.
    package init(text: [UInt8]) throws(Flaw) {
        guard let der = KeyText.decode(text, "PUBLIC KEY", bytes: 44), der.starts(with: KeyText.publicPrefix) else {
            throw Flaw("it is no Ed25519 public key in PEM")
        }
        self.init(raw: Array(der.dropFirst(KeyText.publicPrefix.count)))
    }

    package var text: [UInt8] { KeyText.encode(KeyText.publicPrefix + raw, "PUBLIC KEY") }

    package func verifies(_ signature: [UInt8], of message: [UInt8]) -> Bool {
        guard signature.count == 64 else { return false }
        return nettle_ed25519_sha512_verify(raw, message.count, message, signature) == 1
    }
}

/// A private Ed25519 key in memory, which is overwritten when its owner lets go of it.
///
/// Nothing prints or copies it: it signs, and that is all.
package struct SigningKey: ~Copyable {
    private let seed: UnsafeMutablePointer<UInt8>
    package let publicKey: PublicKey

    /// Takes the 32 bytes of the key; the caller's copy is the caller's to wipe.
    init(seed bytes: borrowing Wiped) {
        precondition(bytes.count == 32)
        seed = .allocate(capacity: 32)
        seed.initialize(from: bytes.start, count: 32)
        var raw = [UInt8](repeating: 0, count: 32)
        nettle_ed25519_sha512_public_key(&raw, seed)
        publicKey = PublicKey(raw: raw)
    }

    deinit {
        explicit_bzero(seed, 32)
        seed.deallocate()
    }

    package borrowing func signature(of message: [UInt8]) -> [UInt8] {
        var signature = [UInt8](repeating: 0, count: 64)
        nettle_ed25519_sha512_sign(publicKey.raw, seed, message.count, message, &signature)
        return signature
    }
}
