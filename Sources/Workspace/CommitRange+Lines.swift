// SPDX-License-Identifier: Apache-2.0
internal import CGit2

extension CommitRange {
    /// Which lines each new commit changed of what its first parent has.
    ///
    /// - Parameter saved: The subject of a commit that the runner makes of what was left uncommitted.
    package borrowing func changedLines(saved: String) throws(GitError) -> ChangedLines {
        let walk = try newCommits()
        git_revwalk_sorting(walk.pointer, GIT_SORT_TOPOLOGICAL.rawValue | GIT_SORT_REVERSE.rawValue)
        var commits: [ChangedLines.Commit] = []
        var files = 0
        while let id = try walk.nextCommit("commit \(tip)") {
            guard commits.count < ChangedLines.mostCommits else { return ChangedLines(commits: commits, isCut: true) }
            let changed = try changedFiles(of: id, most: ChangedLines.mostFiles - files)
            files += changed.files.count
            commits.append(
                .init(id: id, saysSaved: try subject(of: id) == saved, files: changed.files))
            if changed.isCut { return ChangedLines(commits: commits, isCut: true) }
        }
        return ChangedLines(commits: commits, isCut: false)
    }

    private borrowing func subject(of id: ObjectID) throws(GitError) -> String {
        var raw = id.raw
        let commit = try Handle("read", "commit \(id)", free: git_commit_free) {
            git_commit_lookup(&$0, repository, &raw)
        }
        return git_commit_message(commit.pointer).map { CommitMessage(Self.bytes($0)).subject } ?? ""
    }

    private borrowing func changedFiles(of id: ObjectID, most: Int) throws(GitError) -> (
        files: [ChangedLines.File], isCut: Bool
    ) {
        let difference = try lineDifference(of: id)
        let count = git_diff_num_deltas(difference.pointer)
        var files: [ChangedLines.File] = []
        for index in 0..<min(count, most) {
            if let file = try changedFile(difference, index, of: id) { files.append(file) }
        }
        return (files, count > most)
    }

    private borrowing func lineDifference(of id: ObjectID) throws(GitError) -> Handle {
        let pool = repository
        let after = try Self.tree(of: id, pool)
        guard let parent = try firstParent(of: id) else {
            return try Handle("compare", "nothing with \(id)", free: git_diff_free) {
                sp_git_diff_lines(&$0, pool, nil, after.pointer)
            }
        }
        let before = try Self.tree(of: parent, pool)
        return try Handle("compare", "\(parent) with \(id)", free: git_diff_free) {
            sp_git_diff_lines(&$0, pool, before.pointer, after.pointer)
        }
    }

    private borrowing func firstParent(of id: ObjectID) throws(GitError) -> ObjectID? {
        var raw = id.raw
        let commit = try Handle("read", "commit \(id)", free: git_commit_free) {
            git_commit_lookup(&$0, repository, &raw)
        }
        return git_commit_parent_id(commit.pointer, 0).map { ObjectID($0.pointee) }
    }

    private borrowing func changedFile(_ difference: borrowing Handle, _ index: Int, of id: ObjectID)
        throws(GitError) -> ChangedLines.File?
    {
        guard let delta = git_diff_get_delta(difference.pointer, index) else { return nil }
        let (old, new) = (Self.path(delta.pointee.old_file.path), Self.path(delta.pointee.new_file.path))
        let kind: ChangedLines.File.Kind
        switch delta.pointee.status {
        case GIT_DELTA_ADDED: kind = .added
        case GIT_DELTA_DELETED: kind = .deleted
        case GIT_DELTA_RENAMED: kind = .renamed
        case GIT_DELTA_TYPECHANGE: kind = .retyped
        default: kind = .modified
        }
        let path = kind == .deleted ? old : new
        let previous = kind == .renamed ? old : nil
        var made: OpaquePointer?
        let pointer = difference.pointer
        try git("compare", "file \(index) of \(id)") { git_patch_from_diff(&made, pointer, index) }
        // A file without a textual difference has no patch. git_patch_from_diff
        guard let made else { return .init(path: path, previous: previous, kind: kind) }
        let patch = Handle(owning: made, free: git_patch_free)
        let flags = git_patch_get_delta(patch.pointer)?.pointee.flags ?? 0
        if flags & GIT_DIFF_FLAG_BINARY.rawValue != 0 {
            return .init(path: path, previous: previous, kind: kind, isBinary: true)
        }
        return try Self.changedText(patch, path: path, previous: previous, kind: kind, of: id)
    }

    private static func changedText(
        _ patch: borrowing Handle, path: String, previous: String?, kind: ChangedLines.File.Kind, of id: ObjectID
    ) throws(GitError) -> ChangedLines.File {
        var ranges: [ChangedLines.Range] = []
        var removed = 0
        var isCut = false
        let pointer = patch.pointer
        for number in 0..<git_patch_num_hunks(pointer) {
            var hunk: UnsafePointer<git_diff_hunk>?
            var lines = 0
            try git("read", "lines of \(id)") { git_patch_get_hunk(&hunk, &lines, pointer, number) }
            guard let hunk else { continue }
            // Without context, a hunk is what was changed and nothing beside it.
            removed += Int(hunk.pointee.old_lines)
            guard hunk.pointee.new_lines > 0 else { continue }
            guard ranges.count < ChangedLines.mostRanges else {
                isCut = true
                continue
            }
            ranges.append(.init(first: Int(hunk.pointee.new_start), count: Int(hunk.pointee.new_lines)))
        }
        return .init(path: path, previous: previous, kind: kind, ranges: ranges, removed: removed, isCut: isCut)
    }

    private static func path(_ name: UnsafePointer<CChar>?) -> String {
        name.map { PrintableText.escaped(bytes($0), longest: ChangedLines.longestPath) } ?? "?"
    }
}
