// SPDX-License-Identifier: Apache-2.0
internal import Documents

/// How one attempt of a custom step ended: by what it said, or by what the supervisor saw.
package enum StepAttempt: Sendable, Hashable {
    case said(StepOutput)
    case broke(StepFailure)

    /// How the supervisor saw the step's sandbox end.
    package enum End: Sendable, Hashable {
        case exited(Int)
        case signalled(Int)
        case outOfMemory
        case timedOut
        /// Somebody stopped it: a cancelled task, a host that shuts down.
        case stopped
        /// There was no sandbox; `isTransient` where the kernel had no memory or no process left.
        case notStarted(reason: String, isTransient: Bool)
        /// The supervisor is gone and left no result.
        case lost
        /// The gateway ended early, so the network was shut.
        case networkLost
    }

    /// What an attempt comes to. What the supervisor saw goes before what the step says: a step that ends as a failure
    /// cannot say that it succeeded.
    ///
    /// - Parameter output: What its standard output was read as; see ``StepOutput/init(_:)``.
    package static func judge(_ end: End, output: Result<StepOutput, StepOutput.Flaw>) -> StepAttempt {
        switch end {
        case .exited(let code): judge(exit: code, output)
        case .signalled(let number): .broke(.init(.signalled, "signal \(number) ended it"))
        case .outOfMemory: .broke(.init(.outOfMemory, "it used more memory than its profile allows"))
        case .timedOut: .broke(.init(.timedOut, "it was not over within its time"))
        case .stopped: .broke(.init(.stopped, "it was stopped from outside"))
        case .notStarted(let reason, true): .broke(.init(.startTransient, reason))
        case .notStarted(let reason, false): .broke(.init(.startRefused, reason))
        case .lost: .broke(.init(.lost, "its supervisor is gone without a result"))
        case .networkLost: .broke(.init(.networkLost, "its network was shut before its end"))
        }
    }

    private static func judge(exit code: Int, _ output: Result<StepOutput, StepOutput.Flaw>) -> StepAttempt {
        // sysexits.h, EX_TEMPFAIL: what a service would say with 429 or 503.
        if code == StepFailure.temporaryExit {
            return .broke(.init(.temporary, "it asked to be tried again (exit \(code))"))
        }
        switch output {
        case .success(let said):
            if case .failed = said { return .said(said) }
            return code == 0
                ? .said(said) : .broke(.init(.contradicted, "it says \(said.status) and exited with \(code)"))
        case .failure(let flaw):
            let how = code == 0 ? "" : " (exit \(code))"
            switch flaw {
            case .oversize: return .broke(.init(.oversize, flaw.description + how))
            case .malformed: return .broke(.init(.malformed, flaw.description + how))
            }
        }
    }

    /// The same for the bytes themselves.
    package static func judge(_ end: End, output bytes: [UInt8]) -> StepAttempt {
        judge(end, output: Result { () throws(StepOutput.Flaw) in try StepOutput(bytes) })
    }

    /// The step's result when nothing more is tried.
    package var output: StepOutput {
        switch self {
        case .said(let output): output
        case .broke(let failure):
            .failed(message: failure.message, metadata: ["cause": .string(failure.cause.rawValue)])
        }
    }
}

/// Why an attempt came to nothing, apart from what the step itself says.
package struct StepFailure: Sendable, Hashable {
    package enum Cause: String, Sendable, CaseIterable {
        case oversize, malformed, contradicted, signalled
        case outOfMemory = "out_of_memory"
        case timedOut = "timed_out"
        case temporary
        case startTransient = "start_transient"
        case startRefused = "start_refused"
        case lost, stopped
        case networkLost = "network_lost"

        /// Whether the same attempt may end better by itself.
        package var isRetryable: Bool {
            switch self {
            case .timedOut, .temporary, .startTransient, .lost, .networkLost: true
            case .oversize, .malformed, .contradicted, .signalled, .outOfMemory, .startRefused, .stopped: false
            }
        }
    }

    /// Of an exit status that asks for another attempt.
    package static let temporaryExit = 75

    package let cause: Cause
    package let message: String

    package init(_ cause: Cause, _ message: String) {
        self.cause = cause
        self.message = message
    }
}
