// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

@Suite("task outcomes", .timeLimit(.minutes(25)))
struct TaskOutcomeTests {
    static let fix = "echo fixed > file"

    @Test(
        "a mended test is a verified commit, and the caller's repository is untouched",
        .requires(.root), .requires(.git), .requires(.runner))
    func verified() throws {
        let scene = try TaskScene()
        let before = try scene.fingerprint()
        let done = try scene.task(agent: Self.fix)
        #expect(done.finished.code == 0, "\(done.finished.errorText)")
        #expect(done.outcome == "verified")
        #expect(done.test("before") == "failed" && done.test("after") == "passed")
        #expect(try scene.fingerprint() == before)
        let branch = try #require(done.branch)
        let commit = try #require(done.commit)
        #expect(try scene.git(done.repository, "rev-parse", branch) == commit)
        #expect(try scene.git(done.repository, "show", "\(commit):file") == "fixed")
        #expect(try scene.git(done.repository, "symbolic-ref", "--short", "HEAD") == branch)
        #expect(try scene.git(done.repository, "fsck", "--full", "--strict") == "")
        let task = try #require(done.evidence?["task"]?.stringValue)
        #expect(branch == "sallyport/\(task)/fix-the-file")
        #expect(
            try scene.git(done.repository, "log", "-1", "--format=%(trailers:key=Task-Id,valueonly)", commit) == task)
        for text in [branch, commit, "| +1 -1", "failed (exit status 1)", "passed (exit status 0)", "evidence.json"] {
            #expect(done.finished.text.contains(text), "\(text) is not in: \(done.finished.text)")
        }
        // It had no models.
        #expect(!done.finished.text.contains("\nmodels "), "\(done.finished.text)")
    }

    @Test(
        "a task that could not reach what it may reach says so, and one that was denied says that",
        .requires(.root), .requires(.git), .requires(.runner))
    func unreachable() throws {
        let scene = try TaskScene()
        let profile = try scene.sallyport.home.file(
            "net.yaml",
            "version: 1\nextends: [build]\nreason: a task that needs one host\n"
                + "egress: {rules: [{host: allowed.test, ports: [80], reason: needed}]}\n")
        // Names under .test lead nowhere. RFC 6761
        func reach(_ name: String) -> String {
            "python3 -c \"import urllib.request as u; u.urlopen('http://\(name)/')\"; echo still > file"
        }
        let failed = try scene.task(agent: reach("allowed.test"), options: ["--profile", profile])
        #expect(failed.outcome == "test_failed", "\(failed.finished.errorText)")
        let egress = failed.evidence?["observed"]?["work"]?["egress"]
        let reason = try #require(egress?["failures"]?.arrayValue?.first?["reason"]?.stringValue, "\(egress ?? .null)")
        let said =
            "BLOCKED[dependency_unreachable]: allowed, but nobody answered outside (\(reason)) (resource: allowed.test)"
        #expect(failed.evidence?["blocked"]?.stringValue == said)
        #expect(failed.finished.text.contains("blocked   " + said), "\(failed.finished.text)")
        #expect(text(failed.directory + "/audit.jsonl")?.contains("\"event\":\"egress_failed\"") == true)

        let other = try TaskScene()
        let denied = try other.task(agent: reach("forbidden.test"), options: ["--profile", profile])
        #expect(
            denied.evidence?["blocked"]?.stringValue
                == "BLOCKED[egress_denied]: the profile denies what was tried (resource: forbidden.test)")
        // Control: what succeeds was not kept from anything.
        let third = try TaskScene()
        let passed = try third.task(agent: reach("allowed.test") + "; " + Self.fix, options: ["--profile", profile])
        #expect(passed.outcome == "verified" && passed.evidence?["blocked"] == .null, "\(passed.finished.errorText)")
    }

    @Test(
        "--keep shows the clone as the agent left it, and changes nothing else of the task",
        .requires(.root), .requires(.git), .requires(.runner))
    func kept() throws {
        let scene = try TaskScene()
        let agent = "echo still > file; echo x > ignored; mkdir sub; echo note > sub/note"
        let done = try scene.task(agent: agent, options: ["--keep"])
        #expect(done.outcome == "test_failed", "\(done.finished.errorText)")
        let line = try #require(done.finished.lines.first { $0.hasPrefix("look      sallyport ") })
        let words = line.split(separator: " ").dropFirst(2).map(String.init)
        #expect(words[2] == done.evidence?["observed"]?["work"]?["session"]?.stringValue)
        let script = "cat file sub/note ignored; git log --format=%s; git status --porcelain --ignored; git fsck"
        let look = try scene.sallyport.command(words + ["--", "sh", "-c", script]).run()
        #expect(look.code == 0, "\(look.errorText)")
        // What the runner saved is a commit; what the project ignores is still there.
        #expect(look.text.hasPrefix("still\nnote\nx\n") && look.text.hasSuffix("\nfirst\n!! ignored\n"), "\(look.text)")
        // The plan is the same with it, so that evidence reproduces without it.
        let again = try scene.sallyport.command(["reproduce", done.directory]).run()
        #expect(again.code == 0 && again.text.contains("plan        equal"), "\(again.text)\(again.errorText)")
        let review = try scene.sallyport.command([
            "task", "run", "--type", "pr_review", "--forge", "f", "--pr", "1", "--agent-command", "true", "--keep",
        ]).run()
        #expect(review.code == 125 && review.errorText.contains("without --keep"), "\(review.errorText)")
    }

    @Test("branch, bundle and patch hold the same commit", .requires(.root), .requires(.git), .requires(.runner))
    func forms() throws {
        let scene = try TaskScene()
        let done = try scene.task(agent: Self.fix)
        let commit = try #require(done.commit)
        try scene.git(
            scene.repository, "fetch", "--quiet", done.directory + "/result.bundle", "\(try #require(done.branch)):b")
        #expect(try scene.git(scene.repository, "rev-parse", "b") == commit)
        try scene.git(scene.repository, "apply", "--index", done.directory + "/result.patch")
        #expect(try scene.git(scene.repository, "write-tree") == scene.git(scene.repository, "rev-parse", "b^{tree}"))
    }

    @Test(
        "what an agent commits itself is kept, and the tip bears the task's name",
        .requires(.root), .requires(.git), .requires(.runner))
    func ownCommits() throws {
        let scene = try TaskScene()
        let done = try scene.task(
            agent:
                "echo half > file; git commit -qam one; git checkout -q -b elsewhere; echo fixed > file; git commit -qam two"
        )
        #expect(done.outcome == "verified")
        let commit = try #require(done.commit)
        #expect(try scene.git(done.repository, "log", "--format=%s", "base..\(commit)") == "two\none")
        #expect(try scene.git(done.repository, "log", "-1", "--format=%(trailers:key=Task-Id,valueonly)", commit) != "")
    }

    @Test(
        "a commit whose test stays red is delivered and no success",
        .requires(.root), .requires(.git), .requires(.runner))
    func stillRed() throws {
        let scene = try TaskScene()
        let done = try scene.task(agent: "echo other > file")
        #expect(done.finished.code == 1 && done.outcome == "test_failed" && done.commit != nil)
    }

    @Test(
        "only the test in a fresh sandbox counts, not what was seen beside the agent",
        .requires(.root), .requires(.git), .requires(.runner))
    func claimedIsNotObserved() throws {
        let scene = try TaskScene()
        let done = try scene.task(agent: "echo x >> file; touch ignored", test: "test -e ignored")
        #expect(text(done.directory + "/work.log")?.contains("final test passed") == true)
        #expect(done.finished.code == 1 && done.outcome == "test_failed" && done.test("after") == "failed")
    }

    @Test(
        "an agent that fails is no success, and what it did is delivered all the same",
        .requires(.root), .requires(.git), .requires(.runner))
    func agentFails() throws {
        let scene = try TaskScene()
        let done = try scene.task(agent: Self.fix + "; exit 7")
        #expect(done.finished.code == 1 && done.outcome == "agent_failed")
        #expect(done.test("after") == "passed" && done.commit != nil)
    }

    @Test(
        "an agent that changes nothing leaves nothing to deliver",
        .requires(.root), .requires(.git), .requires(.runner))
    func nothing() throws {
        let scene = try TaskScene()
        let done = try scene.task(agent: "touch ignored")
        #expect(done.finished.code == 1 && done.outcome == "nothing_to_deliver" && done.commit == nil)
        #expect(names(done.directory).contains("result.git"))
        #expect(done.finished.text.contains("none delivered"))
    }

    @Test(
        "without a test command a well-formed commit is all there is",
        .requires(.root), .requires(.git), .requires(.runner))
    func noTest() throws {
        let scene = try TaskScene()
        let done = try scene.task(agent: Self.fix, test: nil)
        #expect(done.finished.code == 0 && done.outcome == "delivered" && done.test("after") == nil)
        #expect(done.finished.text.contains("nothing else was checked"))
    }

    @Test(
        "a test command that does not exist is no verdict on the code",
        .requires(.root), .requires(.git), .requires(.runner))
    func noSuchTest() throws {
        let scene = try TaskScene()
        let done = try scene.task(agent: Self.fix, test: "no-such-program")
        #expect(done.finished.code == 1 && done.outcome == "test_infra_failed" && done.test("before") == "inert")
    }

    @Test(
        "what the baseline test leaves behind is not committed",
        .requires(.root), .requires(.git), .requires(.runner))
    func artefacts() throws {
        let scene = try TaskScene()
        let test =
            "mkdir -p out __pycache__; echo x > 'out/a b'; echo y > \"$(printf 'odd\\nname')\"; : > __pycache__/z; \(TaskScene.test)"
        let done = try scene.task(agent: Self.fix + "; echo new > added", test: test)
        #expect(done.outcome == "verified")
        let commit = try #require(done.commit)
        #expect(try scene.git(done.repository, "diff", "--name-only", "base", commit) == "added\nfile")
    }

    @Test("--json prints the evidence and nothing else", .requires(.root), .requires(.git), .requires(.runner))
    func json() throws {
        let scene = try TaskScene()
        let done = try scene.task(agent: Self.fix, options: ["--json"])
        #expect(done.finished.lines.count == 1)
        #expect(done.finished.text.hasPrefix("{\"version\":1,"))
        #expect(done.evidence?["observed"]?["work"]?["plan_digest"]?.stringValue?.count == 64)
        #expect(
            done.evidence?["observed"]?["after"]?["session"]?.stringValue
                != done.evidence?["observed"]?["work"]?["session"]?.stringValue)
    }
}
