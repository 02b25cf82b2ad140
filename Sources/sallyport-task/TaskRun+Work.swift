// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Delivery
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import TaskModel
internal import Workspace

/// The agent's sandbox, and what is taken in of what comes out of it.
extension TaskRun {
    /// Runs the agent, and takes in what it delivers.
    ///
    /// - Parameters:
    ///   - round: Of a workflow, whose own prompt lies in `<label>.prompt.md`; nil outside of one.
    ///   - start: What was taken in before, and is worked on; nil for the base.
    mutating func work(_ base: ObjectID, round: Int? = nil, from start: ObjectID? = nil) throws(TaskFailure)
        -> ObjectID?
    {
        Progress.say("task \(identifier): agent at work on \(branch)")
        var runner = [
            "task", "--source", Sandbox.source, "--base", "\(base)", "--branch", branch, "--prompt-version",
            evidence.promptVersion, "--evidence", evidence.openingDigest,
        ]
        if let start { runner += ["--start", "\(start)"] }
        for (name, command) in [
            ("setup", arguments.setupCommand), ("build", arguments.buildCommand), ("lint", arguments.lintCommand),
            ("test", arguments.testCommand),
        ] {
            if let command { runner += ["--\(name)-command", command] }
        }
        // Of what was pushed before nothing is there but what was taken in.
        if try delivery.contains(AgentRepository.directoryName) { try delivery.remove(AgentRepository.directoryName) }
        let repository = try makeAgentRepository(base)
        runner += ["--origin", repository.url]
        let label = AgentRole.work.label(round ?? 1)
        let export = Sandbox.Export(name: "\(label).bundle", mostBytes: Budget().bundleBytes)
        guard
            try runAgent(
                runner, base, label, prompt: round == nil ? "prompt.md" : "\(label).prompt.md", export: export,
                repository: repository)
        else { return nil }
        // The branch comes as a whole, and is judged as a whole each time.
        if start != nil { try intake(base).takeBack(in: delivery) }
        return try takeIn(base, export.name)
    }

    /// Takes up the commits of an earlier attempt, judged as if they came from a sandbox now.
    ///
    /// - Returns: The last of them; nil where there is no such attempt, or nothing of it that is taken.
    func takeUp(_ base: ObjectID) throws(TaskFailure) -> ObjectID? {
        guard let earlier = arguments.continues else { return nil }
        let name = "continued.bundle"
        let copy = try delivery.create(name)
        try host { () throws(SystemError) in
            let found = try Directory.open(earlier).open(Manifest.bundleName, O_RDONLY | O_NONBLOCK)
            let (from, to) = (found.number, copy.number)
            while try checked("copy", "\"\(earlier)/\(Manifest.bundleName)\"", { sp_sendfile(to, from, 1 << 20) }) > 0 {
            }
        }
        var intake = intake(base)
        intake.isOfEarlier = true
        let result = try intake.take(name, in: delivery)
        if let delivered = result.delivered { return delivered.commit }
        Progress.say(
            "note: the work of the earlier attempt is not taken up: \(result.refusal ?? "nothing of it passed")")
        return nil
    }

    /// Runs the sandbox with the agent in it.
    ///
    /// - Returns: Whether something came out; the evidence holds the outcome otherwise.
    mutating func runAgent(
        _ arguments: [String], _ base: ObjectID, _ label: String = ObservedSandbox.work, prompt: String = "prompt.md",
        export: Sandbox.Export, repository: AgentRepository? = nil, workspace: String? = nil, mounts: [String] = []
    )
        throws(TaskFailure) -> Bool
    {
        let isFirst = label == ObservedSandbox.work
        guard
            let (record, end) = try inhabit(
                label, arguments, prompt: prompt, mounts: mounts, workspace: workspace, export: export,
                git: repository?.description, forge: isFirst ? try makeForgeView(base) : nil)
        else { return false }
        if case .interrupted = end { evidence.outcome = .interrupted }
        if evidence.outcome == nil { evidence.outcome = TaskOutcome(work: record) }
        if isFirst { try readProposals() }
        if let repository { try receive(from: repository, export.name) }
        guard try delivery.contains(export.name), try delivery.size(export.name) > 0 else {
            if evidence.outcome == nil || evidence.outcome == .nothingToDeliver, try takeProposedReview() {
                evidence.outcome = nil
                return true
            }
            if evidence.outcome == nil { evidence.outcome = evidence.refusal == nil ? .nothingToDeliver : .refused }
            return false
        }
        return true
    }

