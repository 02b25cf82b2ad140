// SPDX-License-Identifier: Apache-2.0
internal import Documents

/// What a task is submitted with beside what it is to do: when it may begin, and how it is told from others.
package struct SubmissionTerms: Sendable, Hashable {
    /// The same key of the same owner is the same task.
    package var key: String?
    /// 0 to 9, the highest first.
    package var priority: Int
    /// Tasks of the same owner that must be COMPLETED before it begins.
    package var dependsOn: [String]

    package init(key: String? = nil, priority: Int = TaskLimits.defaultPriority, dependsOn: [String] = []) {
        self.key = key
        self.priority = priority
        self.dependsOn = dependsOn
    }

    /// Refuses what no task can have; whether there are such tasks is for the store to say.
    package func check() throws(TaskRefusal) {
        if let key {
            let isPlain = key.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D
                    || $0 == 0x5F
            }
            guard isPlain, (1...TaskLimits.idempotencyKeyBytes).contains(key.utf8.count) else {
                throw Self.refusal(
                    "its idempotency key must have 1 to \(TaskLimits.idempotencyKeyBytes) of A-Z a-z 0-9 - _",
                    "Use another key.")
            }
        }
        guard TaskLimits.priorities.contains(priority) else {
            throw Self.refusal(
                "its priority \(priority) is not from \(TaskLimits.priorities.lowerBound) to \(TaskLimits.priorities.upperBound)",
                "The highest goes first; \(TaskLimits.defaultPriority) is that of a task that names none.")
        }
        guard dependsOn.count <= TaskLimits.mostDependencies else {
            throw Self.refusal(
                "it depends on \(dependsOn.count) tasks, more than \(TaskLimits.mostDependencies)",
                "Depend on one that depends on the others.")
        }
        for parent in dependsOn where !TaskIdentifier.isValid(parent) {
            throw Self.refusal("it depends on \"\(parent.displayed)\", which is no task's name", "See: sallyport list.")
        }
        guard Set(dependsOn).count == dependsOn.count else {
            throw Self.refusal("it depends on one task twice", "Name each once.")
        }
    }

    private static func refusal(_ reason: String, _ remedy: String) -> TaskRefusal {
        TaskRefusal(.validation, "cannot take the task: \(reason). \(remedy)")
    }
}
