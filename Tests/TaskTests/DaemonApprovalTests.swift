// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// Tasks of a real daemon that wait for a person before they push.
@Suite(
    "approvals of the daemon", .serialized, .requires(.root), .requires(.git), .requires(.runner),
    .timeLimit(.minutes(25)))
struct DaemonApprovalTests {
    private func submit(
        _ scene: DaemonScene, _ approvals: String = "{gates: [push]}", _ options: String...
    ) throws -> String {
        try scene.onboard("approvals: \(approvals)")
        let done = try scene.request(["--issue", "1", "--json"] + options).run()
        try #require(done.code == 0, "\(done.errorText)")
        return try #require(try scene.json(done)["task"]?["task"]?.stringValue)
    }

    private func decisions(_ scene: DaemonScene, _ id: String) throws -> [String] { try scene.decisions(id) }

    private func evidence(_ scene: DaemonScene, _ id: String) throws -> JSON {
        let directory = "\(scene.sessions)/\(id)-1/delivered"
        #expect(try scene.ask("evidence", "verify", directory).code == 0)
        return try JSON.read(try #require(contents(directory + "/evidence.json")), file: "evidence")
    }

    @Test("an approved push happens once, and the evidence says who let it")
    func approved() throws {
        let scene = try DaemonScene()
        try scene.start()
        let id = try submit(scene)
        let asked = try scene.question(id)
        #expect(asked["act"]?.stringValue == "push" && asked["facts"]?["gate"]?.stringValue == "passed")
        #expect(try scene.task(id)["status"]?.stringValue == "AWAITING_APPROVAL")
        // Nothing has left before somebody says so.
        #expect(try scene.forge.branches().contains(id) == false && names(scene.forge.forge + "/pulls").isEmpty)
        let pending = try scene.ask("pending")
        #expect(
            pending.text.contains("push of") && pending.text.contains("sallyport approve \(id) q2"), "\(pending.text)")
        #expect(try scene.ask("approve", id, "q9").errorText.contains("no such question"))
        let decided = try scene.ask("approve", id, "q2", "--json")
        #expect(decided.code == 0, "\(decided.errorText)")
        let again = try scene.ask("deny", id, "q2", "--reason", "too late", "--json")
        #expect(try scene.json(again)["error"]?["code"]?.stringValue == "REQUEST_ALREADY_DECIDED")
        #expect(try scene.ask("watch", id).code == 0)
        #expect(try decisions(scene, id) == ["release approved", "push approved", "pull_request approved"])
        #expect(names(scene.forge.forge + "/pulls").count == 1)
        let entry = try evidence(scene, id)["approvals"]?.arrayValue?[1]
        #expect(entry?["decided_by"]?.stringValue == "uid:0" && entry?["decision"]?.stringValue == "approved")
        try scene.chain(try scene.events(id))
        #expect(try scene.ask("pending").text == "" && scene.residue() == [])
        try scene.end(SIGTERM)
    }

    @Test("a denied push does not happen; the task is FAILED with the reason")
    func denied() throws {
        let scene = try DaemonScene()
        try scene.start()
        let id = try submit(scene)
        _ = try scene.question(id)
        #expect(try scene.ask("deny", id, "q2").code == 125)
        #expect(try scene.ask("deny", id, "q2", "--reason", "not on a Friday").code == 0)
        #expect(try scene.ask("watch", id).code == 1)
        let task = try scene.task(id)
        #expect(task["status"]?.stringValue == "FAILED" && task["result"]?["outcome"]?.stringValue == "not_approved")
        #expect(task["error"]?["message"]?.stringValue?.contains("denied by uid:0: not on a Friday") == true)
        #expect(try scene.forge.branches().contains(id) == false && names(scene.forge.forge + "/pulls").isEmpty)
        let entry = try evidence(scene, id)["approvals"]?.arrayValue?.last
        #expect(entry?["decision"]?.stringValue == "denied" && entry?["reason"]?.stringValue == "not on a Friday")
        #expect(try scene.residue() == [])
        try scene.end(SIGTERM)
    }

