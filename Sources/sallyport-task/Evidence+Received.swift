// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Workspace

extension Evidence {
    /// The way on which the work that was looked at came.
    enum Way: String {
        /// A push to the session's own repository.
        case push
        /// Descriptor 3 of the runner, whose push was not taken.
        case bundle
    }

    /// What came out of the agent's sandbox by git, and by which way the part that was looked at came.
    var receivedJSON: JSON {
        guard let pushes else { return .null }
        return [
            "way": .optional(way?.rawValue), "refusal": .optional(pushes.refusal), "cut": .bool(pushes.isCut),
            "pushed": .array(
                pushes.references.map {
                    [
                        "reference": .string($0.name), "commit": .string("\($0.id)"),
                        "taken": .bool(way == .push && $0.name == "refs/heads/\(branch)"),
                    ]
                }),
        ]
    }
}
