// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import TaskModel

extension BundleAgreement {
    /// Holds outcome, state and reason against what the same evidence says of checks, work and delivery: by the rules that
    /// the host decides by.
    func checkOutcome(_ sandboxes: [ObservedSandbox], _ evidence: JSON, _ report: inout BundleReport) {
        func require(_ holds: Bool, _ problem: String) {
            if !holds { report.add(Manifest.evidenceName, problem) }
        }
        guard let outcome = evidence["outcome"]?.stringValue.flatMap({ TaskOutcome(rawValue: $0) }),
            let type = evidence["type"]?.stringValue.flatMap({ TaskType(rawValue: $0) })
        else { return require(false, "has an outcome or a type that is none") }
        let checks = Self.checks(evidence)
        let criteria = (evidence["criteria"]?.arrayValue ?? []).filter { $0["check"]?.isNull == false }
            .map { $0["outcome"]?.stringValue.flatMap { CheckOutcome(rawValue: $0) } }
        let hasFailed =
            checks.contains { $0.verdict == .failed } || criteria.contains { $0 != nil && $0 != .passed }
        let work = sandboxes.lastWork
        let forge = evidence["forge"] ?? .null
        let isReviewed = forge["review"].map { !$0.isNull } ?? false
        let verdict = OutcomeMatrix.decide(
            .init(
                type: type, report: outcome == .interrupted ? .unknown : .init(work: work),
                delivered: type.writes ? forge["handed_over"] == true : isReviewed,
                commits: evidence["delivered"]?["commits"]?.intValue ?? 0,
                gateFailed: outcome.isGateFailure || hasFailed, lost: outcome == .lost))
        require(
            evidence["state"]?.stringValue == verdict.state.rawValue
                && evidence["reason"]?.stringValue == verdict.reason.rawValue,
            "has another state or reason than its own facts give")
        let isDelivered = evidence["delivered"]?.isNull == false
        switch outcome {
        case .verified, .delivered, .testFailed, .testTimedOut, .buildFailed, .lintFailed, .criteriaFailed,
            .testInfrastructureFailed:
            require(
                isDelivered && outcome == TaskOutcome(checks, criteria: criteria),
                "has another outcome than its checks give")
        case .completedWithWarning, .upstreamMoved, .pushFailed:
            // Nothing is handed over before every gate has spoken.
            require(
                isDelivered && TaskOutcome(checks, criteria: criteria).isSuccess,
                "hands over what its checks do not let pass")
        case .publishFailed:
            require(
                !type.writes || isDelivered && TaskOutcome(checks, criteria: criteria).isSuccess,
                "hands over what its checks do not let pass")
        case .notApproved:
            require(
                (evidence["approvals"]?.arrayValue ?? []).contains { ApprovalRequest.isRefusal($0) },
                "was not approved, and has no such answer")
        case .reviewPosted: require(isReviewed, "has posted a review, and has none")
        case .reviewFailed:
            require(
                isDelivered && WorkflowFacts(evidence)?.isPassed == false,
                "has failed a review, and has none that failed")
        case .agentFailed, .runnerFailed, .lost, .nothingToDeliver, .refused, .limitHit, .killed, .interrupted: break
        }
        if let workflow = WorkflowFacts(evidence) {
            workflow.check(sandboxes, evidence, isSuccess: outcome.isSuccess, require)
        } else {
            require(evidence["workflow"]?.isNull != false, "has a workflow that is none")
            require(
                sandboxes.allSatisfy { [nil, .work].contains($0.role) }, "has a sandbox of a role, and no workflow")
        }
        delivery(evidence, type, require)
        // Bundles of an earlier version have none.
        if let risk = evidence["risk"] {
            require(risk == ChangeRisk(evidence)?.json ?? .null, "has another risk than its own facts give")
        }
        approvals(evidence, require)
        require(
            evidence["proposals"]?.arrayValue?.count
                == sandboxes.first { $0.label == ObservedSandbox.work }?.record.proposals ?? 0,
            "has another number of proposals than the agent's record")
    }

