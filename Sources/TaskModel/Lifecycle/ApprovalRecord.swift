// SPDX-License-Identifier: Apache-2.0

/// A question to a person that a task waits for.
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
    package let request: String
    package let kind: Kind
    /// What is to be done, from observed facts.
    package let subject: String
    package var status: Status
    package let createdMilliseconds: Int
    package let expiresMilliseconds: Int
    package var decidedBy: String?
    package var reason: String?

    package init(
        task: String, request: String, kind: Kind, subject: String, status: Status = .pending,
        createdMilliseconds: Int, expiresMilliseconds: Int, decidedBy: String? = nil, reason: String? = nil
    ) {
        self.task = task
        self.request = request
        self.kind = kind
        self.subject = subject
        self.status = status
        self.createdMilliseconds = createdMilliseconds
        self.expiresMilliseconds = expiresMilliseconds
        self.decidedBy = decidedBy
        self.reason = reason
    }
}
