// SPDX-License-Identifier: Apache-2.0
internal import CRunner

/// What the agent left in the clone, brought to one line of commits on top of the base commit.
///
/// Everything that could lose work has its net here, and each net that caught something says so in a frame.
struct History {
    let git: Git
    let base: String
    let branch: String
    let title: String
    let trailers: Trailers

    private var reference: String { "refs/heads/\(branch)" }

    /// The tip of the branch with every commit in it stamped; nil when nothing was done.
    func collect() throws(Failure) -> String? {
        guard try git.line(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]) != nil else {
            throw Failure("the clone can no longer be read: the agent removed or broke it", code: .lost)
        }
        try returnToBranch()
        try bringBack()
        try commitEdits()
        if try !git.holds(["merge-base", "--is-ancestor", base, "HEAD"]) { try rebuild() }
        let tip = try head()
        guard tip != base else { return nil }
        let stamped = try trailers.stamp(from: base, in: git)
        if stamped != tip { try git.run(["update-ref", reference, stamped]) }
        Frames.milestone("committed", [Frames.Field("commit", stamped)])
        return stamped
    }

    /// An agent that left the branch keeps its work: the branch is put where it went, unless it went nowhere.
    private func returnToBranch() throws(Failure) {
        if try git.line(["symbolic-ref", "--quiet", "HEAD"]) == reference { return }
        if try head() == base, try git.line(["rev-parse", "--verify", "--quiet", reference]) != nil {
            try git.run(["checkout", "--quiet", branch])
        } else {
            try git.run(["checkout", "--quiet", "-B", branch])
            report("branch_left", "the agent left the branch; its work was brought back to it")
        }
    }

    /// Commits on one other branch, when there are none on ours, are what the task was for; of others it is said.
    private func bringBack() throws(Failure) {
        guard let listing = try git.output(["for-each-ref", "--format=%(refname)", "refs/heads"]) else { return }
        var others: [String] = []
        for line in listing.split(separator: 0x0A) {
            let name = String(decoding: line, as: UTF8.self)
            if name == reference { continue }
            if try git.line(["rev-list", "--max-count=1", "\(base)..\(name)", "^HEAD"]) != "" { others.append(name) }
        }
        guard !others.isEmpty else { return }
        let isFree = try head() == base && others.count == 1
        if isFree, try git.holds(["merge-base", "--is-ancestor", base, others[0]]),
            try git.output(["merge", "--quiet", "--ff-only", others[0]]) != nil
        {
            report("branch_left", "commits on \(others[0]) were brought back to the branch")
        } else {
            for name in others.prefix(20) { report("commits_elsewhere", "commits on \(name) are not delivered") }
        }
    }

    private func commitEdits() throws(Failure) {
        try git.run(["add", "--all"])
        guard try !git.holds(["diff", "--cached", "--quiet"]) else { return }
        if try head() == base {
            try commit(title, nil)
        } else {
            try commit(
                "Keep edits that were not committed",
                "The agent ended with these edits in its tree. The runner committed them, so that they are not lost.")
            report("uncommitted_edits", "edits that the agent did not commit were committed")
        }
    }

    /// Makes one commit of the final tree on top of the base commit, whose history the agent dropped.
    private func rebuild() throws(Failure) {
        try git.run(["reset", "--quiet", "--soft", base])
        report(
            "history_rewritten", "the base commit was gone from the branch; its final tree was committed on top of it")
        guard try !git.holds(["diff", "--cached", "--quiet"]) else { return }
        try commit(title, "The agent rewrote the history of the branch. This commit holds the tree that it ended with.")
    }

    private func commit(_ title: String, _ body: String?) throws(Failure) {
        var arguments = ["commit", "--quiet", "--no-verify", "-m", title]
        if let body { arguments += ["-m", body] }
        try git.run(arguments)
    }

    private func head() throws(Failure) -> String {
        guard let commit = try git.line(["rev-parse", "--verify", "HEAD"]) else { throw Failure("HEAD has no commit") }
        return commit
    }

    private func report(_ name: String, _ text: String) {
        Log.line(text)
        Frames.milestone(name, [Frames.Field("text", text)])
    }
}
