// SPDX-License-Identifier: Apache-2.0
internal import CGit2
package import LinuxSystem

/// A repository without working tree that belongs to the host: what a sandbox clones from, and what is delivered.
///
/// It has no configuration, hook or reference of the caller's repository, only objects of the base commit's history.
package struct BareRepository: ~Copyable {
    let repository: Handle
    package let path: String

    /// The branch that stands for the base commit.
    package static let baseReference = "refs/heads/base"

    /// Makes a new one; its HEAD names the base branch.
    package static func create(at path: String) throws(GitError) -> BareRepository {
        let handle = try Handle(
            "create repository", "\"\(path)\"",
            remedy: "Check that its directory is writable and that it does not exist.",
            free: git_repository_free
        ) { sp_git_init_bare(&$0, path, "base") }
        return BareRepository(repository: handle, path: path)
    }

    /// Opens one that ``create(at:)`` made.
    package static func open(at path: String) throws(GitError) -> BareRepository {
        let handle = try Handle("open repository", "\"\(path)\"", free: git_repository_free) {
            git_repository_open_bare(&$0, path)
        }
        return BareRepository(repository: handle, path: path)
    }

    /// Opens one whose history is partly another repository's: that one's objects are found here as well.
    package static func open(at path: String, sharing objects: String) throws(GitError) -> BareRepository {
        let bare = try open(at: path)
        let repository = bare.repository.pointer
        let pool = try Handle("open", "objects of \"\(path)\"", free: git_odb_free) {
            git_repository_odb(&$0, repository)
        }
        try git("share", "objects of \"\(objects)\"") { git_odb_add_disk_alternate(pool.pointer, objects) }
        return bare
    }

    private init(repository: consuming Handle, path: String) {
        self.repository = repository
        self.path = path
    }

    /// Takes the pack of the base commit's history into a new repository and sets the base branch.
    ///
    /// Its objects are not judged: who names a commit means all that it leads to. But there are no others.
    ///
    /// - Throws: ``GitError`` with `.refused` when the pack has less than that history, or more.
    package borrowing func takeBase(_ base: ObjectID, from pack: borrowing Descriptor, budget: Budget) throws(GitError)
    {
        var incoming = try IncomingPack(into: self, budget: budget)
        try incoming.append(rest: pack)
        let completed = try incoming.commit()
        let (pool, path) = (repository.pointer, self.path)
        let walk = try Handle("walk", "objects of \"\(path)\"", free: git_revwalk_free) { git_revwalk_new(&$0, pool) }
        var id = base.raw
        try git("walk", "commit \(base)", code: .refused, remedy: GitError.nothingTaken) {
            git_revwalk_push(walk.pointer, &id)
        }
        let history = try PackWriter(repository: pool, subject: "the history of \(base)").count(walk: walk)
        guard completed.objects == history else {
            throw GitError(
                .refused, "take", "the base commit",
                "\(completed.objects - history) of its objects are no part of the history of \(base)",
                remedy: GitError.nothingTaken)
        }
        try incoming.install()
        try setReference(Self.baseReference, to: base)
    }

    /// Creates a reference, or moves one that still names what it is to be moved from; any other is left as it is.
    ///
    /// - Throws: ``GitError`` with `.moved` when somebody else has moved or made it in the meantime.
    package borrowing func setReference(_ name: String, to id: ObjectID, replacing old: ObjectID? = nil)
        throws(GitError)
    {
        var raw = id.raw
        var before = (old ?? id).raw
        let pointer = repository.pointer
        var made: OpaquePointer?
        let result =
            if old != nil {
                git_reference_create_matching(&made, pointer, name, &raw, 1, &before, "sallyport task")
            } else {
                git_reference_create(&made, pointer, name, &raw, 0, "sallyport task")
            }
        if result == GIT_EMODIFIED.rawValue || result == GIT_EEXISTS.rawValue
            || (old != nil && result == GIT_ENOTFOUND.rawValue)
        {
            throw GitError(
                .moved, "set", name, "it is not what it was when the task began",
                remedy: "Start the task again from what is there now.")
        }
        try git(old == nil ? "create" : "move", name) { result }
        if let made { git_reference_free(made) }
    }

    /// Removes what an import that was cut short left; only while no other import can run.
    package borrowing func removeUnfinishedImport() throws(GitError) {
        do throws(SystemError) {
            try Directory.open(path).removeTree(Array("incoming".utf8))
        } catch {
            throw GitError(
                .failed, error.operation, error.subject, "\(error.errno)", remedy: "Remove it by hand.")
        }
    }

    /// Makes a clone of this repository check out a branch.
    package borrowing func setHead(_ reference: String) throws(GitError) {
        try git("point", "HEAD at \(reference)") { git_repository_set_head(repository.pointer, reference) }
    }

    /// Every reference that names an object, by name. None of ours is symbolic.
    package borrowing func branches() throws(GitError) -> [ReferenceText.Reference] {
        var result: [ReferenceText.Reference] = []
        for name in try references() {
            result.append(ReferenceText.Reference(name: Array(name.utf8), id: try target(of: name)))
        }
        return result
    }

    /// The object that a reference names, through symbolic ones.
    package borrowing func target(of name: String) throws(GitError) -> ObjectID {
        var id = git_oid()
        try git("read", "\(name) of \"\(path)\"") { git_reference_name_to_id(&id, repository.pointer, name) }
        return ObjectID(id)
    }

    /// Every reference by name, sorted.
    package borrowing func references() throws(GitError) -> [String] {
        var list = git_strarray()
        try git("list", "references of \"\(path)\"") { git_reference_list(&list, repository.pointer) }
        defer { git_strarray_dispose(&list) }
        return (0..<list.count).compactMap { list.strings[$0].map { String(cString: $0) } }.sorted()
    }
}
