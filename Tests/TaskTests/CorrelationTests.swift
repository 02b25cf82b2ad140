// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import LinuxSystem
import TestSupport
import Testing

/// One id from the command to the last broker.
@Suite(
    "correlation of a task's records", .serialized, .requires(.root), .requires(.git), .requires(.runner),
    .requires(.python), .timeLimit(.minutes(25)))
struct CorrelationTests {
    private static let id = "ticket-4711.retry"
    /// Finds the id without having it in a command line of its own.
    private static let search = "[t]icket-4711"

    /// Says its input back.
    private static let step = #"""
          custom_steps:
            - name: scan
              phase: pre-agent
              command: printf '{"status":"success","metadata":{"input":%s}}' "$(cat)"
        """#

    /// Uses every host that its session has, says in its frames that the task is another, and looks for the id.
    private static let agent = """
        echo 'note correlation_id another-id' >$SALLYPORT_EVENTS
        python3 -c '\(ModelVendor.client)ask("chat", "say hello")' || exit 2
        python3 -c 'import urllib.request as u; u.urlopen("http://forge.internal/repos/local/forge/issues/1")' || exit 3
        git clone -q "$(git remote get-url origin)" /tmp/again || exit 4
        grep -qs '\(search)' /proc/[0-9]*/environ /proc/[0-9]*/cmdline && exit 5
        grep -rqs '\(search)' /run/sallyport . && exit 6
        echo fixed > file
        """

    private func lines(_ path: String) throws -> [JSON] {
        try #require(text(path), "\(path)").split(separator: "\n").map { try JSONParser.parse(Array($0.utf8)) }
    }

    private func json(_ path: String) throws -> JSON {
        try JSON.read(try #require(contents(path), "\(path)"), file: path)
    }

    @Test("O2: one id is in every record from the command to the model, and leaves the host nowhere")
    func hops() throws {
        let scene = try DaemonScene()
        scene.pipeline = Self.step
        let vendor = try ModelVendor(scene.sallyport.home)
        try scene.start()
        try scene.onboard(
            runner:
                "{command: \(JSON.string(Self.agent).compactText), models: \(JSON.string(vendor.file).compactText)}")
        let options = ["--issue", "1", "--idempotency-key", "k", "--wait", "--json", "--correlation-id"]
        let done = try scene.request(options + [Self.id]).run()
        let task = try scene.json(done)
        let name = try #require(task["task"]?.stringValue, "\(done.text)\(done.errorText)")
        let directory = "\(scene.sessions)/\(name)-1/delivered"
        #expect(task["status"] == "COMPLETED", "\(task.compactText)\(text(directory + "/work.log") ?? "")")
        // What people ask the daemon.
        #expect(task["correlation_id"]?.stringValue == Self.id)
        #expect(try scene.task(name)["correlation_id"]?.stringValue == Self.id)
        #expect(try scene.ask("list", "--correlation-id", Self.id).text.hasPrefix(name))
        #expect(try scene.ask("list", "--correlation-id", "another-id").text == "")
        #expect(try scene.ask("logs", name).text.contains("its records bear \(Self.id)"))
        let events = try scene.events(name)
        try scene.chain(events)
        #expect(events.first?["payload"]?["correlation_id"]?.stringValue == Self.id)
        let input = events.first { $0["type"] == "scan_completed" }?["payload"]?["metadata"]?["input"]
        #expect(input?["correlationId"]?.stringValue == Self.id, "\(input?.compactText ?? "none")")
        let own = "\(scene.sessions)/\(name)-1.scan-1/kept/attempt-1.result.json"
        #expect(try json(own)["correlation_id"]?.stringValue == Self.id)
        // The evidence, and each sandbox of the task.
        let evidence = try json(directory + "/evidence.json")
        #expect(evidence["correlation_id"]?.stringValue == Self.id)
        #expect(try lines(directory + "/audit.jsonl").first?["detail"]?["correlation_id"]?.stringValue == Self.id)
        let labels = try #require(evidence["observed"]?.objectValue).map(\.name)
        #expect(labels == ["before", "work", "after"])
        for label in labels {
            let result = try json("\(directory)/\(label).result.json")
            let session = try #require(result["session"]?.stringValue)
            #expect(result["correlation_id"]?.stringValue == Self.id, "\(label)")
            let state = try json("\(scene.sallyport.runtime)/sessions/\(session)/state.json")
            #expect(state["correlation_id"]?.stringValue == Self.id, "\(label)")
        }
        // Every line of the gateway and of each broker.
        let session = try #require(evidence["observed"]?["work"]?["session"]?.stringValue)
        let ledgers = ["audit", "git", "model", "model-transcript", "forge"].map { "\(directory)/work.\($0).jsonl" }
        for file in ledgers + ["\(scene.sallyport.runtime)/sessions/\(session)/model-record.jsonl"] {
            let records = try lines(file)
            #expect(!records.isEmpty, "\(file)")
            #expect(records.allSatisfy { $0["correlation_id"]?.stringValue == Self.id }, "\(file)")
        }
        // What the agent says of it is what it claims.
        #expect(evidence["claimed"]?.compactText.contains("another-id") == true)
        let shown = try scene.ask("evidence", "show", directory)
        #expect(shown.code == 0 && shown.text.contains("bears     \(Self.id)\n"), "\(shown.text)")
        // Nobody outside is told.
        let told = try vendor.stop().joined(separator: "\n")
        #expect(told.contains("say hello") && !told.contains(Self.id), "\(told)")
        let pushed = try Command(
            "/usr/bin/git", ["-C", scene.forge.forge + "/repository.git", "log", "--all", "--format=%an%ae%B"]
        ).run()
        #expect(pushed.code == 0 && pushed.text.contains("Task-Id: \(name)") && !pushed.text.contains(Self.id))
        #expect(try scene.forge.record("pulls/2").compactText.contains(Self.id) == false)
        // The same key is the same task, whatever id comes along.
        let again = try scene.json(try scene.request(options + ["another-id"]).run())
        #expect(again["task"]?.stringValue == name && again["correlation_id"]?.stringValue == Self.id)
        #expect(try scene.residue() == [])
        try scene.end(SIGTERM)
    }

    @Test("a task that is given none has one that follows from its name, and what is none is refused")
    func made() throws {
        let scene = try TaskScene()
        for wrong in ["Ticket-1", "a b", "../x", String(repeating: "a", count: 65)] {
            let refused = try scene.failing([
                "--repo", scene.repository, "--task", "x", "--agent-command", "true", "--correlation-id", wrong,
            ])
            #expect(refused.code == 125 && refused.errorText.contains("--correlation-id is 1 to 64"), "\(wrong)")
        }
        let done = try scene.task(agent: "echo fixed > file")
        try #require(done.outcome == "verified", "\(done.finished.errorText)")
        let name = try #require(done.evidence?["task"]?.stringValue)
        let id = String(Digest.sha256(Array(name.utf8)).prefix(32))
        #expect(done.evidence?["correlation_id"]?.stringValue == id)
        #expect(done.evidence?["observed"]?["work"]?["correlation_id"]?.stringValue == id)
    }
}
