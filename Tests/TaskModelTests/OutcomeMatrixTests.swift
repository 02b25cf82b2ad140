// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import TaskModel

@Suite("outcome matrix")
struct OutcomeMatrixTests {
    typealias Facts = OutcomeMatrix.Facts

    /// The contract, written out once more: report, pull request, commits, verdict.
    static let contract: [(OutcomeMatrix.Report, Bool, Int, OutcomeMatrix.State, OutcomeMatrix.Reason)] = [
        (.success, true, 3, .completed, .done),
        (.success, true, 0, .failed, .nothingDone),
        (.success, false, 3, .completed, .partial),
        (.success, false, 0, .failed, .nothingDone),
        (.error, true, 3, .completed, .warning),
        (.error, true, 0, .failed, .agentFailed),
        (.error, false, 3, .failed, .agentFailed),
        (.error, false, 0, .failed, .agentFailed),
        (.unknown, true, 3, .failed, .noResult),
        (.unknown, true, 0, .failed, .noResult),
        (.unknown, false, 3, .failed, .noResult),
        (.unknown, false, 0, .failed, .noResult),
    ]

    @Test("every row of the contract", arguments: [TaskType.newTask, .pullRequestIteration])
    func rows(_ type: TaskType) {
        for (report, delivered, commits, state, reason) in Self.contract {
            let verdict = OutcomeMatrix.decide(
                Facts(type: type, report: report, delivered: delivered, commits: commits))
            #expect(verdict == .init(state, reason), "\(report) \(delivered) \(commits)")
        }
    }

    @Test("each pair has one row")
    func unique() {
        var seen: Set<String> = []
        for row in OutcomeMatrix.rows {
            #expect(seen.insert("\(row.report) \(row.pullRequest) \(row.commits)").inserted)
        }
        #expect(seen.count == OutcomeMatrix.Report.allCases.count * 4)
    }

    @Test("a failed gate and a lost deliverable forbid success in every row", arguments: contract.indices)
    func gates(_ index: Int) {
        let (report, delivered, commits, _, _) = Self.contract[index]
        for type in [TaskType.newTask, .pullRequestIteration] {
            var facts = Facts(type: type, report: report, delivered: delivered, commits: commits, gateFailed: true)
            #expect(OutcomeMatrix.decide(facts).state == .failed)
            facts.gateFailed = false
            facts.lost = true
            #expect(OutcomeMatrix.decide(facts).state == .failed)
        }
    }

    @Test("a review completes when it is posted and brought no commit, in every row")
    func reviews() {
        for (report, delivered, commits, _, _) in Self.contract {
            let facts = Facts(
                type: .pullRequestReview, report: report, delivered: delivered, commits: commits, gateFailed: true)
            let expected = report == .success && delivered && commits == 0
            #expect((OutcomeMatrix.decide(facts).state == .completed) == expected, "\(facts)")
        }
    }
}

@Suite("verification gates")
struct GateTests {
    @Test("regression: only what passed before and fails after counts against the work")
    func regression() {
        for before in CheckOutcome.allCases.map(Optional.some) + [nil] {
            for after in CheckOutcome.allCases {
                let fails = before == .passed && (after == .failed || after == .timedOut)
                let verdict = Gate.regression.decide(before: before, after: after)
                #expect((verdict == .failed) == fails)
                #expect((verdict == .passed) == (after == .passed))
            }
        }
    }

    @Test("pass: what was before does not matter, and no verdict is no success")
    func pass() {
        for before in CheckOutcome.allCases.map(Optional.some) + [nil] {
            for after in CheckOutcome.allCases {
                let expected: Gate.Verdict =
                    after == .passed ? .passed : after == .failed || after == .timedOut ? .failed : .noVerdict
                #expect(Gate.pass.decide(before: before, after: after) == expected)
            }
        }
    }

    @Test(
        "the class of a command's end",
        arguments: [
            (0, CheckOutcome.passed), (1, .failed), (2, .failed), (125, .infrastructureFailed),
            (126, .infrastructureFailed), (127, .inert), (137, .infrastructureFailed), (143, .failed),
        ])
    func classes(_ code: Int, _ expected: CheckOutcome) {
        #expect(CheckOutcome(exitCode: code) == expected)
        #expect(
            CheckOutcome(exitCode: code, ranOutOfSpace: true)
                == (expected == .failed ? .infrastructureFailed : expected))
    }

    @Test("task types by both of their names")
    func names() {
        #expect(TaskType(named: "coding/pr-review-v1") == .pullRequestReview)
        for type in TaskType.allCases { #expect(TaskType(named: type.rawValue) == type) }
        #expect(TaskType(named: "coding/new-task-v2") == nil && TaskType(named: "") == nil)
        #expect(TaskType.allCases.filter { !$0.writes } == [.pullRequestReview])
    }

    @Test("a blocked reason reads the same everywhere")
    func blocked() {
        let reason = BlockedReason(.egressDenied, "one name was denied", resource: "example.org")
        #expect(reason.description == "BLOCKED[egress_denied]: one name was denied (resource: example.org)")
        #expect(BlockedReason.Kind.allCases.filter(\.isRetryable) == [.dependencyUnreachable])
    }

    @Test("what blocked a task is what the host saw, the most certain of it")
    func blockedOrder() {
        #expect(BlockedReason([]) == nil && BlockedReason([.init()]) == nil)
        var (first, second) = (BlockedReason.Seen(), BlockedReason.Seen())
        first.unreachable = ("a.test", "timed_out")
        #expect(
            BlockedReason([second, first])
                == BlockedReason(
                    .dependencyUnreachable, "allowed, but nobody answered outside (timed_out)", resource: "a.test"))
        second.denied = "b.test"
        #expect(BlockedReason([first, second])?.kind == .egressDenied)
        #expect(BlockedReason([first, second])?.resource == "b.test")
        first.networkLost = "the gateway ended early"
        #expect(
            BlockedReason([second, first])?.description == "BLOCKED[policy_fail_closed]: the gateway ended early")
    }
}
