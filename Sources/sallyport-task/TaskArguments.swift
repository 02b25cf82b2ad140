// SPDX-License-Identifier: Apache-2.0
internal import Blueprints
internal import Delivery
internal import Documents
internal import LinuxSystem
internal import TaskModel
internal import Workspace

/// The command line of `sallyport task run`.
struct TaskArguments {
    /// What a finished task hands over.
    enum Deliver: String {
        case branch
        case pullRequest = "pr"
        case patch
    }

    private(set) var type = TaskType.newTask
    var repository: String?
    var credential: CredentialReference?
    private(set) var authorities: String?
    /// Longest time for each transfer with an upstream.
    private(set) var seconds: Int?
    /// The delivered branch by its short name; nil for one of the task's own.
    private(set) var branch: String?
    private(set) var task: String?
    private(set) var issue: String?
    var pullRequest: Int?
    private(set) var criteria: String?
    private(set) var instructions: String?
    private(set) var memory: String?
    var forge: String?
    /// Address of the forge's server; nil for the one that everybody means.
    var forgeServer: String?
    /// Number of an App, which has tokens minted; nil for a token by reference.
    var app: Int?
    var appKey: CredentialReference?
    var installation: Int?
    /// The delivered commit gets a status.
    private(set) var marksCommit = false
    var agent: String?
    var agentModel: String?
    /// A directory of what is put below the agent's `$HOME`.
    private(set) var agentFiles: String?
    var agentCommand: String?
    private(set) var agentScript: String?
    var agentOptions: [String] = []
    /// The file of `--model`, and what stands in for its limits.
    var model: String?
    var budget: String?
    var turns: Int?
    var setupCommand: String?
    var buildCommand: String?
    var lintCommand: String?
    var testCommand: String?
    var measureCommand: String?
    var gate = Gate.pass
    var workflow = Workflow.direct
    private var reviewRounds: Int?
    var base: String?
    private(set) var profileName: String?
    private(set) var deliver: Deliver?
    var output: String?
    private(set) var rules: String?
    /// The result directory of an earlier attempt, whose commits are worked on.
    private(set) var continues: String?
    private(set) var keep = false
    private(set) var json = false
    /// What was gathered for the prompt before, and its digest.
    private(set) var hydration: String?
    private(set) var hydrationDigest: String?
    /// The blueprint that says everything that the request does not; nil where the operator's own hand does.
    var settled: TaskBlueprint?
    /// The task's name, where somebody else has chosen it.
    private(set) var identifier: TaskIdentifier?
    /// Nil for the one that is made of that name.
    private(set) var correlation: CorrelationID?

    /// The forge is a repository of GitHub, and no directory of this host.
    var isOnline: Bool { forge?.hasPrefix(GitHubAddress.scheme) == true }

    /// Something is written to the forge's repository.
    var pushes: Bool { type.writes && deliver != .patch }

    /// Of the sandbox with the agent in it.
    var profile: String {
        settled?.snapshot.blueprint.profile ?? profileName ?? (type.writes ? "build" : "review")
    }

