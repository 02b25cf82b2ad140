// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Delivery
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import TaskModel
internal import Workspace

/// The chained audit of one task, `audit.jsonl` in its directory.
struct TaskAudit: ~Copyable {
    private var log: AuditLog

    init(_ delivery: borrowing DeliveryDirectory) throws(TaskFailure) {
        log = AuditLog(
            try delivery.create(Manifest.auditName), subject: "\(delivery.path)/\(Manifest.auditName)")
    }

    var chain: AuditChain { log.chain }

    mutating func record(_ event: TaskEvent) throws(TaskFailure) {
        do throws(EvidenceError) {
            try log.observe(
                event.name, wallMilliseconds: sp_clock_ns(CLOCK_REALTIME) / 1_000_000,
                monotonicMilliseconds: sp_clock_ns(CLOCK_MONOTONIC) / 1_000_000, event.detail)
        } catch { throw TaskFailure(error) }
    }
}

/// What the host did and saw, in the order in which it happened.
extension TaskRun {
    mutating func recordCreated() throws(TaskFailure) { try audit.record(.created(evidence.json(files: []))) }

    mutating func recordBase() throws(TaskFailure) { try audit.record(.hydrated(evidence.json(files: []))) }

    /// Takes the supervisor's record of a sandbox as evidence.
    mutating func observe(_ label: String, _ record: SessionRecord) throws(TaskFailure) {
        let sandbox = ObservedSandbox(label: label, record: record)
        evidence.observe(sandbox)
        for event in TaskEvent.ended(sandbox) { try audit.record(event) }
    }

    /// What the push gate said, if anything came before it.
    mutating func recordJudged() throws(TaskFailure) {
        if let event = TaskEvent.judged(evidence.json(files: [])) { try audit.record(event) }
    }

    /// Asks before an act: the one place where somebody can say no. Where nobody looks after the task, the order itself is
    /// the answer.
    ///
    /// - Returns: Whether it may be done; the evidence holds the outcome otherwise.
    mutating func ask(_ request: (JSON) -> ApprovalRequest) throws(TaskFailure) -> Bool {
        let request = request(evidence.json(files: []))
        guard
            let answer = try claim.map({ (claim) throws(TaskFailure) in try claim.ask(request, processes) })
                ?? ApprovalAnswer(.approved, by: ApprovalAnswer.order)
        else {
            evidence.outcome = .interrupted
            return false
        }
        let outcome = ApprovalOutcome(request, answer)
        try take(outcome)
        if answer.decision == .approved { return true }
        (evidence.outcome, evidence.refusal) = (.notApproved, outcome.refusal)
        return false
    }

    /// Takes an answer as evidence.
    mutating func take(_ outcome: ApprovalOutcome) throws(TaskFailure) {
        evidence.approvals.append(outcome)
        try audit.record(.asked(outcome))
    }

    /// Asks for the use of the credential in handing something over. That it reads is the order itself.
    mutating func askForCredential() throws(TaskFailure) -> Bool {
        guard let upstream, upstream.access.credential != nil else { return true }
        return try ask { .secretUse($0, server: upstream.url.origin) }
    }

    /// Asks whether what stands up to every gate may leave the host's own keeping, in whatever way it was ordered to.
    mutating func release() throws(TaskFailure) -> Bool {
        let repository = delivery.repository
        if try ask({ .release($0, repository: repository) }) { return true }
        // Nothing of it is handed to anybody.
        evidence.delivered = nil
        if let base = evidence.base { try intake(base).takeBack(in: delivery) }
        try recordReceived()
        return false
    }

    /// What was taken in of the work, or why it was not.
    mutating func recordReceived() throws(TaskFailure) { try audit.record(.received(evidence.json(files: []))) }
}
