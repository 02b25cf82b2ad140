// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Delivery
internal import Glibc
internal import LinuxSystem
internal import TaskModel
internal import Workspace

/// A review: a tree that cannot be written, and one typed document that comes out.
extension TaskRun {
    mutating func review(_ head: ObjectID) throws(TaskFailure) {
        guard let pull = order.pull, let base = evidence.parting else { return }
        let patch = try delivery.create(Sandbox.patchFile, mode: 0o644)
        _ = try step.run(
            [
                "step-checkout", "--head", "\(head)", "--base", "\(base)", "--quarantine", delivery.quarantine,
                "--become", quarantineOwner,
            ], outputs: [patch.number])
        Progress.say("task \(identifier): agent reviews pull request \(pull.number) at \(head)")
        let came = try runAgent(
            ["review"], head, export: Sandbox.findings, workspace: delivery.checkout,
            mounts: ["\(delivery.path)/\(Sandbox.patchFile):\(Sandbox.patch)"])
        guard came, evidence.outcome == nil || evidence.outcome == .agentFailed else { return }
        guard let findings = try takeFindings(head) else { return }
        let isProposed = if case .review(_, findings)? = evidence.proposed("review")?.change { true } else { false }
        guard evidence.outcome == nil, let forge = order.forge?.forge else { return }
        let note = evidence.verification.results.map { "\($0.name): \($0.outcome.rawValue)" }.joined(separator: ", ")
        let ran = note.isEmpty ? "Nothing was run." : "Run apart from the agent, for information: \(note)."
        let standing = evidence.standing?.text.map { " \($0)." } ?? ""
        guard try askForCredential(),
            try ask({ .review($0, number: pull.number, findings: findings.findings.count) })
        else { return }
        do throws(ForgeError) {
            let number = try forge.post(
                findings, on: pull.number, of: "\(head)", by: TaskOrder.author, note: ran + standing)
            evidence.review = (number, findings.findings.count)
            evidence.outcome = .reviewPosted
            if isProposed { evidence.carriedOut("review") }
        } catch {
            (evidence.outcome, evidence.refusal) = (.publishFailed, error.description)
        }
        try audit.record(.forgeUpdated(evidence.json(files: [])))
    }

    private mutating func takeFindings(_ head: ObjectID) throws(TaskFailure) -> Findings? {
        let input = try delivery.open(Sandbox.findings.name)
        let output = try delivery.create("findings.json", mode: 0o644)
        let answer = try step.ask(
            [
                "step-findings", "--head", "\(head)", "--quarantine", delivery.quarantine, "--become", quarantineOwner,
            ], input: input.number, outputs: [output.number])
        if case .refused(let reason) = answer {
            evidence.outcome = evidence.outcome ?? .refused
            evidence.refusal = reason
            try delivery.remove("findings.json")
            return nil
        }
        // What the step wrote is read as strictly as what it read.
        let file = try delivery.open("findings.json")
        let bytes = try host { () throws(SystemError) in
            try file.readAll(limit: 8 << 20, subject: "\"findings.json\"")
        }
        do throws(Findings.Flaw) {
            return try Findings(bytes)
        } catch {
            throw TaskFailure("read", "\"findings.json\"", error.description, remedy: "Report this.")
        }
    }
}
