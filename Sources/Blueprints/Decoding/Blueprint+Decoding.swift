// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Policy
internal import TaskModel

extension Blueprint {
    /// Reads one blueprint file. The world is closed: a key that nothing here acts on is an error.
    ///
    /// - Parameter file: How messages name the document; nothing is opened.
    /// - Throws: ``BlueprintRefusal`` with everything that is wrong with it.
    package static func read(_ bytes: [UInt8], file: String) throws(BlueprintRefusal) -> Blueprint {
        let flaws = FlawCollector()
        let node: Node
        do throws(DocumentError) { node = try Node.read(bytes, file: file) } catch {
            throw BlueprintRefusal([BlueprintFlaw(at: error.place, error.reason, remedy: error.remedy)])
        }
        let root = Section(node, path: "", keys: "", flaws: flaws)
        root.checkVersion()
        let blueprint = Blueprint(Reading(root), place: node.place, flaws)
        guard !flaws.hasErrors, let blueprint else {
            // A value that is missing without a flaw would be a mistake of ours; it is still no blueprint.
            if !flaws.hasErrors {
                flaws.add(BlueprintFlaw(at: node.place, "the blueprint is not complete", remedy: "Report this."))
            }
            throw BlueprintRefusal(flaws.flaws)
        }
        return blueprint
    }

    private init?(_ read: Reading, place: Place, _ flaws: FlawCollector) {
        guard let repo = read.repo, let reason = read.reason, let runner = read.runner, let pipeline = read.pipeline,
            let submitters = read.submitters
        else { return nil }
        self.repo = repo
        self.reason = reason
        self.runner = runner
        self.submitters = submitters
        self.pipeline = pipeline
        self.place = place
        source = read.source
        taskTypes = read.taskTypes
        profile = read.profile
        compute = read.compute
        agent = read.agent
        credentials = read.credentials
        sandbox = read.sandbox
        approvals = read.approvals
        budgets = read.budgets
        scope = read.scope
        screening = read.screening
        warnings = flaws.flaws.filter { $0.severity == .warning }
    }

    /// Every section, read once; nil is what has to be there and is not, or is wrong.
    private struct Reading {
        let repo: RepositoryName?
        let reason: String?
        let source: Source
        let submitters: [Principal]?
        let compute: ComputeType
        let agent: Agent
        let runner: Runner?
        let credentials: Credentials
        let sandbox: SandboxPart
        let budgets: Budgets
        let pipeline: Pipeline?
        let approvals: Approvals
        let scope: Scope
        let taskTypes: [TaskType]
        let profile: String
        let screening: Screening

        init(_ root: Section) {
            repo = root.repository()
            reason = root.text("reason", longest: 2000)
            source = root.section("source").source(isPresent: root.has("source"))
            submitters = root.principals("submitters")
            compute = root.section("compute").compute()
            budgets = root.section("budgets").budgets()
            agent = root.section("agent").agent(budgets)
            runner = root.has("runner") ? root.section("runner").runner() : nil
            credentials = root.section("credentials").credentials(source)
            sandbox = root.sandbox(reason ?? "")
            pipeline = root.section("pipeline").pipeline()
            approvals = root.section("approvals").approvals()
            scope = root.section("scope").scope()
            taskTypes = root.choices("task_types", TaskType.self) ?? TaskType.allCases
            profile = root.profileName("profile") ?? "build"
            screening = root.choice("screening", Screening.self) ?? .block
        }
    }
}

extension Section {
    func checkVersion() {
        guard let node = self["version"] else { return }
        if case .scalar("1", _) = node.value { return }
        wrong("version", "is not one that this program knows", "Write \"version: 1\".")
    }

    fileprivate func repository() -> RepositoryName? {
        guard let text = line("repo") else { return nil }
        guard let name = RepositoryName(text) else {
            wrong("repo", "is \"\(text)\", which names no repository", "Write \(RepositoryName.form).")
            return nil
        }
        return name
    }

    fileprivate func source(isPresent: Bool) -> Blueprint.Source {
        let source = Blueprint.Source(
            repository: line("repository", longest: 4000), forge: line("forge", longest: 4000),
            forgeURL: line("forge_url"), base: line("base", longest: 250))
        let isOnline = source.forge?.hasPrefix("github:") == true
        if isPresent, !has("repository"), !has("forge") {
            wrong(node, path, "names neither a repository nor a forge", "Add source.repository or source.forge.")
        }
        if let repository = source.repository, !repository.hasPrefix("/"), !repository.hasPrefix("https://") {
            wrong("repository", "is \"\(repository)\"", "Write an absolute path, or https://HOST/PATH.")
        }
        if let forge = source.forge, !isOnline, !forge.hasPrefix("/") {
            wrong("forge", "is \"\(forge)\"", "Write github:OWNER/NAME, or the absolute path of a directory.")
        }
        if isOnline, RepositoryName(String(source.forge?.dropFirst(7) ?? "")) == nil {
            wrong("forge", "names no repository", "Write github:\(RepositoryName.form).")
        }
        if isOnline, has("repository") {
            wrong("repository", "stands beside a forge that names the repository, too", "Remove it.")
        }
        if has("forge_url"), !isOnline {
            wrong(
                "forge_url", "stands without a forge of that address", "Add \"forge: github:OWNER/NAME\", or remove it."
            )
        }
        if let base = source.base, base.contains(" ") || base.hasPrefix("-") || base.contains("..") {
            wrong("base", "is \"\(base)\", which is no name of a branch", "Write the branch's name.")
        }
        return source
    }

