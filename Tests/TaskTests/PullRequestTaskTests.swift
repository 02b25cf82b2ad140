// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// `pr_iteration` and `pr_review` on the pull requests of a forge.
@Suite("tasks on pull requests", .timeLimit(.minutes(25)))
struct PullRequestTaskTests {
    private static let iterate = ["--type", "pr_iteration", "--pr", "5"]
    private static let review = ["--type", "pr_review", "--pr", "5"]

    private static func findings(_ list: String) -> String {
        "printf '%s' '{\"version\": 1, \"summary\": \"s\", \"findings\": [\(list)]}' > $SALLYPORT_FINDINGS"
    }
    private static let one = "{\"file\": \"file\", \"line\": 1, \"severity\": \"major\", \"comment\": \"only half\"}"

    @Test(
        "an iteration moves the branch forward, answers every thread and resolves those that commits name",
        .requires(.root), .requires(.git), .requires(.runner))
    func iteration() throws {
        let scene = try ForgeScene()
        let head = try scene.pull(
            5, threads: [(file: "file", line: 1, text: "only half"), (file: "file", line: 1, text: "why?")])
        let done = try scene.task(
            Self.iterate,
            agent: "grep -q 'Thread 1, file:1' $SALLYPORT_PROMPT_FILE; echo fixed > file; "
                + "git commit -qam 'the whole of it' -m 'Resolves-Thread: 1'")
        #expect(done.finished.code == 0 && done.outcome == "verified", "\(done.finished.errorText)")
        let tip = try scene.scene.git(scene.repository, "rev-parse", "feature/x")
        #expect(tip == done.commit)
        #expect(try scene.scene.git(scene.repository, "log", "--format=%s", "\(head)..\(tip)") == "the whole of it")
        #expect(try scene.branches() == "feature/x\nmain")
        let pull = try scene.record("pulls/5")
        let threads = try #require(pull["threads"]?.arrayValue)
        #expect(threads.map { $0["resolved"]?.boolValue } == [true, false])
        #expect(threads.allSatisfy { $0["comments"]?.arrayValue?.count == 2 })
        #expect(pull["comments"]?.arrayValue?.first?["body"]?.stringValue?.contains("Outcome: verified") == true)
        #expect(pull["title"]?.stringValue == "Half of it" && names(scene.forge + "/pulls") == ["5.json"])
        #expect(done.evidence?["forge"]?["resolved_threads"]?.arrayValue?.compactMap(\.intValue) == [1])
        #expect(done.evidence?["forge"]?["standing"]?["behind"] == 0 && !done.finished.text.contains("\nbase      "))
    }

    @Test(
        "a task that is taken up again does not say twice what it said before it was killed",
        .requires(.root), .requires(.git), .requires(.runner))
    func again() throws {
        let scene = try ForgeScene()
        try scene.pull(5, threads: [(file: "file", line: 1, text: "why?")])
        let id = "t00000000000000000000"
        func run(_ number: Int, _ arguments: [String], _ agent: String) throws -> Delivery {
            let out = scene.scene.sallyport.home.at("out-\(number)")
            let command = scene.scene.sallyport.command(
                ["task", "run", "--forge", scene.forge, "--agent-command", agent, "--out", out, "--id", id]
                    + arguments)
            return try Delivery(try command.run(), directory: out)
        }
        for number in 1...2 {
            let done = try run(number, Self.iterate, "echo \(number) >> file")
            #expect(done.outcome == "delivered", "\(done.finished.errorText)")
        }
        var pull = try scene.record("pulls/5")
        let said = pull["threads"]?.arrayValue?.first?["comments"]?.arrayValue ?? []
        #expect(said.count == 2 && said.last?["body"]?.stringValue?.contains("Task \(id).") == true, "\(said)")
        // Each of its two commits is spoken of.
        #expect(pull["comments"]?.arrayValue?.count == 2)
        for number in 3...4 {
            let done = try run(number, Self.review, Self.findings(Self.one))
            #expect(done.outcome == "review_posted", "\(done.finished.errorText)")
        }
        pull = try scene.record("pulls/5")
        #expect(pull["reviews"]?.arrayValue?.count == 1)
    }

