// SPDX-License-Identifier: Apache-2.0
package import Documents

/// What a statement says of a task follows from the evidence: computed once to be signed, and again to be compared.
extension Statement {
    /// The same facts as the evidence, in short, and who saw them.
    package static func predicate(of evidence: JSON) -> JSON {
        func members(_ names: [String], of json: JSON?) -> JSON {
            .object(names.map { .init($0, json?[$0] ?? .null) })
        }
        let observed = (evidence["observed"]?.objectValue ?? []).map { session -> JSON.Member in
            .init(
                session.name,
                members(
                    ["session", "outcome", "exit_code", "test", "plan_digest", "profile", "duration_ms"],
                    of: session.value))
        }
        return [
            "version": 1, "task": evidence["task"] ?? .null, "outcome": evidence["outcome"] ?? .null,
            "started": evidence["started"] ?? .null, "finished": evidence["finished"] ?? .null,
            "host": evidence["host"] ?? .null,
            "request": members(["prompt_sha256", "profile", "base"], of: evidence["request"]),
            "base": members(["commit", "name"], of: evidence["base"]),
            "gate": members(["verdict"], of: evidence["gate"]), "observed": .object(observed),
            "claimed": ["frames": .int(evidence["claimed"]?["frames"]?.arrayValue?.count ?? 0)],
        ]
    }

    /// The commit that the evidence says was delivered; nil when it says none, or none that could be.
    package static func delivered(of evidence: JSON) -> Delivered? {
        guard let delivered = evidence["delivered"], let branch = delivered["branch"]?.stringValue,
            let commit = delivered["commit"]?.stringValue, let tree = delivered["tree"]?.stringValue
        else { return nil }
        return Delivered(branch: branch, commit: commit, tree: tree)
    }
}