    fileprivate func compute() -> ComputeType {
        let kind = choice("type", ComputeType.self) ?? .local
        if let configuration = StepConfiguration(self, "config"), configuration != .empty {
            wrong("config", "has values, and compute.type \(kind.rawValue) takes none", "Remove them.")
        }
        return kind
    }

    fileprivate func agent(_ budgets: Blueprint.Budgets) -> Blueprint.Agent {
        let turns = whole("max_turns", Bounds.turns) ?? 100
        let ceiling = whole("max_turns_ceiling", Bounds.turns) ?? turns
        if turns > ceiling { wrong("max_turns", "is more than max_turns_ceiling", "Lower the one or raise the other.") }
        let budget = dollars("max_budget_usd", Bounds.budget)
        if let budget, let most = budgets.perTask, budget > most {
            wrong("max_budget_usd", "is more than budgets.per_task_usd", "Lower the one or raise the other.")
        }
        return Blueprint.Agent(
            model: line("model", longest: 200), maxTurns: turns, maxTurnsCeiling: ceiling, maxBudget: budget,
            systemPrompt: text("system_prompt"))
    }

    fileprivate func runner() -> Blueprint.Runner? {
        let (preset, command) = (line("agent", longest: 40), text("command"))
        let promptBy = choice("prompt", AgentPreset.PromptBy.self)
        let (timeout, models) = (seconds("timeout", Bounds.session), absolute("models"))
        if has("agent") == has("command") {
            wrong(
                node, path, has("agent") ? "names a preset and a command" : "names no agent",
                "Write one of runner.agent and runner.command.")
            return nil
        }
        if let preset, !AgentPreset.isName(preset) {
            wrong("agent", "is \"\(preset)\", which is no name of a preset", "See sallyport agent list.")
        }
        if has("agent"), has("prompt") {
            wrong("prompt", "stands beside a preset, which says it itself", "Remove it.")
        }
        let program: Blueprint.Runner.Program
        if let preset {
            program = .preset(preset)
        } else if let command {
            program = .command(command, promptBy: promptBy ?? .file)
        } else {
            return nil
        }
        return Blueprint.Runner(
            program: program, timeoutSeconds: timeout, models: models)
    }

    fileprivate func credentials(_ source: Blueprint.Source) -> Blueprint.Credentials {
        let forge = credential("forge")
        var app: Blueprint.Credentials.App?
        if has("github_app") {
            let section = section("github_app")
            // A group: its halves are required together.
            let (id, key) = (section.whole("id", 1...Int(1 << 53)), section.credential("key"))
            let installation = section.whole("installation", 1...Int(1 << 53))
            if let id, let key { app = .init(id: id, key: key, installation: installation) }
            if has("forge") { wrong("github_app", "stands beside credentials.forge", "Keep one of the two.") }
            if source.forge?.hasPrefix("github:") != true {
                wrong("github_app", "is for a forge that there is not", "Write source.forge: github:OWNER/NAME.")
            }
        }
        return Blueprint.Credentials(forge: forge, app: app)
    }

    /// A reference, never a value: the file is stored, shown and compared in the clear.
    private func credential(_ name: String) -> String? {
        guard let text = line(name, longest: 4000) else { return nil }
        let isFile = text.hasPrefix("file:/") && !text.split(separator: "/").contains("..")
        let isNamed = text.hasPrefix("credential:") && Self.isFileName(text.dropFirst("credential:".count))
        guard isFile || isNamed else {
            wrong(
                name, "is no reference to a credential",
                "Write file:/path of a file that only its owner reads, or credential:NAME of systemd.")
            return nil
        }
        return text
    }

    private static func isFileName(_ text: Substring) -> Bool {
        (1...100).contains(text.utf8.count) && text.utf8.first != UInt8(ascii: ".")
            && !text.utf8.contains(where: { $0 <= 0x20 || $0 == UInt8(ascii: "/") || $0 >= 0x7F })
    }

    fileprivate func budgets() -> Blueprint.Budgets {
        let budgets = Blueprint.Budgets(
            perTask: dollars("per_task_usd", Bounds.budget), perDay: dollars("per_day_usd", Bounds.period),
            perMonth: dollars("per_month_usd", Bounds.period))
        let ordered = [
            ("per_task_usd", budgets.perTask), ("per_day_usd", budgets.perDay), ("per_month_usd", budgets.perMonth),
        ]
        .compactMap { name, amount in amount.map { (name, $0) } }
        for (smaller, larger) in zip(ordered, ordered.dropFirst()) where smaller.1 > larger.1 {
            wrong(smaller.0, "is more than budgets.\(larger.0)", "Lower the one or raise the other.")
        }
        return budgets
    }
}
