// SPDX-License-Identifier: Apache-2.0
internal import Workspace

/// The branch goes on where the base, and the receiver's own branch, stand: nothing that is there would be lost.
enum FastForwardCheck {
    static func findings(in input: borrowing GateInput) throws(GitError) -> [Finding] {
        var findings: [Finding] = []
        for (commit, whose) in [(input.range.base, "the base commit"), (input.candidate.onto, "the receiver's branch")]
        {
            guard let commit, try !input.range.contains(commit) else { continue }
            findings.append(
                Finding(
                    .refuse, .fastForward, at: "commit \(input.range.head)", "it does not contain \(whose), \(commit)",
                    remedy: "Have the work rebased or merged, inside a sandbox, and deliver it again."))
        }
        return findings
    }
}
