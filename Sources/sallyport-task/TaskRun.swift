// SPDX-License-Identifier: Apache-2.0
internal import Blueprints
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
///
/// A repository of the web is copied to this host before, and gets the branch in the end; see ``TaskUpstream``.
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
    /// Nil for a task that nobody looks after: then what was ordered decides.
    let claim: SessionClaim?
    /// Nil for a repository of this host.
    var upstream: TaskUpstream?
    var evidence: Evidence
    var audit: TaskAudit
    /// The file that brought what lies in the quarantine.
    var takenBundle = Sandbox.bundle

    private static let longestScript = 4 << 20

    var identifier: String { evidence.task }
    var branch: String { evidence.branch }
    var step: ConfinedStep { ConfinedStep(processes: processes) }

    /// Checks the arguments, finds the programs and makes the delivery directory.
    static func make(
        _ arguments: TaskArguments, _ forge: TaskForge?, _ processes: ChildProcess, _ claim: SessionClaim?,
        environment: [String]
    ) throws(TaskFailure) -> TaskRun {
        let state = try StateDirectory.path(environment)
        var arguments = arguments
        var agentFiles: String?
        if let name = arguments.agent {
            let store = try AgentStore(programs: try Sandbox.ownDirectory(), state: state)
            let preset = try store.preset(name)
            try arguments.use(preset, AgentModel(preset, arguments))
            agentFiles = store.files(of: preset)
        }
        let order = try TaskOrder(arguments, forge)
        let milliseconds = sp_clock_ns(CLOCK_REALTIME) / 1_000_000
        let random = try host { () throws(SystemError) in try randomBytes(10) }
        let identifier = arguments.identifier ?? TaskIdentifier(milliseconds: milliseconds, random: random)
        var sandbox = try Sandbox(
            processes: processes, profile: arguments.profileName,
            environment: (arguments.credential ?? arguments.appKey)?.withheld(from: environment) ?? environment,
            models: try ModelSecrets.references(in: arguments.model))
        sandbox.agentFiles = agentFiles
        let correlation = arguments.correlation ?? CorrelationID(task: "\(identifier)", sha256: Digest.sha256)
        sandbox.correlation = correlation
        let branch =
            order.pull?.head ?? arguments.branch ?? "sallyport/\(identifier)/\(TaskText.slug(of: order.item.title))"
        var rules = try GateStep.rules(arguments.rules, branch: branch, of: order.item)
        if let settled = arguments.settled { rules.narrow(settled.snapshot.blueprint.scope) }
        let evidence = Evidence(
            task: "\(identifier)", correlation: correlation, order: order, arguments: arguments, branch: branch,
            startedMilliseconds: Int(milliseconds))
        let upstream = try order.upstream.map { (url) throws(TaskFailure) in
            var access = UpstreamAccess(environment: environment)
            (access.credential, access.authorities) = (arguments.credential, arguments.authorities)
            if case .github(let github)? = forge {
                access.credential = github.source.reference
                access.minted = { () throws(TaskFailure) in try github.secret() }
            }
            access.seconds = arguments.seconds ?? HostGit.longest
            return try TaskUpstream(url, access, state: state)
        }
        // A key that cannot be used is better known now than after hours of work.
        let keys = try EvidenceKey.checked(state)
        let delivery = try DeliveryDirectory.make(
            arguments.output ?? state + "/tasks/\(identifier)",
            notInside: order.upstream == nil ? order.repository : nil)
        if let settled = arguments.settled {
            do throws(TaskFailure) {
                try delivery.write(TaskBlueprint.file, settled.bytes, mode: 0o644)
                sandbox.profile = try settled.writeProfile(into: delivery, by: processes, environment: environment)
            } catch {
                try delivery.discard()
                throw error
            }
        }
        let audit = try TaskAudit(delivery)
        return TaskRun(
            arguments: arguments, order: order, rules: rules, processes: processes, sandbox: sandbox,
            evidence: evidence,
            delivery: delivery, keys: keys, state: state, claim: claim, upstream: upstream, audit: audit)
    }

    private init(
        arguments: TaskArguments, order: TaskOrder, rules: GateRules, processes: ChildProcess, sandbox: Sandbox,
        evidence: Evidence, delivery: consuming DeliveryDirectory, keys: KeyStore, state: String,
        claim: SessionClaim?, upstream: TaskUpstream?, audit: consuming TaskAudit
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
        self.claim = claim
        self.upstream = upstream
        self.audit = audit
    }

    /// Runs the task; the evidence holds the outcome afterwards.
    mutating func run() throws(TaskFailure) {
        try recordCreated()
        Progress.say("task \(identifier): its records bear \(evidence.correlation)")
        let base = try prepare()
        evidence.continued = try takeUp(base)
        try assemblePrompt(base)
        try recordBase()
        for command in evidence.verification.commands { try check(command, .before, base) }
        guard evidence.outcome == nil else { return }
        evidence.machine = try hostFacts()
        try delivery.write(Manifest.openingName, JSONWriter().write(evidence.opening) + [10], mode: 0o644)
        evidence.openingDigest = try delivery.digest(Manifest.openingName)
        guard order.type.writes else { return try review(base) }
        guard
            let delivered = arguments.workflow == .direct
                ? try work(base, from: evidence.continued) : try planBuildReview(base)
        else {
            // What an earlier attempt left is no result of this one.
            if evidence.continued != nil, evidence.delivered == nil { try intake(base).takeBack(in: delivery) }
            return
        }
        if let claim = evidence.outcome, claim != .agentFailed { return }
        for command in evidence.verification.commands { try check(command, .after, delivered) }
        try checkCriteria(delivered)
        if evidence.outcome == .interrupted { return }
        let decision = evidence.verification.decision
        if evidence.outcome == nil { evidence.outcome = decision }
        if decision.isSuccess { try measure(base, delivered) }
        if evidence.outcome == .interrupted { return }
        if decision.isSuccess, try confirm(base), try release() { try publish(base) }
    }

    /// Clones the base commit's history into the host's repository.
    mutating func prepare() throws(TaskFailure) -> ObjectID {
        Progress.say("task \(identifier): reading \(PrintableText.escapedOnce(order.repository))")
        guard upstream != nil else {
            return try prepare(from: [order.repository, "--become", try ConfinedStep.owner(of: order.repository)])
        }
        return try prepareFromUpstream()
    }

    /// - Parameter place: The repository of this host to read, and as whom, in the words of `step-pack`.
    mutating func prepare(from place: [String]) throws(TaskFailure) -> ObjectID {
        let pack = try delivery.create("base.pack")
        var command = ["step-pack", "--shown", order.repository, "--repo"] + place
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
        if let pull = order.pull {
            evidence.parting = try report.commit("merge_base")
            let standing = PullStanding(
                base: pull.base, behind: try report.number("behind"), conflicts: report.all("conflict"),
                conflictCount: try report.number("conflicts"))
            evidence.standing = standing
            if let text = standing.text { Progress.say("note: \(text)") }
        }
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

    /// Puts the task's prompt together, outside and before anything runs.
    private mutating func assemblePrompt(_ base: ObjectID) throws(TaskFailure) {
        try delivery.write("task.md", Array(order.text.utf8), mode: 0o644)
        if let script = arguments.agentScript {
            // What ran is then what was signed.
            let bytes = try host { () throws(SystemError) in
                try Descriptor.open(script, O_RDONLY).readAll(limit: Self.longestScript, subject: "\"\(script)\"")
            }
            try delivery.write(Sandbox.scriptFile, bytes, mode: 0o644)
        }
        let report = try writePrompt(PromptPlan(order, extra: taken), "prompt.md", base)
        evidence.promptDigest = try delivery.digest("prompt.md")
        evidence.promptSegments = report.all("segment")
        for what in report.all("omitted") { Progress.say("note: no room in the prompt for \(what): left out") }
        for note in report.all("note") { Progress.say("note: \(note)") }
    }

    /// What the agent is told of an earlier attempt.
    private var taken: [Hydration.Source] {
        guard let continued = evidence.continued else { return [] }
        return [
            .init(
                "earlier attempt", .operator,
                "This was tried before and not finished. The branch has the commits of that attempt, up to \(continued): look at "
                    + "them first, and go on from there.")
        ]
    }

    /// Has a confined step put a prompt together.
    ///
    /// - Parameter name: Of the new file in the delivery directory.
    func writePrompt(_ plan: PromptPlan, _ name: String, _ base: ObjectID) throws(TaskFailure) -> StepReport {
        try delivery.write("prompt.plan", JSONWriter().write(plan.json))
        let input = try delivery.open("prompt.plan")
        let output = try delivery.create(name, mode: 0o644)
        // A pull request must not change the rules for the work on itself: those of its base count.
        var command = [
            "step-prompt", "--rules", "\(evidence.parting ?? base)", "--quarantine", delivery.quarantine, "--become",
            quarantineOwner, "--screening", (arguments.settled?.snapshot.blueprint.screening ?? .strip).rawValue,
        ]
        if evidence.parting != nil { command += ["--head", "\(base)"] }
        let report = try step.run(command, input: input.number, outputs: [output.number])
        try delivery.remove("prompt.plan")
        return report
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
        try host { () throws(SystemError) in
            try OwnDirectories.resolve(asRoot: geteuid() == 0) { name in
                environment.first { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) }
            }
        }.state
    }
}
