// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// Tasks given to a daemon that nothing happens to.
@Suite(
    "tasks of the daemon", .serialized, .requires(.root), .requires(.git), .requires(.runner), .timeLimit(.minutes(25)))
struct DaemonTests {
    @Test("a submitted task is seen through to a pull request, and tells of it")
    func happy() throws {
        let scene = try DaemonScene()
        try scene.start()
        let done = try scene.submission(options: ["--wait"]).run()
        #expect(done.code == 0, "\(done.text)\(done.errorText)")
        let task = try scene.json(done)
        #expect(task["status"]?.stringValue == "COMPLETED")
        let result = task["result"]
        #expect(result?["outcome"]?.stringValue == "verified" && result?["pull_request"]?.intValue == 2)
        let id = try #require(task["task"]?.stringValue)
        // The same words as the task itself has, at a place that everybody can find.
        let shown = try scene.task(id)
        let directory = try #require(shown["directory"]?.stringValue)
        let evidence = try JSON.read(try #require(contents(directory + "/evidence.json")), file: "evidence")
        #expect(evidence["task"]?.stringValue == id && evidence["outcome"]?.stringValue == "verified")
        #expect(result?["commit"]?.stringValue == evidence["delivered"]?["commit"]?.stringValue)
        let verified = try scene.ask("evidence", "verify", directory)
        #expect(verified.code == 0, "\(verified.text)\(verified.errorText)")
        // Every act was asked for, answered by the order, and told of once, in the order of the acts.
        let asked = ["release", "push", "pull_request"]
        #expect((evidence["approvals"]?.arrayValue ?? []).map { $0["act"]?.stringValue } == asked)
        let decisions = try scene.events(id).filter { $0["type"]?.stringValue == "approval_decision_recorded" }
        #expect(decisions.map { $0["payload"]?["act"]?.stringValue } == asked)
        #expect(decisions.allSatisfy { $0["payload"]?["decided_by"]?.stringValue == "order" })
        let release = evidence["approvals"]?.arrayValue?.first?["facts"]
        #expect(release?["tree"] == evidence["delivered"]?["tree"] && release?["outcome"]?.stringValue == "verified")
        #expect(release?["repository"]?.stringValue?.hasPrefix(directory + "/") == true)
        #expect(try scene.forge.record("pulls/2")["head"]?.stringValue == result?["branch"]?.stringValue)
        let events = try scene.events(id)
        try scene.chain(events)
        #expect(
            events.first?["type"]?.stringValue == "task_created"
                && events.last?["type"]?.stringValue == "task_completed")
        #expect(try scene.ask("logs", id).text.contains("agent at work"))
        #expect(try scene.ask("list").text.hasPrefix("\(id)  COMPLETED"))
        #expect(try scene.ask("list", "--status", "RUNNING").text == "")
        // Watched afterwards, it is over at once; from a place on, the rest.
        let watched = try scene.ask("watch", id, "--after", "\(events.count - 1)", "--json")
        #expect(watched.code == 0 && watched.lines.count == 2)
        // The same key is the same task.
        #expect(try scene.submit() == id)
        #expect(try scene.residue() == [])
        #expect(try scene.end(SIGTERM).code == 0)
    }

    @Test("a task whose tests fail is FAILED, and so is one that cannot begin; both say why")
    func failed() throws {
        let scene = try DaemonScene()
        try scene.start()
        let red = try scene.submission(agent: "echo still broken > file", options: ["--wait"]).run()
        #expect(red.code == 1)
        #expect(try scene.json(red)["result"]?["outcome"]?.stringValue == "test_failed")
        let none = try scene.request(["--issue", "77", "--wait", "--json"]).run()
        #expect(none.code == 1)
        let error = try scene.json(none)["error"]?["message"]?.stringValue
        #expect(error?.contains("77") == true, "\(error ?? "")")
        // What only the task itself can see to be wrong comes back in the same way.
        try scene.onboard(runner: "{agent: no-such-agent}")
        let wrong = try scene.request(["--issue", "1", "--wait", "--json"]).run()
        #expect(wrong.code == 1)
        #expect(try scene.json(wrong)["error"]?["message"]?.stringValue?.contains("no-such-agent") == true)
        #expect(try scene.residue() == [])
        try scene.end(SIGTERM)
    }

    @Test("a running task is cancelled; nothing of it is left when it is told to be CANCELLED")
    func cancel() throws {
        let scene = try DaemonScene()
        try scene.start()
        let id = try scene.submit(agent: DaemonScene.waiting)
        try scene.waitForAgent(id)
        let cancelled = try scene.ask("cancel", id, "--json")
        #expect(cancelled.code == 0)
        #expect(try scene.ask("watch", id).code == 1)
        #expect(try scene.task(id)["status"]?.stringValue == "CANCELLED")
        #expect(try scene.residue() == [])
        #expect(names(scene.forge.forge + "/pulls").isEmpty)
        let again = try scene.ask("cancel", id, "--json")
        #expect(again.code == 125)
        #expect(try scene.json(again)["error"]?["code"]?.stringValue == "TASK_ALREADY_TERMINAL")
        try scene.end(SIGTERM)
    }

    @Test("whoever waits may go, and the task goes on")
    func interrupted() throws {
        let scene = try DaemonScene()
        try scene.start()
        let id = try scene.submit(agent: DaemonScene.waiting)
        var command = scene.sallyport.command(["watch", id])
        command.deadline = .seconds(60)
        let watching = try command.start()
        #expect(try watching.line()?.contains("task_created") == true)
        try watching.signal(SIGINT)
        watching.closeInput()
        #expect(try watching.finish().code == 130)
        let second = try command.start()
        #expect(try second.line()?.contains("task_created") == true)
        try scene.end(SIGTERM)
        second.closeInput()
        #expect(try second.finish().code == 2)
        try scene.start()
        #expect(try scene.task(id)["status"]?.stringValue == "RUNNING")
        _ = try scene.ask("cancel", id)
        #expect(try scene.ask("watch", id).code == 1)
        #expect(try scene.residue() == [])
        try scene.end(SIGTERM)
    }
}
