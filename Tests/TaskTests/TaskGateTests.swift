// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

/// The push gate between a task's work and its delivery.
@Suite("the gate of a task", .timeLimit(.minutes(5)))
struct TaskGateTests {
    private static let token = "ghp_" + "aZ3kQ9xW5mB7vN2cL8pR4tY6uH0jD1fGsEoa"

    @Test(
        "what acts on the host is flagged first, and delivered", .requires(.root), .requires(.git), .requires(.runner))
    func flagged() throws {
        let scene = try TaskScene()
        let done = try scene.task(
            agent: "echo fixed > file; echo x > .envrc; mkdir -p .github/workflows; echo x > .github/workflows/ci.yml")
        #expect(done.outcome == "verified" && done.commit != nil, "\(done.finished.errorText)")
        let flags = done.evidence?["gate"]?["flags"]?.arrayValue
        #expect(flags?.compactMap { $0["place"]?.stringValue } == [".envrc", ".github/workflows/ci.yml"])
        #expect(done.evidence?["gate"]?["refusals"]?.arrayValue?.isEmpty == true)
        #expect(done.finished.lines.dropFirst().first?.hasPrefix("flagged   .envrc: ") == true, "\(done.finished.text)")
    }

    @Test(
        "a branch with a secret is refused, nothing of it is delivered, and the evidence is kept without its value",
        .requires(.root), .requires(.git), .requires(.runner))
    func refused() throws {
        let scene = try TaskScene()
        // In two halves: the command itself stands in the evidence.
        let (start, rest) = (Self.token.dropFirst(4).prefix(20), Self.token.dropFirst(24))
        let done = try scene.task(
            agent:
                "echo fixed > file; printf 'key = ghp_%s%s\\n' \(start) \(rest) > config; git add -A; git commit -qm a; "
                + "git rm -q config")
        #expect(
            done.finished.code == 1 && done.outcome == "refused" && done.commit == nil, "\(done.finished.errorText)")
        #expect(done.evidence?["refusal"]?.stringValue?.hasPrefix("config:1: GitHub token, fingerprint ") == true)
        #expect(done.evidence?["gate"]?["refusals"]?.arrayValue?.count == 1)
        let left = names(done.directory)
        #expect(left.contains("work.bundle") && left.contains("evidence.json") && left.contains("work.log"))
        #expect(!left.contains("result.git") && !left.contains("result.bundle") && !left.contains("quarantine"))
        #expect(done.finished.text.contains("none delivered"))
        for text in [done.finished.text, done.finished.errorText, text(done.directory + "/evidence.json") ?? ""] {
            #expect(!text.contains(Self.token.dropFirst(4)))
        }
    }

    @Test(
        "rules of one's own hold, and a mistake in them is found before anything runs", .requires(.root),
        .requires(.git), .requires(.runner))
    func rules() throws {
        let scene = try TaskScene()
        let home = scene.sallyport.home
        let wrong = try home.file("wrong.yaml", "version: 1\nopened: never\n")
        let failed = try scene.failing([
            "--repo", scene.repository, "--task", "x", "--agent-command", "true", "--rules", wrong,
        ])
        #expect(failed.code == 125 && failed.errorText.contains("wrong.yaml:2"), "\(failed.errorText)")
        let rules = try home.file("rules.yaml", "version: 1\npaths: [file]\nsecrets: {action: flag}\n")
        let done = try scene.task(agent: "echo fixed > file; echo \(Self.token) > other", options: ["--rules", rules])
        #expect(
            done.outcome == "refused"
                && done.evidence?["refusal"]?.stringValue?.hasPrefix("other: it lies outside") == true)
        #expect(done.evidence?["gate"]?["flags"]?.arrayValue?.count == 1)
    }
}
