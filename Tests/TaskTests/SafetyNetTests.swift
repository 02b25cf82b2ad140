// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

/// Agents that work beside the path: what can be saved is saved and said, the rest has a typed outcome.
@Suite("safety nets", .timeLimit(.minutes(25)))
struct SafetyNetTests {
    private func milestones(_ done: Delivery) -> [String] {
        (done.evidence?["claimed"]?["frames"]?.arrayValue ?? []).compactMap { $0["fields"]?["name"]?.stringValue }
    }

    @Test(
        "work beside the branch is brought back, with trailers on every commit",
        .requires(.root), .requires(.git), .requires(.runner),
        arguments: [
            // Committed elsewhere, then back on the branch as if nothing had been.
            ("git checkout -q -b side; echo fixed > file; git commit -qam side; git checkout -q -", "branch_left", 1),
            // Committed without a branch.
            ("git checkout -q --detach; echo fixed > file; git commit -qam loose", "branch_left", 1),
            // Committed in part.
            ("echo half > file; git commit -qam half; echo fixed > file", "uncommitted_edits", 2),
            // No history of before.
            ("git checkout -q --orphan new; echo fixed > file; git commit -qam all", "history_rewritten", 1),
            // The base commit changed in place.
            ("echo fixed > file; git commit -qa --amend -m mine", "history_rewritten", 1),
        ])
    func saved(_ agent: String, _ milestone: String, _ commits: Int) throws {
        let scene = try TaskScene()
        let done = try scene.task(agent: agent)
        #expect(done.outcome == "verified", "\(done.finished.errorText)")
        #expect(milestones(done).contains(milestone), "\(milestones(done))")
        let commit = try #require(done.commit)
        let listed = try scene.git(
            done.repository, "log", "--format=%(trailers:key=Task-Id,valueonly,separator=)", "base..\(commit)")
        let task = try #require(done.evidence?["task"]?.stringValue)
        #expect(listed.split(separator: "\n").map(String.init) == Array(repeating: task, count: commits))
    }

    @Test("commits on a second branch are named", .requires(.root), .requires(.git), .requires(.runner))
    func elsewhere() throws {
        let scene = try TaskScene()
        let done = try scene.task(
            agent: "echo fixed > file; git commit -qam one; git checkout -q -b side HEAD~1; touch s; git add s; "
                + "git commit -qm two; git checkout -q -")
        #expect(done.outcome == "verified" && milestones(done).contains("commits_elsewhere"))
    }

