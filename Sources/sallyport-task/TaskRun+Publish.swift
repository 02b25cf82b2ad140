// SPDX-License-Identifier: Apache-2.0
internal import Delivery
internal import Documents
internal import LinuxSystem
internal import TaskModel
internal import Workspace

/// Handing a verified result to the forge, or to the upstream. Nothing of it runs before every gate has spoken.
extension TaskRun {
    /// A pull request needs a branch to go to; better known before the work than after it.
    func requireBranchToReturnTo() throws(TaskFailure) {
        guard order.forge != nil, order.pull == nil, order.deliver == .pullRequest, order.type.writes else { return }
        guard let target = targetBranch else {
            throw TaskFailure(
                "open a pull request to", "\"\(PrintableText.escapedOnce(evidence.baseName))\"", "it is no branch",
                remedy: "Name a branch with --base, or use --deliver branch.")
        }
        guard branch != target else {
            throw TaskFailure(
                "work on", "branch \"\(PrintableText.escapedOnce(branch))\"",
                "it is the branch that the pull request would go to",
                remedy: "Name another with --branch, or leave that out.", code: ForgeError.Code.protected.rawValue)
        }
    }

    /// The branch that a pull request of this task goes to.
    var targetBranch: String? {
        if let pull = order.pull { return pull.base }
        let name = evidence.baseName
        return name.hasPrefix("refs/heads/") ? String(name.dropFirst(11)) : nil
    }

    /// Moves or makes the branch in the forge's repository, and opens or answers the pull request.
    mutating func publish(_ base: ObjectID) throws(TaskFailure) {
        guard let delivered = evidence.delivered, order.deliver != .patch else { return }
        switch order.forge {
        case nil:
            // Nobody looks at a branch there before it is public, so a doubt is enough to keep it here.
            if evidence.isSuccess { try pushToUpstream(delivered) }
        case .local(let local)?:
            guard try ask({ .push($0) }), try push(delivered, base, to: local) else { return }
            evidence.pushed = true
            try handOver(delivered, to: local)
        case .github(let access)?:
            try pushToUpstream(delivered)
            if evidence.pushed { try handOver(delivered, to: access.forge) }
        }
    }

    /// Opens or answers the pull request of a branch that is there; the evidence holds the outcome where that fails.
    private mutating func handOver(_ delivered: Delivered, to forge: any Forge) throws(TaskFailure) {
        let text = try pullRequestText()
        if order.pull != nil || order.deliver == .pullRequest {
            let number = order.pull?.number
            guard try ask({ .pullRequest($0, number: number) }) else { return }
        }
        var failure: ForgeError?
        do throws(ForgeError) { try handOver(delivered, text, to: forge) } catch { failure = error }
        if let failure { (evidence.outcome, evidence.refusal) = (.publishFailed, failure.description) }
        try audit.record(.forgeUpdated(evidence.json(files: [])))
        if failure != nil { return }
        if evidence.outcome == .agentFailed, evidence.pullRequest != nil { evidence.outcome = .completedWithWarning }
        if let number = evidence.pullRequest {
            let page = evidence.pullRequestPage.map { "  \($0)" } ?? ""
            Progress.say("task \(identifier): pull request \(number)\(page)")
        }
    }

    private mutating func handOver(_ delivered: Delivered, _ text: PullRequestText, to forge: any Forge)
        throws(ForgeError)
    {
        if let pull = order.pull {
            try answer(pull, delivered, text, in: forge)
            evidence.pullRequest = pull.number
            evidence.carriedOut("update_pull")
        } else if order.deliver == .pullRequest, let target = targetBranch {
            let opened = try forge.open(
                .init(title: text.title, body: text.body, base: target, head: branch, author: TaskOrder.author))
            evidence.pullRequest = opened.number
            evidence.carriedOut("open_pull")
        }
        if arguments.marksCommit, let github = forge as? RelayedForge {
            let outcome = evidence.outcome == .agentFailed ? .completedWithWarning : evidence.outcome ?? .delivered
            try github.mark("\(delivered.commit)", outcome.rawValue)
            try mark(delivered, by: github)
        }
    }

    /// Sets the status that the agent proposed, under a name that says whose word it is; of no other commit than this.
    private mutating func mark(_ delivered: Delivered, by github: RelayedForge) throws(ForgeError) {
        guard case .status(let commit, let state, let words)? = evidence.proposed("status")?.change,
            commit == "\(delivered.commit)"
        else { return }
        try github.mark(commit, "claimed: " + Quoted.title(words, longest: 100), claim: state)
        evidence.carriedOut("status")
    }