    static let usage = """
        usage: sallyport task run [--type TYPE] (--repo PATH|URL | --forge FORGE) [--task TEXT|@FILE] [--issue NUMBER|FILE]
                   [--pr NUMBER] (--agent NAME | --agent-command CMD | --agent-script FILE) [options]
               sallyport task run --blueprint FILE [--type TYPE] [--task TEXT|@FILE] [--issue NUMBER] [--pr NUMBER]
                   [--criteria FILE] [--out DIR]

        Clones the base commit into a sandbox, runs the agent there, takes the branch it leaves into a repository of
        the host, and runs the project's commands on the base and on the delivered commit, each in a sandbox of its own.

        what to do
          --type TYPE             new_task (default), pr_iteration: more commits on an open pull request,
                                  pr_review: findings about one, in a workspace that cannot be written
          --repo PATH|URL         repository to start from: a working tree's top directory, a bare repository, or an
                                  upstream, https://[USER@]HOST/PATH (default: the forge's)
          --credential REF        for the upstream: file:/path (owner only), env:NAME, or credential:NAME of systemd; a
                                  password or token, which no sandbox ever sees
          --ca-file FILE          certificates to trust instead of the host's
          --timeout SECONDS       longest time for each transfer with the upstream (default: 21600)
          --forge DIR             directory with a local forge: repository.git, issues, pull requests
          --forge github:OWNER/NAME
                                  a repository of GitHub; with --credential for a token, or as an App: see docs/forges.md
          --forge-url URL         address of a GitHub Enterprise server, such as https://ghe.example/api/v3
          --app-id NUMBER         a GitHub App instead of a token: one is minted for the task and revoked at its end
          --app-key REF           its private key in PEM, as --credential names one
          --installation NUMBER   of the App (default: the repository's)
          --status                mark the delivered commit with its outcome
          --task TEXT|@FILE       what the agent is to do
          --issue NUMBER|FILE     an issue of the forge, or a work item: Markdown with front matter, YAML or JSON
          --pr NUMBER             the pull request of the forge to work on
          --criteria FILE         what must hold at the end: texts, each with a check command if wanted
          --instructions TEXT|@FILE
                                  of the operator, for this task only; they outrank all others
          --memory FILE           what is remembered of the repository: items as `sallyport memory list --json` shows them
          --base REF              commit to start from (default: HEAD)
        the agent
          --agent NAME|FILE       a preset: see sallyport agent list
          --agent-model NAME      the model that a preset asks for (default: its own)
          --agent-files DIR       files that a preset finds below $HOME: MCP servers, skills, settings; no credential
          --agent-command CMD     run by /bin/sh in the clone
          --agent-script FILE     run by /bin/sh, clock and language fixed: the same task gives the same commits
          --prompt-by WAY         file (default; $SALLYPORT_PROMPT_FILE), stdin, argument
          --agent-timeout SECONDS ends the agent; what it left is delivered all the same
          --workflow WHICH        direct (default): one agent; plan-build-review: it plans, builds and reviews, each time in a
                                  sandbox of its own, until a review finds nothing critical or major; $SALLYPORT_ROLE is
                                  plan, work or review
          --review-rounds NUMBER  with plan-build-review: reviews until the task fails, 1 to 5 (default: 3)
          --agent-turns NUMBER    ends the agent after so many turns that it tells of in $SALLYPORT_EVENTS
          --model FILE            the agent finds the models that FILE describes at http://llm.internal/; it has no key
          --max-budget USD        what it may spend on them, in place of the file's budget_usd
          --max-turns N           how many answers it may have, in place of the file's turns
        what decides
          --setup-command CMD     run first in every sandbox, to install what the project needs
          --build-command CMD     must not fail where it passed before
          --lint-command CMD      must not fail where it passed before
          --test-command CMD      decides the outcome: exit status 0 is a pass
          --measure-command CMD   run on the base and on the delivered commit at the end, and decides nothing: the files that it
                                  leaves in $SALLYPORT_ARTIFACTS are evidence, figures.tsv among them is compared
          --gate WHICH            pass (default): the test must pass; regression: it must not fail where it passed before
          --profile NAME          profile of all sandboxes of the task (default: build; for a review itself: review)
        what is handed over
          --deliver WHAT          branch, pr (default with --forge) or patch; any other word is the directory of --out.
                                  A branch is brought to the upstream that --repo names, by the same credential
          --branch NAME           name of the branch (default: sallyport/<task id>/<words of the task>); one that the
                                  upstream has already must be what the task starts from, and still be there at its end
          --out DIR               new directory for branch, bundle, patch and evidence
                                  (default: $SALLYPORT_STATE_DIR/tasks/<task id>)
          --continue DIR          the result directory of an earlier attempt at the same: its commits are taken up, judged once
                                  more, if the task still starts from the same commit
          --rules FILE            what the push gate refuses, flags and allows (YAML; see docs/collect.md)
          --keep                  keep what the agent's workspace holds at its end, for `sallyport session shell`
          --json                  evidence as JSON on standard output
          --id NAME               the task's name (default: one of its own)
          --correlation-id ID     what all records of the task bear (default: made of its name): \(CorrelationID.form)
          --hydration FILE --hydration-sha256 DIGEST
                                  with --blueprint: what was gathered from the forge before
          --blueprint FILE        the snapshot of a task's blueprint, which then says all that is not the request's
          --session DIR           first of all, for sallyportd: begun.json and end.json say there how it goes; descriptor 3 is
                                  the lock

        Exit status: 0 the result was delivered and its tests passed (or it is well formed, when there is no test
        command), 1 any other outcome, 125 sallyport failed.
        """

