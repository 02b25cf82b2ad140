// SPDX-License-Identifier: Apache-2.0
internal import Delivery
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import TaskModel
internal import Workspace

/// One sandbox of a task once more, in a directory of its own:
///
///     result.git ─▶ step-pack ─▶ step-index ─▶ (after: step-import of result.bundle) ─▶ the sandbox ─▶ compared
struct Reproduction: ~Copyable {
    let bundle: ReproducedBundle
    let label: String
    let command: [String]?
    let processes: ChildProcess
    let sandbox: Sandbox
    let delivery: DeliveryDirectory
    let state: String
    private let isKept: Bool
    private let base: ObjectID

    static func make(
        _ bundle: ReproducedBundle, label: String, profile: String?, deliver: String?, command: [String]?,
        environment: [String]
    ) throws(TaskFailure) -> Reproduction {
        guard let base = bundle.evidence["base"]?["commit"]?.stringValue.flatMap({ ObjectID($0) }) else {
            throw TaskFailure(message: "the evidence names no base commit")
        }
        // Its prompt, its start and what it is compared with are those of one round among several.
        let isAlone = ["workflow", "continued"].allSatisfy { bundle.evidence[$0]?.isNull != false }
        guard label != "work" || isAlone else {
            throw TaskFailure(
                "reproduce", "sandbox \"work\"", "what came before it is not in this bundle",
                remedy: "Checks can be: --sandbox after.")
        }
        let recorded = try ProfileFile(try bundle.file("\(label).profile.yaml"))
        let values = try bundle.json("\(label).environment.json")
        let state = try StateDirectory.path(environment)
        let name = "\(bundle.evidence["task"]?.stringValue ?? "")-\(getpid())"
        let delivery = try DeliveryDirectory.make(
            deliver ?? state + "/reproduced/" + name, notInside: bundle.path)
        let processes = try ChildProcess()
        do throws(TaskFailure) {
            try delivery.write("\(label).recorded.yaml", try bundle.file("\(label).profile.yaml"))
            for name in ["prompt.md", "task.md"] {
                try delivery.write(name, try bundle.file(name), mode: 0o644)
            }
            if bundle.evidence["request"]?["agent_script"]?.isNull == false {
                try delivery.write(Sandbox.scriptFile, try bundle.file(Sandbox.scriptFile), mode: 0o644)
            }
            if label == "work", bundle.evidence["observed"]?["work"]?["forge"]?.isNull == false {
                try delivery.write(TaskRun.viewFile, try bundle.file(TaskRun.viewFile), mode: 0o644)
            }
            if label == "work", bundle.isReview {
                try delivery.write(Sandbox.patchFile, try bundle.file(Sandbox.patchFile), mode: 0o644)
            }
            var sandbox = try Sandbox(
                processes: processes, profile: profile ?? "\(delivery.path)/\(label).recorded.yaml",
                environment: Self.environment(environment, passed: recorded.passed, values: values))
            if let agent = bundle.evidence["request"]?["agent"]?.stringValue {
                sandbox.agentFiles = try AgentStore(programs: sandbox.programs, state: state).files(named: agent)
            }
            return Reproduction(
                bundle: bundle, label: label, command: command, processes: processes, sandbox: sandbox,
                delivery: delivery, state: state, isKept: deliver != nil, base: base)
        } catch {
            try delivery.discard()
            throw error
        }
    }

    private init(
        bundle: ReproducedBundle, label: String, command: [String]?, processes: ChildProcess, sandbox: Sandbox,
        delivery: consuming DeliveryDirectory, state: String, isKept: Bool, base: ObjectID
    ) {
        self.bundle = bundle
        self.label = label
        self.command = command
        self.processes = processes
        self.sandbox = sandbox
        self.delivery = delivery
        self.state = state
        self.isKept = isKept
        self.base = base
    }

    /// What the profile passes on is what it was; everything else of the caller's is for `sallyport` itself.
    private static func environment(_ own: [String], passed: [String], values: JSON) -> [String] {
        let recorded = passed.filter { values[$0]?.isNull != true }
        let kept = own.filter { entry in !recorded.contains { entry.hasPrefix($0 + "=") } }
        return kept + recorded.compactMap { name in values[name]?.stringValue.map { "\(name)=\($0)" } }
    }

