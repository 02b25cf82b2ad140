// SPDX-License-Identifier: Apache-2.0
internal import CRunner

/// The project's own commands, run beside the agent: feedback for the log, never a verdict.
struct Checks {
    private let options: Options
    private let timeout: Int64

    init(_ options: Options) throws(Failure) {
        self.options = options
        timeout = try options.seconds("--test-timeout", default: 600_000)
    }

    private static let names = ["build", "lint", "test"]

    var isEmpty: Bool {
        options["--setup-command"] == nil && Self.names.allSatisfy { options["--\($0)-command"] == nil }
    }

    /// Installs what the project needs; a failure is said, and the work goes on.
    func setUp() throws(Failure) {
        guard let command = options["--setup-command"] else { return }
        try run(command, "setup", "setup")
    }

    func run(_ phase: String) throws(Failure) {
        for name in Self.names {
            guard let command = options["--\(name)-command"] else { continue }
            try run(command, name, phase)
        }
    }

    private func run(_ command: String, _ name: String, _ phase: String) throws(Failure) {
        Log.line("\(phase) \(name): \(command)")
        let started = sp_milliseconds()
        let end = try Command.shell(command, environment: Environment.entries).run(timeout: timeout)
        let outcome = CheckOutcome(end)
        Log.line("\(phase) \(name) \(outcome.name) (exit \(end.exit_code))")
        Frames.check(
            phase, name, outcome, exitCode: end.exit_code, milliseconds: sp_milliseconds() - started)
    }
}

/// What a command's end means.
enum CheckOutcome {
    case passed
    case failed
    case timedOut
    /// There is no such command.
    case inert
    /// This says nothing about the code: not executable, killed for memory, no space.
    case infrastructureFailed

    init(_ end: sp_end) {
        if end.timed_out != 0 {
            self = .timedOut
        } else if end.exit_code == 0 {
            self = .passed
        } else if end.exit_code == 127 {
            self = .inert
        } else if end.exit_code == 126 || end.exit_code == 137 || end.signal == 9 || sp_is_full(".") == 1 {
            self = .infrastructureFailed
        } else {
            self = .failed
        }
    }

    var name: String {
        switch self {
        case .passed: "passed"
        case .failed: "failed"
        case .timedOut: "timed_out"
        case .inert: "inert"
        case .infrastructureFailed: "infra_failed"
        }
    }
}
