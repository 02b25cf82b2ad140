// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

/// The push gate between a task's work and its delivery.
@Suite("the gate of a task", .timeLimit(.minutes(25)))
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
        #expect(!left.contains("result.patch") && !left.contains("result.bundle") && !left.contains("quarantine"))
        // What was there before is there again, and nothing else: no branch, no object of it.
        let base = try #require(done.evidence?["base"]?["commit"]?.stringValue)
        #expect(try scene.git(done.repository, "for-each-ref", "--format=%(objectname)") == base)
        let objects = try scene.git(done.repository, "rev-list", "--objects", "--all").split(separator: "\n").count
        let all = try scene.git(done.repository, "cat-file", "--batch-all-objects", "--batch-check")
        #expect(all.split(separator: "\n").count == objects, "\(all)")
        let verified = try scene.sallyport.command(["evidence", "verify", done.directory]).run()
        #expect(verified.code == 0, "\(verified.text)\(verified.errorText)")
        let again = try scene.sallyport.command(["reproduce", done.directory]).run()
        #expect(again.code == 0 && again.text.contains("tree        equal"), "\(again.text)\(again.errorText)")
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

    @Test(
        "the gate's answer is in the signed evidence, its audit, and what a reviewer is shown", .requires(.root),
        .requires(.git), .requires(.runner))
    func evidence() throws {
        let scene = try TaskScene()
        let done = try scene.task(
            agent: "echo fixed > file; echo x > .envrc; git add -A; git commit -qm x --author='Ann <ann@host.invalid>'")
        let gate = try #require(done.evidence?["gate"])
        #expect(gate["verdict"]?.stringValue == "passed", "\(done.finished.errorText)")
        #expect(gate["rules"]?["secrets"]?["salt"] == nil && gate["rules"]?["opened"]?.stringValue == "flag")
        // The borrowed name is told too, once.
        let flags = gate["flags"]?.arrayValue ?? []
        #expect(flags.compactMap { $0["check"]?.stringValue } == ["opened_paths", "authorship"])
        let show = try scene.sallyport.command(["evidence", "show", done.directory]).run()
        #expect(show.code == 0 && show.text.contains("flagged   .envrc: direnv runs it"), "\(show.text)")
        let audit = try #require(text(done.directory + "/audit.jsonl")).split(separator: "\n")
        let judged = try #require(audit.firstIndex { $0.contains("\"push_gate\"") })
        let taken = try #require(audit.firstIndex { $0.contains("\"commit_received\"") })
        #expect(judged < taken && audit[judged].contains(".envrc"))
        // With its identity left alone there is nothing to say.
        #expect(
            try TaskScene().task(agent: "echo fixed > file").evidence?["gate"]?["flags"]?.arrayValue?.isEmpty == true)
    }

    @Test(
        "what is refused reaches no forge, and what is flagged stands first in the pull request", .requires(.root),
        .requires(.git), .requires(.runner))
    func forge() throws {
        let (start, rest) = (Self.token.dropFirst(4).prefix(20), Self.token.dropFirst(24))
        let refusing = try ForgeScene()
        let before = try refusing.branches()
        let refused = try refusing.task(
            ["--task", "x"], agent: "echo fixed > file; printf 'ghp_%s%s\\n' \(start) \(rest) > config")
        #expect(refused.outcome == "refused", "\(refused.finished.errorText)")
        #expect(try refusing.branches() == before && names(refusing.forge + "/pulls").isEmpty)
        let scene = try ForgeScene()
        let done = try scene.task(
            ["--task", "x"],
            agent:
                "echo fixed > file; echo x > .envrc; printf 'I used ghp_%s%s\\n' \(start) \(rest) > $SALLYPORT_SUMMARY")
        let pull = try scene.record("pulls/1")
        let body = try #require(pull["body"]?.stringValue)
        #expect(body.hasPrefix("## Look at this first") && body.contains("- .envrc: direnv runs it"), "\(body)")
        #expect(body.contains("I used \\[GitHub token\\]") && !body.contains(rest), "\(body)")
        #expect(try scene.scene.git(scene.repository, "rev-parse", pull["head"]?.stringValue ?? "") == done.commit)
    }

    @Test(
        "a branch that the rules do not allow is found before anything runs, and paths of the work item count",
        .requires(.root), .requires(.git), .requires(.runner))
    func ahead() throws {
        let scene = try TaskScene()
        let home = scene.sallyport.home
        let failed = try scene.failing([
            "--repo", scene.repository, "--task", "x", "--agent-command", "true", "--rules",
            try home.file("rules.yaml", "version: 1\nbranches: [other/]\n"),
        ])
        #expect(failed.code == 125 && failed.errorText.contains("allow none of this name"), "\(failed.errorText)")
        let item = try home.file(
            "item.md", "---\nkind: issue\ntitle: t\npaths: [\"src\", \"a[1]\", \"!b\"]\n---\nFix it.\n")
        let arguments = [
            "task", "run", "--repo", scene.repository, "--issue", item, "--agent-command",
            "mkdir -p src other/src 'a[1]' a1 '!b'; echo fixed > file; for d in src other/src 'a[1]' a1 '!b'; do "
                + "echo x > $d/new; done", "--out", home.at("delivered"),
        ]
        let done = try Delivery(try scene.sallyport.command(arguments).run(), directory: home.at("delivered"))
        #expect(done.outcome == "delivered", "\(done.finished.errorText)")
        let flags = done.evidence?["gate"]?["flags"]?.arrayValue?.compactMap { $0["place"]?.stringValue }
        #expect(flags == ["a1/new", "file", "other/src/new"])
    }

    @Test(
        "a branch that has another tree than the tested one, or that moved, is refused by the step itself",
        .requires(.root), .requires(.git), .requires(.runner))
    func verified() throws {
        let scene = try TaskScene()
        let done = try scene.task(agent: "echo fixed > file")
        let commit = try #require(done.commit)
        let tree = try scene.git(done.repository, "rev-parse", "\(commit)^{tree}")
        let other = try scene.git(done.repository, "rev-parse", "base^{tree}")
        func judge(_ verified: String) throws -> String {
            var command = Command(
                Executables.path("sallyport-task"),
                [
                    "step-gate", "--base", try scene.git(done.repository, "rev-parse", "base"), "--head", commit,
                    "--pack-bytes", "100", "--quarantine", done.directory, "--become", "4242:4242", "--verified-tree",
                    verified,
                ])
            command.input = Array(
                "{\"version\":1,\"branches\":[\"sallyport/\"],\"secrets\":{\"salt\":\"\(String(repeating: "a", count: 32))\"}}"
                    .utf8)
            let end = try command.run()
            try #require(end.code == 0, "\(end.errorText)")
            return end.text
        }
        #expect(try Command("/bin/chmod", ["-R", "a+rX", done.directory]).run().code == 0)
        #expect(try judge(tree).hasPrefix("verdict passed\n"))
        let refused = try judge(other)
        #expect(refused.contains("finding refuse | verified_tree | ") && refused.contains("\nverdict refused\n"))
        try scene.git(done.repository, "update-ref", "refs/heads/\(done.branch ?? "")", "base")
        let moved = try judge(tree)
        #expect(moved.contains("finding refuse | references | ") && moved.contains("\nverdict refused\n"), "\(moved)")
    }
}
