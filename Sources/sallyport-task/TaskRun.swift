// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Delivery
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import TaskModel
internal import Workspace

/// One task on this host, from the caller's repository to the delivered branch and its evidence.
///
///     step-pack ─▶ step-index ─▶ step-prompt ─▶ before ─▶ work ─▶ import, gate ─▶ after, criteria ─▶ gate ─▶ publish
///      (owner)      (own id)      (own id)      observed  claimed   (own id)      observed          (own id)  (owner)
struct TaskRun: ~Copyable {
    let arguments: TaskArguments
    let order: TaskOrder
    /// What the push gate lets pass; read before anything runs.
    let rules: GateRules
    let processes: ChildProcess
    let sandbox: Sandbox
    let delivery: DeliveryDirectory
    let keys: KeyStore
    let state: String
    var evidence: Evidence
    var audit: TaskAudit

    private static let longestScript = 4 << 20

    var identifier: String { evidence.task }
    var branch: String { evidence.branch }
    var step: ConfinedStep { ConfinedStep(processes: processes) }

    /// Checks the arguments, finds the programs and makes the delivery directory.
    static func make(_ arguments: TaskArguments, environment: [String]) throws(TaskFailure) -> TaskRun {
        let order = try TaskOrder(arguments)
        let milliseconds = sp_clock_ns(CLOCK_REALTIME) / 1_000_000
        let random = try host { () throws(SystemError) in try randomBytes(10) }
        let identifier = TaskIdentifier(milliseconds: milliseconds, random: random)
        let processes = try ChildProcess()
        let sandbox = try Sandbox(processes: processes, profile: arguments.profileName, environment: environment)
        let branch = order.pull?.head ?? "sallyport/\(identifier)/\(TaskText.slug(of: order.item.title))"
        let rules = try GateStep.rules(arguments.rules, branch: branch, of: order.item)
        let evidence = Evidence(
            task: "\(identifier)", order: order, arguments: arguments, branch: branch,
            startedMilliseconds: Int(milliseconds))
        let state = try StateDirectory.path(environment)
        // A key that cannot be used is better known now than after hours of work.
        let keys = try EvidenceKey.checked(state)
        let delivery = try DeliveryDirectory.make(
            arguments.output ?? state + "/tasks/\(identifier)", notInside: order.repository)
        let audit = try TaskAudit(delivery)
        return TaskRun(
            arguments: arguments, order: order, rules: rules, processes: processes, sandbox: sandbox,
            evidence: evidence,
            delivery: delivery, keys: keys, state: state, audit: audit)
    }

    private init(
        arguments: TaskArguments, order: TaskOrder, rules: GateRules, processes: ChildProcess, sandbox: Sandbox,
        evidence: Evidence, delivery: consuming DeliveryDirectory, keys: KeyStore, state: String,
        audit: consuming TaskAudit
    ) {
        self.arguments = arguments
        self.order = order
        self.rules = rules
        self.processes = processes
        self.sandbox = sandbox
        self.evidence = evidence
        self.delivery = delivery
        self.keys = keys
        self.state = state
        self.audit = audit
    }

    /// Runs the task; the evidence holds the outcome afterwards.
    mutating func run() throws(TaskFailure) {
        try recordCreated()
        let base = try prepare()
        try assemblePrompt(base)
        try recordBase()
        for command in evidence.verification.commands { try check(command, .before, base) }
        guard evidence.outcome == nil else { return }
        try delivery.write(Evidence.openingFile, JSONWriter().write(evidence.opening) + [10], mode: 0o644)
        evidence.openingDigest = try delivery.digest(Evidence.openingFile)
        guard order.type.writes else { return try review(base) }
        guard let delivered = try work(base) else { return }
        if let claim = evidence.outcome, claim != .agentFailed { return }
        for command in evidence.verification.commands { try check(command, .after, delivered) }
        try checkCriteria(delivered)
        if evidence.outcome == .interrupted { return }
        let decision = evidence.verification.decision
        if evidence.outcome == nil { evidence.outcome = decision }
        if decision.isSuccess, try confirm(base) { try publish(base) }
    }

