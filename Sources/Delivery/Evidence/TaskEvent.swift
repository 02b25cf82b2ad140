// SPDX-License-Identifier: Apache-2.0
package import Documents
package import TaskModel

/// What the audit of a task holds, made of what the evidence holds: by the host when it happens, and by a verifier to see
/// whether both tell the same.
package struct TaskEvent: Equatable, Sendable {
    package let name: String
    package let detail: [JSON.Member]

    private init(_ name: String, _ detail: [JSON.Member]) {
        self.name = name
        self.detail = detail
    }

    /// One as it stands in the audit.
    init?(record: JSON) {
        guard let name = record["event"]?.stringValue, let detail = record["detail"]?.objectValue else { return nil }
        self.init(name, detail)
    }

    package static func created(_ evidence: JSON) -> TaskEvent {
        TaskEvent(
            "task_created",
            ["task", "repository", "type"].map { .init($0, evidence[$0] ?? .null) }
                // Bundles of an earlier version have none.
                + (evidence[CorrelationID.member].map { [.init(CorrelationID.member, $0)] } ?? [])
                + [.init("profile", evidence["request"]?["profile"] ?? .null)])
    }

    package static func hydrated(_ evidence: JSON) -> TaskEvent {
        TaskEvent(
            "hydration_complete",
            [
                .init("base", evidence["base"]?["commit"] ?? .null), .init("name", evidence["base"]?["name"] ?? .null),
                .init("prompt_sha256", evidence["prompt"]?["sha256"] ?? .null),
            ])
    }

    /// What the copy of a repository of the web had; later transfers change nothing of it.
    package static func upstreamRead(_ evidence: JSON) -> TaskEvent {
        TaskEvent("upstream_read", ["url", "branch_found"].map { .init($0, evidence["upstream"]?[$0] ?? .null) })
    }

    package static func upstreamPushed(_ evidence: JSON) -> TaskEvent {
        TaskEvent("upstream_pushed", [.init("upstream", evidence["upstream"] ?? .null)])
    }

    /// What the forge got: the branch, a pull request or its answers, a review; or why that did not come off.
    package static func forgeUpdated(_ evidence: JSON) -> TaskEvent {
        let hasFailed = evidence["outcome"]?.stringValue == TaskOutcome.publishFailed.rawValue
        return TaskEvent(
            "forge_updated",
            ["path", "branch_pushed", "pull_request", "handed_over", "page", "resolved_threads", "review"].map {
                .init($0, evidence["forge"]?[$0] ?? .null)
            } + [
                .init("proposals", carriedOut(evidence)),
                .init("failure", hasFailed ? evidence["refusal"] ?? .null : .null),
            ])
    }

    /// The numbers of the proposals that were carried out.
    private static func carriedOut(_ evidence: JSON) -> JSON {
        .array(
            (evidence["proposals"]?.arrayValue ?? []).filter { $0["carried_out"] == true }.map {
                $0["proposal"] ?? .null
            })
    }

    /// Whether such an event belongs to a task's story.
    static func isForgeUpdated(_ evidence: JSON) -> Bool {
        guard let forge = evidence["forge"], !forge.isNull else { return false }
        return forge["branch_pushed"] == true || forge["review"]?.isNull == false
            || evidence["outcome"]?.stringValue == TaskOutcome.publishFailed.rawValue
    }

    /// Each branch that the agent's session pushed to its own repository.
    package static func pushed(_ evidence: JSON) -> [TaskEvent] {
        (evidence["received"]?["pushed"]?.arrayValue ?? []).map { branch in
            TaskEvent("branch_pushed", ["reference", "commit"].map { .init($0, branch[$0] ?? .null) })
        }
    }

    /// Each change of the forge that the agent's session proposed.
    package static func proposed(_ evidence: JSON) -> [TaskEvent] {
        (evidence["proposals"]?.arrayValue ?? []).map { proposal in
            TaskEvent("proposal_received", ["proposal", "do"].map { .init($0, proposal[$0] ?? .null) })
        }
    }

    /// What was asked for before it was done, and who decided.
    package static func asked(_ outcome: ApprovalOutcome) -> TaskEvent {
        TaskEvent("approval", outcome.json.objectValue ?? [])
    }

    static func asked(_ evidence: JSON) -> [TaskEvent] {
        (evidence["approvals"]?.arrayValue ?? []).map { TaskEvent("approval", $0.objectValue ?? []) }
    }

    /// The end of a sandbox, and what its record has besides.
    package static func ended(_ sandbox: ObservedSandbox) -> [TaskEvent] {
        let label = JSON.Member("sandbox", .string(sandbox.label))
        let record = sandbox.record
        let end = record.members([
            "session", "outcome", "exit_code", "signal", "limit", "plan_digest", "started", "duration_ms",
        ])
        return [TaskEvent(sandboxEnd, [label] + end)]
            + record.denials.map { TaskEvent("syscall_denied", [label, .init("denial", $0)]) }
            + record.openedHosts.map { TaskEvent("host_opened", [label, .init("opened", $0)]) }
            + record.egressDenials.map { TaskEvent("egress_denied", [label, .init("denial", $0)]) }
            + record.egressFailures.map { TaskEvent("egress_failed", [label, .init("denial", $0)]) }
            + record.limitsHit.map { TaskEvent("limit_hit", [label, .init("limit", $0)]) }
    }

    /// What the push gate said; nil when nothing came before it.
    package static func judged(_ evidence: JSON) -> TaskEvent? {
        guard let gate = evidence["gate"], !gate.isNull else { return nil }
        return TaskEvent("push_gate", ["verdict", "flags", "refusals"].map { .init($0, gate[$0] ?? .null) })
    }

    /// What was taken in of the work, or why nothing was.
    package static func received(_ evidence: JSON) -> TaskEvent {
        guard let delivered = evidence["delivered"], !delivered.isNull else {
            return TaskEvent("delivery_refused", [.init("reason", evidence["refusal"] ?? .null)])
        }
        return TaskEvent(
            "commit_received", ["commit", "tree", "commits"].map { .init($0, delivered[$0] ?? .null) })
    }

    package static func finished(_ evidence: JSON, isSuccess: Bool) -> TaskEvent {
        TaskEvent(isSuccess ? "task_completed" : "task_failed", [.init("outcome", evidence["outcome"] ?? .null)])
    }

    static let sandboxEnd = "sandbox_destroyed"

    /// Which part of the evidence a record is of.
    enum Subject { case sandbox, gate, delivery, pushed, proposed, asked, upstream, forge, other }

    var subject: Subject {
        switch name {
        case Self.sandboxEnd, "syscall_denied", "host_opened", "egress_denied", "egress_failed", "limit_hit": .sandbox
        case "push_gate": .gate
        case "commit_received", "delivery_refused": .delivery
        case "branch_pushed": .pushed
        case "proposal_received": .proposed
        case "approval": .asked
        case "upstream_pushed": .upstream
        case "forge_updated": .forge
        default: .other
        }
    }
}
