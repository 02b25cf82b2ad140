// SPDX-License-Identifier: Apache-2.0
package import Documents

/// One sandbox of a session, or all calls of its models together: when it was, as its supervisor or its broker saw it.
package struct SessionStage: Sendable, Hashable {
    /// `sandbox LABEL`, or ``models``.
    package let name: String
    package let startedMilliseconds: Int
    package let endedMilliseconds: Int
    /// How it ended, in the words of its record.
    package let outcome: String?
    /// Of calls: how many, and how long all of them took together.
    package let calls: Calls?

    package struct Calls: Sendable, Hashable {
        package let count: Int
        package let milliseconds: Int
        package init(count: Int, milliseconds: Int) {
            self.count = count
            self.milliseconds = milliseconds
        }
    }

    package static let models = "model calls"
    /// The sandbox in which the agent works.
    package static let agent = sandbox("work")
    package static func sandbox(_ label: String) -> String { "sandbox \(label)" }
    /// More than any task has: two for each of three commands, one for each criterion, the agent's and its models.
    package static let most = 200

    package init(
        _ name: String, startedMilliseconds: Int, endedMilliseconds: Int, outcome: String? = nil, calls: Calls? = nil
    ) {
        self.name = name
        self.startedMilliseconds = startedMilliseconds
        self.endedMilliseconds = endedMilliseconds
        self.outcome = outcome
        self.calls = calls
    }

    package var json: JSON {
        [
            "name": .string(name), "started_ms": .int(startedMilliseconds), "ended_ms": .int(endedMilliseconds),
            "outcome": .optional(outcome),
            "calls": calls.map { ["count": .int($0.count), "duration_ms": .int($0.milliseconds)] } ?? .null,
        ]
    }

    /// Nil for what ``json`` did not write.
    package init?(json: JSON) {
        guard let name = json["name"]?.stringValue, let started = json["started_ms"]?.intValue,
            let ended = json["ended_ms"]?.intValue, started >= 0, ended >= started
        else { return nil }
        var calls: Calls?
        if let said = json["calls"], !said.isNull {
            guard let count = said["count"]?.intValue, let sum = said["duration_ms"]?.intValue else { return nil }
            calls = Calls(count: count, milliseconds: sum)
        }
        self.init(
            name, startedMilliseconds: started, endedMilliseconds: ended, outcome: json["outcome"]?.stringValue,
            calls: calls)
    }
}