    /// Runs a sandbox with an agent in it, and takes the supervisor's record of it as evidence.
    ///
    /// - Parameters:
    ///   - arguments: Of the runner, without what every agent gets.
    ///   - prompt: Its file in the delivery directory.
    /// - Returns: Nil when there was none; the evidence holds the outcome then.
    mutating func inhabit(
        _ label: String, _ arguments: [String], prompt: String, mounts: [String] = [], workspace: String? = nil,
        export: Sandbox.Export, git: String? = nil, forge: String? = nil
    ) throws(TaskFailure) -> (record: SessionRecord, end: ChildEnd)? {
        guard let models = self.arguments.modelOptions(after: evidence.sessions.model) else {
            (evidence.outcome, evidence.refusal) = (.limitHit, "nothing is left of the budget or of the turns")
            return nil
        }
        var runner = arguments + ["--task-id", identifier, "--prompt", Sandbox.prompt, "--task-file", Sandbox.task]
        var mounts =
            mounts + [
                "\(delivery.path)/\(prompt):\(Sandbox.prompt)", "\(delivery.path)/task.md:\(Sandbox.task)",
            ]
        if let files = sandbox.agentFiles { mounts.append("\(files):\(AgentPreset.place)") }
        if self.arguments.agentScript != nil {
            runner += ["--agent-script", Sandbox.script]
            mounts.append("\(delivery.path)/\(Sandbox.scriptFile):\(Sandbox.script)")
        } else if let command = self.arguments.agentCommand {
            runner += ["--agent-command", command]
        }
        runner += self.arguments.agentOptions
        let frames = label == ObservedSandbox.work ? "frames.jsonl" : "\(label).frames.jsonl"
        let attendant = try self.attendant(of: label, tellsSpending: models.contains("--model"))
        let (record, end) = try sandbox.run(
            label, runner: runner, in: delivery, mounts: mounts, workspace: workspace, export: export, git: git,
            forge: forge, frames: frames, keeps: self.arguments.keep && workspace == nil, attendant: attendant,
            options: models)
        for outcome in attendant?.outcomes ?? [] { try take(outcome) }
        guard let record else {
            evidence.outcome = .interrupted
            return nil
        }
        try checkSetUp(record, label)
        try observe(label, record)
        try evidence.readClaims(delivery, frames)
        return (record, end)
    }

    /// - Returns: The commit that was taken in and judged; nil when it was refused.
    private mutating func takeIn(_ base: ObjectID, _ bundle: String) throws(TaskFailure) -> ObjectID? {
        takenBundle = bundle
        let result = try intake(base).take(bundle, in: delivery)
        evidence.gate = result.gate
        evidence.refusal = result.refusal
        evidence.delivered = result.delivered
        if result.delivered == nil { evidence.outcome = evidence.outcome ?? .refused }
        try recordJudged()
        try recordReceived()
        return result.delivered?.commit
    }

    /// Has the gate look once more, now that the tests have: at the branch as it is there, and at its tree.
    ///
    /// - Returns: Whether it passes; the evidence holds the outcome otherwise.
    mutating func confirm(_ base: ObjectID) throws(TaskFailure) -> Bool {
        guard let delivered = evidence.delivered else { return false }
        let verdict = try intake(base).confirm(delivered, takenBundle, in: delivery)
        evidence.gate = verdict
        try recordJudged()
        guard verdict.isRefused else { return true }
        evidence.outcome = .refused
        evidence.refusal = verdict.refusal
        evidence.delivered = nil
        try recordReceived()
        return false
    }

    func intake(_ base: ObjectID) -> Intake {
        Intake(
            step: step, rules: rules, reference: "refs/heads/\(branch)", base: base,
            trailers: (identifier, evidence.promptVersion, evidence.openingDigest))
    }

    // MARK: The agent's own repository

    /// Makes what the agent's session finds at git.internal.
    func makeAgentRepository(_ base: ObjectID) throws(TaskFailure) -> AgentRepository {
        let name = order.upstream?.path ?? Upstream.local(order.repository).defaultName
        let repository = try AgentRepository(
            in: delivery, name: name, task: identifier, branch: branch, base: base, begun: evidence.baseName,
            continued: order.pull != nil || upstream?.found != nil)
        try repository.make(step, in: delivery)
        return repository
    }

    /// Takes what the session pushed, unless it handed a bundle over: the runner does so only where a push was refused.
    ///
    /// Both are the sandbox's word alike, and go the same way from here.
    mutating func receive(from repository: AgentRepository, _ bundle: String) throws(TaskFailure) {
        let hasBundle = try Sandbox.hasBundle(bundle, in: delivery)
        let pushes = try repository.read(step, into: hasBundle ? nil : bundle, in: delivery)
        evidence.pushes = pushes.after(evidence.pushes)
        evidence.way = hasBundle ? .bundle : pushes.tip == nil ? evidence.way : .push
        if !hasBundle, let refusal = pushes.refusal { evidence.refusal = refusal }
        for event in TaskEvent.pushed(evidence.json(files: [])).suffix(pushes.references.count) {
            try audit.record(event)
        }
    }
}

extension Sandbox {
    /// Whether a bundle came from descriptor 3; an empty file of that name is removed.
    static func hasBundle(_ bundle: String = bundle, in delivery: borrowing DeliveryDirectory) throws(TaskFailure)
        -> Bool
    {
        guard try delivery.contains(bundle) else { return false }
        if try delivery.size(bundle) > 0 { return true }
        try delivery.remove(bundle)
        return false
    }
}
