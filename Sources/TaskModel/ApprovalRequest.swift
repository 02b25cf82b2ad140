// SPDX-License-Identifier: Apache-2.0
package import Documents

/// An act that leaves the host or spends a right of the operator's, as whoever decides about it is asked: what it is, and what
/// the host saw. No word of a sandbox is in it.
///
/// So far what the operator ordered decides, and each request stands in the evidence with that answer.
package struct ApprovalRequest: Sendable, Hashable {
    package enum Act: String, Sendable, CaseIterable {
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
    /// Observed, each of them.
    package let facts: [Fact]

    package init(_ act: Act, _ subject: String, _ facts: [Fact]) {
        self.act = act
        self.subject = subject
        self.facts = facts
    }

    package var json: JSON {
        [
            "act": .string(act.rawValue), "subject": .string(subject),
            "facts": .object(facts.map { .init($0.name, $0.value) }), "decided_by": "order",
        ]
    }
}
