// SPDX-License-Identifier: Apache-2.0
internal import CGit2

extension CommitRange {
    /// Hands over the message of every new commit, newest first.
    package borrowing func forEachMessage(
        _ body: (ObjectID, CommitMessage) throws(GitError) -> Void
    ) throws(GitError) {
        let walk = try newCommits()
        while let name = try walk.nextCommit("commit \(tip)") {
            var raw = name.raw
            let commit = try Handle("read", "commit \(name)", free: git_commit_free) {
                git_commit_lookup(&$0, repository, &raw)
            }
            guard let text = git_commit_message(commit.pointer) else {
                throw GitError(.refused, "read", "commit \(name)", "it has no message", remedy: GitError.nothingTaken)
            }
            try body(name, CommitMessage(Self.bytes(text)))
        }
    }

    /// Checks that every new commit says which task and which prompt it comes from.
    ///
    /// - Throws: ``GitError`` with `.refused` at the first one that does not, or that says it twice.
    package borrowing func requireTrailers(_ expected: [(key: String, value: String)]) throws(GitError) {
        try forEachMessage { (id, message) throws(GitError) in
            for trailer in expected where message.values(of: trailer.key) != [trailer.value] {
                throw GitError(
                    .refused, "take", "the received bundle",
                    "commit \(id) does not say \"\(trailer.key): \(trailer.value)\" once in its last lines",
                    remedy: GitError.nothingTaken)
            }
        }
    }
}
