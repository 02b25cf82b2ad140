// SPDX-License-Identifier: Apache-2.0
internal import CGit2

/// How a branch stands to the one that it is to go into.
package struct BranchStanding: Equatable, Sendable {
    /// Commits that the other branch has beyond the common ones.
    package let behind: Int
    /// Files in which a merge of the two would conflict, as far as they are listed; names as git has them.
    package let conflicts: [[UInt8]]
    package let conflictCount: Int

    package static let mostListed = 20
}

extension SourceRepository {
    /// Tries the merge of a commit with a branch in memory. Nothing is written: not even the objects of the attempt.
    package borrowing func standing(of commit: ObjectID, to reference: String) throws(GitError) -> BranchStanding {
        let other = try resolve(reference).id
        let subject = "\(commit) with \(reference)"
        var (one, two) = (commit.raw, other.raw)
        var (ahead, behind) = (0, 0)
        try git("compare", subject, code: .unusableSource) {
            git_graph_ahead_behind(&ahead, &behind, repository.pointer, &one, &two)
        }
        guard behind > 0 else { return BranchStanding(behind: 0, conflicts: [], conflictCount: 0) }
        let ours = try self.commit(other)
        let theirs = try self.commit(commit)
        let index = try Handle("merge", subject, code: .unusableSource, free: git_index_free) {
            sp_git_try_merge(&$0, repository.pointer, ours.pointer, theirs.pointer)
        }
        let conflicts = try Handle("list", "conflicts of \(subject)", free: git_index_conflict_iterator_free) {
            git_index_conflict_iterator_new(&$0, index.pointer)
        }
        var listed: [[UInt8]] = []
        var count = 0
        while true {
            var sides:
                (
                    UnsafePointer<git_index_entry>?, UnsafePointer<git_index_entry>?, UnsafePointer<git_index_entry>?
                )
            let result = git_index_conflict_next(&sides.0, &sides.1, &sides.2, conflicts.pointer)
            if result == GIT_ITEROVER.rawValue { break }
            try git("list", "conflicts of \(subject)") { result }
            count += 1
            guard listed.count < BranchStanding.mostListed, let path = (sides.0 ?? sides.1 ?? sides.2)?.pointee.path
            else { continue }
            listed.append(Array(String(cString: path).utf8))
        }
        return BranchStanding(behind: behind, conflicts: listed, conflictCount: count)
    }

    private borrowing func commit(_ id: ObjectID) throws(GitError) -> Handle {
        var raw = id.raw
        return try Handle("read", "commit \(id)", code: .unusableSource, free: git_commit_free) {
            git_commit_lookup(&$0, repository.pointer, &raw)
        }
    }
}