    @Test("author, date and own trailers of a commit stay", .requires(.root), .requires(.git), .requires(.runner))
    func stamped() throws {
        let scene = try TaskScene()
        let done = try scene.task(
            agent: "echo fixed > file; git commit -qa --author='A B <a@b.invalid>' --date=@1000000000 -m subject "
                + "-m body -m 'Task-Id: forged\nReviewed-by: me'; echo more > more; git add more; "
                + "git commit -q --allow-empty-message -m ''")
        #expect(done.outcome == "verified", "\(done.finished.errorText)")
        let first = "\(try #require(done.commit))~1"
        #expect(
            try scene.git(done.repository, "log", "-1", "--format=%an %ae %at", first) == "A B a@b.invalid 1000000000")
        let message = try scene.git(done.repository, "log", "-1", "--format=%B", first)
        #expect(message.hasPrefix("subject\n\nbody\n\nReviewed-by: me\nTask-Id: t") && !message.contains("forged"))
        #expect(try scene.git(done.repository, "fsck", "--full", "--strict") == "")
    }

    @Test(
        "an agent that deletes the clone has lost its work, and that is the outcome",
        .requires(.root), .requires(.git), .requires(.runner),
        arguments: ["rm -rf .git", "rm -rf /workspace/* /workspace/.[!.]*"])
    func deleted(_ agent: String) throws {
        let scene = try TaskScene()
        let done = try scene.task(agent: "echo fixed > file; " + agent)
        #expect(done.finished.code == 1 && done.outcome == "lost" && done.commit == nil, "\(done.finished.errorText)")
        #expect(done.evidence?["state"]?.stringValue == "FAILED" && done.evidence?["reason"]?.stringValue == "lost")
    }

    @Test(
        "processes that an agent leaves are killed before its tree is committed",
        .requires(.root), .requires(.git), .requires(.runner))
    func processes() throws {
        let scene = try TaskScene()
        let done = try scene.task(
            agent: "setsid sh -c 'trap \"\" TERM HUP; while :; do echo broken > file; done' & "
                + "(setsid sleep 600 &) ; echo fixed > file; touch started",
            test: nil)
        #expect(done.outcome == "delivered")
        let ended = done.evidence?["claimed"]?["frames"]?.arrayValue?.first {
            $0["fields"]?["name"]?.stringValue == "agent_ended"
        }
        #expect(ended?["fields"]?["left_processes"]?.stringValue.flatMap { Int($0) } ?? 0 >= 2, "\(ended as Any)")
    }

    @Test(
        "time, turns and the stuck guard end an agent, and what it did is delivered",
        .requires(.root), .requires(.git), .requires(.runner),
        arguments: [
            (["--agent-timeout", "1"], "exec sleep 600", "its time is over"),
            (
                ["--agent-turns", "2"], "for i in 1 2 3; do echo turn > $SALLYPORT_EVENTS; done; sleep 600",
                "more than 2 turns"
            ),
            ([], "for i in 1 2 3; do echo tool Bash failed > $SALLYPORT_EVENTS; done; sleep 600", "Bash fails again"),
        ])
    func caps(_ options: [String], _ agent: String, _ words: String) throws {
        let scene = try TaskScene()
        let done = try scene.task(agent: "echo fixed > file; " + agent, options: options)
        #expect(done.outcome == "agent_failed" && done.commit != nil, "\(done.finished.errorText)")
        let reasons = (done.evidence?["claimed"]?["frames"]?.arrayValue ?? []).compactMap {
            $0["fields"]?["ended_because"]?.stringValue
        }
        #expect(reasons.count == 1 && reasons[0].contains(words), "\(reasons)")
    }

    @Test(
        "turns, tools and costs that an agent tells of are frames, all of them claimed",
        .requires(.root), .requires(.git), .requires(.runner))
    func events() throws {
        let scene = try TaskScene()
        let done = try scene.task(
            agent:
                "echo fixed > file; printf 'turn\\ntool Edit ok\\ncost 1200\\nnote a b c\\nnonsense\\n' > $SALLYPORT_EVENTS"
        )
        #expect(done.outcome == "verified")
        let frames = done.evidence?["claimed"]?["frames"]?.arrayValue ?? []
        let kinds = frames.compactMap { $0["type"]?.stringValue }
        #expect(["turn", "tool", "cost", "note"].allSatisfy { kinds.contains($0) }, "\(kinds)")
        #expect(frames.allSatisfy { $0["claimed"]?.boolValue == true })
    }

    @Test(
        "the prompt comes by file, by standard input or as an argument",
        .requires(.root), .requires(.git), .requires(.runner),
        arguments: [
            ("file", "cat $SALLYPORT_PROMPT_FILE > got"), ("stdin", "cat > got"), ("argument", "printf %s >got"),
        ])
    func promptBy(_ way: String, _ agent: String) throws {
        let scene = try TaskScene()
        let done = try scene.task(agent: agent, test: nil, options: ["--prompt-by", way])
        let commit = try #require(done.commit, "\(done.finished.errorText)")
        let prompt = try #require(text(done.directory + "/prompt.md"))
        #expect(try scene.git(done.repository, "show", "\(commit):got") + "\n" == prompt)
    }

    @Test("set-up runs first in every sandbox", .requires(.root), .requires(.git), .requires(.runner))
    func setup() throws {
        let scene = try TaskScene()
        let done = try scene.task(
            agent: "test -e /tmp/ready && echo fixed > file", test: "test -e /tmp/ready && \(TaskScene.test)",
            options: ["--setup-command", "touch /tmp/ready"])
        #expect(done.outcome == "verified" && done.test("before") == "failed", "\(done.finished.errorText)")
    }
}
