// SPDX-License-Identifier: Apache-2.0
package import Documents

/// An act that leaves the host or spends a right of the operator's, as whoever decides about it is asked: what it is, and what
/// the host saw. No word of a sandbox is in it, but where a sandbox's plan is what is decided about.
package struct ApprovalRequest: Sendable, Hashable {
    package enum Act: String, Sendable, CaseIterable {
        /// A plan is carried out.
        case plan
        /// A sandbox reaches a name that its profile does not allow.
        case newHost = "new_host"
        /// What came out stands up to every gate and is handed over, in whatever way.
        case release
        /// A credential goes to its server with what is handed over.
        case secretUse = "secret_use"
        case push
        /// A pull request is opened, or answered.
        case pullRequest = "pull_request"
        case review
    }

    package struct Fact: Sendable, Hashable {
        package let name: String
        package let value: JSON

        package init(_ name: String, _ value: JSON) {
            self.name = name
            self.value = value
        }
    }

    package let act: Act
    /// What it is done to: a branch, a pull request, a server.
    package let subject: String
    /// Observed, each of them whose name does not begin with ``claimed``.
    package let facts: [Fact]

    /// Begins the name of a fact that is a sandbox's word.
    package static let claimed = "claimed_"

    package init(_ act: Act, _ subject: String, _ facts: [Fact]) {
        self.act = act
        self.subject = subject
        self.facts = facts
    }

    package var json: JSON {
        [
            "act": .string(act.rawValue), "subject": .string(subject),
            "facts": .object(facts.map { .init($0.name, $0.value) }),
        ]
    }

    /// Nil for what ``json`` did not write.
    package init?(json: JSON) {
        guard let act = json["act"]?.stringValue.flatMap(Act.init(rawValue:)),
            let subject = json["subject"]?.stringValue,
            let facts = json["facts"]?.objectValue
        else { return nil }
        self.init(act, subject, facts.map { Fact($0.name, $0.value) })
    }

    package subscript(fact: String) -> JSON? { facts.first { $0.name == fact }?.value }
}

/// What became of a question, and who decided it.
package struct ApprovalAnswer: Sendable, Hashable {
    package enum Decision: String, Sendable, CaseIterable {
        case approved, denied
        /// Nobody decided in time; as good as denied, and told apart from it.
        case noAnswer = "no_answer"
    }

    package let decision: Decision
    /// `uid:1000`, or one of ``order``, ``policy`` and ``preApproval``.
    package let by: String
    package let reason: String?

    /// What was ordered decides: nobody has to be asked.
    package static let order = "order"
    /// A rule decided before anybody was asked.
    package static let policy = "policy"
    /// Whoever submitted the task had said so.
    package static let preApproval = "pre_approval"

    /// Longest reason in bytes.
    package static let longestReason = 2000

    package init(_ decision: Decision, by: String, reason: String? = nil) {
        self.decision = decision
        self.by = by
        self.reason = reason
    }

    package var json: JSON {
        ["decision": .string(decision.rawValue), "decided_by": .string(by), "reason": .optional(reason)]
    }

    /// Nil for what ``json`` did not write.
    package init?(json: JSON) {
        guard let decision = json["decision"]?.stringValue.flatMap(Decision.init(rawValue:)),
            let by = json["decided_by"]?.stringValue
        else { return nil }
        self.init(decision, by: by, reason: json["reason"]?.stringValue)
    }
}

/// A request with its answer, as evidence and audit have it.
package struct ApprovalOutcome: Sendable, Hashable {
    package let request: ApprovalRequest
    package let answer: ApprovalAnswer

    package init(_ request: ApprovalRequest, _ answer: ApprovalAnswer) {
        self.request = request
        self.answer = answer
    }

    package var json: JSON { .object((request.json.objectValue ?? []) + (answer.json.objectValue ?? [])) }
}
