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

/// What one tree has that others do not, found by comparing names: equal subtrees are not even read.
package struct TreeComparison: Sendable {
    package private(set) var changes: [TreeChange] = []
    /// Paths that some file systems take for one, of which at least one is new.
    package private(set) var twins: [(path: [UInt8], other: [UInt8])] = []
    /// Changed directories that git takes for a repository: they have HEAD, objects and refs. gitrepository-layout(5)
    package private(set) var bareRepositories: [[UInt8]] = []
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
        var shape = 0
        var seen: [String: [UInt8]] = [:]
        for entry in entries {
            if entry.name.elementsEqual("HEAD".utf8) && !entry.isTree { shape |= 1 }
            if entry.name.elementsEqual("objects".utf8) && entry.isTree { shape |= 2 }
            if entry.name.elementsEqual("refs".utf8) && entry.isTree { shape |= 4 }
            // Equality of strings is canonical equivalence, so one key stands for every normal form. Unicode Annex 15
            let key = String(decoding: entry.name, as: UTF8.self).lowercased()
            guard let other = seen.updateValue(entry.name, forKey: key), twins.count < most else { continue }
            if before.contains(where: { $0[entry.name] != nil && $0[other] != nil }) { continue }
            let join = { (name: [UInt8]) in path.isEmpty ? name : path + [0x2F] + name }
            twins.append((join(entry.name), join(other)))
        }
        if shape == 7 { bareRepositories.append(path) }
    }

    private static func tooDeep(_ path: [UInt8]) -> GitError {
        GitError(
            .refused, "compare", "\"\(PrintableText.escaped(path, longest: 200))\"", "it lies too deep",
            remedy: GitError.nothingTaken)
    }
}
