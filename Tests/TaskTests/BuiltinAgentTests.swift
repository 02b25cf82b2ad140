// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

/// The built-in agent as a program: its tools on real files, its ends, and what passes between it and llm.internal.
@Suite("built-in agent", .requires(.root), .requires(.python), .requires(.runner), .timeLimit(.minutes(25)))
struct BuiltinAgentTests {
    static let apis = ["anthropic-messages", "openai-chat"]

    /// Runs calls one after another, and returns what the model was told of each.
    private func results(
        _ calls: [(String, JSON)], api: String = "anthropic-messages", options: [String] = []
    ) throws -> (results: [String], scene: AgentScene, outcome: Outcome) {
        let scene = try AgentScene(calls.map { AgentScene.call($0.0, $0.1) } + [AgentScene.done()])
        let outcome = try scene.run(api: api, run: options)
        #expect(outcome.code == 0, "\(outcome.errorText)")
        let requests = try scene.requests()
        #expect(requests.count == calls.count + 1)
        return (AgentScene.results(requests.last), scene, outcome)
    }

    @Test("its tools do what they say", arguments: apis)
    func tools(_ api: String) throws {
        let (results, _, _) = try results(
            [
                ("list", [:]), ("read", ["path": "a.txt"]), ("read", ["path": "a.txt", "first_line": 2, "lines": 1]),
                ("search", ["text": "two"]), ("search", ["text": "two", "path": "sub/b.txt"]),
                ("write", ["path": "new/dir/c.txt", "content": "x\n"]),
                ("edit", ["path": "a.txt", "old": "two\n", "new": "2\n"]),
                ("run", ["command": "cat a.txt new/dir/c.txt; echo problem >&2; exit 3"]),
                ("run", ["command": "pwd; kill -9 $$"]), ("list", ["path": "new", "depth": 1]),
            ], api: api)
        #expect(
            results == [
                "a.txt\nsub/\nsub/b.txt", "1\tone\n2\ttwo\n3\tthree\n",
                "2\ttwo\n[lines 2-2 of 3; go on with first_line 3]",
                "a.txt:2: two\nsub/b.txt:1: two times two", "sub/b.txt:1: two times two", "wrote 2 bytes",
                "edited at line 2",
                "one\n2\nthree\nx\nproblem\n[exit status 3]", "/workspace\n[ended by signal 9]", "new/dir/",
            ])
    }

    @Test("what cannot be done is told, and the work goes on")
    func refusals() throws {
        let (results, scene, _) = try results([
            ("edit", ["path": "a.txt", "old": "four", "new": "4"]),
            ("edit", ["path": "a.txt", "old": "e", "new": "E"]),
            ("read", ["path": "missing"]), ("read", ["path": "sub"]), ("read", ["path": "/etc/passwd"]),
            ("write", ["path": "../x", "content": ""]), ("run", ["command": "ln -s /etc out; mkfifo pipe"]),
            ("read", ["path": "out/hostname"]), ("write", ["path": "out/x", "content": ""]), ("read", ["path": "pipe"]),
            ("list", ["path": "a.txt"]), ("read", ["path": "a.txt", "lines": 0]), ("fly", [:]),
        ])
        let words = [
            "not edited: the old text does not stand there; look",
            "not edited: the old text stands there more than once, at lines 1, 3, 3",
            "cannot read missing: No such file", "cannot read sub: Is a directory", "the path leads out of the clone",
            "the path leads out of the clone", "[exit status 0]", "cannot read out/hostname: the path leads out",
            "cannot write out/x: the path leads out", "cannot read pipe: Invalid", "cannot list a.txt: Not a directory",
            "first_line and lines begin at 1", "there is no tool of this name",
        ]
        #expect(results.count == words.count)
        for (result, words) in zip(results, words) { #expect(result.contains(words), "\(result)") }
        #expect(text(scene.workspace + "/a.txt") == "one\ntwo\nthree\n")
    }

    @Test("of 50 MB of output a few thousand bytes reach the model")
    func flood() throws {
        let (results, _, outcome) = try results([
            ("run", ["command": "echo begin; head -c 50000000 /dev/zero | tr '\\0' x; echo; echo end"])
        ])
        let told = try #require(results.first)
        #expect(told.hasPrefix("begin\nxxx") && told.hasSuffix("xxx\nend\n[exit status 0]"), "\(told.prefix(100))")
        #expect(told.contains("bytes left out]") && told.utf8.count < 17_000)
        #expect(outcome.errorText.utf8.count < 10_000)
    }

    @Test("a command ends at its time, with all that it left behind")
    func time() throws {
        let (results, _, _) = try results([
            ("run", ["command": "echo a; sleep 600", "timeout_seconds": 1]),
            ("run", ["command": "setsid sleep 600 & (sleep 600 & ) ; echo b"]),
            ("run", ["command": "for p in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$p; echo; done | grep -c '^sleep'"]),
        ])
        #expect(results == ["a\n[ended after 1 s]", "b\n[exit status 0]", "0\n[exit status 1]"])
    }

    @Test("has exactly as many turns as it may", arguments: apis)
    func turns(_ api: String) throws {
        let scene = try AgentScene((0..<9).map { _ in AgentScene.call("list", [:]) })
        let outcome = try scene.run(api: api, options: ["--turns", "4"])
        #expect(outcome.code == 10 && outcome.errorText.contains("ended after 4 turns"), "\(outcome.errorText)")
        #expect(try scene.requests().count == 4)
        #expect(outcome.result?["model"]?["turns"] == 4)
    }

    @Test("ends where the session may not ask any more, without asking again", arguments: apis)
    func budget(_ api: String) throws {
        // One answer costs 300 millionths; the ceiling of the next one, with 256 tokens of answer, is more than the rest.
        let scene = try AgentScene((0..<9).map { _ in AgentScene.call("list", [:]) }, budget: "0.01")
        let outcome = try scene.run(api: api, options: ["--output-tokens", "1000"])
        #expect(
            outcome.code == 11 && outcome.errorText.contains("no model may be asked any more: status 403"),
            "\(outcome.errorText)")
        let spent = try #require(outcome.result?["model"])
        #expect(spent["refused"] == 1, "\(spent)")
        #expect(try scene.requests().count == spent["turns"]?.intValue)
        let few = try AgentScene((0..<9).map { _ in AgentScene.call("list", [:]) })
        let ended = try few.run(api: api, run: ["--max-turns", "2"])
        #expect(ended.code == 11 && ended.result?["model"]?["refused"] == 1, "\(ended.errorText)")
        #expect(try few.requests().count == 2)
    }

    @Test("asks again when the vendor is busy or the connection breaks, and not for ever", arguments: apis)
    func retries(_ api: String) throws {
        let scene = try AgentScene([
            #"{"status": 529, "fields": {"retry-after": "1"}, "message": "busy\u001b[31m"}"#, #"{"drop": true}"#,
            AgentScene.done(),
        ])
        let outcome = try scene.run(api: api)
        #expect(outcome.code == 0, "\(outcome.errorText)")
        #expect(outcome.errorText.contains("waits 1000 ms: status 529: busy [31m"), "\(outcome.errorText)")
        #expect(!outcome.errorText.contains("\u{1B}"))
        let requests = try scene.requests()
        #expect(requests.count == 3 && requests[0] == requests[2])
        let patient = try AgentScene([#"{"status": 429, "fields": {"retry-after": "3600"}}"#])
        let ended = try patient.run(api: api)
        #expect(ended.code == 12 && ended.errorText.contains("asks for 3600 s"), "\(ended.errorText)")
    }

    @Test("ends with the reason where an answer cannot be used", arguments: apis)
    func malformed(_ api: String) throws {
        for raw in ["{not json", "[]", #"{"content": 5, "choices": 5, "usage": {}}"#] {
            let scene = try AgentScene([JSON.object([.init("raw", .string(raw))]).compactText])
            let outcome = try scene.run(api: api)
            #expect(
                outcome.code == 13 && outcome.errorText.contains("cannot use the model's answer: it "),
                "\(outcome.errorText)")
        }
    }

    @Test("what a model says cannot change a terminal")
    func escapes() throws {
        let scene = try AgentScene([
            AgentScene.call(
                "run\u{1B}]0;x\u{7}", ["command": "\u{1B}[2J"], text: "\u{1B}]52;c;aGk=\u{7}\u{9B}5m hello"),
            AgentScene.done("\u{1B}[31m"),
        ])
        let outcome = try scene.run()
        #expect(outcome.code == 0 && outcome.errorText.contains("hello"), "\(outcome.errorText)")
        #expect(
            outcome.errorText.unicodeScalars.allSatisfy {
                $0 == "\n" || ($0.value >= 0x20 && !(0x7F...0x9F).contains($0.value))
            })
    }

    @Test("says what is wrong with its options, and does not start outside a sandbox")
    func usage() throws {
        let scene = try AgentScene([])
        for options in [["--turns", "0"], ["--turns", "501"], ["--context-tokens", "10"], ["--output-tokens", "x"]] {
            let outcome = try scene.run(options: options)
            #expect(
                outcome.code == 2 && outcome.errorText.contains("\(options[0]) is a number from"),
                "\(outcome.errorText)")
        }
        #expect(try scene.run(api: "gemini").errorText.contains("--api is anthropic-messages or openai-chat"))
        let outside = try Command(
            Executables.path("sallyport-runner"),
            ["agent", "--api", "openai-chat", "--model", "m", "--prompt", "/dev/null"]
        ).run()
        #expect(outside.code == 2 && outside.errorText.contains("start it in a sandbox"), "\(outside.errorText)")
    }
}
