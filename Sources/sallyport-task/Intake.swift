// SPDX-License-Identifier: Apache-2.0
internal import Delivery
internal import LinuxSystem
internal import Workspace

/// The one way of a branch from what was received to what is handed over.
///
///     step-import ──▶ step-gate ──▶ step-export
///     fills result.git  reads it      writes bundle and patch of what was judged
///
/// Each is a process of its own, and believes nothing of what the one before says.
struct Intake {
    let step: ConfinedStep
    let rules: GateRules
    /// The full name of the branch.
    let reference: String
    /// The commit that the branch starts from; nil for a history of its own.
    let base: ObjectID?
    /// Where the receiver's branch stands, if that is known.
    var onto: ObjectID?
    /// What every commit has to say; nil for work of no task.
    var trailers: (task: String, prompt: String, evidence: String)?
    /// The commits are of an earlier attempt, and say what was so then.
    var isOfEarlier = false

    struct Result {
        /// Why nothing of it is handed over; nil when something is.
        var refusal: String?
        /// Nil when nothing came before the gate.
        var gate: GateVerdict?
        /// The tree that was taken in, judged or not.
        var tree: ObjectID?
        /// What lies in the quarantine, judged; nil when it was refused.
        var delivered: Delivered?
    }

    /// Takes a bundle of the delivery directory into its quarantine, judges it there, and writes out what passed.
    ///
    /// Whatever else happens, nothing of it stays: no answer is no permission.
    func take(_ bundle: String, in delivery: borrowing DeliveryDirectory) throws(TaskFailure) -> Result {
        let result: Result
        do throws(TaskFailure) { result = try judged(bundle, in: delivery) } catch {
            try delivery.withdraw()
            throw error
        }
        if result.delivered == nil { try takeBack(in: delivery) }
        return result
    }

    private func judged(_ bundle: String, in delivery: borrowing DeliveryDirectory) throws(TaskFailure) -> Result {
        let input = try delivery.open(bundle)
        let trailers = isOfEarlier ? nil : self.trailers
        var command = ["step-import", "--task-id", trailers?.task ?? "-"] + common(delivery)
        if let trailers { command += ["--prompt-version", trailers.prompt, "--evidence", trailers.evidence] }
        let report: StepReport
        switch try step.ask(command, input: input.number) {
        case .report(let answer): report = answer
        case .refused(let reason): return Result(refusal: reason)
        }
        let tip = try report.commit("tip")
        let gate = try judge(tip, bundle, verified: nil, in: delivery)
        let tree = try report.commit("tree")
        guard !gate.isRefused else { return Result(refusal: gate.refusal, gate: gate, tree: tree) }
        let written: StepReport
        switch try ExportStep(step: step).write(tip, common(delivery), in: delivery) {
        case .report(let answer): written = answer
        case .refused(let reason): return Result(refusal: reason, gate: gate, tree: tree)
        }
        guard try written.commit("tip") == tip else {
            throw TaskFailure(
                "use", "the report of step-export", "it is about another commit",
                remedy: "Use one build of all programs.")
        }
        return Result(gate: gate, tree: tree, delivered: try Delivered(written, tip: tip))
    }

    /// Judges once more what was tested meanwhile: it still is the one branch there, and has the tree that was tested.
    func confirm(_ delivered: Delivered, _ bundle: String, in delivery: borrowing DeliveryDirectory) throws(TaskFailure)
        -> GateVerdict
    {
        let verdict: GateVerdict
        do throws(TaskFailure) {
            verdict = try judge(delivered.commit, bundle, verified: delivered.tree, in: delivery)
        } catch {
            try delivery.withdraw()
            throw error
        }
        if verdict.isRefused { try takeBack(in: delivery) }
        return verdict
    }

    private func judge(
        _ tip: ObjectID, _ bundle: String, verified: ObjectID?, in delivery: borrowing DeliveryDirectory
    ) throws(TaskFailure) -> GateVerdict {
        try GateStep(step: step, rules: rules).judge(
            tip, base: base, bundle: bundle, onto: onto, verified: verified, in: delivery)
    }

    /// Leaves in the quarantine what was there before: the history up to the base, which a task's sandboxes can be rebuilt
    /// from.
    ///
    /// It is copied from its commit, so whatever was done to the repository meanwhile does not come along.
    func takeBack(in delivery: borrowing DeliveryDirectory) throws(TaskFailure) {
        guard trailers != nil, let base else { return try delivery.withdraw() }
        let owner = delivery.quarantineOwner?.text ?? "-"
        let name = "base.pack"
        do throws(TaskFailure) {
            let pack = try delivery.create(name)
            _ = try step.run(
                ["step-pack", "--quarantine", delivery.quarantine, "--base", "\(base)", "--become", owner],
                outputs: [pack.number])
        } catch {
            try delivery.withdraw()
            throw error
        }
        try delivery.withdraw()
        let input = try delivery.open(name)
        _ = try step.run(
            ["step-index", "--base", "\(base)", "--quarantine", delivery.quarantine, "--become", owner],
            input: input.number)
        try delivery.remove(name)
    }

    private func common(_ delivery: borrowing DeliveryDirectory) -> [String] {
        [
            "--base", base?.description ?? "-", "--reference", reference, "--quarantine", delivery.quarantine,
            "--become", delivery.quarantineOwner?.text ?? "-",
        ]
    }
}
