// SPDX-License-Identifier: Apache-2.0
internal import Documents
package import TaskModel

/// A change of the forge that a session proposed at forge.internal: its word, which is carried out only as far as the task
/// hands over anyway, and quoted where it is shown.
package struct AgentProposal: Equatable, Sendable {
    package enum Change: Equatable, Sendable {
        case open(title: String, body: String)
        case update(Int, title: String?, body: String?)
        case review(Int, Findings)
        case status(commit: String, state: String, description: String)

        /// As the audit and the broker name it.
        package var name: String {
            switch self {
            case .open: "open_pull"
            case .update: "update_pull"
            case .review: "review"
            case .status: "status"
            }
        }
    }

    package let number: Int
    package let change: Change

    /// Reads one line that the forge broker wrote. It was checked there, by a process that reads the sandbox's bytes.
    package init(_ line: [UInt8]) throws(ForgeError) {
        let record = try ForgeRecord(line, subject: "a proposal", remedy: "Use one build of all programs.")
        number = try record.number("proposal")
        switch try record.text("do") {
        case "open_pull": change = .open(title: try record.text("title"), body: try record.text("body"))
        case "update_pull":
            change = .update(
                try record.number("number"), title: try record.optionalText("title"),
                body: try record.optionalText("body"))
        case "review":
            let body = try record.text("body")
            var findings: [Findings.Finding] = []
            for comment in try record.list("comments") {
                findings.append(
                    .init(
                        file: try comment.text("path"), line: try comment.optionalNumber("line"), severity: .note,
                        comment: try comment.text("body"), suggestion: nil))
            }
            let isBlank = !body.utf8.contains { $0 > 0x20 }
            change = .review(
                try record.number("number"),
                Findings(summary: isBlank ? "(no summary)" : body, findings: findings))
        case "status":
            let state = try record.text("state")
            guard ["error", "failure", "pending", "success"].contains(state) else {
                throw record.wrong("state", "a state")
            }
            change = .status(
                commit: try record.text("commit"), state: state, description: try record.text("description"))
        default: throw record.wrong("do", "a change")
        }
    }
}
