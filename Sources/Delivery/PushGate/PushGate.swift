// SPDX-License-Identifier: Apache-2.0
package import Workspace

/// What is about to be handed over.
package struct PushCandidate: Equatable, Sendable {
    /// Every reference that would arrive; one is the rule.
    package var references: [ReferenceText.Reference]
    /// Where the receiver's branch stands; nil when it has none.
    package var onto: ObjectID?
    /// Bytes of the pack that brings it.
    package var packBytes: Int
    /// The tree that was tested; nil when none was.
    package var verifiedTree: ObjectID?

    package init(
        references: [ReferenceText.Reference], onto: ObjectID? = nil, packBytes: Int, verifiedTree: ObjectID? = nil
    ) {
        self.references = references
        self.onto = onto
        self.packBytes = packBytes
        self.verifiedTree = verifiedTree
    }
}

/// What every check sees: the range once read, the candidate, and the rules.
struct GateInput: ~Copyable {
    let range: ReceivedRange
    let candidate: PushCandidate
    let rules: GateRules
    /// Nil when there are more than the rules allow.
    let commits: [ReceivedRange.Commit]?
    /// From the base to the head.
    let comparison: TreeComparison
}

/// Decides whether commits may leave the quarantine. Every check reads the objects and nothing else.
package enum PushGate {
    /// The findings of all checks, in the order in which they are to be shown.
    ///
    /// - Parameters:
    ///   - range: From the commit that the receiver has, or from nothing, to the branch's tip.
    ///   - salt: Bytes that make a fingerprint of a secret useless without them.
    package static func judge(
        _ range: consuming ReceivedRange, _ candidate: PushCandidate, rules: GateRules, salt: [UInt8]
    ) throws(GitError) -> [Finding] {
        let commits = try range.commits(most: rules.limits.commits)
        let comparison = try range.changes(most: rules.limits.files + 1)
        let input = GateInput(
            range: range, candidate: candidate, rules: rules, commits: commits, comparison: comparison)
        var findings = OpenedPathsCheck.findings(in: input, try OpenedPathsCheck.linkTargets(in: input))
        findings += ReferencesCheck.findings(in: input)
        findings += try FastForwardCheck.findings(in: input)
        findings += try VerifiedTreeCheck.findings(in: input)
        findings += try SecretsCheck.findings(in: input, salt: salt)
        findings += ScopeCheck.findings(in: input)
        findings += WorkflowsCheck.findings(in: input)
        findings += AuthorshipCheck.findings(in: input)
        findings += try SizeCheck.findings(in: input)
        return ordered(findings)
    }

    /// At most so many of one check; what is left out is counted in one more.
    package static let mostOfOne = 50
    /// Where a check stops counting what has one severity.
    static let mostCounted = 10_000

    /// What acts when opened comes first; then what is refused, then what is flagged; within that by check.
    static func ordered(_ findings: [Finding]) -> [Finding] {
        var result: [Finding] = []
        var waiting = findings
        func take(_ choose: (Finding) -> Bool) {
            let chosen = waiting.filter(choose)
            waiting.removeAll(where: choose)
            result += chosen.prefix(mostOfOne)
            guard chosen.count > mostOfOne, let last = chosen.last else { return }
            let isWhole = chosen.count < mostCounted
            result.append(
                Finding(
                    last.severity, last.check,
                    at: "and \(isWhole ? "" : "at least ")\(chosen.count - mostOfOne) more",
                    "they are of the same kind",
                    remedy: "Look at the whole branch."))
        }
        take { $0.check == .opened && $0.severity == .refuse }
        take { $0.check == .opened }
        for severity in [Finding.Severity.refuse, .flag] {
            for check in Finding.Check.allCases { take { $0.check == check && $0.severity == severity } }
        }
        return result
    }
}
