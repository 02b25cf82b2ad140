// SPDX-License-Identifier: Apache-2.0
internal import Policy

/// Why a connection is not made: a decision of policy, or first bytes that no rule can be applied to.
struct Refusal {
    /// Stable name for the record.
    let reason: String
    let rule: EgressRule?
    /// What is wrong, in a sentence without its full stop.
    let message: String
    let remedy: String
    /// The client's own bytes are at fault, and not what it wants to reach.
    let isMalformed: Bool

    init(_ denial: Denial) {
        reason = denial.code.rawValue
        rule = denial.rule
        message = denial.message
        remedy = denial.remedy
        isMalformed = false
    }

    /// A head that cannot be judged.
    init(_ reason: String, _ rule: EgressRule, _ message: String, remedy: String, isMalformed: Bool = true) {
        self.reason = reason
        self.rule = rule
        self.message = message
        self.remedy = remedy
        self.isMalformed = isMalformed
    }
}

extension AuditRecord {
    init(_ event: Event, _ refusal: Refusal) {
        self.init(event)
        reason = refusal.reason
        detail = refusal.message
        remedy = refusal.remedy
        rule = refusal.rule
    }
}
