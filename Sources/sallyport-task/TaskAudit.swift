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

    mutating func record(_ event: String, _ detail: [JSON.Member]) throws(TaskFailure) {
        do throws(EvidenceError) {
            try log.observe(
                event, wallMilliseconds: sp_clock_ns(CLOCK_REALTIME) / 1_000_000,
                monotonicMilliseconds: sp_clock_ns(CLOCK_MONOTONIC) / 1_000_000, detail)
        } catch { throw TaskFailure(error) }
    }
}

/// What the host did and saw, in the order in which it happened.
extension TaskRun {
    mutating func recordCreated() throws(TaskFailure) {
        try audit.record(
            "task_created",
            [
                .init("task", .string(evidence.task)), .init("repository", .string(order.repository)),
                .init("type", .string(order.type.rawValue)), .init("profile", .string(arguments.profile)),
            ])
    }

    mutating func recordBase() throws(TaskFailure) {
        try audit.record(
            "hydration_complete",
            [
                .init("base", .optional(evidence.base?.description)), .init("name", .string(evidence.baseName)),
                .init("prompt_sha256", .string(evidence.promptDigest)),
            ])
    }

    /// Takes the supervisor's record of a sandbox as evidence.
    mutating func observe(_ label: String, _ record: SessionRecord) throws(TaskFailure) {
        evidence.observe(label, record)
        let members = ["session", "outcome", "exit_code", "signal", "limit", "plan_digest", "started", "duration_ms"]
        try audit.record(
            "sandbox_destroyed",
            [.init("sandbox", .string(label))] + members.map { .init($0, record.json[$0] ?? .null) })
        for (event, denials) in [
            ("syscall_denied", record.denials), ("egress_denied", record.json["egress"]?["denials"]?.arrayValue ?? []),
            ("egress_failed", record.json["egress"]?["failures"]?.arrayValue ?? []),
        ] {
            for denial in denials {
                try audit.record(event, [.init("sandbox", .string(label)), .init("denial", denial)])
            }
        }
        for limit in record.limitsHit {
            try audit.record("limit_hit", [.init("sandbox", .string(label)), .init("limit", limit)])
        }
    }

    /// What was taken in of the work, or why it was not.
    mutating func recordReceived() throws(TaskFailure) {
        if let gate = evidence.gate {
            try audit.record(
                "push_gate",
                [.init("verdict", .string(gate.word)), .init("flags", gate.flags), .init("refusals", gate.refusals)])
        }
        if let delivered = evidence.delivered {
            try audit.record(
                "commit_received",
                [
                    .init("commit", .string("\(delivered.commit)")), .init("tree", .string("\(delivered.tree)")),
                    .init("commits", .int(delivered.commits)),
                ])
        } else {
            try audit.record("delivery_refused", [.init("reason", .optional(evidence.refusal))])
        }
    }
}
