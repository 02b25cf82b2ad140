// SPDX-License-Identifier: Apache-2.0
package import Documents

/// A question that a task met, and what became of it.
package struct ApprovalRecord: Sendable, Hashable {
    package enum Kind: String, Sendable, CaseIterable { case plan, gate }

    /// `PENDING` until one of the others; nothing leads back.
    package enum Status: String, Sendable, CaseIterable {
        case pending = "PENDING"
        case approved = "APPROVED"
        case denied = "DENIED"
        /// Nobody answered.
        case timedOut = "TIMED_OUT"
        /// What asked is gone.
        case stranded = "STRANDED"
    }

    package let task: String
    /// `q1`, `q2` and so on, over all attempts of the task.
    package let name: String
    package let attempt: Int
    /// As the session of that attempt named it; nil for a question that no session waits for.
    package let question: String?
    package let request: ApprovalRequest
    package let severity: ApprovalSeverity
    package var status: Status
    package let createdMilliseconds: Int
    package let expiresMilliseconds: Int
    package var decidedMilliseconds: Int?
    package var decidedBy: String?
    package var reason: String?

    package init(
        task: String, name: String, attempt: Int, question: String?, request: ApprovalRequest,
        severity: ApprovalSeverity, status: Status = .pending, createdMilliseconds: Int, expiresMilliseconds: Int
    ) {
        self.task = task
        self.name = name
        self.attempt = attempt
        self.question = question
        self.request = request
        self.severity = severity
        self.status = status
        self.createdMilliseconds = createdMilliseconds
        self.expiresMilliseconds = expiresMilliseconds
    }

    package var kind: Kind { request.act == .plan ? .plan : .gate }

    /// What the asker is told; nil as long as there is nothing to tell, or nobody to tell it to.
    package var answer: ApprovalAnswer? {
        let decision: ApprovalAnswer.Decision
        switch status {
        case .approved: decision = .approved
        case .denied: decision = .denied
        case .timedOut: decision = .noAnswer
        case .pending, .stranded: return nil
        }
        return ApprovalAnswer(decision, by: decidedBy ?? ApprovalAnswer.policy, reason: reason)
    }

    /// A person is asked, or was.
    package var isForPeople: Bool {
        switch decidedBy {
        case ApprovalAnswer.order, ApprovalAnswer.preApproval: false
        case ApprovalAnswer.policy: status == .timedOut
        default: true
        }
    }

    /// The subject on one short line, without anything that a terminal would act on.
    package var preview: String { String(request.subject.displayed.prefix(256)) }

    /// What everybody who may see the task sees of it.
    package var json: JSON {
        [
            "task": .string(task), "request": .string(name), "kind": .string(kind.rawValue),
            "act": .string(request.act.rawValue), "subject": .string(preview), "severity": .string(severity.rawValue),
            "status": .string(status.rawValue), "facts": request.json["facts"] ?? .null,
            "created_ms": .int(createdMilliseconds), "expires_ms": .int(expiresMilliseconds),
            "decided_ms": .optional(decidedMilliseconds), "decided_by": .optional(decidedBy),
            "reason": .optional(reason),
        ]
    }

    package func stranded(at milliseconds: Int) -> ApprovalRecord {
        var record = self
        record.status = .stranded
        record.decidedMilliseconds = milliseconds
        return record
    }

    /// The same, decided.
    package func decided(_ answer: ApprovalAnswer, at milliseconds: Int) -> ApprovalRecord {
        var record = self
        record.status =
            switch answer.decision {
            case .approved: .approved
            case .denied: .denied
            case .noAnswer: .timedOut
            }
        record.decidedMilliseconds = milliseconds
        record.decidedBy = answer.by
        record.reason = answer.reason
        return record
    }
}
