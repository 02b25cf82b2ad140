// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// What a task's session finds at git.internal, and what comes of what it pushes there.
@Suite(
    "a task's own repository", .timeLimit(.minutes(25)), .requires(.root), .requires(.git), .requires(.runner))
struct AgentRepositoryTests {
    private func pushed(_ done: Delivery) -> [String: Bool] {
        (done.evidence?["received"]?["pushed"]?.arrayValue ?? []).reduce(into: [:]) {
            $0[$1["reference"]?.stringValue ?? ""] = $1["taken"]?.boolValue
        }
    }

    private func way(_ done: Delivery) -> String? { done.evidence?["received"]?["way"]?.stringValue }

    @Test("the agent's git fetches the base and pushes below the task's prefix; what it may not, its git says")
    func agent() throws {
        let scene = try TaskScene()
        try scene.git(scene.repository, "branch", "secret-plans")
        let done = try scene.task(
            agent: """
                git fetch origin 2>&1; git ls-remote origin
                git ls-remote http://git.internal/other 2>&1; git checkout -q -b aside && echo aside >aside
                git add aside && git commit -q -m aside
                for place in main agent/x sallyport/$SALLYPORT_TASK_ID/aside; do
                    git push origin aside:refs/heads/$place 2>&1; done
                git push origin :refs/heads/sallyport/$SALLYPORT_TASK_ID/aside 2>&1
                git checkout -q - && git branch -q -D aside && echo fixed > file
                """)
        #expect(done.outcome == "verified", "\(done.finished.errorText)")
        let log = try #require(text(done.directory + "/work.log"))
        let branch = try #require(done.branch)
        let prefix = "refs/heads/" + branch.split(separator: "/").dropLast().joined(separator: "/")
        #expect(log.contains("main       -> origin/main") && log.contains("returned error: 403"), "\(log)")
        #expect(!log.contains("secret-plans"))
        for place in ["main", "agent/x"] {
            #expect(log.contains("! [remote rejected] aside -> \(place) (only \(prefix)/* may be pushed)"), "\(log)")
        }
        #expect(log.contains("[new branch]      aside -> sallyport/") && log.contains("(a branch may not be deleted)"))
        #expect(pushed(done) == ["\(prefix)/aside": false, "refs/heads/\(branch)": true] && way(done) == "push")
        // What was not taken is handed over nowhere.
        let references = try scene.git(done.repository, "for-each-ref", "--format=%(refname)")
        #expect(
            references.split(separator: "\n").map(String.init).sorted() == ["refs/heads/base", "refs/heads/\(branch)"])
        #expect(!names(done.directory).contains("session"))
        let totals = done.evidence?["observed"]?["work"]?["git"]
        #expect(totals?["pushes"] == 2 && totals?["refused_pushes"] == 3 && totals?["failures"] == 0, "\(log)")
        #expect(done.evidence?["observed"]?["work"]?["git_file"] == "work.git.jsonl")
        #expect(done.evidence?["observed"]?["before"]?["git"] == .null)
        let ledger = try #require(text(done.directory + "/work.git.jsonl"))
        #expect(ledger.contains("git.push.refused") && ledger.contains("\(prefix)/aside"))
        #expect(try scene.git(scene.repository, "branch", "--list", "sallyport/*") == "")
    }

    @Test("an agent that pushes the task's branch itself: the runner's own words go round by the bundle")
    func ahead() throws {
        let scene = try TaskScene()
        let done = try scene.task(
            agent: "echo fixed > file; git commit -qam mine; git push -q origin HEAD && echo was pushed")
        #expect(text(done.directory + "/work.log")?.contains("was pushed") == true)
        #expect(done.outcome == "verified" && way(done) == "bundle", "\(done.finished.errorText)")
        let branch = try #require(done.branch)
        #expect(pushed(done) == ["refs/heads/\(branch)": false])
        #expect(try scene.git(done.repository, "log", "-1", "--format=%B", branch).contains("Task-Id: "))
    }

    @Test("an agent that is cut off leaves what it pushed on record, and nothing of it is delivered")
    func cutOff() throws {
        let scene = try TaskScene()
        let done = try scene.task(
            agent: "echo fixed > file; git commit -qam mine; git push -q origin HEAD; kill -9 $PPID")
        #expect(done.outcome == "killed" && done.commit == nil, "\(done.finished.errorText)")
        #expect(pushed(done).count == 1 && way(done) == "push")
        #expect(done.evidence?["refusal"]?.stringValue?.contains("Task-Id") == true)
    }

    @Test("a pull request's branch is the only one that its session may push")
    func pullRequest() throws {
        let scene = try ForgeScene()
        let head = try scene.pull(5)
        let out = scene.scene.sallyport.home.at("delivered")
        let agent = """
            git ls-remote origin; echo fixed > file; git commit -qam mine
            git push origin HEAD:refs/heads/feature/y 2>&1; true
            """
        let finished = try scene.scene.sallyport.command([
            "task", "run", "--forge", scene.forge, "--type", "pr_iteration", "--pr", "5", "--agent-command", agent,
            "--test-command", TaskScene.test, "--out", out,
        ]).run()
        let done = try Delivery(finished, directory: out)
        #expect(done.outcome == "verified" && way(done) == "push", "\(finished.errorText)")
        let log = try #require(text(out + "/work.log"))
        #expect(log.contains("\(head)\trefs/heads/feature/x"))
        #expect(log.contains("(only refs/heads/feature/x may be pushed)"), "\(log)")
        #expect(pushed(done) == ["refs/heads/feature/x": true])
    }
}

