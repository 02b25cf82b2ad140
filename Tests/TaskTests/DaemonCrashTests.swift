// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import Orchestrator
import TestSupport
import Testing

/// Daemons and sessions that are killed: every task still ends, once, and leaves nothing.
@Suite(
    "a daemon that dies", .serialized, .requires(.root), .requires(.git), .requires(.runner), .timeLimit(.minutes(60)))
struct DaemonCrashTests {
    /// The points of the journal that a task meets which runs to its end.
    static let working = JournalPoint.all(
        of: JournalStep.builtin.filter { $0 != .stopSession } + [.named("scan"), .named("sign")]
    ).map(\.description)
    static let stopping = JournalPoint.all(of: [.stopSession]).map(\.description)

    @Test("killed at any point of the journal, the task ends as if nothing had happened", arguments: working)
    func point(_ point: String) throws {
        let scene = try DaemonScene()
        scene.pipeline = DaemonScene.ownSteps
        try scene.start(fault: point)
        let submitted = try scene.submission(options: ["--wait"]).run()
        // Before it is taken, while it is waited for, or when all was said but for the daemon's own peace.
        let expected: Int32 = point == "submit.ended" ? 125 : point == "finalize.ended" ? 0 : 2
        #expect(submitted.code == expected, "\(submitted.errorText)")
        #expect(try scene.end().ending == .signalled(SIGKILL))
        try scene.start()
        // Whoever was not told asks again, by the same key.
        let again = try scene.submission(options: ["--wait"]).run()
        #expect(again.code == 0, "\(again.text)\(again.errorText)")
        try judgeSuccess(scene, try #require(try scene.json(again)["task"]?.stringValue))
        try scene.end(SIGTERM)
    }

    @Test("killed at any point of an end, the task is CANCELLED and nothing of it is left", arguments: stopping)
    func stop(_ point: String) throws {
        let scene = try DaemonScene()
        try scene.start(fault: point)
        let id = try scene.submit(agent: DaemonScene.waiting)
        try scene.waitForAgent(id)
        _ = try scene.ask("cancel", id)
        #expect(try scene.end().ending == .signalled(SIGKILL))
        try scene.start()
        #expect(try scene.ask("watch", id).code == 1)
        #expect(try scene.task(id)["status"]?.stringValue == "CANCELLED")
        try scene.chain(try scene.events(id))
        #expect(try scene.residue() == [])
        #expect(names(scene.forge.forge + "/pulls").isEmpty)
        try scene.end(SIGTERM)
    }

    @Test("killed at random moments, again and again, tasks end once")
    func random() throws {
        let kills = getenv("SALLYPORT_LONG") == nil ? 3 : 60
        let scene = try DaemonScene()
        var died = 0
        var round = 0
        while died < kills {
            round += 1
            try scene.start()
            let id = try scene.submit(key: "k-\(round)")
            // In the middle of something: after so many events, which are as many moments as there are.
            let wanted = Int.random(in: 2...14)
            var command = scene.sallyport.command(["watch", id, "--json"])
            command.deadline = .seconds(120)
            let watching = try command.start()
            watching.closeInput()
            for _ in 0..<wanted where try watching.line() == nil { break }
            try scene.end(SIGKILL)
            died += 1
            _ = try watching.finish()
            try scene.start()
            let last = try scene.ask("watch", id, "--json")
            #expect(last.code == 0, "after \(wanted) events: \(last.text)\(last.errorText)")
            try judgeSuccess(scene, id, pulls: round)
            try scene.end(SIGTERM)
        }
    }

    @Test("a session that is killed is lost, never a success, and is swept away")
    func lost() throws {
        let scene = try DaemonScene()
        try scene.start()
        let id = try scene.submit(agent: DaemonScene.waiting)
        try scene.waitForAgent(id)
        let pid = try #require(try scene.session("\(id)-1")["pid"]?.intValue)
        try #require(kill(pid_t(pid), SIGKILL) == 0)
        #expect(try scene.ask("watch", id).code == 1)
        let task = try scene.task(id)
        #expect(task["status"]?.stringValue == "FAILED" && task["error"]?["class"]?.stringValue == "transient")
        #expect(try scene.events(id).contains { $0["type"]?.stringValue == "session_lost" })
        #expect(try scene.residue() == [])
        // The same while nobody looks.
        let other = try scene.submit(agent: DaemonScene.waiting, key: "other")
        try scene.waitForAgent(other)
        try scene.end(SIGKILL)
        let second = try #require(try scene.session("\(other)-1")["pid"]?.intValue)
        try #require(kill(-pid_t(second), SIGKILL) == 0)
        try scene.start()
        #expect(try scene.ask("watch", other).code == 1)
        #expect(try scene.task(other)["status"]?.stringValue == "FAILED")
        #expect(try scene.residue() == [])
        try scene.end(SIGTERM)
    }

    private func judgeSuccess(_ scene: DaemonScene, _ id: String, pulls: Int = 1) throws {
        let task = try scene.task(id)
        #expect(task["status"]?.stringValue == "COMPLETED", "\(task.compactText)")
        #expect(task["attempt"]?.intValue == 1)
        let events = try scene.events(id)
        try scene.chain(events)
        let types = events.map { $0["type"]?.stringValue ?? "" }
        for step in ["load-blueprint", "admission-control", "pre-flight", "hydrate-context", "finalize"] {
            #expect(types.count { $0 == "\(step)_completed" } == 1, "\(step)")
        }
        #expect(types.count { $0 == "session_started" } == 1 && types.count { $0 == "task_completed" } == 1)
        // Exactly once: one branch and one pull request for each task.
        #expect(names(scene.forge.forge + "/pulls").count == pulls)
        let branch = try #require(task["result"]?["branch"]?.stringValue)
        #expect(try scene.forge.branches().split(separator: "\n").count { $0 == branch } == 1)
        #expect(names(scene.sessions).filter { $0.hasPrefix(id) && !$0.contains(".") } == ["\(id)-1"])
        #expect(try scene.residue() == [])
    }
}
