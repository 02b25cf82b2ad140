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
        try checkOut(head, since: base, Sandbox.patchFile)
        Progress.say("task \(identifier): agent reviews pull request \(pull.number) at \(head)")
        let came = try runAgent(
            ["review"], head, export: Sandbox.findings, workspace: delivery.checkout,
            mounts: ["\(delivery.path)/\(Sandbox.patchFile):\(Sandbox.patch)"])
        guard came, evidence.outcome == nil || evidence.outcome == .agentFailed else { return }
        let answer = try takeFindings(head, from: Sandbox.findings.name, into: "findings.json")
        guard case .taken(let findings) = answer else {
            if case .refused(let reason) = answer {
                (evidence.outcome, evidence.refusal) = (evidence.outcome ?? .refused, reason)
            }
            return
        }
        let isProposed = if case .review(_, findings)? = evidence.proposed("review")?.change { true } else { false }
        guard evidence.outcome == nil, let forge = order.forge?.forge else { return }
        let note = evidence.verification.results.map { "\($0.name): \($0.outcome.rawValue)" }.joined(separator: ", ")
        let ran = note.isEmpty ? "Nothing was run." : "Run apart from the agent, for information: \(note)."
        let standing = evidence.standing?.text.map { " \($0)." } ?? ""
        guard try askForCredential(),
            try ask({ .review($0, number: pull.number, findings: findings.findings.count) })
        else { return }
        do throws(ForgeError) {
            let earlier = pull.reviews.first { $0.commit == "\(head)" && $0.note.contains(mark) }
            let number =
                if let earlier {
                    earlier.number
                } else {
                    try forge.post(
                        findings, on: pull.number, of: "\(head)", by: TaskOrder.author,
                        note: "\(ran)\(standing) \(mark)")
                }
            evidence.review = (number, findings.findings.count)
            evidence.outcome = .reviewPosted
            if isProposed { evidence.carriedOut("review") }
        } catch {
            (evidence.outcome, evidence.refusal) = (.publishFailed, error.description)
        }
        try audit.record(.forgeUpdated(evidence.json(files: [])))
    }

    /// Puts a commit's files into the quarantine, and what it changes into a new file of the delivery directory.
    func checkOut(_ head: ObjectID, since base: ObjectID, _ patchName: String) throws(TaskFailure) {
        let patch = try delivery.create(patchName, mode: 0o644)
        _ = try step.run(
            [
                "step-checkout", "--head", "\(head)", "--base", "\(base)", "--quarantine", delivery.quarantine,
                "--become", quarantineOwner,
            ], outputs: [patch.number])
    }

    /// What came of a document that a sandbox left.
    enum Taken<Document> {
        case taken(Document)
        case refused(String)
    }

    /// Has a confined step read an agent's findings about a commit.
    ///
    /// - Parameter into: The new file in the delivery directory that has them in our own form.
    func takeFindings(_ head: ObjectID, from name: String, into: String) throws(TaskFailure) -> Taken<Findings> {
        let command = [
            "step-findings", "--head", "\(head)", "--quarantine", delivery.quarantine, "--become", quarantineOwner,
        ]
        switch try takeDocument(command, from: name, into: into) {
        case .refused(let reason): return .refused(reason)
        case .taken(let bytes):
            do throws(Findings.Flaw) { return .taken(try Findings(bytes)) } catch {
                throw TaskFailure("read", "\"\(into)\"", error.description, remedy: "Report this.")
            }
        }
    }

    /// What a step wrote is read as strictly as what it read.
    func takeDocument(
        _ command: [String], from name: String, into: String, mostBytes: Int = 8 << 20
    ) throws(TaskFailure) -> Taken<[UInt8]> {
        let input = try delivery.open(name)
        let output = try delivery.create(into, mode: 0o644)
        if case .refused(let reason) = try step.ask(command, input: input.number, outputs: [output.number]) {
            try delivery.remove(into)
            return .refused(reason)
        }
        let file = try delivery.open(into)
        return .taken(
            try host { () throws(SystemError) in try file.readAll(limit: mostBytes, subject: "\"\(into)\"") })
    }
}
