// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Policy
internal import TaskModel

/// The one way in: what turns a submission into a task, or says why there is none.
///
/// Nothing here asks a clock, a file or a network; what cannot be decided is refused. In this order: is the repository
/// onboarded, may this person submit, is every value in form, is the text fit to be handed to an agent.
package struct SubmissionGate: Sendable {
    package let ceiling: HostCeiling
    package let platform: TaskFigures

    package init(ceiling: HostCeiling = .none, platform: TaskFigures = .platform) {
        self.ceiling = ceiling
        self.platform = platform
    }

    package func decide(_ submission: Submission, _ onboarding: Onboarding) throws(GateRefusal) -> AcceptedTask {
        guard let repository = RepositoryName(submission.repository) else {
            throw GateRefusal(
                .validation, ["repo is no name of a repository"], remedy: "Write \(RepositoryName.form).")
        }
        let blueprint = try blueprint(of: repository, onboarding)
        guard submission.submitter.isAmong(blueprint.submitters) else {
            throw GateRefusal(
                .forbidden, ["uid \(submission.submitter.uid) is none of the submitters of \(blueprint.repo)"],
                remedy: "Ask its operator to name you under \"submitters\" of the blueprint.")
        }
        let excesses = ceiling.excesses(of: blueprint)
        guard excesses.isEmpty else {
            throw GateRefusal(
                .forbidden, excesses.map(\.message),
                remedy: "The host's ceiling was lowered since the blueprint was applied: apply it anew.")
        }
        let form = Form(submission, blueprint)
        guard form.reasons.isEmpty, let type = form.type else {
            throw GateRefusal(.validation, form.reasons, remedy: "Correct the values and submit again.")
        }
        let text = try screened(submission.text, blueprint)
        // Its form is kept, so it is only judged; what is to be cut out of it is cut with the rest of the prompt.
        _ = try screened(submission.criteria, blueprint)
        let limits = SettledFigures(platform: platform, blueprint: blueprint, task: form.limits, ceiling: ceiling)
        return AcceptedTask(
            submitter: submission.submitter, repository: blueprint.repo, type: type, text: text?.text,
            findings: text?.findings ?? [], issue: submission.issue, pullRequest: submission.pullRequest,
            limits: limits, preApprovals: submission.preApprovals, idempotencyKey: submission.idempotencyKey,
            dependsOn: submission.dependsOn,
            snapshot: TaskSnapshot(blueprint: blueprint, type: type, limits: limits),
            request: try request(submission, blueprint, type, text?.text))
    }

    private func request(
        _ submission: Submission, _ blueprint: Blueprint, _ type: TaskType, _ text: String?
    ) throws(GateRefusal) -> TaskRequest {
        var values: [TaskRequest.Field: String] = [
            .repository: blueprint.repo.description, .type: type.rawValue,
        ]
        values[.task] = text
        values[.issue] = submission.issue.map { "\($0)" }
        values[.pullRequest] = submission.pullRequest.map { "\($0)" }
        values[.criteria] = submission.criteria
        values[.model] = submission.model
        values[.maxTurns] = submission.maxTurns.map { "\($0)" }
        values[.maxBudget] = submission.maxBudget
        values[.approvalTimeout] = submission.approvalTimeoutSeconds.map { "\($0)" }
        if !submission.preApprovals.isEmpty { values[.preApprovals] = submission.preApprovals.joined(separator: "\n") }
        values[.priority] = submission.priority.map { "\($0)" }
        values[.correlation] = submission.correlation
        if !submission.dependsOn.isEmpty { values[.dependsOn] = submission.dependsOn.joined(separator: "\n") }
        do throws(TaskRefusal) { return try TaskRequest(values) } catch {
            throw GateRefusal(error.code, [error.message], remedy: "Correct the values and submit again.")
        }
    }

    /// There is no way in without a blueprint, and no setting that makes one.
    private func blueprint(
        of repository: RepositoryName, _ onboarding: Onboarding
    ) throws(GateRefusal) -> Blueprint {
        switch onboarding {
        case .active(let blueprint) where blueprint.repo == repository: return blueprint
        case .active, .unknown:
            throw GateRefusal(
                .repositoryNotOnboarded, ["there is no blueprint for \(repository)"],
                remedy: "Write one (sallyport onboard proposes it) and apply it: sallyport blueprint apply FILE.")
        case .removed:
            throw GateRefusal(
                .repositoryNotOnboarded, ["the blueprint for \(repository) was removed"],
                remedy: "Apply it again: sallyport blueprint apply FILE.")
        }
    }

    /// Cleans the text and judges what was in it. A text that cannot be judged is no text that may pass.
    private func screened(_ raw: String?, _ blueprint: Blueprint) throws(GateRefusal) -> SanitizedText? {
        guard let raw else { return nil }
        let text = SanitizedText(raw, cutsPhrases: blueprint.screening == .strip)
        let grave = text.findings.filter { $0.severity >= .medium }
        guard grave.isEmpty || blueprint.screening == .strip else {
            throw GateRefusal(
                .validation, ["the text was blocked: " + grave.map(\.description).joined(separator: ", ")],
                remedy: "Say what is to be done without words that give the agent other orders.")
        }
        guard text.text.utf8.contains(where: { $0 > 0x20 }) else {
            throw GateRefusal(
                .validation, ["nothing of the text is left that a reader would see"], remedy: "Write plain text.")
        }
        return text
    }
}

