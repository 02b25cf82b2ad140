// SPDX-License-Identifier: Apache-2.0

/// How a task ended. Only observed facts lead to success; a claim can only take it away.
enum Outcome: String {
    /// A commit was delivered and its test passed in a fresh sandbox.
    case verified
    /// A commit was delivered; there is no test command, so it is known to be well formed and no more.
    case delivered
    case testFailed = "test_failed"
    case testTimedOut = "test_timed_out"
    /// The test of the delivered commit came to no verdict.
    case testInfrastructureFailed = "test_infra_failed"
    /// The runner says that the agent failed; what it left is delivered all the same.
    case agentFailed = "agent_failed"
    /// The runner could not do its work inside: no git in the rootfs, no space.
    case runnerFailed = "runner_failed"
    case nothingToDeliver = "nothing_to_deliver"
    /// What came out breaks a rule; see `refusal`.
    case refused
    /// The work sandbox was ended by a limit.
    case limitHit = "limit_hit"
    /// The work sandbox ended in another way than by itself.
    case killed
    case interrupted

    var isSuccess: Bool { self == .verified || self == .delivered }

    /// What the work sandbox's end already decides; nil when the delivered commit decides.
    init?(work record: SessionRecord) {
        switch (record.outcome, record.exitCode) {
        case ("exited", 0): return nil
        case ("exited", 3): self = .nothingToDeliver
        case ("exited", 4): self = .agentFailed
        case ("exited", _): self = .runnerFailed
        case ("oom", _), ("timed_out", _): self = .limitHit
        default: self = .killed
        }
    }

    /// What the test of the delivered commit decides.
    init(after outcome: TestOutcome) {
        switch outcome {
        case .passed: self = .verified
        case .failed: self = .testFailed
        case .timedOut: self = .testTimedOut
        case .infrastructureFailed: self = .testInfrastructureFailed
        }
    }
}