    @Test(
        "a base that has moved on is told, with what a merge would conflict in, and nothing is moved for it",
        .requires(.root), .requires(.git), .requires(.runner),
        arguments: [
            ("new", "the base main has 1 commit that the branch has not, and they merge without a conflict"),
            ("file", "the base main has 1 commit that the branch has not; merging them conflicts in file"),
        ])
    func standing(_ changed: String, _ told: String) throws {
        let scene = try ForgeScene()
        let head = try scene.pull(5)
        let work = scene.scene.repository
        try scene.file("repository/" + changed, "of the base, meanwhile\n")
        try scene.scene.git(work, "add", "--all")
        try scene.scene.git(work, "commit", "--quiet", "-m", "meanwhile")
        try scene.scene.git(work, "push", "--quiet", scene.repository, "main")
        let before = try Command("/usr/bin/find", [scene.repository + "/objects", "-type", "f"]).run().lines.count
        let done = try scene.task(Self.iterate, agent: "echo fixed > file")
        #expect(done.outcome == "verified", "\(done.finished.errorText)")
        #expect(
            done.evidence?["forge"]?["standing"] == [
                "base": "main", "behind": 1, "conflicts": .array(changed == "file" ? ["file"] : []),
                "conflict_count": .int(changed == "file" ? 1 : 0),
            ])
        #expect(done.finished.text.contains("\nbase      \(told)\n"), "\(done.finished.text)")
        let pull = try scene.record("pulls/5")
        #expect(pull["comments"]?.arrayValue?.first?["body"]?.stringValue?.contains("\n\(told).\n") == true, "\(pull)")
        // Forward, from where it was: nothing of the base is in it.
        let commits = try scene.scene.git(scene.repository, "rev-list", "\(head)..feature/x").split(separator: "\n")
        #expect(commits.count == 1)
        #expect(try scene.scene.git(scene.repository, "ls-tree", "--name-only", "feature/x").contains("new") == false)
        // The attempt left no object: a commit, a tree and a file are the agent's.
        let after = try Command("/usr/bin/find", [scene.repository + "/objects", "-type", "f"]).run().lines.count
        #expect(after - before <= 3, "\(before) \(after)")