/// The form of every value of a submission; nothing stops at the first that is wrong.
private struct Form {
    private(set) var reasons: [String] = []
    private(set) var type: TaskType?
    private(set) var limits = TaskFigures()

    init(_ submission: Submission, _ blueprint: Blueprint) {
        takeType(submission, blueprint)
        takeText(submission.text)
        takeLimits(submission)
        if let key = submission.idempotencyKey, !IdempotencyKey.isValid(key) {
            reasons.append("the idempotency key is not of 1 to 128 letters, digits, hyphens and underscores")
        }
        takeApprovals(submission)
        if submission.criteria?.utf8.contains(0) == true { reasons.append("the criteria have a NUL") }
        for name in submission.dependsOn where !TaskIdentifier.isValid(name) {
            reasons.append("depends_on has \"\(String(name.prefix(64)).displayed)\", which is no name of a task")
        }
        if submission.dependsOn.count > Bounds.dependencies {
            reasons.append("depends_on names more than \(Bounds.dependencies) tasks")
        }
        if Set(submission.dependsOn).count != submission.dependsOn.count {
            reasons.append("depends_on names a task twice")
        }
    }

    private mutating func takeType(_ submission: Submission, _ blueprint: Blueprint) {
        type = TaskType(named: submission.type)
        guard let type else {
            reasons.append("type is none of \(TaskType.allCases.map(\.rawValue).joined(separator: ", "))")
            return
        }
        if !blueprint.taskTypes.contains(type) {
            reasons.append("type \(type.rawValue) is none that the blueprint takes")
        }
        for (name, number) in [("issue", submission.issue), ("pr", submission.pullRequest)] {
            if let number, !(1...Int(Int32.max)).contains(number) { reasons.append("\(name) is no number above 0") }
        }
        if type.needsPullRequest {
            if submission.pullRequest == nil { reasons.append("\(type.rawValue) needs a pull request (pr)") }
            if submission.issue != nil { reasons.append("\(type.rawValue) has a pull request and no issue") }
            if blueprint.source.forge == nil {
                reasons.append("\(type.rawValue) needs a forge, and the blueprint names none")
            }
        } else {
            if submission.pullRequest != nil { reasons.append("pr is for pr_iteration and pr_review") }
            if submission.issue == nil, submission.text == nil {
                reasons.append("there is neither an issue nor a text")
            }
            if submission.issue != nil, blueprint.source.forge == nil {
                reasons.append("an issue needs a forge, and the blueprint names none")
            }
        }
    }

    private mutating func takeText(_ text: String?) {
        guard let text else { return }
        // By scalars: what one reader counts as a character another counts as ten.
        if text.unicodeScalars.count > Bounds.description {
            reasons.append("the text is longer than \(Bounds.description) characters")
        }
        if !text.utf8.contains(where: { $0 > 0x20 }) { reasons.append("the text is blank") }
        if text.utf8.contains(0) { reasons.append("the text has a NUL") }
    }

    private mutating func takeLimits(_ submission: Submission) {
        if let turns = submission.maxTurns {
            if Bounds.turns.contains(turns) {
                limits.maxTurns = turns
            } else {
                reasons.append("max_turns is not from \(Bounds.turns.lowerBound) to \(Bounds.turns.upperBound)")
            }
        }
        if let budget = submission.maxBudget {
            if let amount = Money.microDollars(budget), Bounds.budget.contains(amount) {
                limits.maxBudget = amount
            } else {
                reasons.append("max_budget_usd is not from 0.01 to 100")
            }
        }
        if let seconds = submission.approvalTimeoutSeconds {
            if Bounds.approvalTimeout.contains(seconds) {
                limits.approvalTimeoutSeconds = seconds
            } else {
                reasons.append("approval_timeout_s is not from 30 to 3600")
            }
        }
        if let model = submission.model {
            if (1...200).contains(model.utf8.count), model.displayed == model, !model.contains(" ") {
                limits.model = model
            } else {
                reasons.append("model is no name of a model")
            }
        }
    }

    private mutating func takeApprovals(_ submission: Submission) {
        if submission.preApprovals.count > Bounds.preApprovals {
            reasons.append("initial_approvals has more than \(Bounds.preApprovals) entries")
        }
        for entry in submission.preApprovals
        where !(1...Bounds.preApproval).contains(entry.unicodeScalars.count) || entry.displayed != entry {
            reasons.append("initial_approvals has an entry that is not of 1 to \(Bounds.preApproval) plain characters")
        }
    }
}

/// What names a submission, so that one that is sent twice is one task.
package enum IdempotencyKey {
    package static func isValid(_ text: String) -> Bool {
        Bounds.idempotencyKey.contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
            }
    }
}
