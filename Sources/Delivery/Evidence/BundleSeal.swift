// SPDX-License-Identifier: Apache-2.0
package import Documents
internal import Glibc
package import LinuxSystem

/// Turns the directory of a finished task into a bundle: a manifest of all that is there, and a signed statement about it.
package struct BundleSeal: Sendable {
    package let task: String
    package let delivered: Statement.Delivered?
    package let audit: AuditChain

    package init(task: String, delivered: Statement.Delivered?, audit: AuditChain) {
        self.task = task
        self.delivered = delivered
        self.audit = audit
    }

    /// The names by which a bundle is spoken of.
    package struct Sealed: Sendable {
        /// SHA-256 of the manifest: the digest of the evidence.
        package let manifest: String
        package let key: String
    }

    /// Seals a directory of the caller's, in which nobody else writes; what is in it afterwards is the bundle.
    ///
    /// - Parameter predicate: What the statement says besides the digests.
    package func seal(_ directory: borrowing Directory, predicate: JSON, with key: borrowing SigningKey)
        throws(EvidenceError) -> Sealed
    {
        let manifest = try scan(directory).bytes
        let digest = Digest.sha256(manifest)
        let payload = Statement(delivered: delivered, manifest: digest, predicate: predicate).bytes
        let signed = Envelope.signedBytes(payload)
        let signature = key.signature(of: signed)
        guard key.publicKey.verifies(signature, of: signed) else {
            throw EvidenceError(
                "sign", "the evidence", "the new signature is not the key's", remedy: "Test this machine's memory.")
        }
        let envelope = Envelope(payload: payload, keyID: key.publicKey.id, signature: signature)
        guard manifest.count <= Manifest.largest, envelope.bytes.count <= Envelope.largest else {
            throw EvidenceError(
                "sign", "the evidence", "manifest or statement are larger than what is read back",
                remedy: "Report this.")
        }
        try onHost { () throws(SystemError) in
            try directory.replace(Manifest.name, with: manifest)
            // Last: a directory without it was never finished.
            try directory.replace(Manifest.envelopeName, with: envelope.bytes)
        }
        return Sealed(manifest: digest, key: key.publicKey.id)
    }

    private func scan(_ directory: borrowing Directory) throws(EvidenceError) -> Manifest {
        var manifest = Manifest(task: task, files: [:], directories: [], audit: audit)
        let tree = BundleTree(try onHost { () throws(SystemError) in try directory.directory(".") })
        var waiting = [""]
        while let below = waiting.popLast() {
            let entries = try onHost { () throws(SystemError) in
                try tree.entries(of: below, limit: Manifest.mostFiles)
            }
            for (name, entry) in entries {
                let path = (below.isEmpty ? "" : below + "/") + String(decoding: name, as: UTF8.self)
                guard BundlePath.isValid(path.utf8), entry != .foreign,
                    manifest.files.count + manifest.directories.count < Manifest.mostFiles
                else {
                    throw EvidenceError(
                        "seal", "\"\(path.displayed)\" of the delivered files",
                        "a bundle holds up to \(Manifest.mostFiles) plain files with plain names",
                        remedy: "Report this."
                    )
                }
                switch entry {
                case .directory:
                    manifest.directories.insert(path)
                    waiting.append(path)
                case .file(let size): manifest.files[path] = try file(path, size, tree)
                case .foreign: break
                }
            }
        }
        return manifest
    }

    private func file(_ path: String, _ size: UInt64, _ tree: borrowing BundleTree) throws(EvidenceError)
        -> Manifest.File
    {
        guard let digest = try onHost({ () throws(SystemError) in try tree.digest(path, size: size) }) else {
            throw EvidenceError("seal", "\"\(path)\"", "it changes while it is read", remedy: "Report this.")
        }
        return Manifest.File(kind: FileKind(path: path), size: size, digest: digest)
    }
}
