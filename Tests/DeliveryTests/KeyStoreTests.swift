// SPDX-License-Identifier: Apache-2.0
import Delivery
import Documents
import Glibc
import LinuxSystem
import TestSupport
import Testing

@Suite("signing key")
struct KeyStoreTests {
    let scratch: Scratch
    let store: KeyStore
    let file: String

    init() throws {
        scratch = try Scratch()
        store = KeyStore(state: scratch.at("some/state"))
        file = scratch.at("some/state/keys/evidence.key")
    }

    private func identifier() throws -> String { try store.load().publicKey.id }

    @Test("is made at the first use, for its owner alone, and stays")
    func made() throws {
        #expect(try store.publicKey() == nil)
        let identifier = try identifier()
        #expect(try self.identifier() == identifier && store.publicKey()?.id == identifier)
        #expect(try FileStatus.path(file).permissions == 0o600)
        #expect(try FileStatus.path(scratch.at("some/state/keys")).permissions == 0o700)
        #expect(try FileStatus.path(scratch.at("some/state/keys/evidence.pub")).permissions == 0o644)
        #expect(names(scratch.at("some/state/keys")) == ["evidence.key", "evidence.pub"])
        #expect(try KeyStore.publicKey(file: scratch.at("some/state/keys/evidence.pub")).id == identifier)
    }

    @Test("first uses at the same time agree on one key")
    func race() async throws {
        let store = store
        let identifiers = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<16 { group.addTask { try store.load().publicKey.id } }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(identifiers.count == 1 && names(scratch.at("some/state/keys")).count == 2)
    }

    @Test("signs as RFC 8032 has it, and its name is that of OpenSSL's own arithmetic")
    func vector() throws {
        _ = try scratch.directory("some")
        _ = try scratch.directory("some/state")
        _ = try scratch.directory("some/state/keys", mode: 0o700)
        // Section 7.1, test 2.
        let seed: [UInt8] = [
            0x4c, 0xcd, 0x08, 0x9b, 0x28, 0xff, 0x96, 0xda, 0x9d, 0xb6, 0xc3, 0x46, 0xec, 0x11, 0x4e, 0x0f, 0x5b, 0x8a,
            0x31, 0x9f, 0x35, 0xab, 0xa6, 0x24, 0xda, 0x8c, 0xf6, 0xed, 0x4f, 0xb8, 0xa6, 0xfb,
        ]
        let der: [UInt8] = [
            0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
        ]
        let body = String(decoding: Base64.encode(der + seed), as: UTF8.self)
        let text = "-----BEGIN PRIVATE KEY-----\n\(body)\n"  // not a secret: the seed is a test's
        try scratch.file("some/state/keys/evidence.key", text + "-----END PRIVATE KEY-----\n", mode: 0o600)
        let key = try store.load()
        #expect(key.publicKey.raw.starts(with: [0x3d, 0x40, 0x17, 0xc3]) && key.publicKey.raw.last == 0x0c)
        let signature = key.signature(of: [0x72])
        #expect(signature.starts(with: [0x92, 0xa0, 0x09, 0xa9]) && signature.suffix(2) == [0x0c, 0x00])
        #expect(key.publicKey.verifies(signature, of: [0x72]))
        #expect(!key.publicKey.verifies(signature, of: [0x73]) && !key.publicKey.verifies(signature, of: []))
        for index in signature.indices {
            var changed = signature
            changed[index] ^= 1
            #expect(!key.publicKey.verifies(changed, of: [0x72]))
        }
        #expect(!key.publicKey.verifies(Array(signature.dropLast()), of: [0x72]))
    }

    struct Flawed: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let says: String
        let make: @Sendable (Scratch, String) throws -> Void
    }

    static let flaws = [
        Flawed(testDescription: "others may read it", says: "its mode 644 lets others have it") { _, file in
            chmod(file, 0o644)
        },
        Flawed(testDescription: "a group may read it", says: "its mode 640 lets others have it") { _, file in
            chmod(file, 0o640)
        },
        Flawed(testDescription: "it has a second name", says: "no plain file with a single name") { scratch, file in
            link(file, scratch.at("second"))
        },
        Flawed(testDescription: "it is a link", says: "(ELOOP)") { scratch, file in
            rename(file, scratch.at("moved"))
            symlink(scratch.at("moved"), file)
        },
        Flawed(testDescription: "it is a pipe", says: "no plain file") { _, file in
            unlink(file)
            mkfifo(file, 0o600)
        },
        Flawed(testDescription: "it is empty", says: "no Ed25519 private key in PEM") { _, file in
            truncate(file, 0)
        },
        Flawed(testDescription: "it is longer", says: "no Ed25519 private key in PEM") { scratch, file in
            try scratch.file("some/state/keys/evidence.key", (text(file) ?? "") + "\n", mode: 0o600)
        },
        Flawed(testDescription: "it is another kind of key", says: "no Ed25519 private key in PEM") { scratch, file in
            let other = (text(file) ?? "").replacingOccurrences(of: "MC4CAQAwBQYDK2Vw", with: "MC4CAQAwBQYDK2Vu")
            try scratch.file("some/state/keys/evidence.key", other, mode: 0o600)
        },
        Flawed(testDescription: "its directory is open", says: "mode 770") { scratch, _ in
            chmod(scratch.at("some/state/keys"), 0o770)
        },
        Flawed(testDescription: "the public key is another's", says: "is another key's") { scratch, _ in
            let other = try KeyStore(state: scratch.at("other")).load().publicKey.text
            try scratch.file("some/state/keys/evidence.pub", bytes: other)
        },
        Flawed(testDescription: "the public key is none", says: "no Ed25519 public key in PEM") { scratch, _ in
            try scratch.file("some/state/keys/evidence.pub", "-----BEGIN PUBLIC KEY-----\n")
        },
    ]

    @Test("one that cannot be trusted is one error that names it", arguments: flaws)
    func refused(_ flaw: Flawed) throws {
        _ = try store.load()
        let secret = try #require(text(file)).split(separator: "\n")[1]
        try flaw.make(scratch, file)
        let error = try #require(throws: EvidenceError.self) { _ = try store.load().publicKey.id }
        #expect(error.description.contains(flaw.says) && error.description.contains("keys"), "\(error)")
        #expect(!error.description.contains(secret))
    }

    @Test("one that belongs to somebody else is refused", .requires(.root))
    func foreign() throws {
        _ = try store.load()
        #expect(chown(file, 4242, 4242) == 0)
        let error = try #require(throws: EvidenceError.self) { _ = try store.load().publicKey.id }
        #expect(error.description.contains("it belongs to user 4242, not to 0"))
    }

    @Test("a public key has one spelling")
    func publicText() throws {
        let key = try store.load().publicKey
        #expect(try PublicKey(text: key.text) == key)
        for other in [[], key.text + [0x0A], Array(key.text.dropLast()), Array(key.text.reversed())] {
            #expect(throws: Flaw.self) { try PublicKey(text: other) }
        }
    }
}

extension String {
    fileprivate func replacingOccurrences(of other: String, with new: String) -> String {
        guard let start = indices.first(where: { self[$0...].hasPrefix(other) }) else { return self }
        return String(self[..<start]) + new + String(self[index(start, offsetBy: other.count)...])
    }
}