    /// Runs it and says how it compares.
    mutating func run(json: Bool) throws(TaskFailure) -> Int32 {
        var failure: TaskFailure?
        var code: Int32 = 125
        do throws(TaskFailure) { code = try compare(json: json) } catch { failure = error }
        if isKept { try delivery.settle() } else { try delivery.discard() }
        if let failure { throw failure }
        return code
    }

    private mutating func compare(json: Bool) throws(TaskFailure) -> Int32 {
        try prepare()
        let argv = try bundle.json("\(label).plan.json")["argv"]?.arrayValue?.compactMap(\.stringValue) ?? []
        let repository = try agentRepository(argv)
        let (record, end) = try sandbox.again(
            label, argv, isReview: bundle.isReview, git: repository?.description, instead: command, in: delivery)
        guard let record else { throw TaskFailure(message: "the reproduction was interrupted") }
        if record.outcome == "setup_failed" {
            throw TaskFailure(
                "start", "the sandbox", record.error ?? "its set-up failed", remedy: "See: sallyport doctor.")
        }
        var comparison = try Comparison(bundle: bundle, label: label, delivery: delivery, state: state)
        comparison.isOtherCommand = command != nil
        try comparison.compare(record)
        if command == nil, label == "work" {
            comparison.product = bundle.isReview ? try findings() : try tree(repository)
        }
        let text = json ? comparison.json.compactText + "\n" : comparison.text
        // A command's output is the command's alone.
        Progress.write(text, to: command == nil ? 1 : 2)
        guard command != nil else { return comparison.isEqual ? 0 : 1 }
        return switch end {
        case .exited(let code): code
        case .signalled(let signal), .interrupted(let signal): 128 + signal
        case .late: 128 + SIGKILL
        }
    }

    /// What the session found at git.internal; nil where it had no such repository.
    private borrowing func agentRepository(_ argv: [String]) throws(TaskFailure) -> AgentRepository? {
        func told(_ name: String) -> String? { zip(argv, argv.dropFirst()).first { $0.0 == name }?.1 }
        guard label == "work", let name = told("--origin").flatMap({ AgentRepository.name(in: $0) }),
            let branch = told("--branch")
        else { return nil }
        let found = bundle.evidence["upstream"]?["branch_found"]?.isNull == false
        let repository = try AgentRepository(
            in: delivery, name: name, task: told("--task-id") ?? "", branch: branch, base: base,
            begun: bundle.evidence["base"]?["name"]?.stringValue ?? "",
            continued: found || bundle.evidence["type"]?.stringValue == "pr_iteration")
        try repository.make(ConfinedStep(processes: processes), in: delivery)
        return repository
    }

    /// The repository that the sandbox clones, as it was then.
    private borrowing func prepare() throws(TaskFailure) {
        Progress.say("reproducing \(label): reading \(bundle.path.displayed)")
        let step = ConfinedStep(processes: processes)
        let repository = bundle.path + "/" + StepProcess.repositoryName
        let pack = try delivery.create("base.pack")
        _ = try step.run(
            [
                "step-pack", "--repo", repository, "--base", "\(base)", "--become",
                try ConfinedStep.owner(of: repository),
            ],
            outputs: [pack.number])
        let owner = delivery.quarantineOwner?.text ?? "-"
        let input = try delivery.open("base.pack")
        _ = try step.run(
            ["step-index", "--base", "\(base)", "--quarantine", delivery.quarantine, "--become", owner],
            input: input.number)
        try delivery.remove("base.pack")
        if label == "work", bundle.isReview {
            // The change itself is the bundle's; only the tree is made anew.
            let change = try delivery.create("unused.patch")
            _ = try step.run(
                [
                    "step-checkout", "--head", "\(base)", "--base", "\(base)", "--quarantine", delivery.quarantine,
                    "--become", owner,
                ], outputs: [change.number])
            try delivery.remove("unused.patch")
        }
        guard label.hasPrefix("after") || label.hasPrefix("check-") else { return }
        let result = try host { () throws(SystemError) in try Descriptor.open(bundle.path + "/result.bundle", O_RDONLY)
        }
        // It passed the gate before it was signed.
        _ = try step.run(
            [
                "step-import", "--base", "\(base)", "--reference", reference, "--quarantine", delivery.quarantine,
                "--become", owner, "--task-id", "-",
            ], input: result.number)
    }

