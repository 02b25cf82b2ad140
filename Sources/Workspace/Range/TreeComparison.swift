// SPDX-License-Identifier: Apache-2.0

/// A file that two trees do not share.
package struct TreeChange: Equatable, Sendable {
    package let path: [UInt8]
    /// Nil when it is new.
    package let old: TreeContent.Entry?
    /// Nil when it is gone.
    package let new: TreeContent.Entry?

    package init(path: [UInt8], old: TreeContent.Entry?, new: TreeContent.Entry?) {
        self.path = path
        self.old = old
        self.new = new
    }
}

/// A changed directory that git takes for a repository, whatever its entries are: it asks for HEAD, objects and refs.
///
/// - SeeAlso: gitrepository-layout(5); git-config(1), safe.bareRepository.
package struct RepositoryDirectory: Equatable, Sendable {
    package let path: [UInt8]
    /// No tree before had all of it there.
    package let isNew: Bool
    /// The names that were in it before, in lower case: some file systems see no other.
    package let before: Set<[UInt8]>

    package static let shape = Set(["head", "objects", "refs"].map { Array($0.utf8) })

    /// Lower case for ASCII, which is all that the names in question have.
    package static func folded(_ name: some Sequence<UInt8>) -> [UInt8] {
        name.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
    }
}

/// What one tree has that others do not, found by comparing names: equal subtrees are not even read.
package struct TreeComparison: Sendable {
    package private(set) var changes: [TreeChange] = []
    /// Paths that some file systems take for one, of which at least one is new.
    package private(set) var twins: [(path: [UInt8], other: [UInt8])] = []
    package private(set) var repositories: [RepositoryDirectory] = []
    /// More changes than were asked for; the lists end there.
    package private(set) var isCut = false
    private let most: Int

    private static let deepest = 1000

    /// - Parameters:
    ///   - old: The trees before; a file counts as changed when it is in none of them as it is. Empty for a first commit.
    ///   - read: The entries of a tree.
    package init(
        _ new: ObjectID, against old: [ObjectID], most: Int,
        read: (ObjectID) throws(GitError) -> [TreeContent.Entry]
    ) throws(GitError) {
        self.most = most
        // Directories that wait: a stack instead of a recursion, since the depth is whatever its maker chose.
        var waiting: [(path: [UInt8], new: ObjectID?, old: [ObjectID])] = [([], new, old)]
        while let next = waiting.popLast() {
            if let tree = next.new, next.old.contains(tree) { continue }
            guard next.path.count < Self.deepest * 4 else { throw Self.tooDeep(next.path) }
            let entries: [TreeContent.Entry] = if let tree = next.new { try read(tree) } else { [] }
            var before: [[[UInt8]: TreeContent.Entry]] = []
            for tree in next.old {
                before.append(Dictionary(try read(tree).map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first }))
            }
            look(at: next.path, entries, before)
            var names = Set(before.flatMap(\.keys))
            for entry in entries {
                names.remove(entry.name)
                compare(entry.name, entry, before.map { $0[entry.name] }, next.path, &waiting)
            }
            // Gone is what every tree before had.
            for name in names where before.allSatisfy({ $0[name] != nil }) {
                compare(name, nil, before.map { $0[name] }, next.path, &waiting)
            }
            if isCut { return }
        }
        changes.sort { $0.path.lexicographicallyPrecedes($1.path) }
    }

    private mutating func compare(
        _ name: [UInt8], _ new: TreeContent.Entry?, _ old: [TreeContent.Entry?], _ directory: [UInt8],
        _ waiting: inout [(path: [UInt8], new: ObjectID?, old: [ObjectID])]
    ) {
        if let new, old.contains(where: { $0 == new }) { return }
        let path = directory.isEmpty ? name : directory + [0x2F] + name
        let oldTrees = old.compactMap { $0?.isTree == true ? $0?.id : nil }
        let newTree = new?.isTree == true ? new?.id : nil
        if newTree != nil || !oldTrees.isEmpty { waiting.append((path, newTree, oldTrees)) }
        let oldFile = old.lazy.compactMap { $0?.isTree == false ? $0 : nil }.first
        let newFile = new?.isTree == false ? new : nil
        guard newFile != nil || oldFile != nil else { return }
        guard changes.count < most else {
            isCut = true
            return
        }
        changes.append(TreeChange(path: path, old: oldFile, new: newFile))
    }

    private mutating func look(
        at path: [UInt8], _ entries: [TreeContent.Entry], _ before: [[[UInt8]: TreeContent.Entry]]
    ) {
        let names = Set(entries.lazy.map { RepositoryDirectory.folded($0.name) })
        if names.isSuperset(of: RepositoryDirectory.shape), repositories.count < most {
            let old = before.map { Set($0.keys.lazy.map { RepositoryDirectory.folded($0) }) }
            repositories.append(
                RepositoryDirectory(
                    path: path, isNew: !old.contains { $0.isSuperset(of: RepositoryDirectory.shape) },
                    before: old.reduce(into: []) { $0.formUnion($1) }))
        }
        var seen: [String: [UInt8]] = [:]
        for entry in entries {
            // Equality of strings is canonical equivalence, so one key stands for every normal form. Unicode Annex 15
            let key = String(decoding: entry.name, as: UTF8.self).lowercased()
            guard let other = seen.updateValue(entry.name, forKey: key), twins.count < most else { continue }
            if before.contains(where: { $0[entry.name] != nil && $0[other] != nil }) { continue }
            let join = { (name: [UInt8]) in path.isEmpty ? name : path + [0x2F] + name }
            twins.append((join(entry.name), join(other)))
        }
    }

    private static func tooDeep(_ path: [UInt8]) -> GitError {
        GitError(
            .refused, "compare", "\"\(PrintableText.escaped(path, longest: 200))\"", "it lies too deep",
            remedy: GitError.nothingTaken)
    }
}
