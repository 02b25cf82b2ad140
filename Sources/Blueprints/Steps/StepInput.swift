// SPDX-License-Identifier: Apache-2.0
package import Documents

/// What a custom step gets on standard input: one JSON object.
///
///     {"taskId": "...", "correlationId": "...", "repo": "owner/name", "step": "scan", "attempt": 1, "idempotencyKey": "TASK/scan/1",
///      "blueprintConfig": {"config": {...}, "model_id": ...}, "previousStepResults": {"lint": {"status": ...}}}
package struct StepInput: Sendable, Hashable {
    package let taskID: String
    /// So that what the step tells of elsewhere can be found by it; nil of a step that is only tried.
    package let correlation: CorrelationID?
    /// Empty for a task without a repository.
    package let repository: String
    package let step: String
    /// Counted from one; a retry has a higher one and the same ``idempotencyKey``.
    package let attempt: Int
    package let idempotencyKey: String
    /// Filtered for this step; see ``ConfigField/visible(to:)``.
    package let configuration: JSON
    package let previousResults: StepResults

    /// - Parameters:
    ///   - round: Which attempt of the whole task this is: a resumed task does its steps anew.
    ///   - view: The merged configuration by field, of which only what the step may see is taken.
    package init(
        task: String, correlation: CorrelationID? = nil, repository: String, step: CustomStep, attempt: Int, round: Int,
        view: [ConfigField: JSON], results: StepResults, keeping count: Int
    ) {
        taskID = task
        self.correlation = correlation
        self.repository = repository
        self.step = step.name
        self.attempt = attempt
        idempotencyKey = Self.idempotencyKey(task: task, step: step.name, round: round)
        let visible = ConfigField.visible(to: StepReference(kind: .custom, name: step.name))
        var members: [JSON.Member] = [.init("config", step.configuration.values)]
        for field in ConfigField.allCases where visible.contains(field) {
            if let value = view[field] { members.append(.init(field.rawValue, value)) }
        }
        configuration = .object(members)
        previousResults = results.newest(count)
    }

    /// The same for every attempt of one step in one round of a task, so that a repeat can notice what it did already.
    package static func idempotencyKey(task: String, step: String, round: Int) -> String { "\(task)/\(step)/\(round)" }

    package var json: JSON {
        [
            "taskId": .string(taskID), "correlationId": .optional(correlation?.description),
            "repo": .string(repository), "step": .string(step), "attempt": .int(attempt),
            "idempotencyKey": .string(idempotencyKey), "blueprintConfig": configuration,
            "previousStepResults": previousResults.json,
        ]
    }

    package var bytes: [UInt8] { JSONWriter().write(json) + [0x0A] }
}
