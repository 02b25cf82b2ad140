// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

@Suite("tasks whose agent asks a model", .requires(.root), .requires(.git), .requires(.runner), .requires(.python))
struct ModelTaskTests {
    private func profile(_ scene: TaskScene) throws -> String {
        try scene.sallyport.home.file(
            "model-profile.yaml",
            "version: 1\nextends: [build]\nreason: a test\nenvironment: {set: {ANY: \"1\"}}\negress: {rules: []}\n")
    }

    @Test("ledger and totals are in the signed evidence, the key nowhere", .timeLimit(.minutes(25)))
    func evidence() throws {
        let scene = try TaskScene()
        let vendor = try ModelVendor(scene.sallyport.home)
        let command =
            "python3 -c '\(ModelVendor.client)ask(\"chat\", \"say hello\")' && echo fixed > file"
        let done = try scene.task(
            agent: command,
            options: [
                "--profile", try profile(scene), "--model", vendor.file, "--max-budget", "0.50", "--max-turns", "3",
            ])
        try #require(
            done.outcome == "verified", "\(done.finished.errorText)\(text(done.directory + "/work.log") ?? "")")
        let model = try #require(done.evidence?["model"])
        #expect(
            model["turns"] == 1 && model["spent_microusd"] == 300 && model["budget_microusd"] == 500_000, "\(model)")
        #expect(model["max_turns"] == 3)
        #expect(done.evidence?["request"]?["max_budget"] == "0.50")
        let ledger = try #require(text(done.directory + "/work.model.jsonl"))
        #expect(ledger.split(separator: "\n").count == 1 && ledger.contains("\"settled_microusd\":300"), "\(ledger)")
        let agent = try #require(done.evidence?["observed"]?["work"])
        #expect(agent["model"] == model && agent["model_file"] == "work.model.jsonl", "\(agent)")
        #expect(agent["transcript_file"] == "work.model-transcript.jsonl")
        // The commands that check the result get no models.
        #expect(done.evidence?["observed"]?["after"]?["model"] == .null)
        #expect(done.evidence?["observed"]?["after"]?["model_file"] == nil)
        #expect(!names(done.directory).contains { $0.hasPrefix("after.model") })
        let verified = try scene.sallyport.command(["evidence", "verify", done.directory]).run()
        #expect(verified.code == 0, "\(verified.text)\(verified.errorText)")
        #expect(text(done.directory + "/manifest.json")?.contains("\"work.model.jsonl\"") == true)
        let found = try Command("/bin/grep", ["-rlaF", "-D", "skip", vendor.secret, scene.sallyport.home.path]).run()
        #expect(found.lines == [vendor.key])
        #expect(done.finished.text.contains("models    0.0003 USD in 1 answers"), "\(done.finished.text)")
    }

    @Test("a key in a variable is in no process's variables while the agent asks", .timeLimit(.minutes(25)))
    func variables() throws {
        let scene = try TaskScene()
        let vendor = try ModelVendor(scene.sallyport.home, credential: "env:MODEL_KEY")
        let agent =
            "python3 -c '\(ModelVendor.client)begin(\"chat\", \"be gated\", stream=True)[1].read()' && echo fixed > file"
        var command = scene.sallyport.command([
            "task", "run", "--repo", scene.repository, "--task", "Fix the file", "--agent-command", agent,
            "--test-command", TaskScene.test, "--deliver", scene.sallyport.home.at("delivered"), "--profile",
            try profile(scene), "--model", vendor.file,
        ])
        command.environment["MODEL_KEY"] = vendor.secret
        command.environment["OTHER"] = "a variable of the caller's"
        let task = try command.start()
        task.closeInput()
        #expect(try vendor.heard()["fields"]?["authorization"]?.stringValue == "Bearer " + vendor.secret)
        var seen: Set<String> = []
        for pid in [task.pid] + MemoryScan.below(task.pid) {
            guard let name = text("/proc/\(pid)/comm"), let variables = text("/proc/\(pid)/environ") else { continue }
            seen.insert(name)
            #expect(!variables.contains(vendor.secret), "\(name)")
            // The control, for those that have the caller's: they have moved all of them elsewhere.
            if name == "sallyport\n" || name == "sallyport-task\n" { #expect(!variables.contains("OTHER"), "\(name)") }
        }
        for name in ["sallyport", "sallyport-task", "sallyport-gatew", "sallyport-broke", "sp-init"] {
            #expect(seen.contains(name + "\n"), "\(seen)")
        }
        try vendor.goOn()
        let done = try Delivery(try task.finish(), directory: scene.sallyport.home.at("delivered"))
        #expect(done.outcome == "verified", "\(done.finished.errorText)")
        let kept = try Command("/bin/grep", ["-rlaF", "-D", "skip", vendor.secret, scene.sallyport.home.path]).run()
        #expect(kept.lines == [vendor.key])
    }

    @Test("a vendor that repeats its key leaves it in no evidence", .timeLimit(.minutes(25)))
    func repeated() throws {
        let scene = try TaskScene()
        let vendor = try ModelVendor(scene.sallyport.home)
        let done = try scene.task(
            agent: "python3 -c '\(ModelVendor.client)ask(\"chat\", \"please repeat\")' && echo fixed > file",
            options: ["--profile", try profile(scene), "--model", vendor.file])
        try #require(done.outcome == "verified", "\(done.finished.errorText)")
        let transcript = try #require(text(done.directory + "/work.model-transcript.jsonl"))
        #expect(transcript.contains("your key is"), "\(transcript)")
        let beginning = String(vendor.secret.prefix(14))
        let kept = try Command("/bin/grep", ["-rlaF", "-D", "skip", beginning, scene.sallyport.home.path]).run()
        #expect(kept.lines == [vendor.key])
        let verified = try scene.sallyport.command(["evidence", "verify", done.directory]).run()
        #expect(verified.code == 0, "\(verified.text)\(verified.errorText)")
    }

    private static let nsenter = HostNeed("nsenter") {
        access("/usr/bin/nsenter", X_OK) == 0 && access("/usr/bin/unshare", X_OK) == 0
    }

    @Test(
        "a host without any network but a model of its own runs the whole loop", .timeLimit(.minutes(25)),
        .requires(ModelTaskTests.nsenter))
    func offline() throws {
        let scene = try TaskScene()
        // Loopback, and no other link.
        let up = """
            import fcntl, socket, struct, sys
            with socket.socket() as s: fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 1))
            try: socket.create_connection(("192.0.2.1", 80), timeout=5)
            except OSError as error: print(error.strerror, [name for _, name in socket.if_nameindex()], flush=True)
            sys.stdin.read()
            """
        let host = try Command("/usr/bin/unshare", ["--net", "/usr/bin/python3", "-I", "-c", up]).start()
        let links = try #require(try host.line())
        // Some kernels make devices of tunnels in each namespace; none of them leads anywhere.
        #expect(links.hasPrefix("Network is unreachable ['lo'"), "\(links)")
        let inside = ["/usr/bin/nsenter", "--net=/proc/\(host.pid)/ns/net"]
        let vendor = try ModelVendor(scene.sallyport.home, namespace: inside)
        let agent = """
            python3 -c '\(ModelVendor.client)
            r = begin("chat", "what does the file have to say? fixed say")[1]
            print(json.load(r)["choices"][0]["message"]["content"])' > file
            """
        var command = scene.sallyport.command([
            "task", "run", "--repo", scene.repository, "--task", "Fix the file", "--agent-command", agent,
            "--test-command", TaskScene.test, "--deliver", scene.sallyport.home.at("delivered"), "--profile",
            try profile(scene), "--model", vendor.file,
        ])
        command.arguments = Array(inside.dropFirst()) + [command.path] + command.arguments
        command.path = inside[0]
        let done = try Delivery(try command.run(), directory: scene.sallyport.home.at("delivered"))
        #expect(done.outcome == "verified", "\(done.finished.text)\(done.finished.errorText)")
        #expect(done.test("before") == "failed" && done.test("after") == "passed", "\(done.finished.text)")
        #expect(done.evidence?["model"]?["turns"] == 1)
        host.closeInput()
        _ = try host.finish()
    }

    @Test("limits without models are a misuse", .timeLimit(.minutes(25)))
    func misuse() throws {
        let scene = try TaskScene()
        let done = try scene.failing([
            "--repo", scene.repository, "--task", "x", "--agent-command", "true", "--max-budget", "1",
        ])
        #expect(done.code == 125 && done.errorText.contains("--max-budget and --max-turns need --model"))
    }
}