    /// Clones the base commit's history into the host's repository.
    private mutating func prepare() throws(TaskFailure) -> ObjectID {
        Progress.say("task \(identifier): reading \(PrintableText.escapedOnce(order.repository))")
        let pack = try delivery.create("base.pack")
        var command = [
            "step-pack", "--repo", order.repository, "--become", try ConfinedStep.owner(of: order.repository),
        ]
        if let pull = order.pull {
            command += ["--base", "refs/heads/\(pull.head)", "--target", "refs/heads/\(pull.base)"]
        } else if let base = arguments.base {
            // A pull request can only go to a branch.
            let opens = order.forge != nil && order.deliver == .pullRequest && !base.hasPrefix("refs/")
            command += ["--base", opens ? "refs/heads/\(base)" : base]
        }
        let report = try step.run(command, outputs: [pack.number])
        let base = try report.commit("base")
        evidence.base = base
        evidence.baseName = report["name"] ?? ""
        evidence.baseIsDetached = report["detached"] == "yes"
        if order.pull != nil { evidence.parting = try report.commit("merge_base") }
        if evidence.baseIsDetached { Progress.say("note: HEAD is detached; the task starts from commit \(base)") }
        evidence.hasLargeFilePointers = report["pointers"] != nil
        if evidence.hasLargeFilePointers {
            Progress.say("note: the repository keeps files in Git LFS; the task sees their pointers only")
        }
        try requireBranchToReturnTo()
        let input = try delivery.open("base.pack")
        _ = try step.run(
            ["step-index", "--base", "\(base)", "--quarantine", delivery.quarantine, "--become", quarantineOwner],
            input: input.number)
        try delivery.remove("base.pack")
        return base
    }

    /// Puts the prompt together, outside and before anything runs.
    private mutating func assemblePrompt(_ base: ObjectID) throws(TaskFailure) {
        try delivery.write("task.md", Array(order.text.utf8), mode: 0o644)
        if let script = arguments.agentScript {
            // What ran is then what was signed.
            let bytes = try host { () throws(SystemError) in
                try Descriptor.open(script, O_RDONLY).readAll(limit: Self.longestScript, subject: "\"\(script)\"")
            }
            try delivery.write(Sandbox.scriptFile, bytes, mode: 0o644)
        }
        let plan = PromptPlan(order, identifier: identifier, branch: branch)
        try delivery.write("prompt.plan", JSONWriter().write(plan.json))
        let input = try delivery.open("prompt.plan")
        let output = try delivery.create("prompt.md", mode: 0o644)
        // A pull request must not change the rules for the work on itself: those of its base count.
        var command = [
            "step-prompt", "--rules", "\(evidence.parting ?? base)", "--quarantine", delivery.quarantine, "--become",
            quarantineOwner,
        ]
        if evidence.parting != nil { command += ["--head", "\(base)"] }
        let report = try step.run(command, input: input.number, outputs: [output.number])
        try delivery.remove("prompt.plan")
        evidence.promptDigest = try delivery.digest("prompt.md")
        evidence.promptSegments = report.all("segment")
        for path in report.all("omitted") { Progress.say("note: \(path) has no room in the prompt and is left out") }
    }

    /// Runs one command on one commit in a sandbox of its own.
    private mutating func check(_ command: Verification.Command, _ phase: CheckResult.Phase, _ commit: ObjectID)
        throws(TaskFailure)
    {
        guard evidence.outcome != .interrupted else { return }
        let label = command.label(phase)
        let place = phase == .before ? "base" : "delivered"
        Progress.say("task \(identifier): \(command.name) of the \(place) commit \(commit)")
        guard let outcome = try verify(label, command.text, commit, build: command.name != "build") else { return }
        evidence.verification.add(
            CheckResult(name: command.name, phase: phase, command: command.text, label: label, outcome: outcome))
        Progress.say("task \(identifier): \(command.name) \(phase.rawValue): \(outcome.rawValue)")
    }

    private mutating func checkCriteria(_ commit: ObjectID) throws(TaskFailure) {
        for criterion in evidence.verification.criteria {
            guard evidence.outcome != .interrupted, let check = criterion.check else { continue }
            let label = "check-\(criterion.name)"
            guard let outcome = try verify(label, check, commit, build: true) else { return }
            evidence.verification.add(
                CheckResult(name: criterion.name, phase: .criterion, command: check, label: label, outcome: outcome))
            Progress.say("task \(identifier): criterion \(criterion.name): \(outcome.rawValue)")
        }
    }

    /// - Returns: nil when the caller asked us to stop.
    private mutating func verify(_ label: String, _ command: String, _ commit: ObjectID, build: Bool)
        throws(TaskFailure) -> CheckOutcome?
    {
        var runner = ["verify", "--source", Sandbox.source, "--commit", "\(commit)", "--test-command", command]
        if let setup = arguments.setupCommand { runner += ["--setup-command", setup] }
        if build, let text = arguments.buildCommand { runner += ["--build-command", text] }
        let (record, _) = try sandbox.run(label, runner: runner, in: delivery)
        guard let record else {
            evidence.outcome = .interrupted
            return nil
        }
        try checkSetUp(record, label)
        try observe(label, record)
        return CheckOutcome(record)
    }

