// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import TaskModel

/// The agents of a workflow in order, and what each left.
struct WorkflowRecord {
    struct Session {
        let role: AgentRole
        let label: String
        /// SHA-256 of what it was told.
        let prompt: String
        /// What it left, in our own form; nil where it left nothing that is taken.
        var document: (name: String, digest: String)?
        /// Of a review: findings, and those of them that block.
        var findings: (all: Int, blocking: Int)?
    }

    let rounds: Int
    var sessions: [Session] = []

    var json: JSON {
        [
            "kind": .string(Workflow.Kind.planBuildReview.rawValue), "review_rounds": .int(rounds),
            "sessions": .array(
                sessions.map { session in
                    [
                        "role": .string(session.role.rawValue), "label": .string(session.label),
                        "prompt": ["file": .string(session.label + ".prompt.md"), "sha256": .string(session.prompt)],
                        "document": session.document.map {
                            ["file": .string($0.name), "sha256": .string($0.digest)]
                        } ?? .null,
                        "findings": .optional(session.findings?.all), "blocking": .optional(session.findings?.blocking),
                    ]
                }),
        ]
    }
}
