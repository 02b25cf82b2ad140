// SPDX-License-Identifier: Apache-2.0
package import TaskModel

/// How a task ended. Only observed facts lead to success; a claim can only take it away.
package enum TaskOutcome: String, Sendable, CaseIterable {
    /// A commit was delivered and its test passed in a fresh sandbox.
    case verified
    /// A commit was delivered; no test proves it, so it is known to be well formed and no more.
    case delivered
    /// The commit stands up to every gate and its pull request is open; the runner reported an error all the same.
    case completedWithWarning = "completed_with_warning"
    /// Findings were taken in, checked and posted.
    case reviewPosted = "review_posted"
    case testFailed = "test_failed"
    case testTimedOut = "test_timed_out"
    /// The build passed before and does not now.
    case buildFailed = "build_failed"
    case lintFailed = "lint_failed"
    /// The review of a workflow did not let the change pass, or came to no word.
    case reviewFailed = "review_failed"
    /// The check of a criterion did not pass.
    case criteriaFailed = "criteria_failed"
    /// A command that must decide came to no verdict.
    case testInfrastructureFailed = "test_infra_failed"
    /// The runner says that the agent failed; what it left is delivered all the same.
    case agentFailed = "agent_failed"
    /// The runner could not do its work inside: no git in the rootfs, no space.
    case runnerFailed = "runner_failed"
    /// The runner says that the agent removed its clone.
    case lost
    case nothingToDeliver = "nothing_to_deliver"
    /// What came out breaks a rule; see `refusal`.
    case refused
    /// The branch that the result belongs on is not what it was when the task began.
    case upstreamMoved = "upstream_moved"
    /// The result stands up to every gate and could not be brought to the upstream; see `upstream` in the evidence.
    case pushFailed = "push_failed"
    /// The branch is there, or the findings are; the forge did not take the pull request, the answers or the review.
    case publishFailed = "publish_failed"
    /// The result stands up to every gate; whoever was asked did not let it be handed over, or nobody answered.
    case notApproved = "not_approved"
    /// The work sandbox was ended by a limit.
    case limitHit = "limit_hit"
    /// The work sandbox ended in another way than by itself.
    case killed
    case interrupted

    package var isSuccess: Bool {
        switch self {
        case .verified, .delivered, .completedWithWarning, .reviewPosted: true
        case .testFailed, .testTimedOut, .buildFailed, .lintFailed, .reviewFailed, .criteriaFailed,
            .testInfrastructureFailed, .agentFailed, .runnerFailed, .lost, .nothingToDeliver, .refused, .upstreamMoved,
            .pushFailed,
            .publishFailed, .notApproved, .limitHit, .killed, .interrupted:
            false
        }
    }

    /// Something that passed before fails now, or what came out could not be handed over.
    package var isGateFailure: Bool {
        switch self {
        case .testFailed, .testTimedOut, .buildFailed, .lintFailed, .reviewFailed, .criteriaFailed,
            .testInfrastructureFailed, .refused, .upstreamMoved, .pushFailed, .publishFailed, .notApproved:
            true
        case .verified, .delivered, .completedWithWarning, .reviewPosted, .agentFailed, .runnerFailed, .lost,
            .nothingToDeliver, .limitHit, .killed, .interrupted:
            false
        }
    }

    /// What the work sandbox's end already decides; nil when the delivered commit decides.
    package init?(work record: SessionRecord) {
        switch (record.outcome, record.exitCode) {
        case ("exited", 0): return nil
        case ("exited", 3): self = .nothingToDeliver
        case ("exited", 4): self = .agentFailed
        case ("exited", 6): self = .lost
        case ("exited", _): self = .runnerFailed
        case ("oom", _), ("timed_out", _): self = .limitHit
        default: self = .killed
        }
    }
}

extension TaskOutcome {
    /// A command of the project, and how it ended before the work and after it; nil where it did not run.
    package struct Check: Sendable {
        package let name: String
        package let gate: Gate
        package let before: CheckOutcome?
        package let after: CheckOutcome?

        package init(name: String, gate: Gate, before: CheckOutcome?, after: CheckOutcome?) {
            self.name = name
            self.gate = gate
            self.before = before
            self.after = after
        }

        /// What its gate says; nil when it was not run after the work.
        package var verdict: Gate.Verdict? { after.map { gate.decide(before: before, after: $0) } }

        fileprivate var failure: TaskOutcome {
            switch name {
            case "build": .buildFailed
            case "lint": .lintFailed
            default: after == .timedOut ? .testTimedOut : .testFailed
            }
        }
    }

    /// The outcome of a task whose commit is there and whose agent did not fail.
    ///
    /// - Parameter criteria: Of each that has a check, how that ended.
    package init(_ checks: [Check], criteria: [CheckOutcome?]) {
        for check in checks {
            guard check.after != nil else {
                self = .testInfrastructureFailed
                return
            }
            switch check.verdict {
            case .failed?:
                self = check.failure
                return
            case .noVerdict?, nil:
                // What proved something before and nothing now is not passed over; nor is a test that must pass.
                guard check.gate != .pass, check.before != .passed else {
                    self = .testInfrastructureFailed
                    return
                }
            case .passed?: break
            }
        }
        guard criteria.allSatisfy({ $0 == .passed }) else {
            self = .criteriaFailed
            return
        }
        self = checks.contains { $0.name == "test" && $0.after == .passed } ? .verified : .delivered
    }
}

extension OutcomeMatrix.Report {
    /// What the end of the work sandbox reports; one that did not end by itself reports nothing.
    package init(work record: SessionRecord?) {
        switch (record?.outcome, record?.exitCode) {
        case ("exited", 0), ("exited", 3): self = .success
        case ("exited", _): self = .error
        default: self = .unknown
        }
    }
}
