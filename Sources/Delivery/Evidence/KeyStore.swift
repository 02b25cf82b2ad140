// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// The host's key for evidence, in `keys` of the state directory: `evidence.key` for its owner alone, `evidence.pub` for
/// everybody whom its owner gives it to.
///
/// The private key stays in that file and, for the time of one signature, in this process: no child inherits a
/// descriptor of it, no core dump holds it, no message names a byte of it. No sandbox can be given the directory
/// (`Preparation.refuseOwn`), and the confined steps reach one directory, which is another.
package struct KeyStore: Sendable {
    private let state: String

    package static let directory = "keys"
    package static let privateName = "evidence.key"
    package static let publicName = "evidence.pub"
    /// What ``KeyText`` makes of 48 bytes.
    private static let privateSize = 119

    /// - Parameter state: The state directory of this host, or of a caller without root.
    package init(state: String) { self.state = state }

    private var path: String { "\(state)/\(Self.directory)" }

    /// The key, which is made at the first use.
    package func load() throws(EvidenceError) -> SigningKey {
        // PR_SET_DUMPABLE: no core, and no debugger of the same user. prctl(2)
        _ = try onHost { () throws(SystemError) in try checked("protect", "this process") { sp_prctl(4, 0, 0) } }
        let keys = try open()
        if try onHost({ () throws(SystemError) in try keys.contains(Self.privateName) }) == false { try make(in: keys) }
        let key = try read(keys)
        try publish(key.publicKey, in: keys)
        return key
    }

    /// The public key of this host; nil where nothing was signed yet.
    package func publicKey() throws(EvidenceError) -> PublicKey? {
        let isThere = try onHost { () throws(SystemError) in
            do throws(SystemError) { return try Directory.open(path).contains(Self.publicName) } catch {
                if error.errno == .noEntry { return false }
                throw error
            }
        }
        return isThere ? try Self.publicKey(file: "\(path)/\(Self.publicName)") : nil
    }

    /// A public key from a file of the caller's choice.
    package static func publicKey(file: String) throws(EvidenceError) -> PublicKey {
        let bytes = try onHost { () throws(SystemError) in
            try Descriptor.open(file, O_RDONLY).readAll(limit: 4096, subject: "\"\(file)\"")
        }
        do throws(Flaw) { return try PublicKey(text: bytes) } catch {
            throw EvidenceError(
                "use key", "\"\(file)\"", error.reason,
                remedy: "Give the \(publicName) of the host that signed, as `sallyport evidence key` prints it there.")
        }
    }

    // MARK: Files

    private func open() throws(EvidenceError) -> Directory {
        try onHost { () throws(SystemError) in
            var built = ""
            let parts = state.split(separator: "/")
            for (index, part) in parts.enumerated() {
                built += "/" + part
                let result = sp_mkdirat(AT_FDCWD, built, index == parts.count - 1 ? 0o700 : 0o755)
                if result < 0 && result != -Int(EEXIST) {
                    throw SystemError("create", "directory \"\(built)\"", Errno(Int32(-result)))
                }
            }
            try Directory.open(state).make(Self.directory, mode: 0o700, existing: true)
        }
        let keys = try onHost { () throws(SystemError) in try Directory.open(state).directory(Self.directory) }
        let status = try onHost { () throws(SystemError) in try FileStatus.of(keys.fd, subject: "\"\(path)\"") }
        guard status.uid == geteuid(), status.permissions & 0o022 == 0 else {
            throw EvidenceError(
                "trust", "directory \"\(path)\"", "it belongs to user \(status.uid), mode \(Self.octal(status))",
                remedy: "It must be the caller's and writable by nobody else.")
        }
        return keys
    }

    private func read(_ keys: borrowing Directory) throws(EvidenceError) -> SigningKey {
        let file = try onHost { () throws(SystemError) in
            try keys.open(Self.privateName, O_RDONLY | O_NONBLOCK | O_NOFOLLOW)
        }
        let status = try onHost { () throws(SystemError) in try FileStatus.of(file, subject: "\"\(path)\"") }
        try check(status)
        let text = Wiped(count: Self.privateSize)
        let number = file.number
        let got = try onHost { () throws(SystemError) in
            try checked("read", "\"\(path)/\(Self.privateName)\"") { sp_read(number, text.start, text.count) }
        }
        let seed = Wiped(count: 32)
        guard got == text.count, status.size == UInt64(got), KeyText.privateKey(text, into: seed) else {
            throw unusable("it is no Ed25519 private key in PEM (PKCS#8, without a password)")
        }
        return SigningKey(seed: seed)
    }

    private func check(_ status: FileStatus) throws(EvidenceError) {
        guard status.isRegular, status.links == 1 else { throw unusable("it is no plain file with a single name") }
        guard status.uid == geteuid() else { throw unusable("it belongs to user \(status.uid), not to \(geteuid())") }
        guard status.permissions & 0o077 == 0 else {
            throw unusable("its mode \(Self.octal(status)) lets others have it")
        }
    }

    /// Makes a key; of two processes that do so at once, one wins and both use the winner's.
    private func make(in keys: borrowing Directory) throws(EvidenceError) {
        let seed = Wiped(count: 32)
        let text = Wiped(count: Self.privateSize)
        try onHost { () throws(SystemError) in
            let got = try checked("read", "random bytes") { sp_random(seed.start, seed.count) }
            guard got == seed.count else { throw SystemError("read", "random bytes", .io) }
            KeyText.writePrivateKey(seed, into: text)
            try place(text.bytes, as: Self.privateName, mode: 0o600, in: keys)
        }
    }

    /// Writes the public key where it is missing; another one beside the private key is an error.
    private func publish(_ key: PublicKey, in keys: borrowing Directory) throws(EvidenceError) {
        if let existing = try publicKey() {
            guard existing == key else {
                throw EvidenceError(
                    "use key", "\"\(path)/\(Self.privateName)\"", "\(Self.publicName) beside it is another key's",
                    remedy: "Put the right pair there, or remove \(Self.publicName) to have it written again.")
            }
            return
        }
        let text = Wiped(key.text)
        try onHost { () throws(SystemError) in
            try place(text.bytes, as: Self.publicName, mode: 0o644, in: keys)
        }
    }

    /// Makes a file with all of its content, or leaves the one that is there already.
    private func place(
        _ bytes: UnsafeRawBufferPointer, as name: String, mode: UInt32, in keys: borrowing Directory
    ) throws(SystemError) {
        let temporary = ".\(name).\(Digest.sha256(try randomBytes(16)).prefix(16))"
        let file = try keys.open(temporary, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        let (number, directory) = (file.number, keys.fd.number)
        let subject = "\"\(path)/\(temporary)\""
        let wrote = try checked("write", subject) { sp_write(number, bytes.baseAddress!, bytes.count) }
        guard wrote == bytes.count else { throw SystemError("write", subject, .noSpace) }
        // Whatever the caller's umask.
        try checked("set the mode of", subject) { sp_fchmod(number, mode) }
        // Before the name: a key that was used must be there after a power loss.
        try checked("keep", subject) { sp_fsync(number) }
        let result = sp_renameat2(directory, temporary, directory, name, UInt32(RENAME_NOREPLACE))
        if result == -Int(EEXIST) { return try keys.remove(temporary) }
        try checked("name", "\"\(path)/\(name)\"") { result }
        try checked("keep", "\"\(path)\"") { sp_fsync(directory) }
    }

    private func unusable(_ reason: String) -> EvidenceError {
        EvidenceError(
            "use signing key", "\"\(path)/\(Self.privateName)\"", reason,
            remedy: "It must be a file of the caller's, mode 600. If somebody else may have had it, remove it and "
                + "\(Self.publicName): the next task makes another, which those who verify must then be given.")
    }

    private static func octal(_ status: FileStatus) -> String { String(status.permissions, radix: 8) }
}
