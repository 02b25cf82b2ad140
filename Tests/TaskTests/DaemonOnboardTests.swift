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

    @Test("a proposal is read, changed, applied; three tasks end once each, and their evidence verifies")
    func whole() throws {
        let scene = try DaemonScene()
        let repository = scene.forge.scene.repository
        try scene.sallyport.home.file("repository/Makefile", "test:\n\tgrep -qx fixed file\n")
        try scene.forge.scene.git(repository, "add", "--all")
        try scene.forge.scene.git(repository, "commit", "--quiet", "-m", "make")
        try scene.forge.scene.git(repository, "push", "--quiet", scene.forge.repository, "main")
        try scene.forge.pull(5, head: "feature/five")
        try scene.forge.pull(6, head: "feature/six")
        let proposed = try scene.ask("onboard", repository, "--repo", DaemonScene.repository)
        try #require(proposed.code == 0, "\(proposed.errorText)")
        for story in Self.stories {
            // What its operator changes: where the repository is worked on, and by whom.
            let lines = proposed.lines.map { line -> String in
                if line.hasPrefix("source:") { return "source: {forge: \(JSON.string(scene.forge.forge).compactText)}" }
                if line.hasPrefix("submitters:") { return "submitters: [\"uid:0\"]" }
                if line.hasPrefix("runner:") {
                    return "runner: {command: \(JSON.string(story.agent).compactText), timeout: 10m}"
                }
                // Who decides is another story.
                if line.hasPrefix("approvals:") { return "approvals: {level: autonomous}" }
                return line
            }
            #expect(lines.contains { $0.contains("test_command: \"make test\"") })
            let file = try scene.sallyport.home.file("proposed.yaml", lines.joined(separator: "\n") + "\n")
            let applied = try scene.ask("blueprint", "apply", file)
            try #require(applied.code == 0, "\(applied.text)\(applied.errorText)")
            try scene.start(fault: story.fault)
            let command = ["--type", story.type, "--idempotency-key", story.type, "--wait", "--json"] + story.item
            #expect(try scene.request(command).run().code == 2)
            #expect(try scene.end().ending == .signalled(SIGKILL))
            try scene.start()
            let done = try scene.request(command).run()
            #expect(done.code == 0, "\(story.type): \(done.text)\(done.errorText)")
            let id = try #require(try scene.json(done)["task"]?.stringValue)
            let events = try scene.events(id)
            try scene.chain(events)
            #expect(events.filter { $0["type"]?.stringValue == "session_started" }.count == 1)
            let directory = try #require(try scene.task(id)["directory"]?.stringValue)
            let verified = try scene.ask("evidence", "verify", directory)
            #expect(verified.code == 0, "\(story.type): \(verified.text)")
            try scene.end(SIGTERM)
        }
        #expect(try scene.forge.record("pulls/6")["reviews"]?.arrayValue?.count == 1)
        #expect(names(scene.forge.forge + "/pulls").count == 3)
        #expect(try scene.residue() == [])
    }
}
