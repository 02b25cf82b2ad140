// SPDX-License-Identifier: Apache-2.0
internal import CGit2

/// The files of one commit: put down without filters, or asked about by path.
package struct TreeFiles: ~Copyable {
    private let repository: OpaquePointer
    private let tree: Handle
    private let commit: ObjectID

    /// - Parameter bare: Must outlive this value.
    package init(_ bare: borrowing BareRepository, at commit: ObjectID) throws(GitError) {
        repository = bare.repository.pointer
        self.commit = commit
        tree = try CommitRange.tree(of: commit, bare.repository.pointer)
    }

    /// Writes all files into a new directory, byte for byte as they are stored: no filter, no attribute, no hook.
    package borrowing func checkOut(into directory: String) throws(GitError) {
        let repository = self.repository
        let pointer = tree.pointer
        try git("check out", "commit \(commit)", code: .unusableSource, remedy: "Check the free space.") {
            sp_git_checkout(repository, pointer, directory)
        }
    }

    /// The number of lines of a file; nil when there is none at that path.
    package borrowing func lines(of path: String) throws(GitError) -> Int? {
        var made: OpaquePointer?
        let result = git_tree_entry_bypath(&made, tree.pointer, path)
        if result == GIT_ENOTFOUND.rawValue { return nil }
        try git("look up", "\"\(PrintableText.escaped(path.utf8))\" in \(commit)") { result }
        guard let made else { return nil }
        let entry = Handle(owning: made, free: git_tree_entry_free)
        guard git_tree_entry_type(entry.pointer) == GIT_OBJECT_BLOB else { return nil }
        let repository = self.repository
        let blob = try Handle("read", "a file of \(commit)", free: git_blob_free) {
            git_blob_lookup(&$0, repository, git_tree_entry_id(entry.pointer))
        }
        let bytes = UnsafeRawBufferPointer(
            start: git_blob_rawcontent(blob.pointer), count: Int(git_blob_rawsize(blob.pointer)))
        return bytes.count { $0 == 0x0A } + (bytes.isEmpty || bytes.last == 0x0A ? 0 : 1)
    }
}
