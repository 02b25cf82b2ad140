// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Files that this program keeps from one start to the next, each bound by the digest in front of it.
///
/// The digest finds a file that was cut short or damaged. It is no signature: what makes the content ours is that the file
/// belongs to the caller and that nobody else can write it or the directory.
extension Directory {
    private static let digestLength = 64

    /// What ``writeCache(_:_:)`` kept, or nil where nothing is; a file that is not that is an error, not a miss.
    ///
    /// - Parameters:
    ///   - what: The content in words, for the error.
    ///   - isSound: False for a content that this program never keeps there.
    package borrowing func readCache(
        _ name: String, what: String, isSound: ([UInt8]) -> Bool = { _ in true }
    ) throws(SystemError) -> [UInt8]? {
        let file: Descriptor
        do throws(SystemError) { file = try open(name, O_RDONLY | O_NONBLOCK) } catch {
            if error.errno == .noEntry { return nil }
            throw error
        }
        let subject = "\(what) \"\(path)/\(name)\""
        let status = try FileStatus.of(file, subject: subject)
        if status.isRegular, status.uid == geteuid(), status.permissions & 0o022 == 0 {
            let bytes = try file.readAll(limit: 1 << 20, subject: subject)
            let body = Array(bytes.dropFirst(Self.digestLength))
            if Array(Digest.sha256(body).utf8) == Array(bytes.prefix(Self.digestLength)), isSound(body) { return body }
        }
        throw SystemError(
            "trust", subject, .notPermitted,
            remedy: "Its owner, mode or content is not what this program wrote; remove it and find out who changed it.")
    }

    /// Keeps a content under a name, in one step.
    package borrowing func writeCache(_ name: String, _ body: [UInt8]) throws(SystemError) {
        try replace(name, with: Array(Digest.sha256(body).utf8) + body)
    }
}
