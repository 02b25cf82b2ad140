// SPDX-License-Identifier: Apache-2.0
package import Documents

/// How a session said that it ended.
package struct SessionReport: Sendable, Hashable {
    /// In the words of `evidence.json`: `verified`, `test_failed`, `interrupted`, ...
    package var outcome: String
    /// The outcome matrix said COMPLETED, and the outcome is one of success.
    package var isSuccess: Bool
    package var reason: String
    package var branch: String?
    package var commit: String?
    package var pullRequest: Int?
    /// SHA-256 of the sealed manifest.
    package var evidence: String?
    /// What it wants to be remembered; judged by whoever does.
    package var notes: [MemoryNote]
    /// What its models cost; nil when it had none.
    package var spending: SessionSpending?
    /// When its parts were; empty in what an earlier version stored.
    package var stages: [SessionStage]

    package init(
        outcome: String, isSuccess: Bool, reason: String, branch: String? = nil, commit: String? = nil,
        pullRequest: Int? = nil, evidence: String? = nil, notes: [MemoryNote] = [], spending: SessionSpending? = nil,
        stages: [SessionStage] = []
    ) {
        self.outcome = outcome
        self.isSuccess = isSuccess
        self.reason = reason
        self.branch = branch
        self.commit = commit
        self.pullRequest = pullRequest
        self.evidence = evidence
        self.notes = notes
        self.spending = spending
        self.stages = stages
    }

    /// In the words of a sandbox's record, for one that a limit ended.
    package static let timedOut = "timed_out"

    /// It was ended by its time limit, and by no other.
    package var isTimeLimit: Bool { outcome == "limit_hit" && reason == Self.timedOut }

    package var json: JSON {
        [
            "outcome": .string(outcome), "success": .bool(isSuccess), "reason": .string(reason),
            "branch": .optional(branch), "commit": .optional(commit), "pull_request": .optional(pullRequest),
            "evidence": .optional(evidence), "notes": .array(notes.map(\.json)), "spending": spending?.json ?? .null,
            "stages": .array(stages.map(\.json)),
        ]
    }

    /// Nil for what ``json`` did not write.
    package init?(json: JSON) {
        guard let outcome = json["outcome"]?.stringValue, let isSuccess = json["success"]?.boolValue,
            let reason = json["reason"]?.stringValue
        else { return nil }
        var spending: SessionSpending?
        if let said = json["spending"], !said.isNull {
            guard let read = SessionSpending(json: said) else { return nil }
            spending = read
        }
        self.init(
            outcome: outcome, isSuccess: isSuccess, reason: reason, branch: json["branch"]?.stringValue,
            commit: json["commit"]?.stringValue, pullRequest: json["pull_request"]?.intValue,
            evidence: json["evidence"]?.stringValue,
            notes: (json["notes"]?.arrayValue ?? []).prefix(MemoryLimits.itemsPerTask).compactMap(
                MemoryNote.init(json:)), spending: spending,
            stages: (json["stages"]?.arrayValue ?? []).prefix(SessionStage.most).compactMap(SessionStage.init(json:)))
    }
}

/// One task as the store keeps it. Times are milliseconds since 1970.
package struct TaskRecord: Sendable, Hashable {
    package let id: String
    /// Who asked: `uid:1000`.
    package let owner: String
    package var status: TaskState
    /// It counts against the caps.
    package var holdsSlot = false
    package let request: TaskRequest
    package let idempotencyKey: String?
    /// What its attempt lives by, whatever is applied later; nil in a store that was not written through the gate.
    package var blueprint: StoredBlueprint?
    /// From 1; one more for each resume.
    package var attempt = 1
    package var compute = ComputeType.local
    /// Chosen when the session's start is journaled, before anything starts.
    package var session: String?
    package var handle: SessionHandle?
    /// Who decides what; nil: what was ordered does.
    package var approvals: ApprovalPolicy?
    /// How many of the session's news became events.
    package var news = 0
    package var report: SessionReport?
    package var failure: TaskFailureRecord?
    /// Who asked for its end.
    package var cancelledBy: String?
    package let createdMilliseconds: Int
    package var updatedMilliseconds: Int
    package var statusMilliseconds: Int
    /// When its session must be over.
    package var deadlineMilliseconds: Int?
    package var admission: TaskAdmission
    /// Grows with every change; a change names the one it was made from.
    package var revision = 0

    package init(
        id: String, owner: String, status: TaskState = .submitted, request: TaskRequest, idempotencyKey: String? = nil,
        blueprint: StoredBlueprint? = nil, createdMilliseconds: Int
    ) {
        self.id = id
        self.owner = owner
        self.status = status
        self.request = request
        self.idempotencyKey = idempotencyKey
        self.blueprint = blueprint
        self.createdMilliseconds = createdMilliseconds
        updatedMilliseconds = createdMilliseconds
        statusMilliseconds = createdMilliseconds
        admission = TaskAdmission(arrivedMilliseconds: createdMilliseconds)
    }

    /// What everybody who may see the task sees of it.
    package var json: JSON {
        let members: JSON = [
            "task": .string(id), "owner": .string(owner), "status": .string(status.rawValue),
            "type": .string(request.type.rawValue), "repository": .optional(request.repository),
            "blueprint": .optional(blueprint?.digest),
            CorrelationID.member: .optional(request.correlation?.description), "title": .string(request.title),
            "attempt": .int(attempt),
            "session": .optional(session),
            "result": report?.json ?? .null, "error": failure?.json ?? .null,
            "cancelled_by": .optional(cancelledBy), "created_ms": .int(createdMilliseconds),
            "updated_ms": .int(updatedMilliseconds), "status_changed_ms": .int(statusMilliseconds),
            "deadline_ms": .optional(deadlineMilliseconds), "revision": .int(revision),
        ]
        return .object((members.objectValue ?? []) + admission.members)
    }
}
