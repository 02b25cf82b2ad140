// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// From a repository that nobody has declared to three tasks on it, one of each type, while the daemon dies in the middle.
@Suite(
    "from onboarding to evidence", .serialized, .requires(.root), .requires(.git), .requires(.runner),
    .timeLimit(.minutes(25)))
struct DaemonOnboardTests {
    private static let findings =
        "printf '%s' '{\"version\":1,\"summary\":\"s\",\"findings\":[{\"file\":\"file\",\"line\":1,\"severity\":\"major\","
        + "\"comment\":\"only half\"}]}' > $SALLYPORT_FINDINGS"

    struct Story: Sendable {
        let type: String
        let item: [String]
        let agent: String
        /// Where the daemon dies.
        let fault: String
    }

    private static let stories = [
        Story(type: "new_task", item: ["--issue", "1"], agent: "echo fixed > file", fault: "hydrate-context.acted"),
        Story(
            type: "pr_iteration", item: ["--pr", "5"], agent: "echo fixed > file",
            fault: "await-agent-completion.began"),
        Story(type: "pr_review", item: ["--pr", "6"], agent: findings, fault: "answer-session.acted"),
    ]

    /// A repository of this host with a check of its own, at a forge with two pull requests; its proposal.
    private func proposal(_ scene: DaemonScene) throws -> [String] {
        let repository = scene.forge.scene.repository
        try scene.sallyport.home.file("repository/Makefile", "test:\n\tgrep -qx fixed file\n")
        try scene.forge.scene.git(repository, "add", "--all")
        try scene.forge.scene.git(repository, "commit", "--quiet", "-m", "make")
        try scene.forge.scene.git(repository, "push", "--quiet", scene.forge.repository, "main")
        try scene.forge.pull(5, head: "feature/five")
        try scene.forge.pull(6, head: "feature/six")
        let proposed = try scene.ask("onboard", repository, "--repo", DaemonScene.repository)
        try #require(proposed.code == 0, "\(proposed.errorText)")
        return proposed.lines
    }

    /// Applies a proposal with what its operator changes: where the repository is worked on, by whom and by what.
    private func apply(
        _ proposed: [String], _ scene: DaemonScene, agent: String, approvals: String, more: [String] = []
    ) throws {
        let lines = proposed.map { line -> String in
            if line.hasPrefix("source:") { return "source: {forge: \(JSON.string(scene.forge.forge).compactText)}" }
            if line.hasPrefix("submitters:") { return "submitters: [\"uid:0\"]" }
            if line.hasPrefix("runner:") {
                return "runner: {command: \(JSON.string(agent).compactText), timeout: 10m}"
            }
            if line.hasPrefix("approvals:") { return "approvals: \(approvals)" }
            return line
        }
        #expect(lines.contains { $0.contains("test_command: \"make test\"") })
        let at = try #require(lines.firstIndex { $0.hasPrefix("pipeline:") })
        let whole = lines[...at] + more + lines[(at + 1)...]
        let file = try scene.sallyport.home.file("proposed.yaml", whole.joined(separator: "\n") + "\n")
        let applied = try scene.ask("blueprint", "apply", file)
        try #require(applied.code == 0, "\(applied.text)\(applied.errorText)")
    }

    @Test("a proposal is read, changed, applied; three tasks end once each, and their evidence verifies")
    func whole() throws {
        let scene = try DaemonScene()
        let proposed = try proposal(scene)
        for story in Self.stories {
            // Who decides is another story.
            try apply(proposed, scene, agent: story.agent, approvals: "{level: autonomous}")
            try scene.start(fault: story.fault)
            let command = ["--type", story.type, "--idempotency-key", story.type, "--wait", "--json"] + story.item
            #expect(try scene.request(command).run().code == 2)
            #expect(try scene.end().ending == .signalled(SIGKILL))
            try scene.start()
            let done = try scene.request(command).run()
            #expect(done.code == 0, "\(story.type): \(done.text)\(done.errorText)")
            let id = try #require(try scene.json(done)["task"]?.stringValue)
            try judge(scene, id)
            try scene.end(SIGTERM)
        }
        #expect(try scene.forge.record("pulls/6")["reviews"]?.arrayValue?.count == 1)
        #expect(names(scene.forge.forge + "/pulls").count == 3)
        #expect(try scene.residue() == [])
    }

    private func judge(_ scene: DaemonScene, _ id: String) throws {
        let events = try scene.events(id)
        try scene.chain(events)
        #expect(events.count { $0["type"]?.stringValue == "session_started" } == 1)
        let directory = try #require(try scene.task(id)["directory"]?.stringValue)
        let verified = try scene.ask("evidence", "verify", directory)
        #expect(verified.code == 0, "\(verified.text)")
    }

    /// Does what each type asks for, with time for a daemon to die meanwhile: a tree that cannot be written is reviewed.
    private static let worker = "sleep 2; { echo fixed > file; } 2>/dev/null || \(findings)"