        let review = try Delivery(
            try scene.scene.sallyport.command(
                ["task", "run", "--forge", scene.forge, "--agent-command", Self.findings(Self.one)] + Self.review
                    + ["--out", scene.scene.sallyport.home.at("review")]
            ).run(), directory: scene.scene.sallyport.home.at("review"))
        #expect(review.outcome == "review_posted", "\(review.finished.errorText)")
        // The iteration resolved nothing of it: the base still stands where it did.
        #expect(review.evidence?["forge"]?["standing"]?["behind"] == 1)
    }

    @Test(
        "the rules for the work on a pull request are those of its base", .requires(.root), .requires(.git),
        .requires(.runner))
    func rules() throws {
        let scene = try ForgeScene()
        try scene.pull(5)
        let done = try scene.task(Self.iterate, agent: "echo fixed > file")
        #expect(done.outcome == "verified")
        let prompt = try #require(text(done.directory + "/prompt.md"))
        #expect(!prompt.contains("Rules of the pull request itself."))
        #expect(prompt.contains("AGENTS.md | +1 -0"))
    }

    @Test(
        "a branch that moved meanwhile is left as it is, and the result is kept",
        .requires(.root), .requires(.git), .requires(.runner))
    func moved() throws {
        let scene = try ForgeScene()
        let head = try scene.pull(5, content: "fixed\n")
        let other = try scene.scene.git(scene.repository, "rev-parse", "main")
        let directory = scene.scene.sallyport.home.at("delivered")
        let command = scene.scene.sallyport.command(
            [
                "task", "run", "--forge", scene.forge, "--agent-command", "echo more >> other", "--out", directory,
                "--test-command", TaskScene.test,
            ] + Self.iterate)
        // Whoever holds the forge's lock keeps a result from being handed over.
        let lock = open(scene.forge + "/lock", O_RDONLY | O_CREAT | O_CLOEXEC, 0o644)
        try #require(lock >= 0 && flock(lock, LOCK_EX) == 0)
        let running = try command.start()
        running.closeInput()
        // The task has read the branch once its prompt is there.
        let deadline = ContinuousClock.now + .seconds(30)
        while contents(directory + "/prompt.md")?.isEmpty ?? true, ContinuousClock.now < deadline { sched_yield() }
        try scene.scene.git(scene.repository, "update-ref", "refs/heads/feature/x", other)
        close(lock)
        let done = try Delivery(try running.finish(), directory: directory)
        #expect(done.finished.code == 1 && done.outcome == "upstream_moved", "\(done.finished.errorText)")
        #expect(try scene.scene.git(scene.repository, "rev-parse", "feature/x") == other && other != head)
        #expect(done.commit != nil && names(done.directory).contains("result.bundle"))
        #expect(try scene.record("pulls/5")["threads"]?.arrayValue?.isEmpty == true)
    }

    @Test(
        "a review is posted as threads, from a workspace that cannot be written and without a commit",
        .requires(.root), .requires(.git), .requires(.runner))
    func posted() throws {
        let scene = try ForgeScene()
        let head = try scene.pull(5)
        let before = try scene.branches()
        let done = try scene.task(
            Self.review,
            agent: "cat file; touch new; echo x > file; git init -q . ; grep -c '^+half' /run/sallyport/change.patch; "
                + Self.findings(Self.one))
        #expect(done.finished.code == 0 && done.outcome == "review_posted", "\(done.finished.errorText)")
        let log = try #require(text(done.directory + "/work.log"))
        #expect(log.contains("half\n") && log.contains("touch: cannot touch 'new': Read-only file system"), "\(log)")
        #expect(log.contains("file: Read-only file system") && log.contains("\n1\n"))
        let pull = try scene.record("pulls/5")
        let review = try #require(pull["reviews"]?.arrayValue?.first)
        #expect(review["commit"]?.stringValue == head && review["threads"]?.arrayValue?.count == 1)
        let note = review["note"]?.stringValue ?? ""
        #expect(note.hasPrefix("Run apart from the agent, for information: test: failed. Task t"), "\(note)")
        let thread = try #require(pull["threads"]?.arrayValue?.first)
        #expect(thread["severity"]?.stringValue == "major" && thread["line"]?.intValue == 1)
        #expect(try scene.branches() == before && done.commit == nil)
        #expect(done.evidence?["state"]?.stringValue == "COMPLETED")
        #expect(try scene.scene.sallyport.command(["evidence", "verify", done.directory]).run().code == 0)
    }

    @Test(
        "findings that are no findings are refused and nothing is posted",
        .requires(.root), .requires(.git), .requires(.runner),
        arguments: [
            ("printf 'PACK and more' > $SALLYPORT_FINDINGS", "refused", "no JSON"),
            (
                findings("{\"file\": \"absent\", \"severity\": \"note\", \"comment\": \"c\"}"), "refused",
                "does not have"
            ),
            (
                findings("{\"file\": \"file\", \"line\": 99, \"severity\": \"note\", \"comment\": \"c\"}"), "refused",
                "past the end"
            ),
            ("head -c 2000000 /dev/zero > $SALLYPORT_FINDINGS", "nothing_to_deliver", ""),
            ("true", "nothing_to_deliver", ""), (findings(one) + "; exit 3", "agent_failed", ""),
        ])
    func refused(_ agent: String, _ outcome: String, _ words: String) throws {
        let scene = try ForgeScene()
        try scene.pull(5)
        let done = try scene.task(Self.review, agent: agent, test: nil)
        #expect(done.finished.code == 1 && done.outcome == outcome, "\(done.finished.errorText)")
        #expect(done.evidence?["refusal"]?.stringValue?.contains(words) ?? (words == ""))
        #expect(try scene.record("pulls/5")["reviews"] == nil)
    }

    @Test(
        "a pull request that is closed, of a fork, gone or without a branch is one clear error",
        .requires(.root), .requires(.git), .requires(.runner), arguments: ["pr_iteration", "pr_review"])
    func unusable(_ type: String) throws {
        let scene = try ForgeScene()
        try scene.pull(5, head: "a", state: "closed")
        try scene.pull(6, head: "b", fork: "https://example.org/fork")
        try scene.pull(7, head: "c")
        try scene.scene.git(scene.repository, "update-ref", "-d", "refs/heads/c")
        for (number, words) in [
            ("5", "it is closed (PR_NOT_FOUND_OR_CLOSED)"), ("6", "another repository (PR_FROM_FORK)"),
            ("7", "cannot resolve \"refs/heads/c\""), ("8", "there is none (PR_NOT_FOUND_OR_CLOSED)"),
        ] {
            let done = try scene.scene.failing([
                "--forge", scene.forge, "--type", type, "--pr", number, "--agent-command", "true",
            ])
            #expect(done.code == 125 && done.errorText.contains(words), "\(done.errorText)")
        }
        try scene.issue(9, body: "b", state: "closed")
        for (arguments, words) in [
            (["--type", type, "--forge", scene.forge], "needs --forge and --pr"),
            (["--type", "restack", "--forge", scene.forge], "--type is one of"),
            (["--forge", scene.forge, "--issue", "9"], "it is closed"),
            (["--forge", scene.forge, "--issue", "10"], "NOT_FOUND"),
            (["--repo", "/", "--issue", "9"], "there is no forge"),
            (["--forge", scene.forge, "--task", "x", "--pr", "5"], "--pr is for"),
            (["--forge", scene.repository, "--task", "x"], "forge.json"),
            (
                ["--forge", scene.forge, "--task", "x", "--base", "no-branch"],
                "cannot resolve \"refs/heads/no-branch\""
            ),
        ] {
            let done = try scene.scene.failing(arguments + ["--agent-command", "true"])
            #expect(done.code == 125 && done.errorText.contains(words), "\(done.errorText)")
        }
    }
}
