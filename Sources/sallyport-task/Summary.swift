// SPDX-License-Identifier: Apache-2.0
internal import Workspace

/// The last screen of a task, for people.
struct Summary {
    let evidence: Evidence
    let directory: String

    var text: String {
        var lines = ["task      \(evidence.task)  \((evidence.outcome ?? .interrupted).rawValue)"]
        lines += evidence.gate?.lines ?? []
        if let reason = evidence.refusal, evidence.gate?.isRefused != true { lines.append("refused   \(reason)") }
        if let delivered = evidence.delivered {
            lines.append("branch    \(evidence.branch)  \(delivered.commit)")
            lines += delivered.diffstat
        } else {
            lines.append("branch    none delivered")
        }
        for label in ["before", "after"] {
            guard let session = evidence.sessions.first(where: { $0.label == label }) else { continue }
            let code = session.record.exitCode.map { "exit status \($0)" } ?? session.record.outcome
            lines.append(
                "test      \(label.padded(to: 6))  \(TestOutcome(session.record).rawValue) (\(code))  \(directory)/\(label).log"
            )
        }
        if evidence.outcome == .delivered {
            lines.append("test      none; the commit is well formed, nothing else was checked")
        }
        lines.append("agent     \(directory)/work.log (what it says is not checked)")
        if evidence.delivered != nil {
            lines.append("result    \(directory)/result.git, result.bundle\(hasPatch ? ", result.patch" : "")")
            lines.append("take it   git fetch \(directory)/result.git \(evidence.branch)")
        }
        lines.append("evidence  \(directory)/evidence.json")
        return lines.joined(separator: "\n") + "\n"
    }

    private var hasPatch: Bool { evidence.delivered?.hasPatch ?? false }
}

extension Delivered {
    /// The changed files, and their sum in the last line.
    var diffstat: [String] {
        let shown = listed.prefix(20)
        let width = shown.map(\.path.utf8.count).max() ?? 0
        var lines = shown.map { "          \($0.path.padded(to: width)) | +\($0.insertions) -\($0.deletions)" }
        if files > shown.count { lines.append("          and \(files - shown.count) more") }
        lines.append("diffstat  \(files) files, +\(insertions) -\(deletions), \(commits) commits")
        return lines
    }
}

extension String {
    /// Filled up with spaces to a width in bytes; for ASCII.
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - utf8.count))
    }
}
