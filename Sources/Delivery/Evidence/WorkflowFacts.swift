// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import TaskModel

/// What the evidence says of the agents of a workflow, as a verifier reads it.
struct WorkflowFacts {
    private struct Session {
        let label: String
        let role: AgentRole
        let sha256: String?
        let blocking: Int?
    }

    private let rounds: Int
    private let sessions: [Session]

    /// Nil where one agent worked alone, or where it is not in form.
    init?(_ evidence: JSON) {
        guard let json = evidence["workflow"], json["kind"]?.stringValue == Workflow.Kind.planBuildReview.rawValue,
            let rounds = json["review_rounds"]?.intValue, Workflow.rounds.contains(rounds),
            let list = json["sessions"]?.arrayValue
        else { return nil }
        self.rounds = rounds
        var sessions: [Session] = []
        for entry in list {
            guard let label = entry["label"]?.stringValue, let role = AgentRole(label: label),
                entry["role"]?.stringValue == role.rawValue
            else { return nil }
            sessions.append(
                Session(
                    label: label, role: role, sha256: entry["document"]?["sha256"]?.stringValue,
                    blocking: entry["blocking"]?.intValue))
        }
        self.sessions = sessions
    }

    /// Whether the last word was a review that nothing blocks.
    var isPassed: Bool { sessions.last.map { $0.role == .review && $0.blocking == 0 } ?? false }

    func check(
        _ sandboxes: [ObservedSandbox], _ evidence: JSON, isSuccess: Bool, _ require: (Bool, String) -> Void
    ) {
        require(
            sessions.map(\.label) == sandboxes.filter { $0.role != nil }.map(\.label),
            "has other agents in its workflow than sandboxes")
        require(sessions.count { $0.role == .review } <= rounds, "has more reviews than its workflow allows")
        // Each commits to what was made before it, and to nobody's word alone.
        let plan = sessions.last { $0.role == .plan }?.sha256
        require(
            !sessions.contains { $0.role == .work }
                || (evidence["approvals"]?.arrayValue ?? []).contains {
                    $0["act"]?.stringValue == ApprovalRequest.Act.plan.rawValue && ApprovalRequest.isApproved($0)
                        && plan != nil && $0["facts"]?["plan_sha256"]?.stringValue == plan
                }, "has work by a plan that was not approved")
        require(!isSuccess || isPassed, "has succeeded without a review that passed")
    }
}
