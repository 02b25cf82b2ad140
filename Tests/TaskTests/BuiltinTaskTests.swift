// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// Tasks of the built-in agent, from the order to the delivered branch.
@Suite(
    "tasks of the built-in agent", .requires(.root), .requires(.git), .requires(.python), .requires(.runner),
    .timeLimit(.minutes(25)))
struct BuiltinTaskTests {
    private static let fix = [
        AgentScene.call("read", ["path": "file"], text: "let me see"),
        AgentScene.call("edit", ["path": "file", "old": "fixed?", "new": "x"]),
        AgentScene.call("edit", ["path": "file", "old": "broken", "new": "fixed"]),
        AgentScene.call("run", ["command": .string(TaskScene.test)]), AgentScene.done("It says fixed now."),
    ]

    private func task(
        _ scene: TaskScene, _ vendor: ModelVendor, _ options: [String] = []
    ) throws -> Delivery {
        let directory = scene.sallyport.home.at("delivered")
        let arguments = [
            "task", "run", "--repo", scene.repository, "--task", "Fix the file", "--agent", "builtin", "--model",
            vendor.file,
            "--test-command", TaskScene.test, "--out", directory,
        ]
        return try Delivery(try scene.sallyport.command(arguments + options).run(), directory: directory)
    }

    @Test("a repository and a file of models are enough", arguments: ["anthropic-messages", "openai-chat"])
    func whole(_ api: String) throws {
        let scene = try TaskScene()
        let vendor = try ModelVendor(scene.sallyport.home, apis: [api], script: Self.fix)
        let done = try task(scene, vendor)
        try #require(
            done.outcome == "verified", "\(done.finished.errorText)\(text(done.directory + "/work.log") ?? "")")
        #expect(done.evidence?["request"]?["agent"] == "builtin")
        #expect(done.evidence?["model"]?["turns"] == 5, "\(String(describing: done.evidence?["model"]))")
        #expect(try scene.git(done.repository, "show", "\(done.branch ?? ""):file") == "fixed")
        // Its last words are the summary, its turns and calls are told: all of them claims.
        let claims = try #require(done.evidence?["claimed"])
        #expect(claims.compactText.contains("It says fixed now."), "\(claims)")
        let frames = text(done.directory + "/frames.jsonl") ?? ""
        #expect(frames.split(separator: "\n").count { $0.contains("\"turn\"") } == 5, "\(frames)")
        #expect(frames.contains("failed") && frames.contains("edit"), "\(frames)")
        let requests = try vendor.stop().map { try JSONParser.parse(Array($0.utf8)) }
        let path = api == "openai-chat" ? "/v1/chat/completions" : "/v1/messages"
        #expect(requests.count == 5 && requests.allSatisfy { $0["target"]?.stringValue == path })
        // Neither name nor time of this run is in them.
        let task = try #require(done.evidence?["task"]?.stringValue)
        #expect(requests.allSatisfy { $0["body"]?.stringValue?.contains(task) == false })
        let verified = try scene.sallyport.command(["evidence", "verify", done.directory]).run()
        #expect(verified.code == 0, "\(verified.text)\(verified.errorText)")
    }

    @Test("what it did before its limit of turns is delivered, and is no success of its own")
    func turns() throws {
        let scene = try TaskScene()
        let script = [Self.fix[2]] + (0..<9).map { _ in AgentScene.call("list", [:]) }
        let vendor = try ModelVendor(scene.sallyport.home, script: script)
        let done = try task(scene, vendor, ["--agent-turns", "3"])
        #expect(done.outcome == "agent_failed", "\(done.finished.errorText)")
        #expect(text(done.directory + "/work.log")?.contains("ended after 3 turns, which is its limit") == true)
        #expect(done.evidence?["model"]?["turns"] == 3)
        #expect(try vendor.stop().count == 3)
    }

    @Test("settles a thread of a pull request, and reviews one")
    func pulls() throws {
        let scene = try ForgeScene()
        try scene.pull(5, threads: [(file: "file", line: 1, text: "only half")])
        func pull(_ type: String, _ script: [String]) throws -> Delivery {
            let home = try Scratch()
            let vendor = try ModelVendor(home, script: script)
            let directory = scene.scene.sallyport.home.at(type)
            let arguments = [
                "task", "run", "--forge", scene.forge, "--type", type, "--pr", "5", "--agent", "builtin", "--model",
                vendor.file, "--out", directory,
            ]
            return try Delivery(try scene.scene.sallyport.command(arguments).run(), directory: directory)
        }
        let finding: JSON = ["file": "file", "line": 1, "severity": "major", "comment": "only half"]
        let findings: JSON = ["version": 1, "summary": "s", "findings": [finding]]
        let review = try pull(
            "pr_review",
            [
                AgentScene.call("read", ["path": "file"]), AgentScene.call("write", ["path": "file", "content": "x"]),
                AgentScene.call("write", ["path": "$SALLYPORT_FINDINGS", "content": .string(findings.compactText)]),
                AgentScene.done(),
            ])
        #expect(review.outcome == "review_posted", "\(review.finished.errorText)")
        #expect(text(review.directory + "/work.log")?.contains("done") == true)
        let iteration = try pull(
            "pr_iteration",
            [
                AgentScene.call("edit", ["path": "file", "old": "half", "new": "fixed"]),
                AgentScene.call("run", ["command": "git commit -qam 'the whole of it' -m 'Resolves-Thread: 1'"]),
                AgentScene.done(),
            ])
        #expect(iteration.finished.code == 0, "\(iteration.finished.errorText)")
        #expect(iteration.evidence?["forge"]?["resolved_threads"]?.arrayValue?.compactMap(\.intValue) == [1])
        #expect(try scene.scene.git(scene.repository, "show", "feature/x:file") == "fixed")
    }

    @Test("a file of models that does not fit the agent is one error before anything runs")
    func fits() throws {
        let scene = try TaskScene()
        func refusal(_ apis: [String], _ more: [String], _ options: [String] = []) throws -> String {
            let lines =
                ["version: 1", "apis:"]
                + apis.map { "  \($0): {upstream: \"http://127.0.0.1:9\", credential: \"env:NOTHING\"}" }
                + ["budget_usd: 1"] + more
            let file = try scene.sallyport.home.file("other.yaml", lines.joined(separator: "\n") + "\n")
            let done = try scene.failing(
                ["--repo", scene.repository, "--task", "x", "--agent", "builtin", "--model", file] + options)
            #expect(done.code == 125)
            return done.errorText
        }
        let shapes = try refusal(["gemini"], ["models: [m]"])
        #expect(shapes.contains("it speaks anthropic-messages and openai-chat, and the file has gemini"), "\(shapes)")
        let model = try refusal(["openai-chat"], ["models: [\"gpt-*\"]"])
        #expect(model.contains("Name one with --agent-model"), "\(model)")
        let other = try refusal(["openai-chat"], ["models: [\"gpt-*\"]"], ["--agent-model", "o9"])
        #expect(other.contains("does not have it") && other.contains("It has gpt-*."), "\(other)")
        let flaw = try refusal(["openai-chat"], ["models: []"])
        #expect(flaw.contains("other.yaml:5") && flaw.contains("empty list"), "\(flaw)")
    }

    @Test("agent check says what it needs, and finds it in the sandbox of a task")
    func check() throws {
        let sallyport = try Sallyport()
        let found = try sallyport.command(["agent", "check", "builtin"]).run()
        #expect(found.code == 0 && found.text == "builtin: sh, git found\n", "\(found.text)\(found.errorText)")
        let listed = try sallyport.command(["agent", "list"]).run()
        #expect(
            listed.lines.contains { $0.hasPrefix("builtin ") && $0.contains("tested this build") }, "\(listed.text)")
    }

    // MARK: The recorded task

    /// Runs the task of docs/first-task.md with models at a port of this machine.
    private func firstTask(_ sallyport: Sallyport, port: String) throws -> Delivery {
        let sample = sallyport.home.at("sample")
        let made = try Command("\(Executables.sources)/scripts/sample", [sample]).run()
        try #require(made.code == 0, "\(made.errorText)")
        let models = try #require(text(sample + "/models.yaml"))
        let file = try sallyport.home.file(
            "sample/models.yaml",
            models.split(separator: "8089", omittingEmptySubsequences: false).joined(separator: port))
        let directory = sallyport.home.at("delivered")
        var command = sallyport.command([
            "task", "run", "--forge", sample + "/forge", "--issue", "1", "--agent", "builtin", "--model", file,
            "--test-command", "python3 -m unittest", "--out", directory,
        ])
        command.deadline = .seconds(200)
        let done = try Delivery(try command.run(), directory: directory)
        try #require(done.outcome == "verified", "\(done.finished.errorText)\(text(directory + "/work.log") ?? "")")
        #expect(text(sample + "/forge/pulls/2.json")?.contains("merge() leaves intervals that touch apart") == true)
        return done
    }

    private static let record = "\(Executables.sources)/Tests/Fixtures/models/first-task.jsonl"

    /// `SALLYPORT_REWRITE_GOLDENS=1` makes the record anew, from its script: after a change of the loop's words or tools.
    @Test("the shipped record is what the agent asks, to the byte, and ends in a pull request")
    func recorded() throws {
        if getenv("SALLYPORT_REWRITE_GOLDENS") != nil { try rewrite() }
        let sallyport = try Sallyport()
        var command = sallyport.command(["model", "replay", Self.record])
        command.deadline = .seconds(250)
        let server = try command.start()
        let line = try #require(try server.line())
        let port = try #require(line.split(separator: ":").last?.split(separator: " ").first)
        _ = try firstTask(sallyport, port: String(port))
        let replayed = try server.finish()
        #expect(replayed.code == 0 && replayed.text.contains("every exchange was replayed"), "\(replayed.text)")
    }

    private func rewrite() throws {
        let sallyport = try Sallyport()
        let script = try #require(text("\(Executables.sources)/Tests/Fixtures/models/first-task.script"))
        let vendor = try ModelVendor(sallyport.home, script: script.split(separator: "\n").map(String.init))
        _ = try firstTask(sallyport, port: vendor.port)
        let found = try Command("/usr/bin/find", [sallyport.runtime, "-name", "model-record.jsonl", "-size", "+0"])
            .run()
        try #require(found.lines.count == 1, "\(found.text)")
        try #require(try Command("/bin/cp", [found.lines[0], Self.record]).run().code == 0)
    }
}
