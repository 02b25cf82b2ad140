// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// The figures that the daemon keeps for whoever collects them.
@Suite("figures of the daemon", .requires(.root), .requires(.git), .requires(.runner), .timeLimit(.minutes(25)))
struct MetricsTests {
    /// The lines of the file, once one of them is there: it follows what happens, and not at once.
    private func figures(_ scene: DaemonScene, with line: String) throws -> [String] {
        let path = scene.directory + "/metrics.prom"
        func lines() -> [String] { (text(path) ?? "").split(separator: "\n").map(String.init) }
        try waitForChange(in: scene.directory, longest: .seconds(30)) { lines().contains(line) }
        return lines()
    }

    /// The figure behind a name.
    private func figure(_ name: String, _ lines: [String]) throws -> Double {
        let line = try #require(lines.first { $0.hasPrefix(name + " ") }, "\(name) is not in \(lines)")
        return try #require(Double(line.dropFirst(name.utf8.count + 1)), "\(line)")
    }

    @Test("a file tells of tasks and sandboxes, from the store alone")
    func file() throws {
        let scene = try DaemonScene()
        try scene.start()
        let done = try scene.submit()
        #expect(try scene.ask("watch", done).code == 0)
        let failed = try scene.submit(agent: "exit 3", key: "failed")
        #expect(try scene.ask("watch", failed).code == 1)
        let lines = try figures(scene, with: "workflow_status_total{status=\"FAILED\"} 1")
        for line in [
            "workflow_status_total{status=\"COMPLETED\"} 1", "workflow_status_total{status=\"RUNNING\"} 0",
            "workflow_duration_seconds_count 2", "workflow_duration_seconds_bucket{le=\"+Inf\"} 2",
            // The order answered every question at once.
            "approval_wait_seconds_count 0", "llm_tokens_total{kind=\"input\"} 0", "llm_cost_usd_total 0.0",
            "sandbox_slots{state=\"taken\"} 0", "sandbox_promised_bytes 0",
        ] {
            #expect(lines.contains(line), "\(line) is not in \(lines)")
        }
        // The next process has the same figures, though nothing of the last one is left but the store.
        try scene.end(SIGKILL)
        try #require(unlink(scene.directory + "/metrics.prom") == 0)
        try scene.start()
        let again = try figures(scene, with: "workflow_duration_seconds_count 2")
        func durable(_ lines: [String]) -> [String] { lines.filter { !$0.hasPrefix("sandbox_host_available_bytes") } }
        #expect(durable(again) == durable(lines))
        try scene.end(SIGTERM)
    }

    @Test("it tells how long people let tasks wait, and what models took", .requires(.python))
    func waits() throws {
        let scene = try DaemonScene()
        let vendor = try ModelVendor(scene.sallyport.home)
        try scene.start()
        let agent = "python3 -c '\(ModelVendor.client)ask(\"chat\", \"say hello\")' && echo fixed > file"
        try scene.onboard(
            runner: "{command: \(JSON.string(agent).compactText), models: \(JSON.string(vendor.file).compactText)}",
            "approvals: {gates: [push]}")
        let submitted = try scene.request(["--issue", "1", "--json"]).run()
        let id = try #require(try scene.json(submitted)["task"]?["task"]?.stringValue, "\(submitted.errorText)")
        let held = try figures(scene, with: "workflow_status_total{status=\"AWAITING_APPROVAL\"} 1")
        #expect(try figure("sandbox_slots{state=\"taken\"}", held) == 1)
        #expect(try figure("sandbox_promised_bytes", held) > 0)
        #expect(try figure("approval_wait_seconds_count", held) == 0)
        #expect(try scene.ask("approve", id, "q2").code == 0)
        #expect(try scene.ask("watch", id).code == 0)
        let lines = try figures(scene, with: "workflow_status_total{status=\"COMPLETED\"} 1")
        // The question was open at least from the figures that told of it to those that tell of its answer.
        #expect(try figure("approval_wait_seconds_count", lines) == 1)
        #expect(try figure("approval_wait_seconds_sum", lines) > 0)
        let spending = try #require(try scene.task(id)["result"]?["spending"])
        for (kind, member) in [("input", "input_tokens"), ("output", "output_tokens")] {
            let counted = try #require(spending[member]?.intValue)
            #expect(counted > 0)
            #expect(try figure("llm_tokens_total{kind=\"\(kind)\"}", lines) == Double(counted))
        }
        let spent = try #require(spending["spent_microusd"]?.intValue)
        #expect(spent > 0)
        #expect(try figure("llm_cost_usd_total", lines) == Double(spent) / 1_000_000)
        try scene.end(SIGTERM)
    }
}
