// SPDX-License-Identifier: Apache-2.0
internal import CGit2

/// What commits bring to a repository of the host, read from the objects themselves; the repository must outlive it.
package struct ReceivedRange: ~Copyable {
    /// A commit that is new.
    package struct Commit: Equatable, Sendable {
        package let id: ObjectID
        /// Nil when it is malformed.
        package let text: CommitText?
    }

    /// The commit that the receiver has; nil when everything is new.
    package let base: ObjectID?
    package let head: ObjectID
    private let repository: OpaquePointer
    private let objects: Handle
    /// Trees that may still be read for comparisons: a few objects can stand for any number of directories.
    private let trees: Allowance

    package init(_ bare: borrowing BareRepository, from base: ObjectID?, to head: ObjectID) throws(GitError) {
        let repository = bare.repository.pointer
        self.repository = repository
        trees = Allowance(Self.mostTrees)
        self.base = base
        self.head = head
        objects = try Handle("open", "objects of \"\(bare.path)\"", free: git_odb_free) {
            git_repository_odb(&$0, repository)
        }
    }

    /// The new commits, the newest first; nil when there are more than `most`.
    package borrowing func commits(most: Int) throws(GitError) -> [Commit]? {
        let walk = try Handle("walk", "commit \(head)", free: git_revwalk_free) { git_revwalk_new(&$0, repository) }
        git_revwalk_sorting(walk.pointer, GIT_SORT_TOPOLOGICAL.rawValue)
        var newest = head.raw
        try git("walk", "commit \(head)", code: .refused, remedy: GitError.nothingTaken) {
            git_revwalk_push(walk.pointer, &newest)
        }
        if var oldest = base?.raw { try git("walk", "the base commit") { git_revwalk_hide(walk.pointer, &oldest) } }
        var result: [Commit] = []
        while let id = try walk.nextCommit("commit \(head)") {
            guard result.count < most else { return nil }
            let text = try read(id, limit: Self.longestCommit).flatMap { CommitText($0.bytes) }
            result.append(Commit(id: id, text: text))
        }
        return result
    }

    /// What the head's tree has that the base's has not.
    package borrowing func changes(most: Int) throws(GitError) -> TreeComparison {
        let old = if let base { [try tree(of: base)] } else { [ObjectID]() }
        return try comparison(try tree(of: head), old, most: most)
    }

    /// What a commit's tree has that none of its parents' has.
    package borrowing func changes(of commit: Commit, most: Int) throws(GitError) -> TreeComparison {
        let old = try commit.text?.parents.map { (parent) throws(GitError) in try tree(of: parent) } ?? []
        return try comparison(try tree(of: commit.id), old, most: most)
    }

    package borrowing func tree(of commit: ObjectID) throws(GitError) -> ObjectID {
        var raw = commit.raw
        let found = try Handle("read", "commit \(commit)", free: git_commit_free) {
            git_commit_lookup(&$0, repository, &raw)
        }
        guard let tree = git_commit_tree_id(found.pointer) else {
            throw GitError(.failed, "read", "commit \(commit)", "it has no tree", remedy: GitError.nothingTaken)
        }
        return ObjectID(tree.pointee)
    }

    /// Whether a commit is the head or among what leads to it; false when it is not there at all.
    package borrowing func contains(_ commit: ObjectID) throws(GitError) -> Bool {
        if commit == head { return true }
        var raw = commit.raw
        guard git_odb_exists(objects.pointer, &raw) == 1 else { return false }
        var newest = head.raw
        return try git("compare", "\(head) with \(commit)") {
            git_graph_descendant_of(repository, &newest, &raw)
        } == 1
    }

    /// The bytes of an object; nil when there are more than `limit`.
    package borrowing func blob(_ id: ObjectID, limit: Int) throws(GitError) -> [UInt8]? {
        try read(id, limit: limit)?.bytes
    }

    /// How many bytes an object has.
    package borrowing func size(of id: ObjectID) throws(GitError) -> Int {
        var raw = id.raw
        var size = 0
        var type = GIT_OBJECT_INVALID
        let pool = objects.pointer
        try git("read", "object \(id)") { git_odb_read_header(&size, &type, pool, &raw) }
        return size
    }

    private static let mostTrees = 500_000
    private static let longestCommit = 1 << 20
    private static let longestTree = 256 << 20

    private borrowing func comparison(_ new: ObjectID, _ old: [ObjectID], most: Int) throws(GitError) -> TreeComparison
    {
        let pool = objects.pointer
        let allowance = trees
        return try TreeComparison(new, against: old, most: most) { (tree) throws(GitError) in
            guard allowance.takeOne() else {
                throw GitError(
                    .refused, "compare", "the trees of the branch", "they have more than \(Self.mostTrees) directories",
                    remedy: GitError.nothingTaken)
            }
            let bytes = try Self.read(tree, from: pool, limit: Self.longestTree)?.bytes
            guard let entries = bytes.flatMap({ TreeContent($0).entries() }) else {
                throw GitError(.refused, "read", "tree \(tree)", "it is malformed", remedy: GitError.nothingTaken)
            }
            return entries
        }
    }

    private borrowing func read(_ id: ObjectID, limit: Int) throws(GitError) -> (bytes: [UInt8], type: git_object_t)? {
        try Self.read(id, from: objects.pointer, limit: limit)
    }

    private static func read(_ id: ObjectID, from pool: OpaquePointer, limit: Int) throws(GitError)
        -> (bytes: [UInt8], type: git_object_t)?
    {
        var raw = id.raw
        var size = 0
        var type = GIT_OBJECT_INVALID
        try git("read", "object \(id)") { git_odb_read_header(&size, &type, pool, &raw) }
        guard size <= limit else { return nil }
        let object = try Handle("read", "object \(id)", free: git_odb_object_free) { git_odb_read(&$0, pool, &raw) }
        let start = git_odb_object_data(object.pointer)
        return ([UInt8](UnsafeRawBufferPointer(start: start, count: git_odb_object_size(object.pointer))), type)
    }
}

/// How often something may still be done.
private final class Allowance {
    private var left: Int

    init(_ left: Int) { self.left = left }

    func takeOne() -> Bool {
        left -= 1
        return left >= 0
    }
}
