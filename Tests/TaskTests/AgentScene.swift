// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

/// The built-in agent in a sandbox, in a small workspace, with a vendor that answers from a script.
struct AgentScene {
    let sallyport: Sallyport
    let vendor: ModelVendor
    let workspace: String
    private let prompt: String

    init(_ script: [String], budget: String = "1.00", model: [String] = []) throws {
        sallyport = try Sallyport()
        vendor = try ModelVendor(sallyport.home, model, budget: budget, script: script)
        workspace = try sallyport.home.directory("workspace")
        try sallyport.home.directory("workspace/sub")
        try sallyport.home.file("workspace/a.txt", "one\ntwo\nthree\n")
        try sallyport.home.file("workspace/sub/b.txt", "two times two\n")
        prompt = try sallyport.home.file("prompt", "Do what the script says.\n")
    }

    /// One line of a script.
    static func call(_ name: String, _ input: JSON, text: String? = nil) -> String {
        calls([(name, input)], text: text)
    }

    static func calls(_ calls: [(name: String, input: JSON)], text: String? = nil) -> String {
        let list = calls.map { call -> JSON in ["name": .string(call.name), "input": call.input] }
        var members: [JSON.Member] = [.init("calls", .array(list))]
        if let text { members.append(.init("text", .string(text))) }
        return JSON.object(members).compactText
    }

    static func done(_ text: String = "done") -> String { JSON.object([.init("text", .string(text))]).compactText }

    /// Runs it; what it is told of each call is in the requests that the vendor heard.
    func run(
        api: String = "anthropic-messages", options: [String] = [], run: [String] = [],
        deadline: Duration = .seconds(100)
    ) throws -> Outcome {
        try sallyport.run(
            profile: "build", workspace: workspace,
            options: [
                "--model", vendor.file, "--mount", "\(Executables.path("sallyport-runner")):/run/sallyport/runner",
                "--mount",
                "\(prompt):/run/sallyport/prompt",
            ] + run, deadline: deadline,
            [
                "/run/sallyport/runner", "agent", "--api", api, "--model", "mock-1", "--prompt",
                "/run/sallyport/prompt",
            ] + options)
    }

    /// The bodies of all requests, once the agent has ended.
    func requests() throws -> [JSON] {
        try vendor.stop().map { line in
            let told = try JSONParser.parse(Array(line.utf8))
            return try JSONParser.parse(Array((told["body"]?.stringValue ?? "").utf8))
        }
    }

    /// What the last request says that the calls before it came to, of either shape.
    static func results(_ request: JSON?) -> [String] {
        var results: [String] = []
        for message in request?["messages"]?.arrayValue ?? [] {
            if message["role"]?.stringValue == "tool", let text = message["content"]?.stringValue {
                results.append(text)
            }
            for block in message["content"]?.arrayValue ?? [] where block["type"]?.stringValue == "tool_result" {
                results.append(block["content"]?.stringValue ?? "")
            }
        }
        return results
    }
}
