// SPDX-License-Identifier: Apache-2.0
internal import Delivery
internal import TaskModel
internal import Workspace

/// The project's own commands and the criteria, each run in a sandbox of its own and judged by how that ends.
extension TaskRun {
    /// Runs one command on one commit in a sandbox of its own.
    mutating func check(_ command: Verification.Command, _ phase: CheckResult.Phase, _ commit: ObjectID)
        throws(TaskFailure)
    {
        guard evidence.outcome != .interrupted else { return }
        let label = command.label(phase)
        let place = phase == .before ? "base" : "delivered"
        Progress.say("task \(identifier): \(command.name) of the \(place) commit \(commit)")
        guard let outcome = try verify(label, command.text, commit, build: command.name != "build") else { return }
        evidence.verification.add(
            CheckResult(name: command.name, phase: phase, command: command.text, label: label, outcome: outcome))
        Progress.say("task \(identifier): \(command.name) \(phase.rawValue): \(outcome.rawValue)")
    }

    mutating func checkCriteria(_ commit: ObjectID) throws(TaskFailure) {
        for criterion in evidence.verification.criteria {
            guard evidence.outcome != .interrupted, let check = criterion.check else { continue }
            let label = "check-\(criterion.name)"
            guard let outcome = try verify(label, check, commit, build: true) else { return }
            evidence.verification.add(
                CheckResult(name: criterion.name, phase: .criterion, command: check, label: label, outcome: outcome))
            Progress.say("task \(identifier): criterion \(criterion.name): \(outcome.rawValue)")
        }
    }

    /// - Returns: nil when the caller asked us to stop.
    mutating func verify(_ label: String, _ command: String, _ commit: ObjectID, build: Bool)
        throws(TaskFailure) -> CheckOutcome?
    {
        var runner = ["verify", "--source", Sandbox.source, "--commit", "\(commit)", "--test-command", command]
        if let setup = arguments.setupCommand { runner += ["--setup-command", setup] }
        if build, let text = arguments.buildCommand { runner += ["--build-command", text] }
        let (record, _) = try sandbox.run(label, runner: runner, in: delivery)
        guard let record else {
            evidence.outcome = .interrupted
            return nil
        }
        try checkSetUp(record, label)
        try observe(label, record)
        return CheckOutcome(record)
    }
}
