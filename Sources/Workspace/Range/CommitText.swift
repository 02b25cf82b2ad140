// SPDX-License-Identifier: Apache-2.0

/// The bytes of one commit object, read strictly. gitformat-commit, git-commit-tree(1)
package struct CommitText: Equatable, Sendable {
    /// Who wrote or committed, as the commit claims.
    package struct Identity: Equatable, Sendable {
        package let name: [UInt8]
        package let email: [UInt8]

        /// Printable: `name <email>`.
        package var text: String {
            PrintableText.escaped(name + Array(" <".utf8) + email + Array(">".utf8), longest: 200)
        }
    }

    package let tree: ObjectID
    package let parents: [ObjectID]
    package let author: Identity
    package let committer: Identity
    /// Everything behind the headers.
    package let message: [UInt8]

    /// The tree and the parents of a commit, whatever follows them; nil when it does not begin with them.
    static func links(_ bytes: [UInt8]) -> [ObjectID]? {
        var result: [ObjectID] = []
        var rest = bytes[...]
        while true {
            let key = result.isEmpty ? "tree " : "parent "
            guard rest.starts(with: key.utf8) else { return result.isEmpty ? nil : result }
            rest = rest.dropFirst(key.utf8.count)
            guard rest.dropFirst(40).first == 0x0A, let id = ObjectID(String(decoding: rest.prefix(40), as: UTF8.self))
            else { return nil }
            result.append(id)
            rest = rest.dropFirst(41)
        }
    }

    /// Nil when the headers are not those that git writes, in its order.
    package init?(_ bytes: [UInt8]) {
        var position = 0
        func line() -> ArraySlice<UInt8>? {
            guard let end = bytes[position...].firstIndex(of: 0x0A) else { return nil }
            defer { position = end + 1 }
            return bytes[position..<end]
        }
        func value(_ key: String, _ line: ArraySlice<UInt8>?) -> ArraySlice<UInt8>? {
            guard let line, line.starts(with: key.utf8) else { return nil }
            return line.dropFirst(key.utf8.count)
        }
        guard let first = value("tree ", line()), let tree = ObjectID(String(decoding: first, as: UTF8.self)) else {
            return nil
        }
        var parents: [ObjectID] = []
        var next = line()
        while let parent = value("parent ", next) {
            guard let id = ObjectID(String(decoding: parent, as: UTF8.self)) else { return nil }
            parents.append(id)
            next = line()
        }
        guard let author = value("author ", next).flatMap(Self.identity),
            let committer = value("committer ", line()).flatMap(Self.identity)
        else { return nil }
        // Signatures, encodings and merged tags follow; the message begins after the first empty line.
        while let header = line(), !header.isEmpty {
            // A second author would be shown by some readers and not by others.
            if header.starts(with: "author ".utf8) || header.starts(with: "committer ".utf8) { return nil }
        }
        self.tree = tree
        self.parents = parents
        self.author = author
        self.committer = committer
        message = Array(bytes[position...])
    }

    /// Reads `name <email> seconds zone`.
    private static func identity(_ text: ArraySlice<UInt8>) -> Identity? {
        guard let open = text.firstIndex(of: UInt8(ascii: "<")), let close = text.lastIndex(of: UInt8(ascii: ">")),
            open < close, !text[(open + 1)..<close].contains(UInt8(ascii: "<")),
            !text[(open + 1)..<close].contains(UInt8(ascii: ">")), !text.contains(0)
        else { return nil }
        var name = text[..<open]
        while name.last == 0x20 { name.removeLast() }
        return Identity(name: Array(name), email: Array(text[(open + 1)..<close]))
    }
}
