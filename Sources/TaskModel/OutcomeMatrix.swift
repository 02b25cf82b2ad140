// SPDX-License-Identifier: Apache-2.0

/// How a finished task is judged: a table over what was seen, without a default that succeeds.
package enum OutcomeMatrix {
    /// What the runner's session told by its end. A report of success proves nothing; its absence forbids success.
    package enum Report: String, Sendable, CaseIterable { case success, error, unknown }

    /// What stands at the end, as the host saw it.
    package struct Facts: Sendable, Hashable {
        package var type: TaskType
        package var report: Report
        /// The pull request exists and shows the delivered commit; for a review: the review is posted.
        package var delivered: Bool
        /// Commits taken in from the sandbox.
        package var commits: Int
        /// Something that passed before fails now, or a criterion does not hold.
        package var gateFailed: Bool
        /// The runner says that there was work and none came out.
        package var lost: Bool

        package init(
            type: TaskType, report: Report, delivered: Bool, commits: Int, gateFailed: Bool = false, lost: Bool = false
        ) {
            self.type = type
            self.report = report
            self.delivered = delivered
            self.commits = commits
            self.gateFailed = gateFailed
            self.lost = lost
        }
    }

    package enum State: String, Sendable {
        case completed = "COMPLETED"
        case failed = "FAILED"
    }

    package enum Reason: String, Sendable, CaseIterable {
        case done
        case partial = "no_pull_request"
        case warning = "runner_reported_error"
        case nothingDone = "nothing_done"
        case agentFailed = "agent_failed"
        case noResult = "no_result"
        case gateFailed = "gate_failed"
        case lost
        case notPosted = "review_not_posted"
        case commitsInReview = "commits_in_review"
    }

    package struct Verdict: Sendable, Hashable {
        package let state: State
        package let reason: Reason

        package init(_ state: State, _ reason: Reason) {
            self.state = state
            self.reason = reason
        }
    }

    struct Row: Sendable {
        let report: Report
        let pullRequest: Bool
        let commits: Bool
        let verdict: Verdict
    }

    /// Every pair of report, pull request and commits stands here once.
    static let rows: [Row] = [
        Row(report: .success, pullRequest: true, commits: true, verdict: .init(.completed, .done)),
        Row(report: .success, pullRequest: true, commits: false, verdict: .init(.failed, .nothingDone)),
        Row(report: .success, pullRequest: false, commits: true, verdict: .init(.completed, .partial)),
        Row(report: .success, pullRequest: false, commits: false, verdict: .init(.failed, .nothingDone)),
        Row(report: .error, pullRequest: true, commits: true, verdict: .init(.completed, .warning)),
        Row(report: .error, pullRequest: true, commits: false, verdict: .init(.failed, .agentFailed)),
        Row(report: .error, pullRequest: false, commits: true, verdict: .init(.failed, .agentFailed)),
        Row(report: .error, pullRequest: false, commits: false, verdict: .init(.failed, .agentFailed)),
        Row(report: .unknown, pullRequest: true, commits: true, verdict: .init(.failed, .noResult)),
        Row(report: .unknown, pullRequest: true, commits: false, verdict: .init(.failed, .noResult)),
        Row(report: .unknown, pullRequest: false, commits: true, verdict: .init(.failed, .noResult)),
        Row(report: .unknown, pullRequest: false, commits: false, verdict: .init(.failed, .noResult)),
    ]

    package static func decide(_ facts: Facts) -> Verdict {
        if facts.report == .unknown { return Verdict(.failed, .noResult) }
        if facts.type == .pullRequestReview { return review(facts) }
        if facts.gateFailed { return Verdict(.failed, .gateFailed) }
        if facts.lost { return Verdict(.failed, .lost) }
        let row = rows.first {
            $0.report == facts.report && $0.pullRequest == facts.delivered && $0.commits == (facts.commits > 0)
        }
        return row?.verdict ?? Verdict(.failed, .noResult)
    }

    private static func review(_ facts: Facts) -> Verdict {
        if facts.commits > 0 { return Verdict(.failed, .commitsInReview) }
        if facts.report == .error { return Verdict(.failed, .agentFailed) }
        return facts.delivered ? Verdict(.completed, .done) : Verdict(.failed, .notPosted)
    }
}
