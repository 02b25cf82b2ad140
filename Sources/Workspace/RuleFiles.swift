// SPDX-License-Identifier: Apache-2.0
internal import CGit2

/// The files in which a repository tells agents how to work, read from one commit's objects.
///
/// Nothing is checked out and nothing in them is obeyed here: they become text of a prompt.
package struct RuleFiles: Sendable {
    package struct File: Sendable, Equatable {
        package let path: String
        /// The directory that it speaks of; empty for the whole repository.
        package let directory: String
        package let text: String
    }

    package static let names = ["AGENTS.md", "CLAUDE.md"]

    /// Bytes of one file and of all together; the first is cut, and what the second has no room for is named.
    package var fileBytes = 12_000
    package var totalBytes = 24_000
    private static let mostDirectories = 20_000

    package init() {}

    /// - Parameter paths: What the task is about; rules of directories that neither hold nor lie in one of these are
    ///   left out. Empty means everything.
    /// - Returns: The files, those of outer directories first, and the paths of those left out for room.
    package func read(_ bare: borrowing BareRepository, at commit: ObjectID, paths: [String]) throws(GitError) -> (
        files: [File], omitted: [String]
    ) {
        let repository = bare.repository.pointer
        var found = RuleSearch(names: Self.names, left: Self.mostDirectories)
        let tree = try CommitRange.tree(of: commit, repository)
        let result = withUnsafeMutablePointer(to: &found) {
            git_tree_walk(tree.pointer, GIT_TREEWALK_PRE, considerEntry, $0)
        }
        if found.left > 0 { try git("read", "tree of \(commit)") { result } }
        var files: [File] = []
        var omitted: [String] = []
        var used = 0
        for entry in found.entries.sorted(by: { ($0.depth, $0.path) < ($1.depth, $1.path) }) {
            guard Self.concerns(entry.directory, paths) else { continue }
            guard let text = try text(of: entry.id, repository) else { continue }
            guard used + text.utf8.count <= totalBytes else {
                omitted.append(entry.path)
                continue
            }
            used += text.utf8.count
            files.append(File(path: entry.path, directory: entry.directory, text: text))
        }
        return (files, omitted)
    }

    private static func concerns(_ directory: String, _ paths: [String]) -> Bool {
        guard !paths.isEmpty, !directory.isEmpty else { return true }
        return paths.contains { $0 == directory || $0.hasPrefix(directory + "/") || directory.hasPrefix($0 + "/") }
    }

    /// Nil for a file that is no text.
    private func text(of id: ObjectID, _ repository: OpaquePointer) throws(GitError) -> String? {
        var raw = id.raw
        let blob = try Handle("read", "blob \(id)", free: git_blob_free) { git_blob_lookup(&$0, repository, &raw) }
        let size = Int(git_blob_rawsize(blob.pointer))
        let bytes = [UInt8](
            UnsafeRawBufferPointer(start: git_blob_rawcontent(blob.pointer), count: min(size, fileBytes)))
        guard !bytes.contains(0) else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        return size > fileBytes ? text + "\n(cut: the file has \(size) bytes)\n" : text
    }
}

private struct RuleSearch {
    struct Entry {
        let path: String
        let directory: String
        let id: ObjectID
        var depth: Int { directory.isEmpty ? 0 : directory.split(separator: "/").count }
    }

    let names: [String]
    var left: Int
    var entries: [Entry] = []
}

/// Callback of git_tree_walk: takes the plain files of our names, and gives up in a tree without end.
private func considerEntry(
    _ root: UnsafePointer<CChar>?, _ entry: OpaquePointer?, _ payload: UnsafeMutableRawPointer?
) -> Int32 {
    guard let entry, let payload, let root, let name = git_tree_entry_name(entry) else { return 0 }
    let search = payload.assumingMemoryBound(to: RuleSearch.self)
    if git_tree_entry_type(entry) == GIT_OBJECT_TREE {
        search.pointee.left -= 1
        return search.pointee.left > 0 ? 0 : GIT_EUSER.rawValue
    }
    let mode = git_tree_entry_filemode(entry)
    guard mode == GIT_FILEMODE_BLOB || mode == GIT_FILEMODE_BLOB_EXECUTABLE,
        search.pointee.names.contains(String(cString: name)), search.pointee.entries.count < 256
    else { return 0 }
    let directory = PrintableText.escaped(CommitRange.bytes(root).dropLast())
    search.pointee.entries.append(
        .init(
            path: (directory.isEmpty ? "" : directory + "/") + String(cString: name), directory: directory,
            id: ObjectID(git_tree_entry_id(entry).pointee)))
    return 0
}
