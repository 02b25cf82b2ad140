// SPDX-License-Identifier: Apache-2.0
internal import TaskModel

/// The command line of `sallyport task run`.
struct TaskArguments {
    /// What a finished task hands over.
    enum Deliver: String {
        case branch
        case pullRequest = "pr"
        case patch
    }

    private(set) var type = TaskType.newTask
    private(set) var repository: String?
    private(set) var task: String?
    private(set) var issue: String?
    private(set) var pullRequest: Int?
    private(set) var criteria: String?
    private(set) var instructions: String?
    private(set) var forge: String?
    private(set) var agentCommand: String?
    private(set) var agentScript: String?
    private(set) var agentOptions: [String] = []
    /// The file of `--model`, and what stands in for its limits.
    private(set) var model: String?
    private(set) var budget: String?
    private(set) var turns: Int?
    private(set) var setupCommand: String?
    private(set) var buildCommand: String?
    private(set) var lintCommand: String?
    private(set) var testCommand: String?
    private(set) var gate = Gate.pass
    private(set) var base: String?
    private(set) var profileName: String?
    private(set) var deliver: Deliver?
    private(set) var output: String?
    private(set) var rules: String?
    private(set) var json = false

    /// Of the sandbox with the agent in it.
    var profile: String { profileName ?? (type.writes ? "build" : "review") }

    static let usage = """
        usage: sallyport task run [--type TYPE] (--repo PATH | --forge DIR) [--task TEXT|@FILE] [--issue NUMBER|FILE]
                   [--pr NUMBER] (--agent-command CMD | --agent-script FILE) [options]

        Clones the base commit into a sandbox, runs the agent there, takes the branch it leaves into a repository of
        the host, and runs the project's commands on the base and on the delivered commit, each in a sandbox of its own.

        what to do
          --type TYPE             new_task (default), pr_iteration: more commits on an open pull request,
                                  pr_review: findings about one, in a workspace that cannot be written
          --repo PATH             repository to start from: a working tree's top directory or a bare repository
                                  (default: the forge's)
          --forge DIR             directory with a local forge: repository.git, issues, pull requests
          --task TEXT|@FILE       what the agent is to do
          --issue NUMBER|FILE     an issue of the forge, or a work item: Markdown with front matter, YAML or JSON
          --pr NUMBER             the pull request of the forge to work on
          --criteria FILE         what must hold at the end: texts, each with a check command if wanted
          --instructions TEXT|@FILE
                                  of the operator, for this task only; they outrank all others
          --base REF              commit to start from (default: HEAD)
        the agent
          --agent-command CMD     run by /bin/sh in the clone
          --agent-script FILE     run by /bin/sh, clock and language fixed: the same task gives the same commits
          --prompt-by WAY         file (default; $SALLYPORT_PROMPT_FILE), stdin, argument
          --agent-timeout SECONDS ends the agent; what it left is delivered all the same
          --agent-turns NUMBER    ends the agent after so many turns that it tells of in $SALLYPORT_EVENTS
          --model FILE            the agent finds the models that FILE describes at http://llm.internal/; it has no key
          --max-budget USD        what it may spend on them, in place of the file's budget_usd
          --max-turns N           how many answers it may have, in place of the file's turns
        what decides
          --setup-command CMD     run first in every sandbox, to install what the project needs
          --build-command CMD     must not fail where it passed before
          --lint-command CMD      must not fail where it passed before
          --test-command CMD      decides the outcome: exit status 0 is a pass
          --gate WHICH            pass (default): the test must pass; regression: it must not fail where it passed before
          --profile NAME          profile of all sandboxes of the task (default: build; for a review itself: review)
        what is handed over
          --deliver WHAT          branch, pr (default with --forge) or patch; any other word is the directory of --out
          --out DIR               new directory for branch, bundle, patch and evidence
                                  (default: $SALLYPORT_STATE_DIR/tasks/<task id>)
          --rules FILE            what the push gate refuses, flags and allows (YAML; see docs/collect.md)
          --json                  evidence as JSON on standard output

        Exit status: 0 the result was delivered and its tests passed (or it is well formed, when there is no test
        command), 1 any other outcome, 125 sallyport failed.
        """

    /// - Parameter arguments: Everything after `task run`.
    init(_ arguments: [String]) throws(TaskFailure) {
        var seen: Set<String> = []
        var rest = arguments[...]
        while let name = rest.popFirst() {
            guard seen.insert(name).inserted else { throw Self.misuse("\(name) is given twice") }
            if name == "--json" {
                json = true
                continue
            }
            guard let field = Self.fields[name] else { throw Self.misuse("unknown argument \"\(name)\"") }
            guard let value = rest.popFirst(), !value.isEmpty else { throw Self.misuse("\(name) needs a value") }
            try field(&self, value)
        }
        try check()
    }

    private func check() throws(TaskFailure) {
        if repository == nil && forge == nil { throw Self.misuse("--repo is missing") }
        if !type.needsPullRequest && task == nil && issue == nil { throw Self.misuse("--task is missing") }
        if agentCommand == nil && agentScript == nil { throw Self.misuse("--agent-command is missing") }
        if agentCommand != nil && agentScript != nil {
            throw Self.misuse("--agent-command and --agent-script exclude each other")
        }
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
        if deliver == .pullRequest && forge == nil { throw Self.misuse("--deliver pr needs --forge") }
    }

    /// What of this `sallyport run` is told, for the sandbox with the agent in it.
    var modelOptions: [String] {
        guard let model else { return [] }
        return ["--model", model] + (budget.map { ["--max-budget", $0] } ?? [])
            + (turns.map { ["--max-turns", "\($0)"] } ?? [])
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
        "--task": { (arguments, value) throws(TaskFailure) in arguments.task = value },
        "--issue": { (arguments, value) throws(TaskFailure) in arguments.issue = value },
        "--pr": { (arguments, value) throws(TaskFailure) in arguments.pullRequest = try number("--pr", value) },
        "--criteria": { (arguments, value) throws(TaskFailure) in arguments.criteria = value },
        "--instructions": { (arguments, value) throws(TaskFailure) in arguments.instructions = value },
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
        "--gate": { (arguments, value) throws(TaskFailure) in
            guard let gate = Gate(rawValue: value) else { throw misuse("--gate is pass or regression") }
            arguments.gate = gate
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
        "--rules": { (arguments, value) throws(TaskFailure) in arguments.rules = value },
    ]

    private static func number(_ name: String, _ value: String) throws(TaskFailure) -> Int {
        guard let number = Int(value), (1..<1_000_000).contains(number) else {
            throw misuse("\(name) needs a number above 0, not \"\(value)\"")
        }
        return number
    }

    private static func misuse(_ reason: String) -> TaskFailure {
        TaskFailure("read", "the command line", reason, remedy: "See: sallyport task run --help.")
    }
}
