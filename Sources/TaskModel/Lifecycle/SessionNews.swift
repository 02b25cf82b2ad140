// SPDX-License-Identifier: Apache-2.0
package import Documents

/// What a session's process tells while it runs, and asks before it goes on.
///
///     news.jsonl        {"version":1,"seq":1,"fact":"budget_warning","source":"observed","payload":{...}}
///                       {"version":1,"seq":2,"question":{"act","subject","facts"},"id":"q1","severity":"high","timeout_s":300}
///                       {"version":1,"seq":3,"withdrawn":"q1"}
///     answers/q1.json   {"version":1,"decision":"approved","decided_by":"uid:1000","reason":null}
///
/// Written by the session's process alone; it counts from 1 without gaps, so that whoever reads knows what is new by a
/// number. It waits for the answer, which is written once it is stored.
package struct SessionNews: Sendable, Hashable {
    package enum Matter: Sendable, Hashable {
        /// One of ``EventType/Fact/ofSessions``, with an object.
        case fact(EventType.Fact, EventSource, JSON)
        case question(SessionQuestion)
        /// Whoever asked this needs no answer any more.
        case withdrawal(String)
    }

    package let sequence: Int
    package let matter: Matter

    /// Of the whole file: more than a session with every question that it may ask.
    package static let mostBytes = 4 << 20

    package init(_ sequence: Int, _ matter: Matter) {
        self.sequence = sequence
        self.matter = matter
    }

    package var json: JSON {
        let members: [JSON.Member] =
            switch matter {
            case .fact(let fact, let source, let payload):
                [
                    .init("fact", .string(fact.rawValue)), .init("source", .string(source.rawValue)),
                    .init("payload", payload),
                ]
            case .question(let question):
                [
                    .init("question", question.request.json), .init("id", .string(question.id)),
                    .init("severity", .string(question.severity.rawValue)),
                    .init("timeout_s", .optional(question.timeoutSeconds)),
                ]
            case .withdrawal(let id): [.init("withdrawn", .string(id))]
            }
        return .object([.init("version", 1), .init("seq", .int(sequence))] + members)
    }

    /// Nil for what ``json`` did not write.
    package init?(json: JSON) {
        guard json["version"]?.intValue == 1, let sequence = json["seq"]?.intValue, sequence > 0 else { return nil }
        if let fact = json["fact"]?.stringValue.flatMap(EventType.Fact.init(rawValue:)) {
            guard EventType.Fact.ofSessions.contains(fact),
                let source = json["source"]?.stringValue.flatMap(EventSource.init(rawValue:)),
                let payload = json["payload"], payload.objectValue != nil
            else { return nil }
            self.init(sequence, .fact(fact, source, payload))
        } else if let request = json["question"].flatMap(ApprovalRequest.init(json:)) {
            guard let id = json["id"]?.stringValue, SessionQuestion.isName(id),
                let severity = json["severity"]?.stringValue.flatMap(ApprovalSeverity.init(rawValue:))
            else { return nil }
            self.init(
                sequence,
                .question(
                    SessionQuestion(id, request, severity: severity, timeoutSeconds: json["timeout_s"]?.intValue)))
        } else if let id = json["withdrawn"]?.stringValue, SessionQuestion.isName(id) {
            self.init(sequence, .withdrawal(id))
        } else {
            return nil
        }
    }
}

/// How much harm a wrong answer can do, by rule.
package enum ApprovalSeverity: String, Sendable, CaseIterable { case low, medium, high }

/// A request as a session asks it.
package struct SessionQuestion: Sendable, Hashable {
    /// `q1`, `q2` and so on, in one session.
    package let id: String
    package let request: ApprovalRequest
    package let severity: ApprovalSeverity
    /// The asker's own patience; nil leaves it to the policy.
    package let timeoutSeconds: Int?

    package init(_ id: String, _ request: ApprovalRequest, severity: ApprovalSeverity, timeoutSeconds: Int? = nil) {
        self.id = id
        self.request = request
        self.severity = severity
        self.timeoutSeconds = timeoutSeconds
    }

    /// It becomes the name of a file.
    package static func isName(_ text: String) -> Bool {
        text.hasPrefix("q") && (2...9).contains(text.utf8.count)
            && text.utf8.dropFirst().allSatisfy { (0x30...0x39).contains($0) }
    }
}

extension ApprovalRequest {
    /// By what it does, and what the push gate flagged.
    package var severity: ApprovalSeverity {
        let isFlagged = (self["flags"]?.intValue ?? 0) > 0
        return switch act {
        case .plan, .review: .low
        case .release, .pullRequest: isFlagged ? .high : .low
        case .push: isFlagged ? .high : .medium
        case .newHost, .secretUse: .medium
        }
    }
}
