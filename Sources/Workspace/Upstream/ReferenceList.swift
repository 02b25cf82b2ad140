// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import LinuxSystem

/// The branches and tags of a repository, as one confined step tells them to another.
///
///     59\n                          so many bytes follow
///     HEAD refs/heads/main\n        or "HEAD -" when it names no branch
///     <id> refs/heads/main\n        sorted by name
///
/// What follows, a pack or nothing, is the caller's.
package struct ReferenceList: Equatable, Sendable {
    /// The branch that a clone checks out; it need not be there.
    package var head: String?
    package var references: [String: ObjectID]

    package init(head: String?, references: [String: ObjectID]) {
        self.head = head
        self.references = references
    }

    private static let longest = 64 << 20

    /// Branches and tags are taken, and nothing else: other references are a forge's own business.
    package static func isTaken(_ name: String) -> Bool {
        guard name.utf8.count <= 1024, name.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else { return false }
        return name.hasPrefix("refs/heads/") || name.hasPrefix("refs/tags/")
    }

    package var encoded: [UInt8] {
        var text = "HEAD \(head ?? "-")\n"
        for name in references.keys.sorted() { text += "\(references[name]?.description ?? "") \(name)\n" }
        return Array("\(text.utf8.count)\n\(text)".utf8)
    }

    /// Reads a list and leaves the file right behind it.
    package init(from file: borrowing Descriptor) throws(GitError) {
        guard let text = String(validating: try Self.bytes(file), as: UTF8.self), text.hasSuffix("\n") else {
            throw Self.malformed("it is no text")
        }
        let lines = text.dropLast().split(separator: "\n", omittingEmptySubsequences: false)
        guard let first = lines.first, first.hasPrefix("HEAD ") else { throw Self.malformed("it names no HEAD") }
        let name = String(first.dropFirst(5))
        guard name == "-" || Self.isTaken(name) else { throw Self.malformed("its HEAD is no branch") }
        head = name == "-" ? nil : name
        references = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: " ", maxSplits: 1)
            guard parts.count == 2, let id = ObjectID(parts[0]), Self.isTaken(String(parts[1])) else {
                throw Self.malformed("a line names no branch or tag")
            }
            references[String(parts[1])] = id
        }
    }

    private static func bytes(_ file: borrowing Descriptor) throws(GitError) -> [UInt8] {
        do throws(SystemError) {
            var digits: [UInt8] = []
            while digits.last != 0x0A {
                let byte = try file.readSome(upTo: 1, subject: "a list of references")
                guard !byte.isEmpty, digits.count < 10 else { throw SystemError("read", "it", Errno(EBADMSG)) }
                digits += byte
            }
            guard let count = Int(String(decoding: digits.dropLast(), as: UTF8.self)), (0...longest).contains(count)
            else { throw SystemError("read", "it", Errno(EBADMSG)) }
            var bytes: [UInt8] = []
            while bytes.count < count {
                let piece = try file.readSome(upTo: min(1 << 16, count - bytes.count), subject: "a list of references")
                guard !piece.isEmpty else { throw SystemError("read", "it", Errno(EBADMSG)) }
                bytes += piece
            }
            return bytes
        } catch {
            throw malformed(error.errno == Errno(EBADMSG) ? "it is cut short" : "\(error)")
        }
    }

    private static func malformed(_ reason: String) -> GitError {
        GitError(.failed, "read", "a list of references", reason, remedy: "Report this.")
    }
}
