// SPDX-License-Identifier: Apache-2.0
internal import CRunner

/// One task from clone to hand-over.
///
///     clone ─ branch ─ set-up ─ baseline checks ─ agent ─ safety nets ─ checks ─ push, else a bundle on descriptor 3
///
/// The checks of this mode are feedback for the log: what counts are the host's own runs of `verify`.
struct TaskMode {
    private let options: Options
    private let base: String
    private let branch: String
    private let identifier: String
    private let prompt: Prompt
    private let checks: Checks
    private let agent: Agent
    private var git: Git

    init(_ options: Options) throws(Failure) {
        self.options = options
        base = try options.required("--base")
        branch = try options.required("--branch")
        identifier = try options.required("--task-id")
        prompt = try Prompt(file: try options.required("--prompt"), task: options["--task-file"])
        checks = try Checks(options)
        agent = try Agent(options, prompt: prompt, identifier: identifier, role: "work")
        git = try Git(directory: options.workspace)
    }

    mutating func run() throws(Failure) -> ExitCode {
        Frames.keepPrivate()
        _ = sp_adopt_orphans()
        try prepare()
        try checks.setUp()
        try checks.run("baseline")
        if !checks.isEmpty {
            // The agent starts from the base commit whatever the checks did to the tree.
            try git.run(["reset", "--quiet", "--hard"])
            try Exclusions(git: git).addUntracked()
        }
        guard let seconds = try git.line(["log", "-1", "--format=%ct", base]) else { throw Failure("no base commit") }
        let date = "@\(seconds) +0000"
        let agentSucceeded = try agent.run(date: date)
        if case .script = agent.driver { git = git.with(date: date) }
        var lines = [(key: "Task-Id", value: identifier)]
        if let version = options["--prompt-version"] { lines.append(("Prompt-Version", version)) }
        if let digest = options["--evidence"] { lines.append(("Sallyport-Evidence", digest)) }
        let history = History(
            git: git, base: base, branch: branch, title: prompt.title, trailers: Trailers(lines: lines))
        guard let tip = try history.collect() else {
            Frames.milestone("nothing_to_deliver")
            return agentSucceeded ? .nothingToDeliver : .agentFailed
        }
        try checks.run("final")
        try deliver(tip)
        return agentSucceeded ? .delivered : .agentFailed
    }

    private func prepare() throws(Failure) {
        try git.clone(from: try options.required("--source"))
        // What was made before, and is to be mended, lies on top of the base commit.
        // The clone may have checked that very branch out.
        try git.run(["checkout", "--quiet", "-B", branch, options["--start"] ?? base])
        // The agent's own fetches and pushes go to the session's repository; the clone was made without it.
        if let origin = options["--origin"] { try git.run(["remote", "set-url", "origin", origin]) }
        try Exclusions(git: git).addKnownCaches()
        let entered = sp_change_directory(options.workspace)
        guard entered == 0 else { throw Failure("cannot enter \(options.workspace): \(errorText(entered))") }
        Frames.milestone("cloned", [Frames.Field("base", base), Frames.Field("branch", branch)])
    }

    private func deliver(_ tip: String) throws(Failure) {
        if let origin = options["--origin"], try Handover(git: git, origin: origin).push(tip, to: branch) {
            Frames.milestone("pushed", [Frames.Field("commit", tip)])
            Log.line("pushed \(tip)")
            return
        }
        try git.run(["bundle", "create", "--quiet", "--version=2", "-", "\(base)..refs/heads/\(branch)"], output: 3)
        Frames.milestone("bundled", [Frames.Field("commit", tip)])
        Log.line("delivered \(tip)")
    }
}