    @Test(
        "three tasks of one daemon, which dies in the middle of each; a push is approved, and each ends as if it had not"
    )
    func together() throws {
        let scene = try DaemonScene()
        try apply(try proposal(scene), scene, agent: Self.worker, approvals: "{gates: [push]}")
        try scene.start()
        var ids: [String] = []
        for story in Self.stories {
            let done = try scene.request(["--type", story.type, "--json"] + story.item).run()
            let id = try #require(try scene.json(done)["task"]?["task"]?.stringValue, "\(done.errorText)")
            ids.append(id)
            _ = try scene.event(of: id) { $0["type"]?.stringValue == "session_started" }
            try scene.end(SIGKILL)
            try scene.start()
        }
        // Both that write ask before they push; a review has nothing to push.
        for id in ids.prefix(2) {
            let asked = try scene.event(of: id) { $0["type"]?.stringValue == "approval_requested" }["payload"]
            #expect(asked?["act"]?.stringValue == "push")
            let name = try #require(asked?["request"]?.stringValue)
            #expect(try scene.ask("approve", id, name).code == 0)
        }
        for (id, story) in zip(ids, Self.stories) {
            let watched = try scene.ask("watch", id)
            #expect(watched.code == 0, "\(story.type): \(watched.text)")
            try judge(scene, id)
            // The death was in its middle: another process went on with it.
            let types = try scene.events(id).compactMap { $0["type"]?.stringValue }
            #expect(types.contains("session_adopted"), "\(story.type): \(types)")
        }
        #expect(try scene.decisions(ids[0]) == ["release approved", "push approved", "pull_request approved"])
        #expect(try scene.forge.record("pulls/6")["reviews"]?.arrayValue?.count == 1)
        #expect(names(scene.forge.forge + "/pulls").count == 3)
        #expect(try scene.residue() == [])
        try scene.end(SIGTERM)
    }

    /// Holds a task at its own step before the agent.
    private static let holding = [
        "  custom_steps:", "    - {name: hold, phase: pre-agent, timeout: 10m, command: 'sleep 600'}",
    ]

    @Test("a task is cancelled in each state that it can be found in, and what is over stays as it ended")
    func cancelled() throws {
        let scene = try DaemonScene()
        let proposed = try proposal(scene)
        try scene.start()
        func submit(_ options: String...) throws -> String {
            let done = try scene.request(["--issue", "1", "--json"] + options).run()
            return try #require(try scene.json(done)["task"]?["task"]?.stringValue, "\(done.errorText)")
        }
        func cancel(_ id: String, in state: String, isAlone: Bool = true) throws {
            #expect(try scene.task(id)["status"]?.stringValue == state)
            #expect(try scene.ask("cancel", id).code == 0)
            #expect(try scene.ask("watch", id).code == 1)
            let task = try scene.task(id)
            #expect(task["status"]?.stringValue == "CANCELLED", "\(state): \(task.compactText)")
            try scene.chain(try scene.events(id))
            if isAlone { #expect(try scene.residue() == [], "\(state)") }
        }
        try apply(proposed, scene, agent: "echo fixed > file", approvals: "{gates: [push]}", more: Self.holding)
        let hydrating = try submit()
        _ = try scene.event(of: hydrating) { $0["type"]?.stringValue == "hold_started" }
        let queued = try submit("--depends-on", hydrating)
        try cancel(queued, in: "QUEUED", isAlone: false)
        try cancel(hydrating, in: "HYDRATING")
        try cancel(try caught(scene) { try submit() }, in: "SUBMITTED")
        try apply(proposed, scene, agent: DaemonScene.waiting, approvals: "{gates: [push]}")
        let running = try submit()
        try scene.waitForAgent(running)
        try cancel(running, in: "RUNNING")
        try apply(proposed, scene, agent: "echo fixed > file", approvals: "{gates: [push]}")
        let waiting = try submit()
        _ = try scene.event(of: waiting) { $0["type"]?.stringValue == "approval_requested" }
        try cancel(waiting, in: "AWAITING_APPROVAL")
        // Nothing of any of them has left.
        #expect(names(scene.forge.forge + "/pulls").count == 2)
        // What is being judged is judged.
        try apply(proposed, scene, agent: "echo fixed > file", approvals: "{level: autonomous}")
        try scene.end(SIGTERM)
        try scene.start(fault: "finalize.began")
        let ended = try submit()
        #expect(try scene.ask("watch", ended).code == 2)
        #expect(try scene.end().ending == .signalled(SIGKILL))
        try scene.start()
        let late = try scene.ask("cancel", ended, "--json")
        #expect(try scene.json(late)["error"]?["code"]?.stringValue == "TASK_ALREADY_TERMINAL")
        #expect(try scene.task(ended)["status"]?.stringValue == "COMPLETED")
        try judge(scene, ended)
        try scene.end(SIGTERM)
    }

    /// A task that is held within its first step: its process is stopped before it is through, or another one is taken.
    private func caught(_ scene: DaemonScene, _ submit: () throws -> String) throws -> String {
        for _ in 0..<20 {
            let id = try submit()
            let step = "\(scene.sessions)/\(id)-1.pre-flight-1"
            try waitForChange(in: scene.sessions) { names(scene.sessions).contains("\(id)-1.pre-flight-1") }
            try waitForChange(in: step) { names(step).contains("begun.json") }
            let begun = try scene.session("\(id)-1.pre-flight-1")
            let pid = try #require(begun["pid"]?.intValue)
            if kill(pid_t(pid), SIGSTOP) == 0, try scene.task(id)["status"]?.stringValue == "SUBMITTED" { return id }
            _ = kill(pid_t(pid), SIGCONT)
            #expect(try scene.ask("cancel", id).code == 0)
            #expect(try scene.ask("watch", id).code == 1)
        }
        throw HarnessError("no task was caught while it was SUBMITTED")
    }
}
