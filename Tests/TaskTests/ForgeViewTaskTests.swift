// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// Agents that look at their task's issue and pull request at forge.internal, and propose what is to be handed over.
@Suite(
    "agents that ask the forge", .timeLimit(.minutes(25)), .requires(.root), .requires(.git), .requires(.runner),
    .requires(.python))
struct ForgeViewTaskTests {
    private typealias Scene = GitHubTaskScene

    /// An agent that runs some Python with `ask(method, path, body)`, and then a command.
    private static func agent(_ script: String, then command: String = "true", repository: String = "octo/repo")
        -> String
    {
        """
        python3 -B - <<'END' || exit 1
        import json, sys, urllib.request, urllib.error
        def ask(method, path, body=None, status=200):
            data = None if body is None else json.dumps(body).encode()
            request = urllib.request.Request("http://forge.internal/repos/\(repository)" + path, data=data, method=method)
            try:
                with urllib.request.urlopen(request, timeout=30) as answer: code, text = answer.status, answer.read()
            except urllib.error.HTTPError as error: code, text = error.code, error.read()
            if code != status: sys.exit(f"{method} {path}: {code} {text}")
            return json.loads(text)
        \(script)
        END
        \(command)
        """
    }

    private func audit(_ done: Delivery, _ event: String) throws -> [JSON] {
        try #require(text(done.directory + "/audit.jsonl")).split(separator: "\n").compactMap { line in
            let record = try JSONParser.parse(Array(line.utf8))
            return record["event"]?.stringValue == event ? record["detail"] : nil
        }
    }

    @Test("an issue is read there, and the pull request is opened in the agent's words, when every gate has spoken")
    func newTask() throws {
        let scene = try Scene()
        scene.server.expect([Scene.repository()])
        scene.server.expect(Scene.issue())
        scene.server.expect(
            [
                Scene.call("POST", "/pulls").checking { body in
                    let text = body["body"]?.stringValue ?? ""
                    guard body["title"] == "Mend it for @ann", body["base"] == "main" else { return body.compactText }
                    guard text.contains("Outcome: verified"), text.contains("> I turned it round, see &#35;3\n"),
                        !text.contains("ghp_")
                    else { return text }
                    return nil
                }.answering(201, Scene.pullJSON(9, head: "sallyport/t/fix-the-file")),
                Scene.call("POST", "/statuses/*").sending([
                    "state": "success", "context": "sallyport", "description": "verified",
                ]).answering(201, ["state": "success"]),
                Scene.call("PATCH", "/pulls/9").checking { _ in nil }.answering(
                    200, Scene.pullJSON(9, head: "sallyport/t/fix-the-file")),
            ])
        let secret = "ghp_" + "aZ3kQ9xW5mB7vN2cL8pR4tY6uH0jD1fGsEoa"
        let done = try scene.task(
            ["--issue", "3", "--status"],
            agent: Self.agent(
                """
                import subprocess
                assert ask("GET", "")["permissions"] == {"pull": True, "push": True, "admin": False}
                assert ask("GET", "/issues/3")["title"] == "Fix the file"
                assert [c["body"] for c in ask("GET", "/issues/3/comments?per_page=100")] == ["Since yesterday."]
                head = subprocess.run(["git", "branch", "--show-current"], capture_output=True, text=True).stdout.strip()
                pull = {"title": "A draft", "body": "x", "head": head, "base": "main"}
                ask("POST", "/pulls", pull, 202)
                ask("POST", "/pulls", dict(pull, title="Mend it for @ann", body="I turned it round, see #3\\n\(secret)"), 202)
                # Of a commit that is not handed over.
                ask("POST", "/statuses/" + "a" * 40, {"state": "success", "description": "all green"}, 202)
                assert ask("PUT", "/pulls/9/merge", {}, 403)["code"] == "MERGE_REFUSED"
                assert ask("GET", "/issues/4", None, 404)["code"] == "NOT_IN_TASK"
                """, then: "echo fixed > file && git commit -qam 'mend the file'"))
        #expect(done.finished.code == 0 && done.outcome == "verified", "\(done.finished.errorText)\(log(done))")
        #expect(scene.isKept)
        #expect(
            done.evidence?["proposals"] == [
                ["proposal": 1, "do": "open_pull", "carried_out": false],
                ["proposal": 2, "do": "open_pull", "carried_out": true],
                ["proposal": 3, "do": "status", "carried_out": false],
            ])
        #expect(try audit(done, "proposal_received").count == 3)
        #expect(try audit(done, "forge_updated").first?["proposals"] == [2])
        #expect(done.evidence?["observed"]?["work"]?["forge"]?["refused"] == 2)
        #expect(try scene.scene.sallyport.command(["evidence", "verify", done.directory]).run().code == 0)
        #expect(try scene.holders(of: Scene.token, in: done.directory) == "")
    }

    @Test("an iteration reads threads and changed files there; what it proposes of the text stands in the comment")
    func iteration() throws {
        let scene = try Scene()
        let head = try scene.branch("feature/x")
        func reply(_ key: String) -> ContractServer.Call {
            ContractServer.Call("POST", "/api/graphql", Scene.bearer).checking { _ in nil }.answering(
                200, ["data": [:]])
        }
        scene.server.expect([Scene.repository()])
        scene.server.expect(Scene.pull(5, head: "feature/x", threads: ["T_a"]))
        scene.server.expect(
            [
                Scene.repository(),
                Scene.call("GET", "/branches/feature/x").answering(200, ["name": "feature/x", "protected": false]),
                Scene.files(5), reply("T_a"),
                Scene.call("POST", "/issues/5/comments").checking { body in
                    let text = body["body"]?.stringValue ?? ""
                    return text.contains("> Proposed title: The whole of it\n") && text.contains("> Now both halves.\n")
                        ? nil : text
                }.answering(201, ["id": 1]),
            ])
        let done = try scene.task(
            ["--type", "pr_iteration", "--pr", "5"],
            agent: Self.agent(
                """
                pull = ask("GET", "/pulls/5")
                assert pull["head"] == {"ref": "feature/x", "sha": "\(head)", "repo": {"full_name": "octo/repo"}}, pull
                remarks = ask("GET", "/pulls/5/comments")
                assert [(r["path"], r["line"], r["thread"], r["body"]) for r in remarks] == [("file", 1, 1, "only half")]
                assert ask("GET", "/pulls/5/files")[0]["patch"].endswith("+half")
                assert ask("GET", "/issues/5/comments")[0]["user"]["login"] == "bob"
                ask("PATCH", "/pulls/5", {"title": "The whole of it", "body": "Now both halves."}, 202)
                ask("POST", "/pulls", {"title": "x", "head": "feature/x", "base": "main"}, 403)
                """, then: "echo fixed > file && git commit -qam 'the whole of it'"))
        #expect(done.finished.code == 0 && done.outcome == "verified", "\(done.finished.errorText)\(log(done))")
        #expect(scene.isKept)
        #expect(done.evidence?["proposals"] == [["proposal": 1, "do": "update_pull", "carried_out": true]])
        #expect(try scene.scene.sallyport.command(["evidence", "verify", done.directory]).run().code == 0)
    }

    @Test("a review that is proposed there is one, where the agent leaves no document of findings")
    func review() throws {
        let scene = try Scene()
        let head = try scene.branch("feature/x")
        scene.server.expect([Scene.repository(push: false)])
        scene.server.expect(Scene.pull(5, head: "feature/x", threads: []))
        scene.server.expect(
            [
                Scene.files(5), Scene.files(5),
                Scene.call("POST", "/pulls/5/reviews").checking { body in
                    let comments = body["comments"]?.arrayValue ?? []
                    guard body["event"] == "COMMENT", body["commit_id"] == .string(head), comments.count == 1,
                        comments[0]["path"] == "file", comments[0]["line"] == 1,
                        comments[0]["body"]?.stringValue?.contains("> only &#60;half&#62;") == true
                    else { return body.compactText }
                    return body["body"]?.stringValue?.contains("> Not yet.\n") == true ? nil : body.compactText
                }.answering(200, ["id": 80]),
            ])
        let done = try scene.task(
            ["--type", "pr_review", "--pr", "5"],
            agent: Self.agent(
                """
                remark = {"path": "file", "line": 1, "side": "RIGHT", "body": "only <half>"}
                assert ask("POST", "/pulls/5/reviews", {"event": "APPROVE"}, 422)["code"] == "FORGE_INVALID"
                ask("POST", "/pulls/5/reviews", {"event": "COMMENT", "body": "Not yet.", "comments": [remark]}, 202)
                """))
        #expect(done.finished.code == 0 && done.outcome == "review_posted", "\(done.finished.errorText)\(log(done))")
        #expect(scene.isKept)
        #expect(done.evidence?["proposals"] == [["proposal": 1, "do": "review", "carried_out": true]])
        #expect(try scene.scene.sallyport.command(["evidence", "verify", done.directory]).run().code == 0)
    }

    @Test("work that no gate lets pass leaves a proposal where it is, and the forge hears of nothing")
    func refused() throws {
        let scene = try Scene()
        scene.server.expect([Scene.repository()])
        scene.server.expect(Scene.issue())
        let done = try scene.task(
            ["--issue", "3"],
            agent: Self.agent(
                """
                import subprocess
                head = subprocess.run(["git", "branch", "--show-current"], capture_output=True, text=True).stdout.strip()
                ask("POST", "/pulls", {"title": "All is well", "head": head, "base": "main"}, 202)
                """, then: "echo worse > file && git commit -qam 'worse'"))
        #expect(done.outcome == "test_failed", "\(done.finished.errorText)\(log(done))")
        #expect(scene.isKept && !scene.server.requests.contains { $0.hasPrefix("POST /api/v3") })
        #expect(done.evidence?["proposals"] == [["proposal": 1, "do": "open_pull", "carried_out": false]])
        #expect(try scene.scene.sallyport.command(["evidence", "verify", done.directory]).run().code == 0)
    }

    @Test("a local forge is read in the same way, and a task without a forge has no such name")
    func local() throws {
        let scene = try ForgeScene()
        try scene.issue(3, body: "It is broken.")
        let done = try scene.task(
            ["--issue", "3"],
            agent: Self.agent(
                "assert ask(\"GET\", \"/issues/3\")[\"body\"] == \"It is broken.\"", then: "echo fixed > file",
                repository: "local/forge"))
        #expect(done.outcome == "verified", "\(done.finished.errorText)\(log(done))")
        let bare = try TaskScene()
        let none = try bare.task(
            agent: "python3 -c 'import socket; socket.getaddrinfo(\"forge.internal\", 80)' && exit 1; echo fixed > file"
        )
        #expect(none.outcome == "verified" && none.evidence?["proposals"] == [], "\(none.finished.errorText)")
        #expect(log(none).contains("gaierror"), "\(log(none))")
    }

    private func log(_ done: Delivery) -> String { text(done.directory + "/work.log") ?? "" }
}
