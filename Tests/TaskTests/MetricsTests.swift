// SPDX-License-Identifier: Apache-2.0
import Glibc
import TestSupport
import Testing

/// The figures that the daemon keeps for whoever collects them.
@Suite("figures of the daemon", .requires(.root), .requires(.git), .requires(.runner), .timeLimit(.minutes(25)))
struct MetricsTests {
    @Test("a file tells of tasks, waits, models and sandboxes, from the store alone")
    func file() throws {
        let scene = try DaemonScene()
        try scene.start()
        let done = try scene.submit()
        #expect(try scene.ask("watch", done).code == 0)
        let failed = try scene.submit(agent: "exit 3", key: "failed")
        #expect(try scene.ask("watch", failed).code == 1)
        let path = scene.directory + "/metrics.prom"
        func lines() -> Set<String> { Set((text(path) ?? "").split(separator: "\n").map(String.init)) }
        // It follows what happens, and not at once.
        try waitForChange(in: scene.directory, longest: .seconds(30)) {
            lines().contains("workflow_status_total{status=\"FAILED\"} 1")
        }
        for line in [
            "workflow_status_total{status=\"COMPLETED\"} 1", "workflow_status_total{status=\"RUNNING\"} 0",
            "workflow_duration_seconds_count 2", "workflow_duration_seconds_bucket{le=\"+Inf\"} 2",
            // The order answered every question at once.
            "approval_wait_seconds_count 0", "llm_tokens_total{kind=\"input\"} 0", "llm_cost_usd_total 0.0",
            "sandbox_slots{state=\"taken\"} 0", "sandbox_promised_bytes 0",
        ] {
            #expect(lines().contains(line), "\(line) is not in \(lines())")
        }
        // The next process has the same figures.
        try scene.end(SIGKILL)
        try scene.start()
        try waitForChange(in: scene.directory, longest: .seconds(30)) {
            lines().contains("workflow_duration_seconds_count 2")
        }
        try scene.end(SIGTERM)
    }
}
