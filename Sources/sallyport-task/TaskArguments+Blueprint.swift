// SPDX-License-Identifier: Apache-2.0
internal import Blueprints
internal import Delivery
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import Policy
internal import TaskModel
internal import Workspace

/// The blueprint that a task lives by, as the daemon stored it when it took the task.
struct TaskBlueprint {
    let snapshot: TaskSnapshot
    let bytes: [UInt8]
    let digest: String
    /// The file that it came in, for `sallyport blueprint show --snapshot`.
    let path: String

    init(_ path: String, task: String) throws(TaskFailure) {
        self.path = path
        let bytes = try host { () throws(SystemError) in
            try TrustedFile.open(path, what: "blueprint ").readAll(limit: 1 << 20, subject: "\"\(path)\"")
        }
        do throws(BlueprintRefusal) { snapshot = try TaskSnapshot.load(bytes, of: task) } catch {
            throw TaskFailure(message: "\(error)", code: SequenceRule.code)
        }
        self.bytes = bytes
        digest = Digest.sha256(bytes)
    }
}

extension TaskArguments {
    /// Options beside which a blueprint would not be the one that decides.
    static let besideBlueprint: Set<String> = [
        "--blueprint", "--hydration", "--hydration-sha256", "--type", "--task", "--issue", "--pr", "--criteria",
        "--memory", "--continue", "--out", "--deliver", "--id", CorrelationID.option, "--json",
    ]

    /// Takes everything that the request does not say from the snapshot of the task's blueprint.
    mutating func use(_ blueprint: TaskBlueprint) throws(TaskFailure) {
        let (declared, limits) = (blueprint.snapshot.blueprint, blueprint.snapshot.limits)
        guard type == blueprint.snapshot.type else {
            throw TaskFailure(
                "begin", "a \(type.rawValue)", "its blueprint was settled for a \(blueprint.snapshot.type.rawValue)",
                remedy: "Submit the task again.")
        }
        settled = blueprint
        forge = declared.source.forge
        forgeServer = declared.source.forgeURL
        // A pull request has its own branches, in the forge's repository.
        if !type.needsPullRequest {
            base = declared.source.base
            if !isOnline { repository = declared.source.repository }
        }
        try use(declared.credentials)
        switch declared.runner.program {
        case .preset(let name):
            agent = name
            agentModel = limits.model?.value
        case .command(let command, let promptBy):
            agentCommand = command
            agentOptions += ["--prompt-by", promptBy.rawValue]
        }
        if let seconds = declared.runner.timeoutSeconds { agentOptions += ["--agent-timeout", "\(seconds)"] }
        if let models = declared.runner.models {
            model = models
            budget = limits.maxBudget.map { Money.text($0.value) }
            turns = limits.maxTurns.value
        } else {
            // Nothing counts its answers, so what counts is what it tells of itself.
            agentOptions += ["--agent-turns", "\(limits.maxTurns.value)"]
        }
        (setupCommand, buildCommand) = (declared.pipeline.setupCommand, declared.pipeline.buildCommand)
        (lintCommand, testCommand) = (declared.pipeline.lintCommand, declared.pipeline.testCommand)
        measureCommand = declared.pipeline.measureCommand
        workflow = declared.pipeline.workflow
        switch declared.pipeline.gate {
        case .pass: gate = .pass
        case .regression: gate = .regression
        }
    }

    private mutating func use(_ declared: Blueprint.Credentials) throws(TaskFailure) {
        guard isOnline || repository?.contains("://") == true else { return }
        func reference(_ text: String) throws(TaskFailure) -> CredentialReference {
            guard let reference = CredentialReference(text) else {
                throw TaskFailure(
                    "use", "the blueprint's credential", "it is no reference", remedy: "Write another into it.")
            }
            return reference
        }
        if let forge = declared.forge { credential = try reference(forge) }
        if let app = declared.app {
            self.app = app.id
            appKey = try reference(app.key)
            installation = app.installation
        }
    }
}

extension TaskBlueprint {
    /// Writes the profile of the task's sandboxes into the delivery directory: the operator's, as the blueprint narrows it.
    ///
    /// - Returns: Its path, which `sallyport run --profile` takes.
    func writeProfile(
        into delivery: borrowing DeliveryDirectory, by processes: ChildProcess, environment: [String]
    ) throws(TaskFailure) -> String {
        let file = try delivery.create(Self.profileFile)
        let log = try MemoryFile.make(name: "profile-log")
        let end = try processes.run(
            ["\(try Sandbox.ownDirectory())/sallyport", "blueprint", "show", "--snapshot", path, "--profile"],
            environment: environment, descriptors: [-1, file.number, log.number])
        guard case .exited(0) = end else {
            MemoryFile.rewind(log)
            let said = try host { () throws(SystemError) in
                try log.readAll(limit: 1 << 20, subject: "what sallyport said")
            }
            throw TaskFailure(
                "resolve", "profile \"\(snapshot.blueprint.profile)\"",
                PrintableText.escaped(said.split(separator: 0x0A).last ?? [], longest: 1000),
                remedy: "Mend the profile or the blueprint, and submit the task again.")
        }
        return "\(delivery.path)/\(Self.profileFile)"
    }

    static let profileFile = "task-profile.yaml"
    static let file = "blueprint.json"

    var json: JSON {
        [
            "file": .string(Self.file), "sha256": .string(digest), "repo": .string(snapshot.blueprint.repo.description),
            "profile": .string(snapshot.blueprint.profile),
        ]
    }
}

extension GateRules {
    /// Holds what arrives within what the blueprint lets a task change.
    mutating func narrow(_ scope: Blueprint.Scope) {
        if let writable = scope.writable {
            paths = writable
            outside = .refuse
        }
        if let most = scope.maxFiles { limits.files = min(limits.files, most) }
        if let most = scope.maxBytes { limits.bytes = min(limits.bytes, Int(clamping: most)) }
    }
}
