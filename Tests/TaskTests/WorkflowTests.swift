// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// The workflow `plan-build-review`: its roles, and what each can take away.
@Suite(
    "workflow", .serialized, .requires(.root), .requires(.git), .requires(.runner), .timeLimit(.minutes(25)))
struct WorkflowTests {
    static let plan = #"""
        echo '{"version":1,"summary":"Say fixed.","steps":[{"title":"Change the file","detail":"It says fixed.",
          "files":["file"]}],"risks":["none"]}' > $SALLYPORT_PLAN
        """#
    /// Lets pass what is fixed.
    static let review = #"""
        [ -s /run/sallyport/change.patch ] || exit 8
        if grep -qx fixed file; then echo '{"version":1,"summary":"Right.","findings":[]}' > $SALLYPORT_FINDINGS
        else echo '{"version":1,"summary":"Half done.","findings":[{"file":"file","line":1,"severity":"major",
          "comment":"It does not say fixed.","suggestion":null}]}' > $SALLYPORT_FINDINGS; fi
        """#
    /// Does half of it, and the rest when it is told of.
    static let work = #"""
        if grep -q 'It does not say fixed' $SALLYPORT_PROMPT_FILE; then echo fixed > file; git commit -qam mended
        else grep -q 'Change the file' $SALLYPORT_PROMPT_FILE || exit 9; echo half > file; git commit -qam half; fi
        """#

    static func agent(plan: String = plan, work: String = work, review: String = review) -> String {
        """
        case $SALLYPORT_ROLE in
        plan) touch probe 2>/dev/null && exit 9
        \(plan)
        ;;
        work) \(work)
        ;;
        review) touch probe 2>/dev/null && exit 9
        \(review)
        ;;
        *) exit 9;;
        esac
        """
    }

    private static let options = ["--workflow", "plan-build-review"]

    private func sessions(_ done: Delivery) -> [String] {
        (done.evidence?["workflow"]?["sessions"]?.arrayValue ?? []).map { $0["label"]?.stringValue ?? "" }
    }

    private func verify(_ scene: TaskScene, _ done: Delivery) throws {
        let answer = try scene.sallyport.command(["evidence", "verify", done.directory]).run()
        #expect(answer.code == 0, "\(answer.text)\(answer.errorText)")
    }

    @Test("one plans, one builds, one reviews, and what a review sends back is mended on top of what there was")
    func mended() throws {
        let scene = try TaskScene()
        let before = try scene.fingerprint()
        let done = try scene.task(agent: Self.agent(), options: Self.options)
        #expect(done.finished.code == 0 && done.outcome == "verified", "\(done.finished.errorText)")
        try #require(
            sessions(done) == ["plan", "work", "review", "work-2", "review-2"], "\(done.finished.errorText)")
        let commit = try #require(done.commit)
        #expect(
            try scene.git(done.repository, "log", "--format=%s", "--reverse", "base..\(commit)") == "half\nmended")
        let versions = try scene.git(
            done.repository, "log", "--format=%(trailers:key=Prompt-Version,valueonly,separator=)", "base..\(commit)")
        #expect(Set(versions.split(separator: "\n")).count == 1)
        let entries = try #require(done.evidence?["workflow"]?["sessions"]?.arrayValue)
        try #require(entries.count == 5)
        #expect(entries[2]["blocking"]?.intValue == 1 && entries[4]["findings"]?.intValue == 0)
        for entry in entries {
            let label = try #require(entry["label"]?.stringValue)
            let digest = try Command("/usr/bin/sha256sum", [done.directory + "/\(label).prompt.md"]).run().text.prefix(
                64)
            #expect(entry["prompt"]?["sha256"]?.stringValue == String(digest))
            #expect(done.evidence?["observed"]?[label]?["outcome"]?.stringValue == "exited")
        }
        // Nobody's session is another's.
        let ids = entries.compactMap {
            done.evidence?["observed"]?[$0["label"]?.stringValue ?? ""]?["session"]?.stringValue
        }
        #expect(Set(ids).count == 5)
        // The plan was asked about, and the order answered.
        let asked = try #require(done.evidence?["approvals"]?.arrayValue?.first)
        #expect(asked["act"]?.stringValue == "plan" && asked["decided_by"]?.stringValue == "order")
        #expect(asked["facts"]?["plan_sha256"] == entries[0]["document"]?["sha256"])
        #expect(done.finished.text.contains("review-2  0 findings"), "\(done.finished.text)")
        try verify(scene, done)
        let shown = try scene.sallyport.command(["evidence", "show", done.directory]).run().text
        #expect(shown.contains("review: review.document.json; 1 findings, 1 of them block"), "\(shown)")
        #expect(try scene.fingerprint() == before)
    }

    @Test(
        "a review that is never content, has no word, or is not heeded lets nothing pass; the branch stays to be looked at"
    )
    func blocked() throws {
        let never =
            #"echo '{"version":1,"summary":"No.","findings":[{"file":"file","line":null,"severity":"critical","comment":"No.","suggestion":null}]}' > $SALLYPORT_FINDINGS"#
        let cases: [(agent: String, options: [String], sessions: [String], reason: String)] = [
            (
                Self.agent(work: "echo fixed >> file; git commit -qam more", review: never), ["--review-rounds", "2"],
                ["plan", "work", "review", "work-2", "review-2"], "2 reviews, and what the last one found still blocks"
            ),
            (Self.agent(work: "echo fixed > file", review: "true"), [], ["plan", "work", "review"], "came to no word"),
            (
                Self.agent(work: "echo fixed > file", review: "exit 1"), [], ["plan", "work", "review"],
                "came to no word"
            ),
            (
                Self.agent(work: "echo fixed > file", review: "echo '{}' > $SALLYPORT_FINDINGS"), [],
                ["plan", "work", "review"], "came to no word"
            ),
            (
                Self.agent(work: "grep -qx half file || echo half > file"), [], ["plan", "work", "review", "work-2"],
                "was not mended"
            ),
            (
                Self.agent(work: "grep -qx half file && exit 1; echo half > file"), [],
                ["plan", "work", "review", "work-2"], "was not mended"
            ),
        ]
        for (agent, options, labels, reason) in cases {
            let scene = try TaskScene()
            let done = try scene.task(agent: agent, test: nil, options: Self.options + options)
            #expect(done.finished.code == 1 && done.outcome == "review_failed", "\(done.finished.errorText)")
            #expect(
                done.evidence?["state"]?.stringValue == "FAILED"
                    && done.evidence?["reason"]?.stringValue == "gate_failed")
            #expect(sessions(done) == labels)
            #expect(done.evidence?["refusal"]?.stringValue?.contains(reason) == true, "\(done.finished.text)")
            #expect(try scene.git(done.repository, "rev-parse", try #require(done.branch)) == done.commit)
            try verify(scene, done)
        }
    }

    @Test("without a plan in form nothing is built")
    func unplanned() throws {
        let stray =
            #"echo '{"version":1,"summary":"s","steps":[{"title":"t","detail":"d","files":["../etc"]}],"risks":[]}' > $SALLYPORT_PLAN"#
        for (plan, outcome, reason) in [
            (stray, "refused", "no path inside the repository"), ("true", "nothing_to_deliver", nil),
            ("exit 3", "agent_failed", nil), ("head -c 40000 /dev/zero > $SALLYPORT_PLAN", "nothing_to_deliver", nil),
        ] as [(String, String, String?)] {
            let scene = try TaskScene()
            let done = try scene.task(agent: Self.agent(plan: plan), options: Self.options)
            #expect(done.finished.code == 1 && done.outcome == outcome, "\(plan): \(done.finished.errorText)")
            if let reason { #expect(done.evidence?["refusal"]?.stringValue?.contains(reason) == true) }
            #expect(sessions(done) == ["plan"] && done.commit == nil)
            try verify(scene, done)
        }
    }

    @Test("a push gate holds for each round: what breaks it is refused, and nothing of it stays")
    func refused() throws {
        let scene = try TaskScene()
        let work =
            "if grep -qx half file; then ln -s /etc/passwd out; echo fixed > file; mkdir -p .github/workflows; "
            + "head -c 200 /dev/urandom | base64 > .github/workflows/x.yml; else echo half > file; fi"
        let rules = try scene.sallyport.home.file("rules.yaml", "version: 1\nlimits: {files: 1}\n")
        let done = try scene.task(agent: Self.agent(work: work), options: Self.options + ["--rules", rules])
        #expect(done.finished.code == 1 && done.outcome == "refused", "\(done.finished.errorText)")
        #expect(done.evidence?["delivered"]?.isNull == true)
        try verify(scene, done)
    }

    @Test("what cannot be meant is one clear error")
    func misuse() throws {
        let scene = try TaskScene()
        let common = ["--repo", scene.repository, "--task", "t", "--agent-command", "true"]
        for (options, reason) in [
            (["--workflow", "swarm"], "--workflow is direct or plan-build-review"),
            (["--review-rounds", "2"], "--review-rounds needs --workflow"),
            (["--workflow", "plan-build-review", "--review-rounds", "6"], "from 1 to 5"),
        ] {
            let done = try scene.failing(common + options)
            #expect(done.code == 125 && done.errorText.contains(reason), "\(done.errorText)")
        }
    }

    @Test("through the daemon a plan waits for a person; sent back with a word it is made anew by it")
    func asked() throws {
        let scene = try DaemonScene()
        try scene.start()
        let plan =
            #"grep -q 'name the risk' $SALLYPORT_PROMPT_FILE && risk=named || risk=none"# + "\n"
            + Self.plan.replacing("\"none\"", with: "\"'$risk'\"")
        scene.pipeline = "  workflow: plan-build-review"
        try scene.onboard(agent: Self.agent(plan: plan), "approvals: {gates: [plan]}")
        let submitted = try scene.request(["--issue", "1", "--json"]).run()
        let id = try #require(try scene.json(submitted)["task"]?["task"]?.stringValue, "\(submitted.errorText)")
        let first = try scene.question(id, "q1")
        #expect(first["act"]?.stringValue == "plan" && first["kind"]?.stringValue == "plan")
        #expect(first["facts"]?["claimed_plan"]?.stringValue?.contains("none") == true)
        let pending = try scene.ask("pending").text
        #expect(pending.contains("\n          | 1. Change the file\n"), "\(pending)")
        #expect(try scene.ask("deny", id, "q1", "--reason", "name the risk").code == 0)
        let second = try scene.question(id, "q2")
        #expect(second["facts"]?["claimed_plan"]?.stringValue?.contains("named") == true)
        #expect(try scene.ask("approve", id, "q2").code == 0)
        #expect(try scene.ask("watch", id).code == 0)
        let directory = "\(scene.sessions)/\(id)-1/delivered"
        #expect(try scene.ask("evidence", "verify", directory).code == 0)
        let evidence = try JSON.read(try #require(contents(directory + "/evidence.json")), file: "evidence")
        #expect(
            evidence["workflow"]?["sessions"]?.arrayValue?.map { $0["label"]?.stringValue }
                == ["plan", "plan-2", "work", "review", "work-2", "review-2"])
        #expect(try scene.residue() == [])
        try scene.end(SIGTERM)
    }
}
