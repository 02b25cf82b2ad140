// SPDX-License-Identifier: Apache-2.0
internal import CGit2

/// The commit that a task starts from.
package struct BaseCommit: Equatable, Sendable {
    package let id: ObjectID
    /// What was resolved: a branch's full name, or `HEAD` when it is detached.
    package let name: String
    /// HEAD pointed at a commit and at no branch; the caller is told.
    package let isDetached: Bool
}

/// The caller's repository, read and never written.
package struct SourceRepository: ~Copyable {
    let repository: Handle
    private let path: String

    /// - Parameter path: Printed in errors.
    package init(layout: RepositoryLayout, path: String) throws(GitError) {
        let opened = try Handle(
            "open repository", "\"\(path)\"", code: .unusableSource,
            remedy: "Give --repo a sha1 repository that its owner can reach and that git fsck accepts.",
            free: git_repository_free
        ) {
            git_repository_open_ext(
                &$0, layout.gitDirectory,
                GIT_REPOSITORY_OPEN_NO_SEARCH.rawValue | GIT_REPOSITORY_OPEN_NO_DOTGIT.rawValue, nil)
        }
        // libgit2 1.5 walks no commit of a shallow history and says nothing.
        guard git_repository_is_shallow(opened.pointer) == 0 else {
            throw GitError(
                .unusableSource, "use repository", "\"\(path)\"", "it is a shallow clone",
                remedy: "Complete it with: git fetch --unshallow.")
        }
        self.path = path
        repository = opened
    }

    /// Finds the base commit and checks that a task can start from it.
    ///
    /// - Parameter reference: A branch, tag, commit or any revision git understands; nil is HEAD.
    package borrowing func resolve(_ reference: String?) throws(GitError) -> BaseCommit {
        let detached = git_repository_head_detached(repository.pointer) == 1
        if reference == nil && git_repository_head_unborn(repository.pointer) == 1 {
            throw GitError(
                .unusableSource, "resolve", "HEAD of \"\(path)\"", "its branch has no commit yet",
                remedy: "Make a first commit, or name one with --base.")
        }
        let revision = reference ?? "HEAD"
        let subject = "\"\(revision)\" in \"\(path)\""
        let found = try Handle(
            "resolve", subject, code: .unusableSource, remedy: "Name an existing branch, tag or commit with --base.",
            free: git_object_free
        ) { git_revparse_single(&$0, repository.pointer, revision) }
        let commit = try Handle(
            "resolve", subject, code: .unusableSource, remedy: "Name a branch, tag or commit with --base.",
            free: git_object_free
        ) { git_object_peel(&$0, found.pointer, GIT_OBJECT_COMMIT) }
        let id = ObjectID(git_object_id(commit.pointer).pointee)
        try refuseSubmodules(of: commit, id: id)
        let name = if let reference { reference } else if detached { "HEAD" } else { try headName() }
        return BaseCommit(
            id: id, name: name, isDetached: reference == nil && detached)
    }

    /// Writes a pack of everything reachable from the base, and of nothing else.
    ///
    /// - Parameter write: Gets the pack piece by piece; returns false to give up.
    package borrowing func pack(_ base: BaseCommit, budget: Budget, write: (UnsafeRawBufferPointer) -> Bool)
        throws(GitError)
    {
        let subject = "history of \(base.id)"
        let walk = try Handle("walk", subject, free: git_revwalk_free) { git_revwalk_new(&$0, repository.pointer) }
        var id = base.id.raw
        try git("walk", subject) { git_revwalk_push(walk.pointer, &id) }
        try PackWriter(repository: repository.pointer, subject: subject).write(walk: walk, budget: budget, to: write)
    }

    /// Whether a commit keeps files in Git LFS: those are pointers here, since no filter runs and nothing is fetched.
    package borrowing func hasLargeFilePointers(_ commit: ObjectID) throws(GitError) -> Bool {
        let tree = try CommitRange.tree(of: commit, repository.pointer)
        guard let entry = git_tree_entry_byname(tree.pointer, ".gitattributes"),
            git_tree_entry_type(entry) == GIT_OBJECT_BLOB
        else { return false }
        let pointer = repository.pointer
        let blob = try Handle("read", ".gitattributes of \(commit)", code: .unusableSource, free: git_blob_free) {
            git_blob_lookup(&$0, pointer, git_tree_entry_id(entry))
        }
        let bytes = UnsafeRawBufferPointer(
            start: git_blob_rawcontent(blob.pointer), count: min(Int(git_blob_rawsize(blob.pointer)), 1 << 20))
        return String(decoding: bytes, as: UTF8.self).contains("filter=lfs")
    }

    /// Where a commit's history parts from that of a branch; nil when they have nothing in common.
    package borrowing func mergeBase(_ commit: ObjectID, with reference: String) throws(GitError) -> ObjectID? {
        let other = try resolve(reference).id
        var (one, two) = (commit.raw, other.raw)
        var result = git_oid()
        let code = git_merge_base(&result, repository.pointer, &one, &two)
        if code == GIT_ENOTFOUND.rawValue { return nil }
        try git("compare", "\(commit) with \(other)", code: .unusableSource) { code }
        return ObjectID(result)
    }

    private borrowing func headName() throws(GitError) -> String {
        let head = try Handle("read", "HEAD of \"\(path)\"", code: .unusableSource, free: git_reference_free) {
            git_repository_head(&$0, repository.pointer)
        }
        return String(cString: git_reference_name(head.pointer))
    }

    private borrowing func refuseSubmodules(of commit: borrowing Handle, id: ObjectID) throws(GitError) {
        let tree = try Handle("read", "tree of \(id)", code: .unusableSource, free: git_tree_free) {
            git_commit_tree(&$0, commit.pointer)
        }
        var found: String?
        let result = withUnsafeMutablePointer(to: &found) { pointer in
            git_tree_walk(tree.pointer, GIT_TREEWALK_PRE, firstSubmodule, pointer)
        }
        if let found {
            throw GitError(
                .unusableSource, "use commit", "\(id)", "it has a submodule at \"\(found)\"",
                remedy: "Submodules are not cloned into a task; remove it, or include its files in the repository.")
        }
        try git("read", "tree of \(id)", code: .unusableSource) { result }
    }
}

/// Callback of git_tree_walk: stops at the first entry that names a commit, and leaves its path in the payload.
private func firstSubmodule(_ root: UnsafePointer<CChar>?, _ entry: OpaquePointer?, _ payload: UnsafeMutableRawPointer?)
    -> Int32
{
    guard let entry, let payload, git_tree_entry_filemode(entry) == GIT_FILEMODE_COMMIT else { return 0 }
    let path = root.map { String(cString: $0) } ?? ""
    let name = String(cString: git_tree_entry_name(entry))
    payload.assumingMemoryBound(to: String?.self).pointee = PrintableText.escaped((path + name).utf8)
    return GIT_EUSER.rawValue
}
