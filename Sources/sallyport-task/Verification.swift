// SPDX-License-Identifier: Apache-2.0
internal import Delivery
internal import TaskModel

/// What was seen of one command on one commit, in a sandbox of its own.
struct CheckResult {
    enum Phase: String { case before, after, criterion }

    let name: String
    let phase: Phase
    let command: String
    /// Names the log and the record.
    let label: String
    let outcome: CheckOutcome
}

/// The project's commands and the criteria, and what their ends decide together.
struct Verification {
    struct Command {
        let name: String
        let text: String
        let gate: Gate

        func label(_ phase: CheckResult.Phase) -> String { ObservedSandbox.label(of: name, phase.rawValue) }
    }

    let commands: [Command]
    let criteria: [Criterion]
    private(set) var results: [CheckResult] = []

    init(_ arguments: TaskArguments, _ criteria: [Criterion]) {
        var commands: [Command] = []
        if let text = arguments.buildCommand { commands.append(Command(name: "build", text: text, gate: .regression)) }
        if let text = arguments.lintCommand { commands.append(Command(name: "lint", text: text, gate: .regression)) }
        if let text = arguments.testCommand { commands.append(Command(name: "test", text: text, gate: arguments.gate)) }
        self.commands = commands
        self.criteria = criteria
    }

    mutating func add(_ result: CheckResult) { results.append(result) }

    func outcome(_ name: String, _ phase: CheckResult.Phase) -> CheckOutcome? {
        results.first { $0.name == name && $0.phase == phase }?.outcome
    }

    /// What a command's gate says; nil when it was not run after the work.
    func verdict(_ command: Command) -> Gate.Verdict? { check(command).verdict }

    /// A gate failed or a criterion does not hold.
    var hasFailed: Bool {
        commands.contains { verdict($0) == .failed }
            || results.contains { $0.phase == .criterion && $0.outcome != .passed }
    }

    /// The outcome of a task whose commit is there and whose agent did not fail.
    var decision: TaskOutcome {
        TaskOutcome(
            commands.map(check),
            criteria: criteria.filter { $0.check != nil }.map { outcome($0.name, .criterion) })
    }

    private func check(_ command: Command) -> TaskOutcome.Check {
        .init(
            name: command.name, gate: command.gate, before: outcome(command.name, .before),
            after: outcome(command.name, .after))
    }
}
