// SPDX-License-Identifier: Apache-2.0

/// The small text that Git LFS keeps in a repository in place of a large file. git-lfs docs/spec.md
package struct LargeFilePointer: Equatable, Sendable {
    package let sha256: String
    package let size: UInt64

    package static let longest = 1024

    /// Nil when some bytes are no pointer.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count <= Self.longest, bytes.starts(with: "version https://git-lfs.github.com/spec/".utf8) else {
            return nil
        }
        var digest: String?
        var length: UInt64?
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n").dropFirst() {
            if line.hasPrefix("oid sha256:") { digest = String(line.dropFirst(11)) }
            if line.hasPrefix("size ") { length = UInt64(line.dropFirst(5)) }
        }
        guard let digest, let length, digest.utf8.count == 64,
            digest.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else { return nil }
        sha256 = digest
        size = length
    }
}
