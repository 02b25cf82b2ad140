// SPDX-License-Identifier: Apache-2.0
internal import Documents

/// How a pull request stood to its base when a task began, as the host saw it in the forge's repository.
///
/// Told and not acted on: a branch is only ever moved forward, so nothing is rebased, and merging is the forge's.
struct PullStanding {
    let base: String
    /// Commits of the base that the branch has not.
    let behind: Int
    /// Files in which a merge would conflict, printable; as many as are listed.
    let conflicts: [String]
    let conflictCount: Int

    /// One sentence without its end; nil where the base has not moved.
    var text: String? {
        guard behind > 0 else { return nil }
        let commits = behind == 1 ? "1 commit" : "\(behind) commits"
        let start = "the base \(base.displayed) has \(commits) that the branch has not"
        guard conflictCount > 0 else { return start + ", and they merge without a conflict" }
        let listed = conflicts.joined(separator: ", ")
        let rest = conflictCount > conflicts.count ? " and \(conflictCount - conflicts.count) more" : ""
        return start + "; merging them conflicts in \(listed)\(rest)"
    }

    var json: JSON {
        [
            "base": .string(base), "behind": .int(behind), "conflicts": .array(conflicts.map { .string($0) }),
            "conflict_count": .int(conflictCount),
        ]
    }
}
