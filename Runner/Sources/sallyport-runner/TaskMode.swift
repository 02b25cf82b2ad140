// SPDX-License-Identifier: Apache-2.0
internal import CRunner

/// One task from clone to bundle.
///
///     clone ─ branch ─ baseline test ─ agent ─ commit ─ test ─ bundle on descriptor 3
///
/// The tests of this mode are feedback for the log: what counts are the host's own runs of `verify`.
struct TaskMode {
    private let options: Options
    private let git: Git
    private let base: String
    private let branch: String
    private let identifier: String
    private let prompt: Prompt
    private let testTimeout: Int64

    init(_ options: Options) throws(Failure) {
        self.options = options
        base = try options.required("--base")
        branch = try options.required("--branch")
        identifier = try options.required("--task-id")
        prompt = try Prompt(file: try options.required("--prompt"))
        testTimeout = try options.testTimeout()
        git = try Git(directory: options.workspace)
    }

    func run() throws(Failure) -> ExitCode {
        let agent = try options.required("--agent-command")
        Frames.keepPrivate()
        try prepare()
        try test("baseline")
        if options["--test-command"] != nil {
            // The agent starts from the base commit whatever the test did to the tree.
            try git.run(["reset", "--quiet", "--hard"])
            try Exclusions(git: git).addUntracked()
        }
        let agentSucceeded = try runAgent(agent)
        guard let tip = try commit() else {
            Frames.milestone("nothing_to_deliver")
            return agentSucceeded ? .nothingToDeliver : .agentFailed
        }
        try test("final")
        try deliver(tip)
        return agentSucceeded ? .delivered : .agentFailed
    }

    private func prepare() throws(Failure) {
        try git.clone(from: try options.required("--source"))
        try git.run(["checkout", "--quiet", "-b", branch, base])
        try Exclusions(git: git).addKnownCaches()
        let entered = sp_change_directory(options.workspace)
        guard entered == 0 else { throw Failure("cannot enter \(options.workspace): \(errorText(entered))") }
        Frames.milestone("cloned", [Frames.Field("base", base), Frames.Field("branch", branch)])
    }

    private func test(_ phase: String) throws(Failure) {
        guard let command = options["--test-command"] else { return }
        Log.line("\(phase) test: \(command)")
        let started = sp_milliseconds()
        let end = try Command.shell(command, environment: Environment.entries).run(timeout: testTimeout)
        let outcome = TestOutcome(end)
        Log.line("\(phase) test \(outcome.name) (exit \(end.exit_code))")
        Frames.testOutcome(phase, outcome, exitCode: end.exit_code, milliseconds: sp_milliseconds() - started)
    }

    private func runAgent(_ command: String) throws(Failure) -> Bool {
        Log.line("agent starts")
        Frames.milestone("agent_started")
        let environment =
            Environment.without(prefix: "SALLYPORT_") + [
                "SALLYPORT_PROMPT_FILE=\(prompt.file)", "SALLYPORT_TASK=\(prompt.text)",
                "SALLYPORT_TASK_ID=\(identifier)",
            ]
        let end = try Command.shell(command, environment: environment).run()
        Log.line("agent ended (exit \(end.exit_code), signal \(end.signal))")
        Frames.milestone(
            "agent_ended", [Frames.Field("exit_code", "\(end.exit_code)"), Frames.Field("signal", "\(end.signal)")])
        return end.exit_code == 0
    }

    /// Brings everything the agent did to the tip of the branch; nil when that is the base commit.
    private func commit() throws(Failure) -> String? {
        try returnToBranch()
        try git.run(["add", "--all"])
        if try !git.holds(["diff", "--cached", "--quiet"]) {
            try git.run([
                "commit", "--quiet", "--no-verify", "-m", prompt.title, "-m", "Task-Id: \(identifier)",
            ])
        }
        guard let tip = try git.line(["rev-parse", "--verify", "HEAD"]) else { throw Failure("HEAD has no commit") }
        guard tip != base else { return nil }
        guard try git.holds(["merge-base", "--is-ancestor", base, "HEAD"]) else {
            throw Failure("the branch no longer contains its base commit", code: .agentFailed)
        }
        let stamped = try git.line(["log", "-1", "--format=%(trailers:key=Task-Id,valueonly)"])
        if stamped != identifier {
            try git.run([
                "commit", "--quiet", "--no-verify", "--amend", "--no-edit", "--allow-empty",
                "--trailer", "Task-Id: \(identifier)",
            ])
        }
        guard let final = try git.line(["rev-parse", "--verify", "HEAD"]) else { throw Failure("HEAD has no commit") }
        Frames.milestone("committed", [Frames.Field("commit", final)])
        return final
    }

    /// An agent that left the branch keeps its work: the branch is put where it went, unless it went nowhere.
    private func returnToBranch() throws(Failure) {
        if try git.line(["symbolic-ref", "--quiet", "HEAD"]) == "refs/heads/\(branch)" { return }
        if try git.line(["rev-parse", "--verify", "HEAD"]) == base,
            try git.line(["rev-parse", "--verify", "refs/heads/\(branch)"]) != nil
        {
            try git.run(["checkout", "--quiet", branch])
        } else {
            try git.run(["checkout", "--quiet", "-B", branch])
        }
    }

    private func deliver(_ tip: String) throws(Failure) {
        try git.run(["bundle", "create", "--quiet", "--version=2", "-", "\(base)..refs/heads/\(branch)"], output: 3)
        Frames.milestone("bundled", [Frames.Field("commit", tip)])
        Log.line("delivered \(tip)")
    }
}
