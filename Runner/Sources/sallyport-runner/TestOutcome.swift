// SPDX-License-Identifier: Apache-2.0
internal import CRunner

/// What a test command's end means.
enum TestOutcome {
    case passed
    case failed
    case timedOut
    /// The shell could not start the command (126, 127): this says nothing about the code under test.
    case infrastructureFailed

    init(_ end: sp_end) {
        self =
            if end.timed_out != 0 { .timedOut } else if end.exit_code == 0 {
                .passed
            } else if end.exit_code == 126 || end.exit_code == 127 { .infrastructureFailed } else { .failed }
    }

    var name: String {
        switch self {
        case .passed: "passed"
        case .failed: "failed"
        case .timedOut: "timed_out"
        case .infrastructureFailed: "infra_failed"
        }
    }
}
