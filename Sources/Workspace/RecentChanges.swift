// SPDX-License-Identifier: Apache-2.0
internal import CGit2

/// How the newest changes of a branch were described: merges and commits of its own line, as a project's habit.
package struct RecentChanges: Sendable {
    /// The oldest first; each ends in a line feed.
    package let descriptions: [String]

    private static let most = 5
    private static let longestLine = 160
    private static let mostLines = 6

    /// - Parameter commit: Whose line is followed, by first parents.
    package init(_ bare: borrowing BareRepository, at commit: ObjectID) throws(GitError) {
        let repository = bare.repository.pointer
        let subject = "commits up to \(commit)"
        let walk = try Handle("walk", subject, free: git_revwalk_free) { git_revwalk_new(&$0, repository) }
        try git("walk", subject) { git_revwalk_simplify_first_parent(walk.pointer) }
        var newest = commit.raw
        try git("walk", subject) { git_revwalk_push(walk.pointer, &newest) }
        var found: [String] = []
        while found.count < Self.most, let name = try walk.nextCommit(subject) {
            var raw = name.raw
            let commit = try Handle("read", "commit \(name)", free: git_commit_free) {
                git_commit_lookup(&$0, repository, &raw)
            }
            guard let text = git_commit_message(commit.pointer) else { continue }
            found.append(Self.description(String(cString: text)))
        }
        descriptions = found.reversed()
    }

    private static func description(_ message: String) -> String {
        let lines = message.split(separator: "\n").prefix(mostLines).map { String($0.prefix(longestLine)) }
        guard let first = lines.first else { return "- (no message)\n" }
        return "- \(first)\n" + lines.dropFirst().map { "  \($0)\n" }.joined()
    }
}
