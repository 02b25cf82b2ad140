// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

@Suite(
    "alarms of the daemon", .serialized, .requires(.root), .requires(.git), .requires(.runner), .timeLimit(.minutes(25))
)
struct DaemonAlarmTests {
    @Test("O4: what fails too often is told in log, figures and a verb, once; the next daemon clears it")
    func told() throws {
        let scene = try DaemonScene()
        let base = """
            version: 1
            rate: {tasks_per_hour: 100000}
            pressure: {memory_percent: 100, cpu_percent: 100, io_percent: 100}

            """
        // How full this machine's disk is says nothing here.
        let others = "queue_length: 100000, stuck_after: 30d, disk_free_percent: 0"
        try scene.start(settings: base + "alarms: {failed_least: 1, \(others)}\n")
        #expect(try scene.ask("ops", "alarms").code == 0)
        let id = try scene.submit(agent: "exit 3")
        #expect(try scene.ask("watch", id).code == 1)
        let path = scene.directory + "/metrics.prom"
        try waitForChange(in: scene.directory, longest: .seconds(30)) {
            text(path)?.contains("sallyport_alarms{kind=\"failures\"} 1\n") == true
        }
        #expect(text(path)?.contains("sallyport_alarms{kind=\"stuck\"} 0\n") == true)
        let shown = try scene.ask("ops", "alarms", "--json")
        let alarms = try #require(try scene.json(shown)["alarms"]?.arrayValue)
        #expect(shown.code == 1 && alarms.count == 1 && alarms[0]["alarm"] == "failures", "\(shown.text)")
        #expect(alarms[0]["cleared_ms"] == .null && alarms[0]["detail"]?.stringValue?.hasPrefix("1 of 1 tasks") == true)
        // It is of no task.
        let stuck = try scene.ask("ops", "stuck", "--json")
        #expect(stuck.code == 0 && stuck.text == "{\"alarms\":[]}\n", "\(stuck.text)")
        #expect(try scene.say("alarms", ["all": false], uid: 4242).contains("FORBIDDEN"))
        let first = try scene.end(SIGTERM)
        #expect(first.errorText.split(separator: "\n").count { $0.contains("alarm raised: failures: ") } == 1)
        // The same rows under another limit, before anything else happens.
        try scene.start(settings: base + "alarms: {failed_least: 2, \(others)}\n")
        #expect(try scene.ask("ops", "alarms").text == "")
        let all = try scene.ask("ops", "alarms", "--all")
        #expect(all.code == 0 && all.text.hasPrefix("failures ") && all.text.hasSuffix("(cleared)\n"), "\(all.text)")
        let second = try scene.end(SIGTERM)
        #expect(second.errorText.split(separator: "\n").count { $0.contains("alarm cleared: failures: ") } == 1)
        #expect(!second.errorText.contains("alarm raised"))
    }
}
