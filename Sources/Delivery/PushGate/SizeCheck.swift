// SPDX-License-Identifier: Apache-2.0
internal import Workspace

/// A branch that somebody can read: so many bytes, commits and files.
enum SizeCheck {
    static func findings(in input: borrowing GateInput) throws(GitError) -> [Finding] {
        let limits = input.rules.limits
        var findings: [Finding] = []
        func refuse(_ what: String, _ most: Int, _ key: String) {
            findings.append(
                Finding(
                    .refuse, .size, at: "the branch", "it has more than \(most) \(what)",
                    remedy: "Deliver less, name the commit it started from, or raise limits.\(key) in the rules."))
        }
        if input.candidate.packBytes > limits.pack { refuse("bytes in its pack", limits.pack, "pack") }
        if input.commits == nil { refuse("commits", limits.commits, "commits") }
        if input.comparison.isCut || input.comparison.changes.count > limits.files {
            refuse("changed files", limits.files, "files")
            return findings
        }
        var bytes = 0
        for change in input.comparison.changes {
            guard let new = change.new, !new.isSubmodule else { continue }
            bytes += try input.range.size(of: new.id)
        }
        if bytes > limits.bytes { refuse("bytes in its changed files", limits.bytes, "bytes") }
        return findings
    }
}
