// SPDX-License-Identifier: Apache-2.0
package import Blueprints
package import TaskModel

/// A blueprint for tests, and tasks that its gate let pass.
package enum TestBlueprint {
    /// - Parameter more: Lines of YAML over as little as there can be.
    package static func text(_ more: String = "") -> String {
        """
        version: 1
        repo: team/library
        reason: tests
        source: {forge: /srv/forge}
        submitters: [everyone]
        \(more.contains("runner:") ? "" : "runner: {command: exec agent}")
        \(more.contains("approvals:") ? "" : "approvals: {level: autonomous}")
        \(more)
        """
    }

    package static func read(_ more: String = "") throws -> Blueprint {
        try Blueprint.read(Array(text(more).utf8), file: "b.yaml")
    }

    /// - Parameter owner: `uid:N`.
    package static func accepted(
        owner: String = "uid:1", key: String? = nil, request: TaskRequest? = nil, _ more: String = ""
    ) throws -> AcceptedTask {
        let submitter = Submitter(uid: UInt32(owner.dropFirst(4)) ?? .max)
        let submission = Submission(try request ?? StoreConformance.request(), by: submitter, key: key)
        return try SubmissionGate().decide(submission, .active(try read(more)))
    }
}
