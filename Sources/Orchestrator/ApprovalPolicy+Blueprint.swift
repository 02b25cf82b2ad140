// SPDX-License-Identifier: Apache-2.0
internal import Blueprints
internal import TaskModel

extension ApprovalPolicy {
    /// What the blueprint of an accepted task says, with the figures as the gate settled them.
    ///
    /// - Throws: For answers beforehand that cover about everything, or that the policy leaves to others.
    init(_ accepted: AcceptedTask) throws(TaskRefusal) {
        let approvals = accepted.snapshot.blueprint.approvals
        self.init(
            gates: Set(approvals.gates.flatMap(\.acts)),
            timeoutSeconds: accepted.limits.approvalTimeoutSeconds.value,
            planTimeoutSeconds: approvals.planTimeoutSeconds,
            cap: accepted.limits.approvalCap.value,
            approvers: approvals.approvers.map(\.description), allowsSelfApproval: approvals.allowsSelfApproval)
        // Whoever may not decide when it is asked may not beforehand either.
        guard allowsSelfApproval || accepted.preApprovals.isEmpty else {
            throw TaskRefusal(
                .forbidden,
                "cannot approve anything beforehand: whoever submits a task here does not decide about it. Leave out --pre-approve."
            )
        }
        for text in accepted.preApprovals { preApprovals.append(try PreApproval(text)) }
    }
}

extension Approvals.Gate {
    fileprivate var acts: [ApprovalRequest.Act] {
        switch self {
        case .plan: [.plan]
        case .push: [.push]
        // A review says something in the same place.
        case .pullRequest: [.pullRequest, .review]
        case .newHost: [.newHost]
        case .secretUse: [.secretUse]
        }
    }
}
