// SPDX-License-Identifier: Apache-2.0
package import Documents

/// Who decides what for one task: what its blueprint said when it was taken, and what its submitter answered beforehand.
///
/// A plain value, so that whoever drives the task needs to know nothing of blueprints.
package struct ApprovalPolicy: Sendable, Hashable {
    /// A person is asked before these; the order answers the rest.
    package var gates: Set<ApprovalRequest.Act>
    package var timeoutSeconds: Int
    package var planTimeoutSeconds: Int
    /// Questions that one task may ask a person.
    package var cap: Int
    /// `uid:N`, `user:NAME`, `group:NAME` or `everyone`. Empty: whoever submitted the task.
    package var approvers: [String]
    package var allowsSelfApproval: Bool
    package var preApprovals: [PreApproval]

    package init(
        gates: Set<ApprovalRequest.Act> = [], timeoutSeconds: Int = 300, planTimeoutSeconds: Int = 86_400,
        cap: Int = TaskLimits.defaultApprovals, approvers: [String] = [], allowsSelfApproval: Bool = true,
        preApprovals: [PreApproval] = []
    ) {
        self.gates = gates
        self.timeoutSeconds = timeoutSeconds
        self.planTimeoutSeconds = planTimeoutSeconds
        self.cap = cap
        self.approvers = approvers
        self.allowsSelfApproval = allowsSelfApproval
        self.preApprovals = preApprovals
    }

    package static let everyone = "everyone"

    /// Whether somebody may decide about a task of an owner.
    package func allows(_ decider: Decider, owner: String) -> Bool {
        // First: whoever submitted does not become another by being in a group.
        if decider.identity == owner { return allowsSelfApproval }
        return names(decider)
    }

    /// Whether somebody is among the approvers.
    package func names(_ decider: Decider) -> Bool {
        approvers.contains { $0 == Self.everyone || decider.principals.contains($0) }
    }

    /// What is decided without asking anybody; nil when a person has to be asked.
    ///
    /// - Parameters:
    ///   - earlier: When this task asked a person, in milliseconds.
    ///   - left: Seconds until the task's session must be over.
    package func ruling(_ request: ApprovalRequest, askedAt earlier: [Int], now: Int, left: Int?) -> ApprovalAnswer? {
        let isNewHost = request.act == .newHost
        // No order names a host: where nobody is to be asked about them, there is none.
        if isNewHost, !gates.contains(.newHost) {
            return ApprovalAnswer(.denied, by: ApprovalAnswer.policy, reason: "it is no gate of the blueprint")
        }
        guard gates.contains(request.act) else { return ApprovalAnswer(.approved, by: ApprovalAnswer.order) }
        if let scope = preApprovals.first(where: { $0.covers(request) }) {
            return ApprovalAnswer(.approved, by: ApprovalAnswer.preApproval, reason: scope.text)
        }
        func denied(_ reason: String) -> ApprovalAnswer {
            ApprovalAnswer(.denied, by: ApprovalAnswer.policy, reason: reason)
        }
        if earlier.count >= (isNewHost ? mostNewHosts : cap) {
            return denied("the task has asked \(earlier.count) questions, its cap")
        }
        let perMinute = TaskLimits.approvalsPerMinute / (isNewHost ? 2 : 1)
        if earlier.count(where: { $0 > now - 60_000 }) >= perMinute {
            return denied("the task has asked \(perMinute) questions within a minute")
        }
        if let left, left - TaskLimits.approvalReserve < TaskLimits.approvalTimeoutRange.lowerBound.seconds {
            return denied("the session has \(max(0, left)) seconds left, too few to ask")
        }
        return nil
    }

    /// Questions about hosts that one task may ask. A sandbox invents names as it likes, and must leave a question for each
    /// other gate.
    package var mostNewHosts: Int { max(0, cap - gates.subtracting([.newHost]).count) }

    /// How long a person has, in seconds: of all bounds the shortest, and never less than half a minute.
    package func timeout(_ request: ApprovalRequest, own: Int?, left: Int?) -> Int {
        let bounds = [
            request.act == .plan ? planTimeoutSeconds : timeoutSeconds, own,
            left.map { $0 - TaskLimits.approvalReserve },
        ]
        return max(TaskLimits.approvalTimeoutRange.lowerBound.seconds, bounds.compactMap { $0 }.min() ?? timeoutSeconds)
    }

    package var json: JSON {
        [
            "gates": .array(ApprovalRequest.Act.allCases.filter(gates.contains).map { .string($0.rawValue) }),
            "timeout_s": .int(timeoutSeconds), "plan_timeout_s": .int(planTimeoutSeconds), "cap": .int(cap),
            "approvers": .array(approvers.map { .string($0) }), "self_approval": .bool(allowsSelfApproval),
            "pre_approvals": .array(preApprovals.map { .string($0.text) }),
        ]
    }

    /// Nil for what ``json`` did not write.
    package init?(json: JSON) {
        func words(_ name: String) -> [String]? {
            guard let list = json[name]?.arrayValue else { return nil }
            let words = list.compactMap(\.stringValue)
            return words.count == list.count ? words : nil
        }
        guard let gates = words("gates"), let timeout = json["timeout_s"]?.intValue,
            let planTimeout = json["plan_timeout_s"]?.intValue, let cap = json["cap"]?.intValue,
            let approvers = words("approvers"), let selfApproval = json["self_approval"]?.boolValue,
            let scopes = words("pre_approvals")
        else { return nil }
        let acts = gates.compactMap(ApprovalRequest.Act.init(rawValue:))
        var known: [PreApproval] = []
        for scope in scopes {
            do throws(TaskRefusal) { known.append(try PreApproval(scope)) } catch { return nil }
        }
        guard acts.count == gates.count else { return nil }
        self.init(
            gates: Set(acts), timeoutSeconds: timeout, planTimeoutSeconds: planTimeout, cap: cap, approvers: approvers,
            allowsSelfApproval: selfApproval, preApprovals: known)
    }
}

/// Somebody who decides, as the kernel tells who is at a socket.
package struct Decider: Sendable, Hashable {
    /// `uid:1000`
    package let identity: String
    /// What names them in a policy, their own identity among it.
    package let principals: Set<String>

    package init(_ identity: String, principals: Set<String> = []) {
        self.identity = identity
        self.principals = principals.union([identity])
    }
}

extension Duration {
    package var seconds: Int { Int(components.seconds) }
}
