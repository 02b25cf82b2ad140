// SPDX-License-Identifier: Apache-2.0
import BuiltinAgent
import Testing

/// A world that answers from a list, and remembers what it was asked.
private struct Script: LoopHost {
    var answers: [Sent]
    var results: [ToolResult] = []
    var requests: [JSONTree] = []
    var waits: [Int] = []
    var calls: [ToolCall] = []
    var events: [LoopEvent] = []

    init(_ answers: [Sent]) { self.answers = answers.reversed() }

    mutating func send(_ body: [UInt8]) -> Sent {
        do { requests.append(try JSONReader.read(body)) } catch { Issue.record("no JSON: \(error)") }
        return answers.popLast() ?? .nobody("the script has ended")
    }
    mutating func wait(milliseconds: Int) { waits.append(milliseconds) }
    mutating func use(_ call: ToolCall) -> ToolResult {
        calls.append(call)
        return results.popLast() ?? ToolResult("ok")
    }
    mutating func tell(_ event: LoopEvent) { events.append(event) }
}

private func answered(_ text: String, status: Int = 200, _ fields: (name: String, value: String)...) -> Sent {
    .answered(HTTPAnswer(status: status, fields: fields, body: Array(text.utf8)))
}

/// An answer in either shape.
private func said(
    _ shape: ModelShape, _ text: String?, _ calls: [(id: String, name: String, input: String)] = [], stop: String? = nil
) -> Sent {
    func quoted(_ text: String) -> String { String(decoding: JSONTree.string(text).text, as: UTF8.self) }
    switch shape {
    case .anthropicMessages:
        let blocks =
            (text.map { [#"{"type":"text","text":\#(quoted($0))}"#] } ?? [])
            + calls.map { #"{"type":"tool_use","id":"\#($0.id)","name":"\#($0.name)","input":\#($0.input)}"# }
        let reason = stop ?? (calls.isEmpty ? "end_turn" : "tool_use")
        return answered(#"{"content":[\#(blocks.joined(separator: ","))],"stop_reason":"\#(reason)"}"#)
    case .openAIChat:
        let list = calls.map {
            #"{"id":"\#($0.id)","type":"function","function":{"name":"\#($0.name)","arguments":\#(quoted($0.input))}}"#
        }
        let reason = stop.map { $0 == "max_tokens" ? "length" : $0 } ?? (calls.isEmpty ? "stop" : "tool_calls")
        return answered(
            #"{"choices":[{"message":{"content":\#(text.map(quoted) ?? "null"),"tool_calls":[\#(list.joined(separator: ","))]},"#
                + #""finish_reason":"\#(reason)"}]}"#)
    }
}

private let both: [ModelShape] = [.anthropicMessages, .openAIChat]

@Suite("loop of the built-in agent")
struct AgentLoopTests {
    private func run(
        _ shape: ModelShape, _ answers: [Sent], turns: Int = 100, context: Int = 100_000, results: [ToolResult] = []
    ) -> (end: LoopEnd, host: Script) {
        var limits = AgentLoop.Limits()
        limits.turns = turns
        limits.contextTokens = context
        var host = Script(answers)
        host.results = results.reversed()
        var loop = AgentLoop(shape, model: "m", limits: limits, prompt: "Fix it")
        let end = loop.run(&host)
        #expect(host.events.last == .ended(end))
        return (end, host)
    }

    private let call = (id: "c1", name: "read", input: #"{"path":"a"}"#)

    @Test("calls what the model calls, tells it the result, and ends when it calls nothing", arguments: both)
    func whole(_ shape: ModelShape) throws {
        let (end, host) = run(
            shape, [said(shape, "looking", [call, ("c2", "list", "{}")]), said(shape, "all done")],
            results: [ToolResult("1\tx"), .failed("no")])
        #expect(end == .done("all done") && end.exitCode == 0)
        #expect(host.calls.map(\.name) == ["read", "list"] && host.calls[0]["path"] == .string("a"))
        let messages = try #require(host.requests.last?["messages"]?.array)
        switch shape {
        case .anthropicMessages:
            #expect(messages.map { $0["role"]?.string } == ["user", "assistant", "user"])
            let results = try #require(messages[2]["content"]?.array)
            #expect(results.map { $0["tool_use_id"]?.string } == ["c1", "c2"])
            #expect(results[0]["content"] == .string("1\tx") && results[0]["is_error"] == nil)
            #expect(results[1]["is_error"] == .bool(true) && results[1]["cache_control"] != nil)
            #expect(messages[1]["content"]?.array?.count == 3 && host.requests[0]["max_tokens"]?.int == 8192)
        case .openAIChat:
            #expect(messages.map { $0["role"]?.string } == ["system", "user", "assistant", "tool", "tool"])
            #expect(messages[3]["tool_call_id"] == .string("c1") && messages[4]["content"] == .string("no"))
            #expect(messages[2]["tool_calls"]?.array?[0]["function"]?["arguments"] == .string(#"{"path":"a"}"#))
            #expect(host.requests[0]["max_completion_tokens"]?.int == 8192)
        }
        #expect(host.requests[0]["tools"]?.array?.count == 6)
    }

    @Test("the same words make the same requests", arguments: both)
    func deterministic(_ shape: ModelShape) {
        let answers = [said(shape, nil, [call]), said(shape, "x", [call]), said(shape, "done")]
        #expect(run(shape, answers).host.requests == run(shape, answers).host.requests)
    }

    @Test("has as many turns as it may and not one more", arguments: both, [1, 2, 7])
    func turnCap(_ shape: ModelShape, _ turns: Int) {
        let answers = (0..<20).map { said(shape, nil, [(id: "c\($0)", name: "list", input: "{}")]) }
        let (end, host) = run(shape, answers, turns: turns)
        #expect(end == .turns(turns) && end.exitCode == 10)
        // What the last answer asked for is done, too.
        #expect(host.requests.count == turns && host.calls.count == turns)
        // With the last one it may still come to its end.
        #expect(run(shape, Array(answers.prefix(turns - 1)) + [said(shape, "d")], turns: turns).end == .done("d"))
    }

    @Test("a final refusal ends it at once", arguments: both)
    func refused(_ shape: ModelShape) {
        let no = answered(
            #"{"error":{"message":"sallyport: the budget is used up"}}"#, status: 403, ("x-should-retry", "false"))
        let (end, host) = run(shape, [said(shape, nil, [call]), no, said(shape, "more")])
        #expect(end == .refused("status 403: sallyport: the budget is used up") && end.exitCode == 11)
        #expect(host.requests.count == 2 && host.waits.isEmpty)
    }

    @Test("asks again with the same request, and counts one turn", arguments: both)
    func retries(_ shape: ModelShape) {
        let busy = answered("{}", status: 529, ("retry-after", "3"))
        let (end, host) = run(shape, [busy, .broken("cut"), said(shape, "done")], turns: 1)
        #expect(end == .done("done") && host.waits == [3000, 2000])
        #expect(host.requests.count == 3 && host.requests[0] == host.requests[2])
        let failed = run(shape, Array(repeating: busy, count: 9))
        #expect(failed.end == .upstream("status 529 (6 times)") && failed.host.requests.count == 6)
        #expect(failed.end.exitCode == 12)
        #expect(run(shape, [.nobody("no host")]).end == .upstream("no host"))
    }

    @Test("an answer that cannot be used ends it with the reason", arguments: both)
    func malformed(_ shape: ModelShape) {
        var bodies = [
            "", "{not json", "[]", "null", "{}", #"{"content":{},"choices":{}}"#, #"{"content":[],"choices":[]}"#,
        ]
        switch shape {
        case .anthropicMessages:
            bodies += [
                #"{"content":[{"type":"text"}],"stop_reason":"end_turn"}"#,
                #"{"content":[{"type":"tool_use","id":"a","input":{}}],"stop_reason":"tool_use"}"#,
                #"{"content":[{"type":"server_tool_use"}],"stop_reason":"tool_use"}"#,
                #"{"content":[{"type":"text","text":"a"}]}"#,
            ]
        case .openAIChat:
            bodies += [
                #"{"choices":[{"message":{"content":5},"finish_reason":"stop"}]}"#,
                #"{"choices":[{"message":{"content":"a","tool_calls":[{}]},"finish_reason":"stop"}]}"#,
                #"{"choices":[{"message":{"content":"a"}}]}"#,
            ]
        }
        for body in bodies {
            let (end, host) = run(shape, [answered(body)])
            guard case .malformed(let reason) = end else {
                Issue.record("\(body) gave \(end)")
                continue
            }
            #expect(!reason.isEmpty && end.exitCode == 13 && host.requests.count == 1)
        }
        let many = (0..<33).map { (id: "c\($0)", name: "list", input: "{}") }
        #expect(run(shape, [said(shape, nil, many)]).end == .malformed("calls more than 32 tools at once"))
    }

    @Test("what is wrong with a call is told and not done", arguments: both)
    func badCalls(_ shape: ModelShape) {
        let bad = [
            ("erase", "{}", "no tool of this name"), ("read", "{}", "needs path"),
            ("read", #"{"path":null}"#, "needs path"),
            ("read", #"{"path":5}"#, "path is no string"),
            ("read", #"{"path":"a","lines":"b"}"#, "lines is no whole number"),
            ("read", #"{"path":"a","mode":"b"}"#, "takes path, first_line, lines"),
        ]
        for (name, input, words) in bad {
            let (end, host) = run(shape, [said(shape, nil, [("c", name, input)]), said(shape, "done")])
            #expect(end == .done("done") && host.calls.isEmpty)
            guard case .called(_, let result)? = host.events.dropFirst().first else {
                Issue.record("\(name) was not told")
                continue
            }
            #expect(result.isFailure && result.text.contains(words), "\(result.text)")
        }
        // What the model wrote as arguments is text in one of the shapes, and may be no JSON.
        let (end, host) = run(
            .openAIChat, [said(.openAIChat, nil, [("c", "read", "{path")]), said(.openAIChat, "done")])
        #expect(end == .done("done") && host.calls.isEmpty)
        #expect(run(shape, [said(shape, nil, [("c", "read", #"{"path":"a","lines":null}"#)])]).host.calls.count == 1)
    }

    @Test("calls of one name have names of their own")
    func names() throws {
        let twice = [("c", "list", "{}"), ("c", "list", "{}"), ("", "list", "{}")].map { (id: $0, name: $1, input: $2) }
        let answers = [said(.openAIChat, nil, twice), said(.openAIChat, nil, twice), said(.openAIChat, "done")]
        let (_, host) = run(.openAIChat, answers)
        let tools = try #require(host.requests[2]["messages"]?.array).compactMap { $0["tool_call_id"]?.string }
        #expect(tools.count == 6 && Set(tools).count == 6 && tools[0] == "c", "\(tools)")
    }

    @Test("nothing of an answer that was cut is done, and the model is told", arguments: both)
    func cut(_ shape: ModelShape) {
        let (end, host) = run(shape, [said(shape, "a", [call], stop: "max_tokens"), said(shape, "done")])
        #expect(end == .done("done") && host.calls.isEmpty)
        let sent = String(decoding: host.requests[1].text, as: UTF8.self)
        #expect(sent.contains("Your answer ran into its limit") && sent.contains("this call may be cut"))
        #expect(run(shape, [said(shape, nil, stop: "max_tokens")]).end == .malformed("was cut before it said anything"))
    }

    @Test("a model that declines ends it")
    func declined() {
        let end = run(.anthropicMessages, [said(.anthropicMessages, "I\nwill not", stop: "refusal")]).end
        #expect(end == .declined("I\nwill not") && end.exitCode == 15 && end.text == "the model declines: I will not")
        #expect(run(.openAIChat, [said(.openAIChat, "no", stop: "content_filter")]).end == .declined("no"))
    }

    @Test("what a vendor thinks goes back as it came")
    func thinking() throws {
        let thought = #"{"type":"thinking","thinking":"hm","signature":"s=="}"#
        let answer = answered(
            #"{"content":[\#(thought),{"type":"tool_use","id":"c","name":"list","input":{}}],"stop_reason":"tool_use"}"#
        )
        let (_, host) = run(.anthropicMessages, [answer, said(.anthropicMessages, "done")])
        let sent = try #require(host.requests[1]["messages"]?.array?[1]["content"]?.array?[0])
        #expect(sent == (try JSONReader.read(Array(thought.utf8))))
    }

    @Test("a conversation stays within its budget, oldest results first", arguments: both)
    func context(_ shape: ModelShape) {
        let answers = (0..<60).map {
            said(shape, "step \($0)", [(id: "c\($0)", name: "read", input: #"{"path":"f\#($0)"}"#)])
        }
        let results = (0..<60).map { ToolResult("result \($0) " + String(repeating: "x", count: 2000)) }
        let (end, host) = run(shape, answers + [said(shape, "done")], context: 20_000, results: results)
        #expect(end == .done("done"))
        // Three bytes are a token, and names and quotes are counted by the way.
        #expect(host.requests.allSatisfy { $0.text.count < 20_000 * 3 + 6000 })
        let last = String(decoding: host.requests.last?.text ?? [], as: UTF8.self)
        #expect(last.contains("result 0 ") && last.contains("[shortened; it had 2009 bytes]"))
        let full = String(repeating: "x", count: 2000)
        #expect(last.contains("result 59 " + full) && last.contains("result 58 " + full))
        // A vendor's cache is of use: mostly a request begins as the one before it did.
        let texts = host.requests.map {
            String(decoding: JSONTree.array($0["messages"]?.array ?? []).text, as: UTF8.self)
        }
        let kept = zip(texts, texts.dropFirst()).count { $1.hasPrefix($0.dropLast(200)) }
        #expect(kept > 50 && kept < 60, "\(kept)")
    }

    @Test("what cannot be shortened to fit ends it", arguments: both)
    func full(_ shape: ModelShape) {
        let calls = (0..<10).map { (id: "c\($0)", name: "read", input: #"{"path":"a"}"#) }
        let results = calls.map { _ in ToolResult(String(repeating: "x", count: 20_000)) }
        let (end, host) = run(shape, [said(shape, nil, calls)], context: 8000, results: results)
        #expect(end == .full(tokens: 8000) && end.exitCode == 14 && host.requests.count == 1)
        // With a little more room the last results are cut, too.
        #expect(
            run(shape, [said(shape, nil, calls), said(shape, "d")], context: 20_000, results: results).end == .done("d")
        )
    }
}
