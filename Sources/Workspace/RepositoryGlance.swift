// SPDX-License-Identifier: Apache-2.0
internal import CGit2

/// What a commit's tree shows at a glance: its paths, and the text of a few files at its root. Nothing is checked out.
package struct RepositoryGlance: Sendable {
    /// Of files, escaped where they are not printable; those of outer directories first.
    package let paths: [String]
    /// There were more than were looked at.
    package let isCut: Bool
    /// Text of files at the root, by name; each cut.
    package let files: [String: String]

    private static let mostPaths = 20_000
    private static let longestFile = 65_536

    /// - Parameter names: Files of the root whose text is wanted.
    package init(_ source: borrowing SourceRepository, at commit: ObjectID, reading names: Set<String>) throws(GitError)
    {
        let repository = source.repository.pointer
        var listing = Listing(left: Self.mostPaths)
        let tree = try CommitRange.tree(of: commit, repository)
        let result = withUnsafeMutablePointer(to: &listing) {
            git_tree_walk(tree.pointer, GIT_TREEWALK_PRE, takePath, $0)
        }
        isCut = listing.left <= 0
        if !isCut { try git("read", "tree of \(commit)", code: .unusableSource) { result } }
        paths = listing.paths.sorted { ($0.split(separator: "/").count, $0) < ($1.split(separator: "/").count, $1) }
        var files: [String: String] = [:]
        for name in names {
            guard let entry = git_tree_entry_byname(tree.pointer, name), git_tree_entry_type(entry) == GIT_OBJECT_BLOB
            else { continue }
            let blob = try Handle("read", "\(name) of \(commit)", code: .unusableSource, free: git_blob_free) {
                git_blob_lookup(&$0, repository, git_tree_entry_id(entry))
            }
            let size = Int(git_blob_rawsize(blob.pointer))
            let bytes = UnsafeRawBufferPointer(
                start: git_blob_rawcontent(blob.pointer), count: min(size, Self.longestFile))
            files[name] = String(decoding: bytes, as: UTF8.self)
        }
        self.files = files
    }
}

private struct Listing {
    var left: Int
    var paths: [String] = []
}

/// Callback of git_tree_walk.
private func takePath(
    _ root: UnsafePointer<CChar>?, _ entry: OpaquePointer?, _ payload: UnsafeMutableRawPointer?
) -> Int32 {
    guard let entry, let payload, let root, let name = git_tree_entry_name(entry) else { return 0 }
    let listing = payload.assumingMemoryBound(to: Listing.self)
    listing.pointee.left -= 1
    guard listing.pointee.left > 0 else { return GIT_EUSER.rawValue }
    guard git_tree_entry_type(entry) == GIT_OBJECT_BLOB else { return 0 }
    listing.pointee.paths.append(
        PrintableText.escaped(CommitRange.bytes(root)) + PrintableText.escaped(CommitRange.bytes(name)))
    return 0
}