    @Test("a push that nobody answers for does not happen, and is not told to be denied", .timeLimit(.minutes(5)))
    func silent() throws {
        let scene = try DaemonScene()
        try scene.start()
        let id = try submit(scene, "{gates: [push]}", "--approval-timeout", "30")
        #expect(try scene.ask("watch", id).code == 1)
        #expect(try scene.task(id)["error"]?["message"]?.stringValue?.contains("nobody answered q2") == true)
        #expect(try decisions(scene, id) == ["release approved", "push no_answer"])
        #expect(try scene.forge.branches().contains(id) == false)
        #expect(try evidence(scene, id)["approvals"]?.arrayValue?.last?["decision"]?.stringValue == "no_answer")
        #expect(try scene.residue() == [])
        try scene.end(SIGTERM)
    }

    @Test("a task that waits is cancelled, and its question with it")
    func cancelled() throws {
        let scene = try DaemonScene()
        try scene.start()
        let id = try submit(scene)
        _ = try scene.question(id)
        #expect(try scene.ask("cancel", id).code == 0)
        #expect(try scene.ask("watch", id).code == 1)
        #expect(try scene.task(id)["status"]?.stringValue == "CANCELLED")
        #expect(try decisions(scene, id) == ["release approved", "push stranded"])
        let late = try scene.ask("approve", id, "q2", "--json")
        #expect(try scene.json(late)["error"]?["code"]?.stringValue == "TASK_NOT_AWAITING_APPROVAL")
        #expect(try scene.forge.branches().contains(id) == false && scene.residue() == [])
        try scene.end(SIGTERM)
    }

    @Test("a daemon that is killed while a task waits finds it waiting, and one killed at the answer gives it once")
    func killed() throws {
        let scene = try DaemonScene()
        try scene.start()
        let id = try submit(scene)
        _ = try scene.question(id)
        try scene.end(SIGKILL)
        try scene.start()
        #expect(try scene.task(id)["status"]?.stringValue == "AWAITING_APPROVAL")
        #expect(try scene.ask("pending").text.contains(id))
        try scene.end(SIGKILL)
        // At its start it has nothing to tell but what the session knows; it dies over the answer that is new.
        try scene.start(fault: "answer-session.began")
        if scene.daemon != nil { try scene.end() }
        try scene.start()
        #expect(try scene.ask("approve", id, "q2").code == 0)
        #expect(try scene.ask("watch", id).code == 0)
        #expect(names(scene.forge.forge + "/pulls").count == 1)
        #expect(try decisions(scene, id) == ["release approved", "push approved", "pull_request approved"])
        try scene.chain(try scene.events(id))
        #expect(try scene.residue() == [])
        try scene.end(SIGTERM)
    }

    @Test("who is named decides, over the same socket, and who submitted does not", .requires(.python))
    func others() throws {
        let scene = try DaemonScene()
        try scene.start()
        let id = try submit(scene, "{gates: [push], approvers: [\"uid:1234\"]}")
        _ = try scene.question(id)
        let own = try scene.ask("approve", id, "q2", "--json")
        #expect(try scene.json(own)["error"]?["code"]?.stringValue == "FORBIDDEN")
        let decision: JSON = ["task": .string(id), "request": "q2"]
        #expect(try scene.say("pending", uid: 1235).contains("\"requests\":[]"))
        #expect(try scene.say("approve", decision, uid: 1235).contains("REQUEST_NOT_FOUND"))
        #expect(try scene.say("pending", uid: 1234).contains(id))
        #expect(try scene.say("approve", decision, uid: 1234).contains("APPROVED"))
        #expect(try scene.ask("watch", id).code == 0)
        #expect(try evidence(scene, id)["approvals"]?.arrayValue?[1]["decided_by"]?.stringValue == "uid:1234")
        try scene.end(SIGTERM)
    }

    @Test("what the submitter approved beforehand asks nobody")
    func beforehand() throws {
        let scene = try DaemonScene()
        try scene.start()
        let id = try submit(scene, "{level: standard}", "--pre-approve", "act:push")
        _ = try scene.question(id, "q3")
        #expect(try scene.forge.branches().contains(id))
        #expect(try scene.ask("approve", id, "q3", "--reason", "fine").code == 0)
        #expect(try scene.ask("watch", id).code == 0)
        #expect(try evidence(scene, id)["approvals"]?.arrayValue?[1]["decided_by"]?.stringValue == "pre_approval")
        let wrong = try scene.request(["--issue", "1", "--pre-approve", "act:*"]).run()
        #expect(wrong.code == 125 && wrong.errorText.contains("no such act"))
        try scene.end(SIGTERM)
    }
}
