// SPDX-License-Identifier: Apache-2.0

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
