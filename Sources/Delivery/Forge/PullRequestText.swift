// SPDX-License-Identifier: Apache-2.0

/// Title and body of a task's pull request, put together outside from what was recorded.
///
/// Words of the agent appear once, quoted and marked as claimed; everything else the host saw itself.
package struct PullRequestText: Sendable {
    /// One command that was run in a sandbox of its own on the delivered commit.
    package struct Check: Sendable {
        package let name: String
        package let command: String
        package let before: String?
        package let after: String

        package init(name: String, command: String, before: String?, after: String) {
            self.name = name
            self.command = command
            self.before = before
            self.after = after
        }
    }

    package var task: String
    /// Of the work item; of the requester or of anybody.
    package var subject: String
    package var issue: Int?
    package var base: String
    package var commit: String
    package var branch: String
    /// Subjects of the commits, newest first.
    package var commits: [String]
    package var files: [(path: String, insertions: Int, deletions: Int)]
    package var fileCount: Int
    package var checks: [Check]
    package var outcome: String
    package var warning: String?
    package var promptVersion: String
    package var profile: String
    package var planDigest: String
    /// What the agent says it did.
    package var claimed: String?
    /// The title that it proposed.
    package var proposedTitle: String?
    /// What the push gate flagged, in its order: place and reason.
    package var flags: [(place: String, reason: String)] = []
    package var risk: ChangeRisk?
    /// How the branch stands to its base, where that has moved on.
    package var standing: String?
    /// What the project's own command measured: name, before, after, change.
    package var figures: [(name: String, before: String, after: String, change: String)] = []
    /// Files that it left, by name and digest.
    package var artifacts: [(name: String, kind: String, digest: String)] = []
    /// Digest of the evidence; known only when everything else is.
    package var evidence: String?

    package init(
        task: String, subject: String, issue: Int?, base: String, commit: String, branch: String, commits: [String],
        files: [(path: String, insertions: Int, deletions: Int)], fileCount: Int, checks: [Check], outcome: String,
        warning: String?, promptVersion: String, profile: String, planDigest: String, claimed: String?
    ) {
        self.task = task
        self.subject = subject
        self.issue = issue
        self.base = base
        self.commit = commit
        self.branch = branch
        self.commits = commits
        self.files = files
        self.fileCount = fileCount
        self.checks = checks
        self.outcome = outcome
        self.warning = warning
        self.promptVersion = promptVersion
        self.profile = profile
        self.planDigest = planDigest
        self.claimed = claimed
    }

    /// What the agent proposed, or the subject of its first commit, in one line.
    package var title: String { Quoted.title(proposedTitle ?? commits.last ?? subject) }

    package var body: String {
        var text = lookFirst + "## What changed\n\n"
        for subject in commits.prefix(20) { text += "- \(Quoted.line(subject))\n" }
        if commits.count > 20 { text += "- and \(commits.count - 20) more commits\n" }
        text += "\n"
        for file in files.prefix(30) {
            text += "    \(Quoted.title(file.path, longest: 300)) | +\(file.insertions) -\(file.deletions)\n"
        }
        if fileCount > min(files.count, 30) { text += "    and \(fileCount - min(files.count, 30)) more files\n" }
        text += "\n## Why\n\n"
        text += Quoted.line(subject) + (issue.map { " (issue \($0))" } ?? "") + "\n"
        text += "\n## How to verify\n\n" + howToVerify
        text += "\n## Verification\n\n" + verification
        text += measured
        text += "\n## Rollback\n\n"
        text += "Nothing outside this branch was changed. Before the merge: close this pull request. After it:\n\n"
        text += "    git revert --no-edit \(base)..\(commit)\n"
        if let claimed {
            text += "\n## What the agent says (claimed, not checked)\n\n" + Quoted.lines(claimed)
        }
        text += "\n## Evidence\n\n"
        text += "task \(task), prompt \(promptVersion), profile \(Quoted.line(profile)), "
        text += "launch plan \(planDigest.prefix(16)), commit \(commit)\n"
        text += evidence.map { "evidence sha256 \($0)\n" } ?? "evidence: not sealed yet\n"
        return text
    }

    /// What acts on a reviewer's machine comes before what there is to review.
    private var lookFirst: String {
        guard !flags.isEmpty else { return "" }
        var text = "## Look at this first\n\nThe push gate flagged, before anybody opened the branch:\n\n"
        for flag in flags.prefix(30) { text += "- \(Quoted.line(flag.place)): \(Quoted.line(flag.reason))\n" }
        if flags.count > 30 { text += "- and \(flags.count - 30) more\n" }
        return text + "\n"
    }

    private var measured: String {
        guard !figures.isEmpty || !artifacts.isEmpty else { return "" }
        var text = "\n## Measurements (by the project's own command, in a sandbox for each commit)\n\n"
        if !figures.isEmpty { text += "| figure | before | after | change |\n|---|---|---|---|\n" }
        for figure in figures {
            text += "| \(Quoted.line(figure.name)) | \(Quoted.line(figure.before)) | \(Quoted.line(figure.after)) "
            text += "| \(Quoted.line(figure.change)) |\n"
        }
        if !figures.isEmpty, !artifacts.isEmpty { text += "\n" }
        for artifact in artifacts {
            text += "- \(Quoted.line(artifact.name)) (\(artifact.kind), sha256 \(artifact.digest))\n"
        }
        return text
    }

    private var howToVerify: String {
        guard !checks.isEmpty else {
            return "No command was given. Read the change:\n\n    git diff \(base) \(commit)\n"
        }
        return "    git checkout \(commit)\n" + checks.map { Quoted.block($0.command) }.joined()
    }

    private var verification: String {
        var text = warning.map { "Warning: \($0)\n\n" } ?? ""
        if let risk {
            let reasons = risk.reasons.map(\.text).joined(separator: "; ")
            text += "Risk: \(risk.label.rawValue)" + (reasons.isEmpty ? "" : " (\(Quoted.line(reasons)))") + ".\n\n"
        }
        if let standing { text += Quoted.line(standing) + ".\n\n" }
        text += "Each command ran in a fresh sandbox, apart from the agent, on exactly this commit; what counts is "
        text += "the exit status that the supervisor saw. Outcome: \(outcome).\n\n"
        guard !checks.isEmpty else {
            return text + "Nothing was run: the commit is well formed, and no more is known.\n"
        }
        text += "| check | before | after |\n|---|---|---|\n"
        for check in checks { text += "| \(Quoted.line(check.name)) | \(check.before ?? "-") | \(check.after) |\n" }
        return text
    }
}