/// Runners that push what they like.
@Suite(
    "lying runners that push", .timeLimit(.minutes(25)), .requires(.root), .requires(.git), .requires(.runner))
struct LyingPushTests {
    /// Honest work up to the hand-over, which the test writes.
    private static func work(_ handOver: String, _ prelude: String = LyingRunnerTests.honest) -> String {
        let lines = LyingRunnerTests.deliver.split(separator: "\n")
        let body = lines.filter { !$0.contains("git bundle create") }.joined(separator: "\n")
        return prelude + "origin=$(option --origin \"$@\")\n" + body + "\n" + handOver + "\n"
    }

    private func pushed(_ done: Delivery) -> [JSON] { done.evidence?["received"]?["pushed"]?.arrayValue ?? [] }

    @Test("a branch that was pushed is enough: the other tests fail for what they push")
    func control() throws {
        let (done, _) = try LyingRunnerTests().task(Self.work("git push -q $origin HEAD:refs/heads/$branch"))
        #expect(done.finished.code == 0 && done.outcome == "verified", "\(done.finished.errorText)")
        #expect(done.evidence?["received"]?["way"] == "push")
    }

    struct Lie: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let script: String
        let outcome: String
        var refusal: String?
        /// How many references arrived.
        var pushed = 0
        /// How many pushes the broker refused.
        var refused = 0
    }

    static let lies = [
        Lie(testDescription: "nothing", script: work("exit 0"), outcome: "nothing_to_deliver"),
        Lie(
            testDescription: "another branch of the prefix",
            script: work("git push -q $origin HEAD:refs/heads/${branch%/*}/other"), outcome: "nothing_to_deliver",
            pushed: 1),
        Lie(
            testDescription: "a branch that it may not",
            script: work("git push -q $origin HEAD:refs/heads/main; exit 0"),
            outcome: "nothing_to_deliver", refused: 1),
        Lie(
            testDescription: "the base itself", script: work("git push -q $origin $base:refs/heads/$branch"),
            outcome: "nothing_to_deliver", pushed: 1),
        Lie(
            testDescription: "a history that has nothing to do with the base",
            script: work(
                """
                git checkout -q --orphan other && git commit -q -m x -m "$(trailers)"
                git push -q $origin HEAD:refs/heads/$branch
                """), outcome: "refused", refusal: "does not contain the base commit", pushed: 1),
        Lie(
            testDescription: "commits that do not say what they are of",
            script: work(
                "git commit -q --amend -m x && git push -q $origin HEAD:refs/heads/$branch"),
            outcome: "refused", refusal: "Task-Id", pushed: 1),
        Lie(
            testDescription: "a rewritten history, after an honest one",
            script: work(
                """
                git push -q $origin HEAD:refs/heads/$branch
                git commit -q --amend -m other && git push -q -f $origin HEAD:refs/heads/$branch; exit 0
                """), outcome: "verified", pushed: 1, refused: 1),
        Lie(
            testDescription: "garbage instead of a pack",
            script: work(
                """
                tip=$(git rev-parse HEAD); zero=0000000000000000000000000000000000000000
                line="$zero $tip refs/heads/$branch"
                printf '%04x%s\\000 report-status0000no pack at all' $((${#line} + 19)) "$line" >/tmp/request
                curl -s -H 'Content-Type: application/x-git-receive-pack-request' --data-binary @/tmp/request \\
                    $origin/git-receive-pack | tr -d '\\000'
                """), outcome: "nothing_to_deliver", refused: 1),
        Lie(
            testDescription: "an honest branch, and garbage on descriptor 3",
            script: work("git push -q $origin HEAD:refs/heads/$branch; echo no bundle >&3"), outcome: "refused",
            refusal: "bundle", pushed: 1),
        Lie(
            testDescription: "a red branch, and claims that it is green",
            script: work(
                "git push -q $origin HEAD:refs/heads/$branch; frame 1 'name=verified\\noutcome=verified\\n'",
                LyingRunnerTests.honest.replacing("echo fixed", with: "echo still-broken")),
            outcome: "test_failed", pushed: 1),
    ]

    @Test("what is pushed decides, and what is said does not", arguments: lies)
    func lie(_ lie: Lie) throws {
        let (done, scene) = try LyingRunnerTests().task(lie.script)
        #expect(done.outcome == lie.outcome, "\(done.finished.errorText)\(text(done.directory + "/work.log") ?? "")")
        #expect(pushed(done).count == lie.pushed, "\(pushed(done))")
        let totals = done.evidence?["observed"]?["work"]?["git"]
        #expect(totals?["refused_pushes"]?.intValue == lie.refused, "\(totals ?? .null)")
        if let refusal = lie.refusal {
            #expect(done.evidence?["refusal"]?.stringValue?.contains(refusal) == true, "\(done.evidence ?? .null)")
        }
        let isVerified = lie.outcome == "verified"
        #expect((names(scene.forge + "/pulls") == ["1.json"]) == isVerified)
    }
}