    /// - Parameter arguments: Everything after `task run`.
    init(_ arguments: [String]) throws(TaskFailure) {
        var seen: Set<String> = []
        var rest = arguments[...]
        var snapshot: String?
        while let name = rest.popFirst() {
            guard seen.insert(name).inserted else { throw Self.misuse("\(name) is given twice") }
            switch name {
            case "--json":
                json = true
                continue
            case "--keep":
                keep = true
                continue
            case "--status":
                marksCommit = true
                continue
            default: break
            }
            guard let field = Self.fields[name] else { throw Self.misuse("unknown argument \"\(name)\"") }
            guard let value = rest.popFirst(), !value.isEmpty else { throw Self.misuse("\(name) needs a value") }
            if name == "--blueprint" { snapshot = value }
            try field(&self, value)
        }
        if let snapshot {
            if let stray = seen.subtracting(Self.besideBlueprint).min() {
                throw Self.misuse("\(stray) is the blueprint's to say: without --blueprint")
            }
            try use(try TaskBlueprint(snapshot, task: identifier?.description ?? "of a task"))
        }
        try check()
    }

    private mutating func check() throws(TaskFailure) {
        if repository == nil && forge == nil { throw Self.misuse("--repo is missing") }
        if !type.needsPullRequest && task == nil && issue == nil { throw Self.misuse("--task is missing") }
        switch [agent, agentCommand, agentScript].count(where: { $0 != nil }) {
        case 0: throw Self.misuse("--agent-command is missing")
        case 1: break
        default: throw Self.misuse("--agent, --agent-command and --agent-script exclude each other")
        }
        if agent != nil, agentOptions.contains("--prompt-by") {
            throw Self.misuse("--prompt-by is the preset's to say: without --agent")
        }
        if agent == nil, agentModel != nil { throw Self.misuse("--agent-model needs --agent") }
        if agent == nil, agentFiles != nil { throw Self.misuse("--agent-files needs --agent") }
        if reviewRounds != nil && workflow == .direct {
            throw Self.misuse("--review-rounds needs --workflow \(Workflow.Kind.planBuildReview.rawValue)")
        }
        if !type.writes && workflow != .direct {
            // A blueprint's is for those of its tasks that write.
            guard settled != nil else {
                throw Self.misuse("--workflow is for tasks that write: without --type pr_review")
            }
            workflow = .direct
        }
        if continues != nil, !type.writes { throw Self.misuse("--continue is for tasks that write") }
        if model == nil && (budget != nil || turns != nil) {
            throw Self.misuse("--max-budget and --max-turns need --model")
        }
        if type.needsPullRequest {
            guard pullRequest != nil, forge != nil else { throw Self.misuse("\(type.rawValue) needs --forge and --pr") }
            if issue != nil || base != nil || repository != nil {
                throw Self.misuse("\(type.rawValue) starts from its pull request: without --issue, --base, --repo")
            }
        } else if pullRequest != nil {
            throw Self.misuse("--pr is for pr_iteration and pr_review")
        }
        if type == .pullRequestReview && deliver != nil {
            throw Self.misuse("pr_review delivers a review: without --deliver \(deliver?.rawValue ?? "")")
        }
        if type == .pullRequestReview && keep {
            throw Self.misuse("pr_review works in a tree that cannot be written: without --keep")
        }
        if deliver == .pullRequest && forge == nil { throw Self.misuse("--deliver pr needs --forge") }
        if repository?.contains("://") == true {
            if forge != nil {
                throw Self.misuse("--forge has its repository in a directory, so --repo is none of the web")
            }
        } else {
            let strays = [
                ("--credential", credential != nil), ("--ca-file", authorities != nil), ("--timeout", seconds != nil),
            ]
            if let stray = strays.first(where: { $0.1 }), !isOnline {
                throw Self.misuse("\(stray.0) is for a --repo of the web: https://HOST/PATH")
            }
        }
        try checkForge()
        if branch != nil && type != .newTask {
            throw Self.misuse("--branch is for new_task: a pull request has its own")
        }
    }

    private func checkForge() throws(TaskFailure) {
        let online = [
            ("--forge-url", forgeServer != nil), ("--app-id", app != nil), ("--app-key", appKey != nil),
            ("--installation", installation != nil), ("--status", marksCommit),
        ]
        guard isOnline else {
            if let stray = online.first(where: { $0.1 }) {
                throw Self.misuse("\(stray.0) is for --forge \(GitHubAddress.scheme)OWNER/NAME")
            }
            return
        }
        if repository != nil {
            throw Self.misuse("--forge \(GitHubAddress.scheme)OWNER/NAME names the repository, too")
        }
        if (app == nil) != (appKey == nil) { throw Self.misuse("--app-id and --app-key go together") }
        if app != nil && credential != nil { throw Self.misuse("--credential and --app-id exclude each other") }
        if installation != nil && app == nil { throw Self.misuse("--installation is for --app-id") }
        if marksCommit && !pushes { throw Self.misuse("--status marks a commit that is pushed, and there is none") }
    }

