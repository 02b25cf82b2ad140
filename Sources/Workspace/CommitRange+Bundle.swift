// SPDX-License-Identifier: Apache-2.0
internal import CGit2
package import LinuxSystem

extension CommitRange {
    /// Why a bundle is not one of this range; nil when whoever has the base commit gets the delivered one out of it.
    ///
    /// Nothing is written: the pack is taken apart in memory, and what its objects name beside each other has to be in the
    /// base commit's history, or in its tree, where ``writeBundle(reference:budget:write:)`` leaves out what it has.
    ///
    /// - Returns: The rest of a sentence that begins with the bundle.
    package borrowing func flaw(
        ofBundle file: consuming Descriptor, reference: String, budget: Budget
    ) throws(GitError) -> String? {
        let file = LeftFile(file)
        let header = BundleHeader.encoded(prerequisite: base, tip: tip, reference: reference)
        let contents: PackContents
        do throws(LeftFlaw) {
            guard try file.read(at: 0, header.count) == header else { return "has another header than the evidence" }
            contents = try PackContents(file, at: header.count, budget: budget)
        } catch { return "has a pack that nobody can use: \(error.reason)" }
        guard contents.names.contains(tip) else { return "does not bring \(tip)" }
        // A name is a digest, so names make no circle: what nobody names is where everything else comes from.
        let unnamed = contents.names.subtracting(contents.namedCommits).subtracting(contents.namedOthers)
        guard unnamed == [tip] else { return "brings objects that are no part of \(tip)" }
        if let missing = try missing(contents) { return "needs \(missing), which whoever has the base need not have" }
        return nil
    }

    /// Something that the objects of a pack name, and that is neither there nor with the base commit.
    private borrowing func missing(_ contents: PackContents) throws(GitError) -> ObjectID? {
        var commits = contents.namedCommits.subtracting(contents.names)
        var others = contents.namedOthers.subtracting(contents.names)
        guard let base else { return commits.first ?? others.first }
        let pool = repository
        var first = base.raw
        let walk = try Handle("walk", "commit \(base)", free: git_revwalk_free) { git_revwalk_new(&$0, pool) }
        try git("walk", "commit \(base)") { git_revwalk_push(walk.pointer, &first) }
        while !commits.isEmpty, let commit = try walk.nextCommit("commit \(base)") { commits.remove(commit) }
        if let commit = commits.first { return commit }
        var waiting = [try Self.tree(of: base, pool).treeID]
        var seen: Set<ObjectID> = []
        while !others.isEmpty, let id = waiting.popLast() {
            guard seen.insert(id).inserted else { continue }
            others.remove(id)
            var raw = id.raw
            let tree = try Handle("read", "tree \(id)", free: git_tree_free) { git_tree_lookup(&$0, pool, &raw) }
            for index in 0..<git_tree_entrycount(tree.pointer) {
                guard let entry = git_tree_entry_byindex(tree.pointer, index), let name = git_tree_entry_id(entry)
                else { continue }
                switch git_tree_entry_type(entry) {
                case GIT_OBJECT_TREE: waiting.append(ObjectID(name.pointee))
                case GIT_OBJECT_BLOB: others.remove(ObjectID(name.pointee))
                default: continue
                }
            }
        }
        return others.first
    }
}

extension Handle {
    /// The name of the tree that this is.
    fileprivate var treeID: ObjectID { ObjectID(git_tree_id(pointer).pointee) }
}
