// SPDX-License-Identifier: Apache-2.0

/// What the end of a build, lint, test or criterion command says.
package enum CheckOutcome: String, Sendable, CaseIterable {
    case passed
    case failed
    case timedOut = "timed_out"
    /// There is no such command: it can say nothing.
    case inert
    /// The machine failed, not the code: no sandbox, no checkout, no memory, no space.
    case infrastructureFailed = "infra_failed"

    /// - Parameters:
    ///   - exitCode: Of a command that exited; 125 is the runner's own, 126 and 127 are the shell's.
    ///   - ranOutOfSpace: The sandbox's file systems were full at some time.
    package init(exitCode: Int, ranOutOfSpace: Bool = false) {
        switch exitCode {
        case 0: self = .passed
        case 125, 126, 137: self = .infrastructureFailed
        case 127: self = .inert
        default: self = ranOutOfSpace ? .infrastructureFailed : .failed
        }
    }

    /// Whether it says something about the code.
    package var isVerdict: Bool { self == .passed || self == .failed }
}

/// Decides from the same command before and after the work.
package enum Gate: String, Sendable, CaseIterable {
    /// Only what passed before and fails after counts against the work.
    case regression
    /// The command must pass after the work, whatever it did before.
    case pass

    /// What a gate says; `noVerdict` neither proves nor refutes the work.
    package enum Verdict: String, Sendable, CaseIterable {
        case passed
        case failed
        case noVerdict = "no_verdict"
    }

    package func decide(before: CheckOutcome?, after: CheckOutcome) -> Verdict {
        switch after {
        case .passed: .passed
        case .inert, .infrastructureFailed: .noVerdict
        case .failed, .timedOut:
            switch self {
            case .pass: .failed
            // Without a verdict before there is nothing to compare with.
            case .regression: before == .passed ? .failed : .noVerdict
            }
        }
    }
}