    /// What of this `sallyport run` is told, for a sandbox with an agent in it.
    ///
    /// - Parameter used: What agents before it used up of the same limits; null where it is the first.
    /// - Returns: Nil when nothing is left.
    func modelOptions(after used: JSON) -> [String]? {
        guard let model else { return [] }
        guard !used.isNull else {
            return ["--model", model] + (budget.map { ["--max-budget", $0] } ?? [])
                + (turns.map { ["--max-turns", "\($0)"] } ?? [])
        }
        func left(_ most: String, _ spent: String) -> Int {
            max(0, (used[most]?.intValue ?? 0).subtractingReportingOverflow(used[spent]?.intValue ?? .max).partialValue)
        }
        let (money, answers) = (left("budget_microusd", "spent_microusd"), left("max_turns", "turns"))
        guard money > 0, answers > 0 else { return nil }
        return ["--model", model, "--max-budget", DollarText.text(money), "--max-turns", "\(answers)"]
    }

    private typealias Field = @Sendable (inout TaskArguments, String) throws(TaskFailure) -> Void

    private static let fields: [String: Field] = [
        "--type": { (arguments, value) throws(TaskFailure) in
            guard let type = TaskType(named: value) else {
                throw misuse("--type is one of \(TaskType.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            arguments.type = type
        },
        "--repo": { (arguments, value) throws(TaskFailure) in arguments.repository = value },
        "--forge": { (arguments, value) throws(TaskFailure) in arguments.forge = value },
        "--forge-url": { (arguments, value) throws(TaskFailure) in arguments.forgeServer = value },
        "--app-id": { (arguments, value) throws(TaskFailure) in arguments.app = try identifier("--app-id", value) },
        "--app-key": { (arguments, value) throws(TaskFailure) in
            arguments.appKey = try CredentialReference(argument: value, of: "--app-key") { misuse($0) }
        },
        "--installation": { (arguments, value) throws(TaskFailure) in
            arguments.installation = try identifier("--installation", value)
        },
        "--credential": { (arguments, value) throws(TaskFailure) in
            arguments.credential = try CredentialReference(argument: value) { misuse($0) }
        },
        "--ca-file": { (arguments, value) throws(TaskFailure) in arguments.authorities = value },
        "--timeout": { (arguments, value) throws(TaskFailure) in arguments.seconds = try number("--timeout", value) },
        "--branch": { (arguments, value) throws(TaskFailure) in
            guard let full = ReferenceName.branch(value), full != BareRepository.baseReference,
                !full.hasPrefix(BareRepository.baseReference + "/")
            else { throw misuse("--branch \(PrintableText.escapedOnce(value)) is no name for the branch of a result") }
            arguments.branch = value
        },
        "--task": { (arguments, value) throws(TaskFailure) in arguments.task = value },
        "--issue": { (arguments, value) throws(TaskFailure) in arguments.issue = value },
        "--pr": { (arguments, value) throws(TaskFailure) in arguments.pullRequest = try number("--pr", value) },
        "--criteria": { (arguments, value) throws(TaskFailure) in arguments.criteria = value },
        "--instructions": { (arguments, value) throws(TaskFailure) in arguments.instructions = value },
        "--memory": { (arguments, value) throws(TaskFailure) in arguments.memory = value },
        "--agent": { (arguments, value) throws(TaskFailure) in arguments.agent = value },
        "--agent-model": { (arguments, value) throws(TaskFailure) in arguments.agentModel = value },
        "--agent-files": { (arguments, value) throws(TaskFailure) in arguments.agentFiles = value },
        "--agent-command": { (arguments, value) throws(TaskFailure) in arguments.agentCommand = value },
        "--agent-script": { (arguments, value) throws(TaskFailure) in arguments.agentScript = value },
        "--prompt-by": { (arguments, value) throws(TaskFailure) in
            guard ["file", "stdin", "argument"].contains(value) else {
                throw misuse("--prompt-by is file, stdin or argument")
            }
            arguments.agentOptions += ["--prompt-by", value]
        },
        "--agent-timeout": { (arguments, value) throws(TaskFailure) in
            arguments.agentOptions += ["--agent-timeout", "\(try number("--agent-timeout", value))"]
        },
        "--agent-turns": { (arguments, value) throws(TaskFailure) in
            arguments.agentOptions += ["--agent-turns", "\(try number("--agent-turns", value))"]
        },
        "--model": { (arguments, value) throws(TaskFailure) in arguments.model = value },
        "--max-budget": { (arguments, value) throws(TaskFailure) in arguments.budget = value },
        "--max-turns": { (arguments, value) throws(TaskFailure) in
            arguments.turns = try number("--max-turns", value)
        },
        "--setup-command": { (arguments, value) throws(TaskFailure) in arguments.setupCommand = value },
        "--build-command": { (arguments, value) throws(TaskFailure) in arguments.buildCommand = value },
        "--lint-command": { (arguments, value) throws(TaskFailure) in arguments.lintCommand = value },
        "--test-command": { (arguments, value) throws(TaskFailure) in arguments.testCommand = value },
        "--measure-command": { (arguments, value) throws(TaskFailure) in arguments.measureCommand = value },
        "--gate": { (arguments, value) throws(TaskFailure) in
            guard let gate = Gate(rawValue: value) else { throw misuse("--gate is pass or regression") }
            arguments.gate = gate
        },
        "--workflow": { (arguments, value) throws(TaskFailure) in
            guard let kind = Workflow.Kind(rawValue: value) else {
                throw misuse("--workflow is \(Workflow.Kind.allCases.map(\.rawValue).joined(separator: " or "))")
            }
            arguments.workflow = Workflow(kind, rounds: arguments.reviewRounds)
        },
        "--review-rounds": { (arguments, value) throws(TaskFailure) in
            guard let rounds = Int(value), Workflow.rounds.contains(rounds) else {
                throw misuse("--review-rounds is from \(Workflow.rounds.lowerBound) to \(Workflow.rounds.upperBound)")
            }
            arguments.reviewRounds = rounds
            arguments.workflow = Workflow(arguments.workflow.kind, rounds: rounds)
        },
        "--base": { (arguments, value) throws(TaskFailure) in arguments.base = value },
        "--profile": { (arguments, value) throws(TaskFailure) in arguments.profileName = value },
        "--deliver": { (arguments, value) throws(TaskFailure) in
            if let what = Deliver(rawValue: value) {
                arguments.deliver = what
            } else {
                guard arguments.output == nil else { throw misuse("--deliver \"\(value)\" and --out name two places") }
                arguments.output = value
            }
        },
        "--out": { (arguments, value) throws(TaskFailure) in
            guard arguments.output == nil else { throw misuse("--deliver and --out name two places") }
            arguments.output = value
        },
        "--hydration": { (arguments, value) throws(TaskFailure) in arguments.hydration = value },
        "--hydration-sha256": { (arguments, value) throws(TaskFailure) in arguments.hydrationDigest = value },
        // Looked at when all of the request is known.
        "--blueprint": { (_, _) throws(TaskFailure) in },
        "--continue": { (arguments, value) throws(TaskFailure) in arguments.continues = value },
        "--rules": { (arguments, value) throws(TaskFailure) in arguments.rules = value },
        "--id": { (arguments, value) throws(TaskFailure) in
            guard let identifier = TaskIdentifier(value) else { throw misuse("--id is no name of a task") }
            arguments.identifier = identifier
        },
        CorrelationID.option: { (arguments, value) throws(TaskFailure) in
            guard let id = CorrelationID(value) else {
                throw misuse("\(CorrelationID.option) is \(CorrelationID.form)")
            }
            arguments.correlation = id
        },
    ]

    /// One argument of a program holds 128 KiB at most. execve(2), MAX_ARG_STRLEN
    private static let longestScript = 120_000

    /// Puts the command of a preset in the place of its name.
    mutating func use(_ preset: AgentPreset, _ chosen: AgentModel) throws(TaskFailure) {
        let script = preset.script(model: chosen.model, api: chosen.api, files: try AgentFiles.read(agentFiles))
        guard script.utf8.count <= Self.longestScript else {
            throw Self.misuse("--agent-files has too much in it: a command of \(script.utf8.count) bytes comes of it")
        }
        agent = preset.name
        agentCommand = script
        agentOptions += ["--prompt-by", preset.promptBy.rawValue]
    }

    private static func number(_ name: String, _ value: String) throws(TaskFailure) -> Int {
        guard let number = Int(value), (1..<1_000_000).contains(number) else {
            throw misuse("\(name) needs a number above 0, not \"\(value)\"")
        }
        return number
    }

    /// Numbers that a server gives out, which grow.
    private static func identifier(_ name: String, _ value: String) throws(TaskFailure) -> Int {
        guard let number = Int(value), (1...(1 << 53)).contains(number) else {
            throw misuse("\(name) needs a number above 0, not \"\(value)\"")
        }
        return number
    }

    private static func misuse(_ reason: String) -> TaskFailure {
        TaskFailure("read", "the command line", reason, remedy: "See: sallyport task run --help.")
    }
}
