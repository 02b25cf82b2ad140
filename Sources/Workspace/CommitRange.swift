// SPDX-License-Identifier: Apache-2.0
internal import CGit2

/// The difference between the base commit, or nothing, and a delivered one; its repository must outlive it.
package struct CommitRange: ~Copyable {
    let repository: OpaquePointer
    private let difference: Handle
    let base: ObjectID?
    let tip: ObjectID
    /// The tree of the delivered commit.
    package let tree: ObjectID

    package init(_ bare: borrowing BareRepository, from base: ObjectID?, to tip: ObjectID) throws(GitError) {
        let pool = bare.repository.pointer
        let after = try Self.tree(of: tip, pool)
        let difference: Handle
        if let base {
            let before = try Self.tree(of: base, pool)
            difference = try Handle("compare", "\(base) with \(tip)", free: git_diff_free) {
                sp_git_diff(&$0, pool, before.pointer, after.pointer)
            }
        } else {
            difference = try Handle("compare", "nothing with \(tip)", free: git_diff_free) {
                sp_git_diff(&$0, pool, nil, after.pointer)
            }
        }
        repository = pool
        self.base = base
        self.tip = tip
        tree = ObjectID(git_object_id(after.pointer).pointee)
        self.difference = difference
    }

    /// Counts files and lines.
    package borrowing func summary() throws(GitError) -> ChangeSummary {
        var summary = ChangeSummary()
        let count = git_diff_num_deltas(difference.pointer)
        summary.fileCount = count
        for index in 0..<min(count, ChangeSummary.mostCounted) {
            guard let delta = git_diff_get_delta(difference.pointer, index) else { continue }
            let lines = try lineCounts(index)
            summary.insertions += lines.insertions
            summary.deletions += lines.deletions
            guard summary.files.count < ChangeSummary.mostListed else { continue }
            let name = delta.pointee.new_file.path ?? delta.pointee.old_file.path
            let path = name.map { PrintableText.escaped(Self.bytes($0), longest: 500) } ?? "?"
            summary.files.append(.init(path: path, insertions: lines.insertions, deletions: lines.deletions))
        }
        summary.commits = try commitCount()
        return summary
    }

    /// Writes the patch, binary files included.
    ///
    /// - Parameter write: Gets the patch piece by piece.
    /// - Returns: False when it is larger than `limit`; what was written is then no patch.
    package borrowing func writePatch(limit: Int, write: (UnsafeRawBufferPointer) -> Bool) throws(GitError) -> Bool {
        let pointer = difference.pointer
        return try withoutActuallyEscaping(write) { (write) throws(GitError) -> Bool in
            var sink = PatchSink(left: limit, write: write)
            let result = withUnsafeMutablePointer(to: &sink) {
                git_diff_print(pointer, GIT_DIFF_FORMAT_PATCH, printLine, $0)
            }
            if sink.left < 0 { return false }
            try git("write", "the patch to \(tip)", remedy: "Check the free space.") { result }
            return true
        }
    }

    /// Writes a bundle of the new commits that needs the base commit, as git's own would.
    package borrowing func writeBundle(
        reference: String, budget: Budget, write: (UnsafeRawBufferPointer) -> Bool
    ) throws(GitError) {
        let header = BundleHeader.encoded(prerequisite: base, tip: tip, reference: reference)
        guard header.withUnsafeBytes(write) else {
            throw GitError(.failed, "write", "the bundle", "the file refused it", remedy: "Check the free space.")
        }
        let walk = try newCommits()
        try PackWriter(repository: repository, subject: "commits up to \(tip)").write(
            walk: walk, budget: budget, to: write)
    }

    borrowing func newCommits() throws(GitError) -> Handle {
        let walk = try Handle("walk", "commit \(tip)", free: git_revwalk_free) { git_revwalk_new(&$0, repository) }
        var newest = tip.raw
        try git("walk", "commit \(tip)") { git_revwalk_push(walk.pointer, &newest) }
        if var oldest = base?.raw { try git("walk", "the base commit") { git_revwalk_hide(walk.pointer, &oldest) } }
        return walk
    }

    private borrowing func commitCount() throws(GitError) -> Int {
        let walk = try newCommits()
        var count = 0
        while try walk.nextCommit("commit \(tip)") != nil { count += 1 }
        return count
    }

    private borrowing func lineCounts(_ index: Int) throws(GitError) -> (insertions: Int, deletions: Int) {
        var made: OpaquePointer?
        try git("compare", "file \(index) of \(tip)") { git_patch_from_diff(&made, difference.pointer, index) }
        // A file without a textual difference has no patch. git_patch_from_diff
        guard let made else { return (0, 0) }
        let patch = Handle(owning: made, free: git_patch_free)
        var context = 0
        var insertions = 0
        var deletions = 0
        try git("count", "lines of file \(index) of \(tip)") {
            git_patch_line_stats(&context, &insertions, &deletions, patch.pointer)
        }
        return (insertions, deletions)
    }

    static func tree(of id: ObjectID, _ repository: OpaquePointer) throws(GitError) -> Handle {
        var raw = id.raw
        let commit = try Handle("read", "commit \(id)", free: git_commit_free) {
            git_commit_lookup(&$0, repository, &raw)
        }
        return try Handle("read", "tree of \(id)", free: git_tree_free) { git_commit_tree(&$0, commit.pointer) }
    }

    static func bytes(_ text: UnsafePointer<CChar>) -> [UInt8] {
        var result: [UInt8] = []
        var at = text
        while at.pointee != 0 {
            result.append(UInt8(bitPattern: at.pointee))
            at += 1
        }
        return result
    }
}

/// Where git_diff_print's lines go.
private struct PatchSink {
    var left: Int
    let write: (UnsafeRawBufferPointer) -> Bool
}

/// Callback of git_diff_print: context and changed lines come without the sign that they have in a patch.
private func printLine(
    _ delta: UnsafePointer<git_diff_delta>?, _ hunk: UnsafePointer<git_diff_hunk>?,
    _ line: UnsafePointer<git_diff_line>?,
    _ payload: UnsafeMutableRawPointer?
) -> Int32 {
    guard let line, let payload else { return GIT_EUSER.rawValue }
    let sink = payload.assumingMemoryBound(to: PatchSink.self)
    var piece: [UInt8] = []
    let origin = UInt8(bitPattern: line.pointee.origin)
    if origin == UInt8(ascii: " ") || origin == UInt8(ascii: "+") || origin == UInt8(ascii: "-") {
        piece.append(origin)
    }
    piece += UnsafeRawBufferPointer(start: line.pointee.content, count: line.pointee.content_len)
    sink.pointee.left -= piece.count
    guard sink.pointee.left >= 0 else { return GIT_EUSER.rawValue }
    return piece.withUnsafeBytes(sink.pointee.write) ? 0 : GIT_EUSER.rawValue
}
