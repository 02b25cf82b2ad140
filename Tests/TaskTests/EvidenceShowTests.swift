// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

@Suite("evidence for a reviewer", .timeLimit(.minutes(25)))
struct EvidenceShowTests {
    private func show(_ scene: TaskScene, _ directory: String, _ options: [String] = []) throws -> Finished {
        try scene.sallyport.command(["evidence", "show", directory] + options).run()
    }

    @Test("says what was seen, and marks what was claimed", .requires(.root), .requires(.git), .requires(.runner))
    func kinds() throws {
        let bundle = try BundleScene()
        let shown = try show(bundle.scene, bundle.directory)
        #expect(shown.code == 0 && shown.lines.first?.hasPrefix("valid ") == true, "\(shown.errorText)")
        for line in [
            "outcome   verified", "  before: test failed; exited, exit status 1", "  work: exited, exit status 0",
            "  after: test passed; exited, exit status 0", "  denied in work: unshare x1",
            "    work.log (written inside)",
            "claimed by what ran inside, and not checked",
        ] {
            #expect(shown.lines.contains { $0.hasPrefix(line) }, "\(line) is not in: \(shown.text)")
        }
        let claims = try #require(shown.lines.firstIndex { $0.hasPrefix("claimed by") })
        #expect(shown.lines[..<claims].allSatisfy { !$0.contains("outcome=") })
        #expect(shown.lines[(claims + 1)...].allSatisfy { $0.hasPrefix("  claimed: ") })
        #expect(shown.text.contains("  claimed: test phase=final check=test outcome=passed"))
        let json = try JSONParser.parse(try show(bundle.scene, bundle.directory, ["--json"]).output)
        #expect(json["verification"]?["valid"]?.boolValue == true)
        #expect(json["evidence"]?["outcome"]?.stringValue == "verified")
    }

    @Test(
        "writes nothing to a terminal that acts there, and shows nothing of a bundle that was changed",
        .requires(.root), .requires(.git), .requires(.runner))
    func escapes() throws {
        let scene = try TaskScene()
        let done = try scene.task(
            agent: "echo fixed > file; printf '\u{1B}]0;owned\u{07}\u{202E}' >&2", text: "Do\u{1B}[31m")
        #expect(done.outcome == "verified")
        let shown = try show(scene, done.directory)
        #expect(shown.code == 0 && shown.text.contains("printf '\\u{1b}]0;owned\\u{7}\\u{202e}'"), "\(shown.text)")
        #expect(!shown.output.contains(0x1B) && !shown.output.contains(0x07) && !shown.text.contains("\u{202E}"))
        let json = try show(scene, done.directory, ["--json"])
        #expect(!json.output.contains(0x1B) && !json.text.contains("\u{202E}"))
        let path = done.directory + "/work.log"
        #expect(truncate(path, 0) == 0)
        let changed = try show(scene, done.directory)
        #expect(changed.code == 1 && changed.text.contains("work.log has 0 bytes"))
        #expect(!changed.text.contains("printf") && !changed.text.contains("observed by"))
    }

    @Test(
        "every end of a task leaves a bundle that verifies and says it",
        .requires(.root), .requires(.git), .requires(.runner),
        arguments: [
            ("true", "nothing_to_deliver"), ("echo fixed > file; exit 7", "agent_failed"), ("kill -9 $PPID", "killed"),
            ("echo other > file", "test_failed"),
            (
                "git update-ref HEAD $(git commit-tree -p HEAD -m x $(printf '160000 commit %s\\tlib\\n' $(git rev-parse HEAD)"
                    + " | git mktree)); echo fixed > file", "refused"
            ),
        ])
    func ends(_ agent: String, _ outcome: String) throws {
        let scene = try TaskScene()
        let done = try scene.task(agent: agent)
        try #require(done.outcome == outcome, "\(done.finished.errorText)")
        let shown = try show(scene, done.directory)
        #expect(shown.code == 0 && shown.lines.contains("outcome   \(outcome)"), "\(shown.text)\(shown.errorText)")
        let audit = try #require(text(done.directory + "/audit.jsonl")).split(separator: "\n")
        #expect(audit.last?.contains("\"event\":\"task_failed\",\"detail\":{\"outcome\":\"\(outcome)\"}") == true)
        let attacked = scene.sallyport.home.at("delivered/result.git/refs/heads/base")
        try scene.sallyport.home.file(String(attacked.dropFirst(scene.sallyport.home.path.utf8.count + 1)), "")
        #expect(try show(scene, done.directory).code == 1)
    }

    @Test(
        "what a task tried to reach is in its bundle, with the gateway's own records",
        .requires(.root), .requires(.git), .requires(.runner))
    func network() throws {
        let scene = try TaskScene()
        let profile = try scene.sallyport.home.file(
            "net.yaml",
            """
            version: 1
            extends: [build]
            reason: a task that may ask for one host
            egress: {rules: [{host: allowed.test, reason: needed}]}

            """)
        let done = try scene.task(
            agent: "python3 -c \"import socket; socket.create_connection(('forbidden.test', 443))\"; echo fixed > file",
            options: ["--profile", profile])
        try #require(done.outcome == "verified", "\(done.finished.errorText)")
        let shown = try show(scene, done.directory)
        #expect(shown.code == 0 && shown.text.contains("denied in work: forbidden.test"), "\(shown.text)")
        #expect(text(done.directory + "/work.audit.jsonl")?.contains("forbidden.test") == true)
        #expect(text(done.directory + "/audit.jsonl")?.contains("\"event\":\"egress_denied\"") == true)
        // Of a task that nothing may leave, the agent reached its own repository, and the tests had no network.
        let bundle = try BundleScene()
        #expect(!names(bundle.directory).contains("before.audit.jsonl"))
        let reached = try #require(text(bundle.directory + "/work.audit.jsonl")).split(separator: "\n").map {
            try JSONParser.parse(Array($0.utf8))
        }
        let opened = reached.filter { $0["event"] == "tcp.allow" }
        #expect(!opened.isEmpty && opened.allSatisfy { $0["name"] == "git.internal" }, "\(reached)")
    }

    @Test("a task is found by its name", .requires(.root), .requires(.git), .requires(.runner))
    func byName() throws {
        let scene = try TaskScene()
        let done = try scene.sallyport.command([
            "task", "run", "--repo", scene.repository, "--task", "Fix", "--agent-command", "echo fixed > file",
            "--json",
        ]).run()
        try #require(done.code == 0, "\(done.errorText)")
        let task = try #require(JSONParser.parse(done.output)["task"]?.stringValue)
        #expect(try show(scene, task).text.contains("outcome   delivered"))
        #expect(try scene.sallyport.command(["evidence", "verify", task]).run().code == 0)
        let none = try scene.sallyport.command(["evidence", "verify", "t" + String(repeating: "0", count: 20)]).run()
        #expect(none.code == 125 && none.errorText.contains("ENOENT"))
    }
}
