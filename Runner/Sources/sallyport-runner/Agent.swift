// SPDX-License-Identifier: Apache-2.0
internal import CRunner

/// Starts the agent, in the way that its driver says, and watches its time.
///
/// A driver is how a prompt becomes a running program. `command` is any program; `script` is a file of commands in an
/// environment without clock and place, so that the same task gives the same commits.
struct Agent {
    enum Driver {
        case command(String)
        case script(String)
    }

    enum PromptBy {
        case file, input, argument
    }

    let driver: Driver
    let promptBy: PromptBy
    let prompt: Prompt
    let identifier: String
    /// What it is in the sandbox for.
    let role: String
    let timeout: Int64
    let turns: Int
    /// Where the agent may leave a summary, findings, or a plan.
    static let summary = "/tmp/sallyport-summary"
    static let findings = "/tmp/sallyport-findings.json"
    static let plan = "/tmp/sallyport-plan.json"
    private static let events = "/tmp/sallyport-events"

    init(_ options: Options, prompt: Prompt, identifier: String, role: String) throws(Failure) {
        self.role = role
        self.prompt = prompt
        self.identifier = identifier
        timeout = try options.seconds("--agent-timeout", default: 0)
        turns = try options.count("--agent-turns")
        if let script = options["--agent-script"] {
            driver = .script(script)
        } else {
            driver = .command(try options.required("--agent-command"))
        }
        guard let by = Self.way(options["--prompt-by"]) else {
            throw Failure("--prompt-by is file, stdin or argument", code: .usage)
        }
        promptBy = by
    }

    private static func way(_ name: String?) -> PromptBy? {
        guard let name else { return .file }
        if name.utf8.elementsEqual("file".utf8) { return .file }
        if name.utf8.elementsEqual("stdin".utf8) { return .input }
        return name.utf8.elementsEqual("argument".utf8) ? .argument : nil
    }

    /// - Parameter date: Of the base commit, for the script driver.
    /// - Returns: Whether it ended with success.
    func run(date: String) throws(Failure) -> Bool {
        Log.line("agent starts")
        Frames.milestone("agent_started")
        _ = sp_remove(Self.events)
        let events = try Events(path: Self.events, turns: turns)
        let end = try command(date: date, events: events.path).follow(
            input: promptBy == .input ? prompt.file : nil, timeout: timeout, events: events)
        let reason = events.stop ?? (end.timed_out != 0 ? "its time is over" : nil)
        Log.line("agent ended (exit \(end.exit_code), signal \(end.signal))" + (reason.map { ": \($0)" } ?? ""))
        if end.killed > 0 { Log.line("killed \(end.killed) processes that the agent left") }
        var fields = [
            Frames.Field("exit_code", "\(end.exit_code)"), Frames.Field("signal", "\(end.signal)"),
            Frames.Field("left_processes", "\(end.killed)"),
        ]
        if let reason { fields.append(Frames.Field("ended_because", reason)) }
        Frames.milestone("agent_ended", fields)
        if let summary = Prompt.text(of: Self.summary, longest: 16_000), !summary.utf8.isEmpty {
            Frames.milestone("summary", [Frames.Field("text", summary)])
        }
        return end.exit_code == 0 && reason == nil
    }

    private func command(date: String, events: String) -> Command {
        var environment =
            Environment.without(prefix: "SALLYPORT_") + [
                "SALLYPORT_PROMPT_FILE=\(prompt.file)", "SALLYPORT_TASK=\(prompt.task)",
                "SALLYPORT_TASK_ID=\(identifier)", "SALLYPORT_SUMMARY=\(Self.summary)",
                "SALLYPORT_FINDINGS=\(Self.findings)", "SALLYPORT_EVENTS=\(events)", "SALLYPORT_ROLE=\(role)",
                "SALLYPORT_PLAN=\(Self.plan)",
            ]
        if turns > 0 { environment.append("SALLYPORT_AGENT_TURNS=\(turns)") }
        var arguments = ["/bin/sh"]
        switch driver {
        case .command(let text):
            arguments += promptBy == .argument ? ["-c", text + " \"$1\"", "sh"] : ["-c", text]
        case .script(let file):
            environment =
                environment.filter { !$0.utf8.starts(with: "LC_".utf8) && !$0.utf8.starts(with: "TZ=".utf8) } + [
                    "LC_ALL=C", "TZ=UTC", "GIT_AUTHOR_DATE=\(date)", "GIT_COMMITTER_DATE=\(date)",
                ]
            arguments += ["-eu", file]
        }
        if promptBy == .argument { arguments.append(prompt.text) }
        return Command(arguments: arguments, environment: environment)
    }
}