    private mutating func push(_ delivered: Delivered, _ base: ObjectID, to forge: LocalForge) throws(TaskFailure)
        -> Bool
    {
        let bundle = try host { () throws(SystemError) in
            try Directory.open(delivery.quarantine).open("result.bundle", 0)
        }
        var command = [
            "step-publish", "--base", "\(base)", "--head", "\(delivered.commit)", "--reference", "refs/heads/\(branch)",
            "--repository",
            forge.repository, "--become", try ConfinedStep.owner(of: forge.repository),
        ]
        if order.pull != nil { command += ["--replacing", "\(base)"] }
        let (step, input, arguments) = (self.step, bundle.number, command)
        var failure: TaskFailure?
        let answer = try reaching { () throws(ForgeError) -> ConfinedStep.Answer? in
            try forge.changing { () throws(ForgeError) in
                do throws(TaskFailure) {
                    return try step.ask(arguments, input: input)
                } catch {
                    failure = error
                    return nil
                }
            }
        }
        if let failure { throw failure }
        switch answer {
        case nil: throw TaskFailure(message: "step-publish left no answer")
        case .refused(let reason): (evidence.outcome, evidence.refusal) = (.refused, reason)
        case .report(let report):
            guard let reason = report["moved"] else { return true }
            (evidence.outcome, evidence.refusal) = (.upstreamMoved, reason)
        }
        return false
    }

    /// What every remark of this task has in it: whoever takes it up again finds what was said before it was killed.
    var mark: String { "Task \(identifier)." }

    /// Says in each thread of the task what became of it, once; one that a commit names is resolved.
    private mutating func answer(
        _ pull: PullRequest, _ delivered: Delivered, _ text: PullRequestText, in forge: any Forge
    ) throws(ForgeError) {
        let range = "\(evidence.base?.description.prefix(12) ?? "")..\(delivered.commit.description.prefix(12))"
        let outcome = (evidence.outcome ?? .delivered).rawValue
        for thread in pull.openThreads {
            let isNamed = delivered.threads.contains(thread.number)
            let who = isNamed ? "A commit of" : "No commit of"
            let words =
                "\(who) \(range) says that it settles this\(isNamed ? " (claimed)" : ""). Verification: \(outcome). \(mark)"
            let isSaid = thread.comments.contains { $0.body.hasPrefix(who) && $0.body.contains(mark) }
            if !isSaid { try forge.reply(to: thread, on: pull.number, words, by: TaskOrder.author) }
            guard isNamed else { continue }
            try forge.resolve(thread, on: pull.number)
            evidence.resolvedThreads.append(thread.number)
        }
        try forge.comment(on: pull.number, text.body, by: TaskOrder.author)
    }

    private var hasWarning: Bool { evidence.outcome == .agentFailed || evidence.outcome == .completedWithWarning }

    private func pullRequestText() throws(TaskFailure) -> PullRequestText {
        guard let delivered = evidence.delivered, let base = evidence.base else {
            throw TaskFailure(message: "there is nothing to write a pull request about")
        }
        let verification = evidence.verification
        var checks = verification.commands.map { command in
            PullRequestText.Check(
                name: command.name, command: command.text,
                before: verification.outcome(command.name, .before)?.rawValue,
                after: verification.outcome(command.name, .after)?.rawValue ?? "not run")
        }
        for result in verification.results where result.phase == .criterion {
            checks.append(
                .init(
                    name: "criterion \(result.name)", command: result.command, before: nil,
                    after: result.outcome.rawValue))
        }
        let record = evidence.sessions.first { $0.label == "work" }?.record
        var text = PullRequestText(
            task: identifier, subject: order.item.title, issue: order.pull == nil ? order.item.number : nil,
            base: "\(base)", commit: "\(delivered.commit)", branch: branch, commits: delivered.subjects,
            files: delivered.listed.map { (path: $0.path, insertions: $0.insertions, deletions: $0.deletions) },
            fileCount: delivered.files, checks: checks, outcome: (evidence.outcome ?? .delivered).rawValue,
            warning: hasWarning ? "the runner reported that the agent failed" : nil,
            promptVersion: evidence.promptVersion, profile: arguments.profile,
            planDigest: record?.planDigest ?? "", claimed: evidence.claimedSummary)
        switch (evidence.proposed("open_pull") ?? evidence.proposed("update_pull"))?.change {
        case .open(let title, let body)?:
            text.proposedTitle = title
            if !body.isEmpty { text.claimed = body }
        case .update(_, let title, let body)?:
            // A person's own words stay: what is proposed stands in the comment.
            let words = [title.map { "Proposed title: \($0)" }, body].compactMap { $0 }
            if !words.isEmpty { text.claimed = words.joined(separator: "\n\n") }
        case .review?, .status?, nil: break
        }
        text.standing = evidence.standing?.text
        text.risk = evidence.risk
        text.figures = evidence.measurements?.compared ?? []
        text.artifacts = (evidence.measurements?.after?.pack?.files ?? []).map {
            ($0.name, $0.kind.rawValue, Digest.sha256($0.bytes))
        }
        text.flags = (evidence.gate?.findings ?? []).map { (place: $0.place, reason: $0.reason) }
        return text
    }

    /// Writes the digest of the sealed evidence into the pull request: it was not known when that was opened.
    ///
    /// The task is over and its record sealed by now, so what keeps the digest out is only told.
    func nameEvidence(_ digest: String) {
        guard order.pull == nil, let forge = order.forge?.forge, let number = evidence.pullRequest else { return }
        do throws(TaskFailure) {
            var text = try pullRequestText()
            text.evidence = digest
            let body = text.body
            try reaching { () throws(ForgeError) in try forge.update(number, title: nil, body: body) }
        } catch {
            Progress.say("note: pull request \(number) does not name the evidence: \(error)")
        }
    }
}
