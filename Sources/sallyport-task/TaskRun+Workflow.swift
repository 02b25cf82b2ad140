// SPDX-License-Identifier: Apache-2.0
internal import Delivery
internal import Documents
internal import LinuxSystem
internal import TaskModel
internal import Workspace

/// The workflow `plan-build-review`: each role in a sandbox of its own, and nothing between them but documents that a confined
/// step has read.
///
///     plan ──▶ a person, where the policy asks one ──▶ work ──▶ gate ──▶ review ──▶ checks
///      ▲              │ sent back, with a reason         ▲                 │
///      └──────────────┘                                  └── what blocks ──┘
///
/// What a review says can only take success away: gates and checks decide as they do without one.
extension TaskRun {
    /// - Returns: The commit that was taken in, judged and reviewed; nil when there is none, by the outcome in the evidence.
    mutating func planBuildReview(_ base: ObjectID) throws(TaskFailure) -> ObjectID? {
        let rounds = arguments.workflow.reviewRounds ?? Workflow.defaultRounds
        evidence.workflow = WorkflowRecord(rounds: rounds)
        guard let plan = try settlePlan(base) else { return nil }
        var told = [Hydration.Source("the plan, by another agent", .thirdParty, plan.text)]
        var reviewed: ObjectID?
        var start = evidence.continued
        for round in 1...rounds {
            // An agent that failed once may mend it; only the last word of each stands.
            if evidence.outcome == .agentFailed { evidence.outcome = nil }
            let duty = PromptTemplate.text(.work, order.type, branch: order.pull?.head, isAgain: reviewed != nil)
            try tell(.work, round, PromptPlan(order, duty: duty, extra: told), base)
            guard let built = try work(base, round: round, from: start) else {
                return try unmended(reviewed)
            }
            guard evidence.outcome == nil || evidence.outcome == .agentFailed else { return built }
            guard built != reviewed else { return try unmended(built) }
            (reviewed, start) = (built, built)
            guard let findings = try review(built, since: base, round) else { return built }
            if findings.blocking.isEmpty { return built }
            Progress.say("task \(identifier): review \(round) sends it back: \(findings.blocking.count) findings block")
            told = [
                Hydration.Source("the plan, by another agent", .thirdParty, plan.text),
                Hydration.Source("review \(round), by another agent", .thirdParty, findings.textOfBlocking),
            ]
        }
        fail("\(rounds) reviews, and what the last one found still blocks")
        return reviewed
    }

    /// What there was before stays what there is: nothing came of the work on what the review found.
    private mutating func unmended(_ reviewed: ObjectID?) throws(TaskFailure) -> ObjectID? {
        guard let reviewed, evidence.delivered != nil, evidence.outcome != .interrupted else { return nil }
        fail("what the last review found was not mended" + (evidence.outcome.map { " (\($0.rawValue))" } ?? ""))
        return reviewed
    }

    private mutating func fail(_ reason: String) {
        (evidence.outcome, evidence.refusal) = (.reviewFailed, reason)
    }

    /// Puts together what a role is told, and notes that it is its turn.
    private mutating func tell(_ role: AgentRole, _ round: Int, _ plan: PromptPlan, _ base: ObjectID)
        throws(TaskFailure)
    {
        let label = role.label(round)
        let name = "\(label).prompt.md"
        _ = try writePrompt(plan, name, base)
        evidence.workflow?.sessions.append(.init(role: role, label: label, prompt: try delivery.digest(name)))
    }

    // MARK: The plan

    /// Has plans made until one may be worked by.
    private mutating func settlePlan(_ base: ObjectID) throws(TaskFailure) -> WorkPlan? {
        var remarks: [Hydration.Source] = []
        for round in 1...Workflow.plans {
            guard let (plan, digest) = try plan(base, round, remarks) else { return nil }
            if try ask({ .plan($0, plan, digest: digest, round: round) }) { return plan }
            guard let answer = evidence.approvals.last?.answer, answer.decision == .denied,
                answer.by != ApprovalAnswer.policy, let reason = answer.reason, round < Workflow.plans
            else { return nil }
            // Sent back by a person with a word: that is an order for the next one.
            (evidence.outcome, evidence.refusal) = (nil, nil)
            remarks.append(Hydration.Source("plan \(round), as it was refused", .thirdParty, plan.text))
            remarks.append(Hydration.Source("why plan \(round) was refused", .requester, reason))
        }
        return nil
    }

