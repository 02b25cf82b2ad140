// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import Workspace

/// One task on this host, from the caller's repository to the delivered branch and its evidence.
///
///     step-pack ─▶ step-index ─▶ sandbox: before ─▶ sandbox: work ─▶ step-import ─▶ sandbox: after ─▶ evidence
///      (owner)      (own id)       observed           claimed         (own id)        observed
struct TaskRun: ~Copyable {
    let arguments: TaskArguments
    let text: TaskText
    let processes: ChildProcess
    let sandbox: Sandbox
    let delivery: DeliveryDirectory
    var evidence: Evidence

    private var identifier: String { evidence.task }
    private var branch: String { evidence.branch }
    private var step: ConfinedStep { ConfinedStep(processes: processes) }

    /// Checks the arguments, finds the programs and makes the delivery directory.
    static func make(_ arguments: TaskArguments, environment: [String]) throws(TaskFailure) -> TaskRun {
        let text = try TaskText(argument: arguments.task)
        // Read again when they are needed; a mistake in them must not cost the work of an agent.
        _ = try Gate.rules(arguments.rules)
        // CLOCK_REALTIME
        let milliseconds = sp_clock_ns(0) / 1_000_000
        let random = try host { () throws(SystemError) in try randomBytes(10) }
        let identifier = TaskIdentifier(milliseconds: milliseconds, random: random)
        let processes = try ChildProcess()
        let sandbox = try Sandbox(processes: processes, profile: arguments.profile, environment: environment)
        let evidence = Evidence(
            task: "\(identifier)", repository: arguments.repository, branch: "sallyport/\(identifier)/\(text.slug)",
            startedMilliseconds: Int(milliseconds))
        let directory =
            if let named = arguments.deliver {
                named
            } else {
                try StateDirectory.path(environment) + "/tasks/\(identifier)"
            }
        return TaskRun(
            arguments: arguments, text: text, processes: processes, sandbox: sandbox, evidence: evidence,
            delivery: try DeliveryDirectory.make(directory, notInside: arguments.repository))
    }

    private init(
        arguments: TaskArguments, text: TaskText, processes: ChildProcess, sandbox: Sandbox, evidence: Evidence,
        delivery: consuming DeliveryDirectory
    ) {
        self.arguments = arguments
        self.text = text
        self.processes = processes
        self.sandbox = sandbox
        self.evidence = evidence
        self.delivery = delivery
    }

    /// Runs the task; the evidence holds the outcome afterwards.
    mutating func run() throws(TaskFailure) {
        let base = try prepare()
        try verify("before", base)
        guard evidence.outcome == nil else { return }
        let delivered = try work(base)
        guard let delivered else { return }
        if let claim = evidence.outcome, claim != .agentFailed { return }
        try verify("after", delivered)
        if evidence.outcome == nil { evidence.decide(hasTest: arguments.testCommand != nil) }
    }

    /// Clones the base commit's history into the host's repository.
    private mutating func prepare() throws(TaskFailure) -> ObjectID {
        Progress.say("task \(identifier): reading \(PrintableText.escapedOnce(arguments.repository))")
        try delivery.write("prompt.md", Array(text.text.utf8), mode: 0o644)
        let pack = try delivery.create("base.pack")
        var command = ["step-pack", "--repo", arguments.repository, "--become", try ownerOfRepository()]
        if let base = arguments.base { command += ["--base", base] }
        let report = try step.run(command, outputs: [pack.number])
        let base = try report.commit("base")
        evidence.base = base
        evidence.baseName = report["name"] ?? ""
        evidence.baseIsDetached = report["detached"] == "yes"
        if evidence.baseIsDetached { Progress.say("note: HEAD is detached; the task starts from commit \(base)") }
        let input = try delivery.open("base.pack")
        _ = try step.run(
            ["step-index", "--base", "\(base)", "--quarantine", delivery.quarantine, "--become", quarantineOwner],
            input: input.number)
        try delivery.remove("base.pack")
        return base
    }