    /// What the runner was told to deliver.
    private var reference: String {
        get throws(TaskFailure) {
            let told = try bundle.json("work.plan.json")["argv"]?.arrayValue?.compactMap(\.stringValue) ?? []
            return "refs/heads/" + (zip(told, told.dropFirst()).first { $0.0 == "--branch" }?.1 ?? "")
        }
    }

    /// The digest of what a review left; nil when it left nothing.
    private borrowing func findings() throws(TaskFailure) -> String? {
        let name = Sandbox.findings.name
        guard try delivery.contains(name), try delivery.size(name) > 0 else { return nil }
        return try delivery.digest(name)
    }

    /// The tree that came out of the work sandbox; nil when nothing did, or nothing that is taken.
    private borrowing func tree(_ repository: AgentRepository?) throws(TaskFailure) -> String? {
        if try !Sandbox.hasBundle(in: delivery) {
            guard let repository else { return nil }
            let step = ConfinedStep(processes: processes)
            guard try repository.read(step, into: Sandbox.bundle, in: delivery).tip != nil else { return nil }
        }
        let recorded = bundle.evidence["gate"]
        var rules = GateRules()
        if let json = recorded?["rules"] {
            do throws(DocumentError) {
                rules = try GateRules(
                    try Node.read(JSONWriter().write(json), file: "the recorded rules", limits: .record))
            } catch { throw TaskFailure(message: "\(error)") }
        }
        var intake = Intake(
            step: ConfinedStep(processes: processes), rules: rules, reference: try reference, base: base)
        intake.trailers = (
            bundle.evidence["task"]?.stringValue ?? "", bundle.evidence["prompt"]?["version"]?.stringValue ?? "",
            bundle.evidence["opening"]?["sha256"]?.stringValue ?? ""
        )
        let result = try intake.take(Sandbox.bundle, in: delivery)
        // What the gate refused then left nothing to compare with.
        let isRefused = recorded?["verdict"]?.stringValue == "refused"
        return (isRefused ? result.delivered?.tree : result.tree)?.description
    }
}

extension Sandbox {
    /// Runs a recorded command line of the runner, or a command in its place, with everything else as it was.
    func again(
        _ label: String, _ argv: [String], isReview: Bool, git: String?, instead command: [String]?,
        in delivery: borrowing DeliveryDirectory
    ) throws(TaskFailure) -> (record: SessionRecord?, end: ChildEnd) {
        guard argv.first == Self.runner else {
            throw TaskFailure(
                "rebuild", "the sandbox", "its command was not the runner", remedy: "It was made by another version.")
        }
        let isWork = label == "work"
        let reviews = isWork && isReview
        var mounts: [String] = []
        if isWork {
            if reviews { mounts.append("\(delivery.path)/\(Self.patchFile):\(Self.patch)") }
            mounts += ["\(delivery.path)/prompt.md:\(Self.prompt)", "\(delivery.path)/task.md:\(Self.task)"]
            if let agentFiles { mounts.append("\(agentFiles):\(AgentPreset.place)") }
            if try delivery.contains(Self.scriptFile) {
                mounts.append("\(delivery.path)/\(Self.scriptFile):\(Self.script)")
            }
        }
        return try run(
            label, runner: Array(argv.dropFirst()), in: delivery,
            mounts: mounts, workspace: reviews ? delivery.checkout : nil,
            export: reviews
                ? Self.findings : isWork ? .init(name: Self.bundle, mostBytes: Budget().bundleBytes) : nil,
            git: git, forge: try delivery.contains(TaskRun.viewFile) ? "\(delivery.path)/\(TaskRun.viewFile)" : nil,
            frames: isWork ? "frames.jsonl" : nil, instead: command)
    }
}