    private mutating func plan(_ base: ObjectID, _ round: Int, _ remarks: [Hydration.Source])
        throws(TaskFailure) -> (WorkPlan, digest: String)?
    {
        let label = AgentRole.plan.label(round)
        let duty = PromptTemplate.text(.plan, order.type, branch: order.pull?.head)
        try tell(.plan, round, PromptPlan(order, duty: duty, extra: remarks), base)
        Progress.say("task \(identifier): agent plans")
        let received = Sandbox.Export(name: "\(label).received", mostBytes: WorkPlan.longestDocument + 1)
        let empty = "\(label).patch"
        try checkOut(base, since: base, empty)
        try delivery.remove(empty)
        let end = try inhabit(
            label, ["plan"], prompt: "\(label).prompt.md", workspace: delivery.checkout, export: received)
        try delivery.removeCheckout()
        guard let (record, end) = end else { return nil }
        if case .interrupted = end { evidence.outcome = .interrupted }
        if evidence.outcome == nil { evidence.outcome = TaskOutcome(work: record) }
        guard evidence.outcome == nil else { return nil }
        guard try delivery.contains(received.name), try delivery.size(received.name) > 0 else {
            evidence.outcome = .nothingToDeliver
            return nil
        }
        let document = "\(label).document.json"
        let command = ["step-plan", "--quarantine", delivery.quarantine, "--become", quarantineOwner]
        switch try takeDocument(command, from: received.name, into: document) {
        case .refused(let reason):
            (evidence.outcome, evidence.refusal) = (.refused, reason)
            return nil
        case .taken(let bytes):
            let plan: WorkPlan
            do throws(WorkPlan.Flaw) { plan = try WorkPlan(bytes) } catch {
                throw TaskFailure("read", "\"\(document)\"", error.description, remedy: "Report this.")
            }
            let digest = try delivery.digest(document)
            note(document: (document, digest))
            return (plan, digest)
        }
    }

    private mutating func note(document: (String, String), findings: (Int, Int)? = nil) {
        guard let last = evidence.workflow?.sessions.indices.last else { return }
        evidence.workflow?.sessions[last].document = document
        evidence.workflow?.sessions[last].findings = findings
    }

    // MARK: The review

    /// Has the result reviewed; a review that comes to no word lets nothing pass.
    ///
    /// - Returns: Nil when there is none; the evidence holds the outcome.
    private mutating func review(_ head: ObjectID, since base: ObjectID, _ round: Int)
        throws(TaskFailure) -> Findings?
    {
        let label = AgentRole.review.label(round)
        let duty = PromptTemplate.text(.review, order.type, branch: order.pull?.head)
        try tell(.review, round, PromptPlan(order, duty: duty), base)
        Progress.say("task \(identifier): agent reviews \(head), round \(round)")
        let built = evidence.outcome
        evidence.outcome = nil
        let received = Sandbox.Export(name: "\(label).received", mostBytes: Findings.longestDocument + 1)
        let patch = "\(label).patch"
        try checkOut(head, since: base, patch)
        let end = try inhabit(
            label, ["review"], prompt: "\(label).prompt.md", mounts: ["\(delivery.path)/\(patch):\(Sandbox.patch)"],
            workspace: delivery.checkout, export: received)
        try delivery.removeCheckout()
        if case .interrupted? = end?.end { evidence.outcome = .interrupted }
        if evidence.outcome == .interrupted { return nil }
        guard let record = end?.record, TaskOutcome(work: record) == nil, try delivery.contains(received.name),
            try delivery.size(received.name) > 0
        else {
            let why =
                evidence.refusal ?? end.flatMap { TaskOutcome(work: $0.record)?.rawValue } ?? "it left no findings"
            fail("review \(round) came to no word: \(why)")
            return nil
        }
        let document = "\(label).document.json"
        switch try takeFindings(head, from: received.name, into: document) {
        case .refused(let reason):
            fail("review \(round) came to no word: \(reason)")
            return nil
        case .taken(let findings):
            evidence.outcome = built
            note(
                document: (document, try delivery.digest(document)),
                findings: (findings.findings.count, findings.blocking.count))
            return findings
        }
    }
}