    /// Runs the test command on one commit in a sandbox of its own.
    private mutating func verify(_ label: String, _ commit: ObjectID) throws(TaskFailure) {
        guard let test = arguments.testCommand else { return }
        Progress.say("task \(identifier): testing the \(label == "before" ? "base" : "delivered") commit \(commit)")
        let (record, _) = try sandbox.run(
            label, runner: ["verify", "--source", Sandbox.source, "--commit", "\(commit)", "--test-command", test],
            in: delivery)
        guard let record else {
            evidence.outcome = .interrupted
            return
        }
        try checkSetUp(record, label)
        evidence.observe(label, record)
        Progress.say("task \(identifier): test \(label): \(TestOutcome(record).rawValue)")
    }

    /// Runs the agent, and takes in what it delivers.
    private mutating func work(_ base: ObjectID) throws(TaskFailure) -> ObjectID? {
        Progress.say("task \(identifier): agent at work on \(branch)")
        let budget = Budget()
        var runner = [
            "task", "--source", Sandbox.source, "--base", "\(base)", "--branch", branch, "--task-id", identifier,
            "--prompt", Sandbox.prompt, "--agent-command", arguments.agentCommand,
        ]
        if let test = arguments.testCommand { runner += ["--test-command", test] }
        let (record, end) = try sandbox.run(
            "work", runner: runner, in: delivery, mounts: ["\(delivery.path)/prompt.md:\(Sandbox.prompt)"],
            export: .init(name: "work.bundle", mostBytes: budget.bundleBytes), frames: "frames.jsonl")
        guard let record else {
            evidence.outcome = .interrupted
            return nil
        }
        try checkSetUp(record, "work")
        evidence.observe("work", record)
        try evidence.readClaims(delivery)
        if case .interrupted = end { evidence.outcome = .interrupted }
        if evidence.outcome == nil { evidence.outcome = Outcome(work: record) }
        guard try hasBundle() else {
            if evidence.outcome == nil { evidence.outcome = .nothingToDeliver }
            return nil
        }
        return try takeIn(base)
    }

    private mutating func takeIn(_ base: ObjectID) throws(TaskFailure) -> ObjectID? {
        let bundle = try delivery.open("work.bundle")
        let report = try step.run(
            [
                "step-import", "--base", "\(base)", "--reference", "refs/heads/\(branch)", "--quarantine",
                delivery.quarantine, "--become", quarantineOwner,
            ], input: bundle.number)
        if let reason = report["refused"] {
            evidence.outcome = evidence.outcome ?? .refused
            evidence.refusal = reason
            return nil
        }
        let tip = try report.commit("tip")
        let rules = try Gate.rules(arguments.rules, branch: branch)
        let verdict = try Gate(step: step, rules: rules).judge(
            tip, base: base, bundle: "work.bundle", in: delivery)
        evidence.gate = verdict
        guard !verdict.isRefused else {
            evidence.outcome = evidence.outcome ?? .refused
            evidence.refusal = verdict.refusal
            try delivery.withdraw()
            return nil
        }
        evidence.delivered = try Delivered(report, tip: tip)
        return tip
    }

    private borrowing func hasBundle() throws(TaskFailure) -> Bool {
        guard try delivery.contains("work.bundle") else { return false }
        return try delivery.size("work.bundle") > 0
    }

    private func checkSetUp(_ record: SessionRecord, _ label: String) throws(TaskFailure) {
        guard record.outcome == "setup_failed" else { return }
        let reason = record.error ?? "its set-up failed"
        throw TaskFailure(
            "start", "the \(label) sandbox", reason, remedy: "See: sallyport doctor.")
    }

    private var quarantineOwner: String { delivery.quarantineOwner?.text ?? "-" }

    /// Who reads the caller's repository: its owner, when we are root and somebody else owns it.
    private borrowing func ownerOfRepository() throws(TaskFailure) -> String {
        guard geteuid() == 0 else { return "-" }
        let path = arguments.repository
        let status = try host { () throws(SystemError) in
            try FileStatus.of(try Descriptor.open(path, O_PATH), subject: "\"\(path)\"")
        }
        return status.uid == 0 ? "-" : "\(status.uid):\(status.gid)"
    }
}

/// Where tasks are kept when no `--deliver` says otherwise.
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
