// SPDX-License-Identifier: Apache-2.0
internal import Delivery
internal import Documents
internal import TaskModel
internal import Workspace

/// The last screen of a task, for people.
struct Summary {
    let evidence: Evidence
    let directory: String
    let sealed: BundleSeal.Sealed

    var text: String {
        let outcome = evidence.outcome ?? .interrupted
        var lines = ["task      \(evidence.task)  \(outcome.rawValue)"]
        lines += evidence.gate?.lines ?? []
        if let reason = evidence.refusal, evidence.gate?.isRefused != true { lines.append("refused   \(reason)") }
        if let blocked = evidence.blocked { lines.append("blocked   \(blocked)") }
        if let delivered = evidence.delivered {
            lines.append("branch    \(evidence.branch)  \(delivered.commit)")
            lines += delivered.diffstat
        } else if evidence.review == nil {
            lines.append("branch    none delivered")
        }
        if let url = evidence.upstream["url"]?.stringValue {
            lines.append("upstream  \(url)\(evidence.pushed ? ", which has the branch" : ", unchanged")")
        }
        lines += checks
        if outcome == .delivered && evidence.verification.commands.isEmpty {
            lines.append("test      none; the commit is well formed, nothing else was checked")
        }
        if let review = evidence.review {
            lines.append(
                "review    \(review.number) with \(review.findings) findings, posted; \(directory)/findings.json")
        }
        for session in evidence.workflow?.sessions ?? [] {
            guard let document = session.document else { continue }
            let findings = session.findings.map { "\($0.all) findings, \($0.blocking) of them block; " } ?? ""
            lines.append("\(session.label.padded(to: 10))\(findings)\(directory)/\(document.name) (claimed)")
        }
        if let text = evidence.standing?.text { lines.append("base      \(text)") }
        if let number = evidence.pullRequest {
            let page = evidence.pullRequestPage.map { "  \($0)" } ?? ""
            lines.append("pull      \(number), \(evidence.verdict.reason.rawValue)\(page)")
        }
        lines.append("prompt    \(evidence.promptVersion)  \(directory)/prompt.md")
        let model = evidence.sessions.model
        if !model.isNull {
            let spent = model["spent_usd"]?.stringValue ?? "?"
            let turns = model["turns"]?.intValue ?? 0
            lines.append("models    \(spent) USD in \(turns) answers; \(directory)/work.model.jsonl")
        }
        lines.append("agent     \(directory)/work.log (what it says is not checked)")
        if let work = evidence.record("work"), work.hasKept {
            // The clone borrows its objects from there. gitrepository-layout(5), alternates
            lines.append(
                "look      sallyport session shell \(work.session) --mount \(directory)/result.git:\(Sandbox.source)")
        }
        if evidence.delivered != nil {
            lines.append("result    \(directory)/result.git, result.bundle\(hasPatch ? ", result.patch" : "")")
            lines.append("take it   git fetch \(directory)/result.git \(evidence.branch)")
        }
        lines.append("evidence  \(directory)/evidence.json  \(sealed.manifest)")
        lines.append("signed    key \(sealed.key)  sallyport evidence verify \(directory)")
        return lines.joined(separator: "\n") + "\n"
    }

    /// One line for each command that was run apart from the agent.
    private var checks: [String] {
        evidence.verification.results.map { result in
            let record = evidence.record(result.label)
            let code = record?.exitCode.map { "exit status \($0)" } ?? record?.outcome ?? ""
            let name = result.phase == .criterion ? "criterion" : result.name.padded(to: 8)
            let phase = result.phase == .criterion ? result.name : result.phase.rawValue
            return "\(name.padded(to: 9)) \(phase.padded(to: 6))  \(result.outcome.rawValue) (\(code))  "
                + "\(directory)/\(result.label).log"
        }
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