    /// What the forge and the upstream got fits together.
    private func delivery(_ evidence: JSON, _ type: TaskType, _ require: (Bool, String) -> Void) {
        guard let forge = evidence["forge"], !forge.isNull else { return }
        let isPushed = forge["branch_pushed"] == true
        require(
            !isPushed || type.writes && evidence["delivered"]?.isNull == false, "has brought a branch, and has none")
        require(
            forge["handed_over"] != true || isPushed && forge["pull_request"]?.intValue != nil,
            "has a pull request of what was not brought")
        require(
            type == .pullRequestReview || forge["review"]?.isNull == true, "has a review of what is none")
        let isOnline = forge["path"]?.stringValue?.hasPrefix(GitHubAddress.scheme) == true
        if isOnline, let upstream = evidence["upstream"] {
            require(
                upstream["branch_pushed"] == forge["branch_pushed"],
                "says otherwise of the upstream than of the forge whether the branch is there")
        }
    }

    /// What was done was asked for before, of the very things that it was done to.
    private func approvals(_ evidence: JSON, _ require: (Bool, String) -> Void) {
        let asked = evidence["approvals"]?.arrayValue ?? []
        let forge = evidence["forge"] ?? .null
        var done: [ApprovalRequest] = []
        if forge["branch_pushed"] == true || evidence["upstream"]?["branch_pushed"] == true {
            done.append(.push(evidence))
        }
        if forge["handed_over"] == true {
            let isNew = evidence["type"]?.stringValue == TaskType.newTask.rawValue
            done.append(.pullRequest(evidence, number: isNew ? nil : forge["pull_request"]?.intValue))
        }
        if let review = forge["review"], !review.isNull {
            done.append(
                .review(
                    evidence, number: forge["pull_request"]?.intValue ?? 0, findings: review["findings"]?.intValue ?? 0)
            )
        }
        for request in done {
            require(
                asked.contains { ApprovalRequest(json: $0) == request && ApprovalRequest.isApproved($0) },
                "has done what it did not ask for: \(request.act.rawValue)")
        }
        let isHandedOver =
            !done.isEmpty
            || evidence["outcome"]?.stringValue.flatMap { TaskOutcome(rawValue: $0) }?.isSuccess == true
        let type = evidence["type"]?.stringValue.flatMap { TaskType(rawValue: $0) }
        require(
            type?.writes == false || !isHandedOver || asked.contains { ApprovalRequest.isRelease($0, of: evidence) },
            "has done what it did not ask for: \(ApprovalRequest.Act.release.rawValue)")
        let uses = ["upstream", "forge"].reduce(0) { $0 + (evidence[$1]?["credential_uses"]?.intValue ?? 0) }
        let isAsked = asked.contains {
            $0["act"]?.stringValue == ApprovalRequest.Act.secretUse.rawValue && ApprovalRequest.isApproved($0)
        }
        require(
            done.isEmpty || uses == 0 || isAsked,
            "has done what it did not ask for: \(ApprovalRequest.Act.secretUse.rawValue)")
    }

    private static func checks(_ evidence: JSON) -> [TaskOutcome.Check] {
        (evidence["checks"]?.arrayValue ?? []).map { check in
            func end(_ name: String) -> CheckOutcome? {
                check[name]?.stringValue.flatMap { CheckOutcome(rawValue: $0) }
            }
            // What is no gate lets nothing pass.
            return .init(
                name: check["name"]?.stringValue ?? "",
                gate: check["gate"]?.stringValue.flatMap { Gate(rawValue: $0) } ?? .pass, before: end("before"),
                after: end("after"))
        }
    }

    /// Each use of a credential that the evidence counts has its line, and no other has.
    func checkUses(_ bytes: [UInt8], _ evidence: JSON, _ report: inout BundleReport) {
        let counted = ["upstream", "forge"].reduce(0) { $0 + (evidence[$1]?["credential_uses"]?.intValue ?? 0) }
        let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).dropLast().count
        if lines != counted {
            report.add(Manifest.usesName, "has \(lines) uses of a credential; \(Manifest.evidenceName) has \(counted)")
        }
    }
}
