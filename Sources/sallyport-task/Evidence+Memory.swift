// SPDX-License-Identifier: Apache-2.0
internal import Delivery
internal import Secrets
internal import TaskModel

extension Evidence {
    /// What later tasks of the repository may profit from; nothing of a task that did not succeed.
    ///
    /// Whoever keeps it judges it: an agent's words are claims, and a maintainer's are a rule only once somebody says so.
    var notes: [MemoryNote] {
        guard isSuccess else { return [] }
        let own = [MemoryNote(.episode, episode, .observed, source: "task:\(task)")]
        let claimed = MemoryNote.agentNotes(in: Redactor.redacted(claimedSummary ?? ""), task: task)
        return Array((own + claimed + rules).prefix(MemoryLimits.itemsPerTask))
    }

    /// What the host saw of the task. The title is in no one's mouth but the requester's, and is not repeated.
    private var episode: String {
        var text = "\(order.type.rawValue) ended as \((outcome ?? .interrupted).rawValue)"
        if let delivered {
            let paths = delivered.listed.prefix(12).map(\.path)
            text += "; it changed \(delivered.files) files: \(paths.joined(separator: ", "))"
            if delivered.files > paths.count { text += ", and more" }
        }
        for result in verification.results where result.phase == .after {
            text += "; \(result.name) \(result.outcome.rawValue)"
        }
        return Redactor.redacted(text)
    }

    /// What those with rights over the repository asked for in the review that was worked on.
    private var rules: [MemoryNote] {
        guard let pull = order.pull, order.type.writes else { return [] }
        return pull.openThreads.compactMap { thread in
            guard let first = thread.comments.first, first.isMaintainers else { return nil }
            return MemoryNote(
                .reviewRule, Redactor.redacted("\(thread.file): \(first.body)"), .maintainer, source: "pull:\(pull.number)")
        }
    }
}
