// SPDX-License-Identifier: Apache-2.0
internal import CRunner

/// The built-in agent: ``AgentLoop`` with the models of llm.internal, and tools in the current directory.
///
/// It runs what a model says, so it starts inside a sandbox and nowhere else.
struct AgentMode {
    private let shape: ModelShape
    private let model: String
    private let limits: AgentLoop.Limits
    private let prompt: String

    init(_ options: Options) throws(Failure) {
        guard sp_is_confined() == 1 else {
            throw Failure("the agent runs what a model says: start it in a sandbox, by task run --agent", code: .usage)
        }
        guard let shape = ModelShape(named: try options.required("--api")) else {
            throw Failure("--api is anthropic-messages or openai-chat", code: .usage)
        }
        self.shape = shape
        model = try options.required("--model")
        guard let file = options["--prompt"] ?? Environment.value(of: "SALLYPORT_PROMPT_FILE") else {
            throw Failure("--prompt is missing, and so is $SALLYPORT_PROMPT_FILE", code: .usage)
        }
        guard let text = Prompt.text(of: file, longest: Prompt.longest), !PlainText.isBlank(text) else {
            throw Failure("cannot read \(file), or it says nothing", code: .usage)
        }
        prompt = text
        var limits = AgentLoop.Limits()
        let turns = options["--turns"] ?? Environment.value(of: "SALLYPORT_AGENT_TURNS")
        limits.turns = try Self.number(turns, "--turns", limits.turns, AgentLoop.Limits.turnCounts)
        limits.contextTokens = try Self.number(
            options["--context-tokens"], "--context-tokens", limits.contextTokens, AgentLoop.Limits.contexts)
        limits.outputTokens = try Self.number(
            options["--output-tokens"], "--output-tokens", limits.outputTokens, AgentLoop.Limits.outputs)
        self.limits = limits
    }

    private static func number(
        _ text: String?, _ name: String, _ fallback: Int, _ range: ClosedRange<Int>
    ) throws(Failure) -> Int {
        guard let text else { return fallback }
        guard let value = HTTPAnswerReader.decimal(Array(text.utf8)[...]), range.contains(value) else {
            throw Failure("\(name) is a number from \(range.lowerBound) to \(range.upperBound)", code: .usage)
        }
        return value
    }

    func run() throws(Failure) -> LoopEnd {
        // What a command leaves behind is handed to us, to be ended with it.
        _ = sp_adopt_orphans()
        var loop = AgentLoop(shape, model: model, limits: limits, prompt: prompt)
        var host = AgentHost(connection: ModelConnection(shape), tools: try AgentTools())
        return loop.run(&host)
    }
}

/// The loop's world: llm.internal, the clone, and onlookers that hear of it.
struct AgentHost: LoopHost {
    let connection: ModelConnection
    let tools: AgentTools

    private static let longestSummary = 16_000

    mutating func send(_ body: [UInt8]) -> Sent { connection.send(body) }

    mutating func wait(milliseconds: Int) { sp_pause(Int64(milliseconds)) }

    mutating func use(_ call: ToolCall) -> ToolResult { tools.use(call) }

    mutating func tell(_ event: LoopEvent) {
        switch event {
        case .turn(let number, let most):
            say("turn \(number) of \(most)")
            report("turn")
        case .said(let text): say("said: \(PlainText.line(text))")
        case .called(let call, let result):
            let arguments = String(decoding: JSONTree.object(call.arguments ?? []).text, as: UTF8.self)
            say("\(PlainText.line(call.name, longest: 40)) \(PlainText.line(arguments))")
            let name = ToolList.all.contains { $0.name == call.name } ? call.name : "unknown"
            report("tool \(name) \(result.isFailure ? "failed" : "ok")")
        case .waits(let milliseconds, let words):
            say("waits \(milliseconds) ms: \(words)")
            report("note waits \(milliseconds) ms: \(PlainText.line(words))")
        case .ended(let end):
            say(end.text)
            report("note agent \(PlainText.line(end.text, longest: 800))")
            if case .done(let text) = end { leave(text) }
        }
    }

    private func say(_ text: String) { Log.line("agent: " + text) }

    /// A line for the runner; see ``Events``.
    private func report(_ line: String) {
        guard let path = Environment.value(of: "SALLYPORT_EVENTS") else { return }
        let text = line + "\n"
        // It is a claim, and the work goes on without it.
        _ = sp_append_file(path, text, text.utf8.count)
    }

    /// The last words are the summary, unless the model wrote one itself.
    private func leave(_ text: String) {
        guard let path = Environment.value(of: "SALLYPORT_SUMMARY"), Prompt.text(of: path, longest: 1 << 20) == nil
        else {
            return
        }
        let summary = PlainText.beginning(text, longest: Self.longestSummary)
        if sp_write_file(path, summary, summary.utf8.count) < 0 { say("cannot write \(path)") }
    }
}