    /// Runs the agent, and takes in what it delivers.
    private mutating func work(_ base: ObjectID) throws(TaskFailure) -> ObjectID? {
        Progress.say("task \(identifier): agent at work on \(branch)")
        var runner = [
            "task", "--source", Sandbox.source, "--base", "\(base)", "--branch", branch, "--prompt-version",
            evidence.promptVersion, "--evidence", evidence.openingDigest,
        ]
        for (name, command) in [
            ("setup", arguments.setupCommand), ("build", arguments.buildCommand), ("lint", arguments.lintCommand),
            ("test", arguments.testCommand),
        ] {
            if let command { runner += ["--\(name)-command", command] }
        }
        let most = Budget().bundleBytes
        guard try runAgent(runner, export: .init(name: "work.bundle", mostBytes: most)) else { return nil }
        return try takeIn(base)
    }

    /// Runs the sandbox with the agent in it.
    ///
    /// - Returns: Whether something came out; the evidence holds the outcome otherwise.
    mutating func runAgent(
        _ arguments: [String], export: Sandbox.Export, workspace: String? = nil, mounts: [String] = []
    )
        throws(TaskFailure) -> Bool
    {
        var runner = arguments + ["--task-id", identifier, "--prompt", Sandbox.prompt, "--task-file", Sandbox.task]
        var mounts =
            mounts + [
                "\(delivery.path)/prompt.md:\(Sandbox.prompt)", "\(delivery.path)/task.md:\(Sandbox.task)",
            ]
        if self.arguments.agentScript != nil {
            runner += ["--agent-script", Sandbox.script]
            mounts.append("\(delivery.path)/\(Sandbox.scriptFile):\(Sandbox.script)")
        } else if let command = self.arguments.agentCommand {
            runner += ["--agent-command", command]
        }
        runner += self.arguments.agentOptions
        let (record, end) = try sandbox.run(
            "work", runner: runner, in: delivery, mounts: mounts, workspace: workspace, export: export,
            frames: "frames.jsonl", options: self.arguments.modelOptions)
        guard let record else {
            evidence.outcome = .interrupted
            return false
        }
        try checkSetUp(record, "work")
        try observe("work", record)
        try evidence.readClaims(delivery)
        if case .interrupted = end { evidence.outcome = .interrupted }
        if evidence.outcome == nil { evidence.outcome = Outcome(work: record) }
        guard try delivery.contains(export.name), try delivery.size(export.name) > 0 else {
            if evidence.outcome == nil { evidence.outcome = .nothingToDeliver }
            return false
        }
        return true
    }

    /// - Returns: The commit that was taken in and judged; nil when it was refused.
    private mutating func takeIn(_ base: ObjectID) throws(TaskFailure) -> ObjectID? {
        let result = try intake(base).take("work.bundle", in: delivery)
        evidence.gate = result.gate
        evidence.refusal = result.refusal
        evidence.delivered = result.delivered
        if result.delivered == nil { evidence.outcome = evidence.outcome ?? .refused }
        try recordReceived()
        return result.delivered?.commit
    }

    /// Has the gate look once more, now that the tests have: at the branch as it is there, and at its tree.
    ///
    /// - Returns: Whether it passes; the evidence holds the outcome otherwise.
    private mutating func confirm(_ base: ObjectID) throws(TaskFailure) -> Bool {
        guard let delivered = evidence.delivered else { return false }
        let verdict = try intake(base).confirm(delivered, "work.bundle", in: delivery)
        evidence.gate = verdict
        guard verdict.isRefused else { return true }
        evidence.outcome = .refused
        evidence.refusal = verdict.refusal
        evidence.delivered = nil
        try recordReceived()
        return false
    }

    private func intake(_ base: ObjectID) -> Intake {
        Intake(
            step: step, rules: rules, reference: "refs/heads/\(branch)", base: base,
            trailers: (identifier, evidence.promptVersion, evidence.openingDigest))
    }

    func checkSetUp(_ record: SessionRecord, _ label: String) throws(TaskFailure) {
        guard record.outcome == "setup_failed" else { return }
        let reason = record.error ?? "its set-up failed"
        throw TaskFailure(
            "start", "the \(label) sandbox", reason, remedy: "See: sallyport doctor.")
    }

    var quarantineOwner: String { delivery.quarantineOwner?.text ?? "-" }
}

/// Where tasks are kept when nothing else is said.
enum StateDirectory {
    static func path(_ environment: [String]) throws(TaskFailure) -> String {
        func value(_ name: String) -> String? {
            environment.first { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) }
        }
        if let named = value("SALLYPORT_STATE_DIR"), !named.isEmpty { return named }
        if geteuid() == 0 { return "/var/lib/sallyport" }
        if let state = value("XDG_STATE_HOME"), state.hasPrefix("/") { return state + "/sallyport" }
        guard let home = value("HOME"), home.hasPrefix("/") else {
            throw TaskFailure("find", "the state directory", "HOME is not set", remedy: "Set SALLYPORT_STATE_DIR.")
        }
        return home + "/.local/state/sallyport"
    }
}
