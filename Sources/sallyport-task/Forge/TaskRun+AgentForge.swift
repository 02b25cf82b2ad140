// SPDX-License-Identifier: Apache-2.0
internal import Delivery
internal import Documents
internal import LinuxSystem
internal import TaskModel
internal import Workspace

/// What the agent's session finds at forge.internal, and what it proposed there.
///
///     forge ── read before ──▶ forge.view.json ── sallyport run --forge ──▶ broker ──▶ agent
///                                                                             └── work.proposals.jsonl (claimed)
///     forge ◀── handed over when every gate has spoken ── what the task hands over anyway, in the agent's words
extension TaskRun {
    static let viewFile = "forge.view.json"

    /// Writes the view; nil where there is no forge.
    func makeForgeView(_ base: ObjectID) throws(TaskFailure) -> String? {
        guard let forge = order.forge else { return nil }
        var view = ForgeView(repository: forge.viewName, mayPush: arguments.pushes)
        view.issue = order.issue
        view.pull = order.pull
        view.files = order.files
        if let pull = order.pull {
            view.head = "\(base)"
            if order.type.writes { view.proposals.updated = pull.number } else { view.proposals.reviewed = pull.number }
        } else if order.deliver == .pullRequest, let target = targetBranch {
            view.proposals.opened = (branch, target)
        }
        view.proposals.marks = arguments.marksCommit
        try delivery.write(Self.viewFile, JSONWriter().write(view.json) + [0x0A], mode: 0o644)
        return "\(delivery.path)/\(Self.viewFile)"
    }

    /// Reads what was proposed, once nobody writes there any more.
    mutating func readProposals() throws(TaskFailure) {
        try evidence.readProposals(delivery)
        for event in TaskEvent.proposed(evidence.json(files: [])) { try audit.record(event) }
    }

    /// Makes the document of a review of what was proposed as one, where the agent left no other.
    ///
    /// - Returns: Whether there is a document now.
    mutating func takeProposedReview() throws(TaskFailure) -> Bool {
        guard !order.type.writes, case .review(_, let findings)? = evidence.proposed("review")?.change else {
            return false
        }
        let name = Sandbox.findings.name
        if try delivery.contains(name) { try delivery.remove(name) }
        try delivery.write(name, JSONWriter().write(findings.json))
        return true
    }
}

extension Evidence {
    /// A proposal, and whether it was carried out.
    struct Proposed {
        let proposal: AgentProposal
        var isCarriedOut = false
    }

    private static let mostProposals = 64
    private static let mostProposalBytes = 8 << 20

    /// They decide nothing, and neither their number nor their form may keep the evidence from being written.
    mutating func readProposals(_ delivery: borrowing DeliveryDirectory) throws(TaskFailure) {
        let name = "work.proposals.jsonl"
        guard try delivery.contains(name) else { return }
        let file = try delivery.open(name)
        let bytes = try host { () throws(SystemError) in
            try file.readStart(Self.mostProposalBytes, subject: "\"\(name)\"")
        }
        for line in bytes.split(separator: 0x0A).prefix(Self.mostProposals) {
            do throws(ForgeError) { proposals.append(.init(proposal: try AgentProposal(Array(line)))) } catch { return }
        }
    }

    /// The last one of a kind: what was said later counts.
    func proposed(_ kind: String) -> AgentProposal? { proposals.last { $0.proposal.change.name == kind }?.proposal }

    /// Notes that the last one of a kind was carried out.
    mutating func carriedOut(_ kind: String) {
        guard let index = proposals.lastIndex(where: { $0.proposal.change.name == kind }) else { return }
        proposals[index].isCarriedOut = true
    }

    var proposalsJSON: JSON {
        .array(
            proposals.map {
                [
                    "proposal": .int($0.proposal.number), "do": .string($0.proposal.change.name),
                    "carried_out": .bool($0.isCarriedOut),
                ]
            })
    }
}
