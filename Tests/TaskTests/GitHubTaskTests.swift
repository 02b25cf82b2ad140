// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// Tasks on a repository of GitHub, whole: each call is expected, in this order, and nothing else is sent.
@Suite("tasks on github", .timeLimit(.minutes(25)))
struct GitHubTaskTests {
    private typealias Scene = GitHubTaskScene

    @Test(
        "an issue becomes a branch and a pull request by an App's token, which is revoked at the end",
        .requires(.root), .requires(.git), .requires(.runner), .requires(.openssl))
    func newTask() throws {
        let scene = try Scene(minted: true)
        let key = try Command("/usr/bin/openssl", ["genrsa", "-traditional", "2048"]).run().text
        let minted = "Bearer \(Scene.minted)"
        scene.server.expect(
            [
                Scene.call("GET", "/installation", "Bearer eyJ*").answering(200, ["id": 42]),
                ContractServer.Call("POST", "/api/v3/app/installations/42/access_tokens", "Bearer eyJ*").sending([
                    "repositories": ["repo"],
                    "permissions": [
                        "contents": "write", "pull_requests": "write", "issues": "read", "statuses": "write",
                    ],
                ]).answering(
                    201,
                    [
                        "token": .string(Scene.minted), "expires_at": "2099-01-01T00:00:00Z",
                        "permissions": ["contents": "write", "metadata": "read"],
                        "repositories": [["full_name": "octo/repo"]],
                    ]),
                Scene.repository(minted),
            ])
        scene.server.expect(Scene.issue(minted))
        scene.server.expect(
            [
                Scene.call("POST", "/pulls", minted).checking { body in
                    let head = body["head"]?.stringValue ?? ""
                    let text = body["body"]?.stringValue ?? ""
                    guard body["base"] == "main", head.hasPrefix("sallyport/t"), head.hasSuffix("/fix-the-file") else {
                        return "\(head)"
                    }
                    guard body["title"] == "mend the file", body["maintainer_can_modify"] == false else {
                        return "title"
                    }
                    return text.contains("Outcome: verified") && text.contains("not sealed yet") ? nil : text
                }.answering(201, Scene.pullJSON(9, head: "sallyport/t/fix-the-file")),
                Scene.call("POST", "/statuses/*", minted).sending([
                    "state": "success", "context": "sallyport", "description": "verified",
                ]).answering(201, ["state": "success"]),
                Scene.call("PATCH", "/pulls/9", minted).checking { body in
                    body.objectValue?.map(\.name) == ["body"]
                        && body["body"]?.stringValue?.contains("evidence sha256 ") == true ? nil : body.compactText
                }.answering(200, Scene.pullJSON(9, head: "sallyport/t/fix-the-file")),
                ContractServer.Call("DELETE", "/api/v3/installation/token", minted).answering(204),
            ])
        let done = try scene.task(
            ["--issue", "3", "--app-id", "7", "--app-key", "file:\(try scene.file("app.pem", key))", "--status"],
            agent:
                "grep -q 'Since yesterday' $SALLYPORT_PROMPT_FILE && echo fixed > file && git commit -qam 'mend the file'"
        )
        #expect(done.finished.code == 0 && done.outcome == "verified", "\(done.finished.errorText)")
        #expect(scene.isKept)
        let branch = try #require(done.branch)
        #expect(try scene.branches() == ["main", branch])
        #expect(try scene.scene.git(scene.repository, "rev-parse", branch) == done.commit)
        #expect(done.evidence?["forge"]?["page"]?.stringValue == "\(scene.server.url)/octo/repo/pull/9")
        #expect(done.evidence?["forge"]?["pull_request"]?.intValue == 9)
        #expect(try scene.scene.sallyport.command(["evidence", "verify", done.directory]).run().code == 0)
        // Each use of the credential is noted, those of git beside them; what came after the seal the host knows alone.
        let before = [
            "GET /repos/{owner}/{repo}/installation 200", "POST /app/installations/{number}/access_tokens 201",
            "GET /repos/{owner}/{repo} 200", "GET /repos/{owner}/{repo}/issues/{number} 200",
            "GET /repos/{owner}/{repo}/issues/{number}/comments 200", "POST /repos/{owner}/{repo}/pulls 201",
            "POST /repos/{owner}/{repo}/statuses/{sha} 201",
        ]
        let after = ["PATCH /repos/{owner}/{repo}/pulls/{number} 200", "DELETE /installation/token 204"]
        #expect(try Self.uses(done.directory + "/uses.jsonl") == before)
        let mirrors = scene.scene.sallyport.state + "/mirrors"
        let ledger = "\(mirrors)/\(try #require(names(mirrors).first))/uses.jsonl"
        #expect(try Self.uses(ledger) == before + after)
        #expect(try #require(text(ledger)).contains("/octo/repo.git/git-receive-pack"))
        #expect(done.evidence?["forge"]?["credential_uses"]?.intValue == before.count)
        // Neither token nor key is anywhere in what stays.
        for secret in [Scene.minted, String(key.split(separator: "\n")[3])] {
            #expect(try scene.holders(of: secret, in: done.directory) == "")
            #expect(try scene.holders(of: secret, in: scene.scene.sallyport.state) == "")
            #expect(!done.finished.errorText.contains(secret) && !done.finished.text.contains(secret))
        }
        #expect(try scene.holders(of: "Since yesterday", in: done.directory) != "", "control")
    }

    /// The lines of a ledger that are no git's.
    private static func uses(_ file: String) throws -> [String] {
        try #require(text(file)).split(separator: "\n").compactMap { line in
            let use = try JSONParser.parse(Array(line.utf8))
            let target = use["target"]?.stringValue ?? ""
            let text = "\(use["method"]?.stringValue ?? "") \(target) \(use["status"]?.intValue ?? 0)"
            return target.contains(".git/") ? nil : text
        }
    }

    @Test(
        "an iteration moves the pull request's branch, answers every thread and resolves those that commits name",
        .requires(.root), .requires(.git), .requires(.runner))
    func iteration() throws {
        let scene = try Scene()
        let head = try scene.branch("feature/x")
        func words(_ key: String, _ named: Bool) -> ContractServer.Call {
            ContractServer.Call("POST", "/api/graphql", Scene.bearer).checking { body in
                let text = body["variables"]?["body"]?.stringValue ?? ""
                guard body["variables"]?["thread"] == .string(key), text.contains("Verification: verified") else {
                    return body.compactText
                }
                return text.hasPrefix(named ? "A commit of" : "No commit of") ? nil : text
            }.answering(200, ["data": [:]])
        }
        scene.server.expect([Scene.repository()])
        scene.server.expect(Scene.pull(5, head: "feature/x", threads: ["T_a", "T_b"]))
        scene.server.expect(
            [
                Scene.repository(),
                Scene.call("GET", "/branches/feature/x").answering(200, ["name": "feature/x", "protected": false]),
                Scene.files(5),
                words("T_a", true),
                Scene.query(["thread": "T_a"], "resolveReviewThread(", answer: ["data": [:]]),
                words("T_b", false),
                Scene.call("POST", "/issues/5/comments").checking { body in
                    body["body"]?.stringValue?.contains("Outcome: verified") == true ? nil : body.compactText
                }.answering(201, ["id": 1]),
            ])
        let done = try scene.task(
            ["--type", "pr_iteration", "--pr", "5"],
            agent: "grep -q 'Thread 1, file:1' $SALLYPORT_PROMPT_FILE && grep -q 'Mind the file' $SALLYPORT_PROMPT_FILE"
                + " && echo fixed > file && git commit -qam 'the whole of it' -m 'Resolves-Thread: 1'")
        #expect(done.finished.code == 0 && done.outcome == "verified", "\(done.finished.errorText)")
        #expect(scene.isKept)
        let tip = try scene.scene.git(scene.repository, "rev-parse", "feature/x")
        #expect(tip == done.commit && tip != head)
        #expect(try scene.branches() == ["feature/x", "main"])
        #expect(done.evidence?["forge"]?["resolved_threads"]?.arrayValue?.compactMap(\.intValue) == [1])
        #expect(try scene.holders(of: Scene.token, in: done.directory) == "")
        #expect(try scene.holders(of: Scene.token, in: scene.scene.sallyport.state) == "")
    }

    @Test(
        "a review is posted as one, with a remark at a shown line, and pushes nothing",
        .requires(.root), .requires(.git), .requires(.runner))
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
                        comments[0]["body"]?.stringValue?.contains("> only half") == true
                    else { return body.compactText }
                    return body["body"]?.stringValue?.contains("test: failed") == true ? nil : body.compactText
                }.answering(200, ["id": 80]),
            ])
        let findings =
            "{\"version\": 1, \"summary\": \"s\", \"findings\": [{\"file\": \"file\", \"line\": 1, "
            + "\"severity\": \"major\", \"comment\": \"only half\"}]}"
        let done = try scene.task(
            ["--type", "pr_review", "--pr", "5"], agent: "printf '%s' '\(findings)' > $SALLYPORT_FINDINGS")
        #expect(done.finished.code == 0 && done.outcome == "review_posted", "\(done.finished.errorText)")
        #expect(scene.isKept)
        #expect(done.evidence?["forge"]?["review"]?["number"]?.intValue == 80)
        #expect(!scene.server.requests.contains { $0.contains("git-receive-pack") })
        #expect(scene.server.requests.contains { $0.contains("git-upload-pack") }, "control")
    }

    @Test(
        "a forge that takes no pull request costs neither the result nor its evidence, and the token is revoked",
        .requires(.root), .requires(.git), .requires(.runner), .requires(.openssl))
    func refused() throws {
        let scene = try Scene(minted: true)
        let key = try Command("/usr/bin/openssl", ["genrsa", "-traditional", "2048"]).run().text
        let minted = "Bearer \(Scene.minted)"
        scene.server.expect(
            [
                ContractServer.Call("POST", "/api/v3/app/installations/8/access_tokens", "Bearer eyJ*").checking { _ in
                    nil
                }.answering(
                    201,
                    [
                        "token": .string(Scene.minted), "expires_at": "2099-01-01T00:00:00Z",
                        "permissions": ["contents": "write"], "repositories": [["full_name": "octo/repo"]],
                    ]),
                Scene.repository(minted),
                Scene.call("POST", "/pulls", minted).checking { _ in nil }.answering(
                    403, ["message": "Resource not accessible by integration"]),
                ContractServer.Call("DELETE", "/api/v3/installation/token", minted).answering(204),
            ])
        let done = try scene.task(
            [
                "--task", "Fix the file", "--app-id", "7", "--app-key", "file:\(try scene.file("app.pem", key))",
                "--installation", "8",
            ], agent: "echo fixed > file")
        #expect(done.finished.code == 1 && done.outcome == "publish_failed", "\(done.finished.errorText)")
        #expect(done.evidence?["refusal"]?.stringValue?.contains("FORGE_FORBIDDEN") == true)
        #expect(done.evidence?["forge"]?["branch_pushed"]?.boolValue == true && scene.isKept)
        #expect(try scene.scene.sallyport.command(["evidence", "verify", done.directory]).run().code == 0)
    }

    @Test(
        "what cannot be worked on is one clear error before anything runs",
        .requires(.root), .requires(.git), .requires(.runner))
    func unusable() throws {
        let scene = try Scene()
        try scene.branch("feature/x")
        let iterate = ["--type", "pr_iteration", "--pr", "5"]
        let denied = Scene.call("GET", "").answering(401, ["message": "Bad credentials"])
        let nothing: JSON = ["message": "Not Found"]
        let look = Scene.call("GET", "/branches/feature/x")
        let (isProtected, isOpen) = (
            look.answering(200, ["protected": true]), look.answering(200, ["protected": false])
        )
        var pull = Scene.pull(5, head: "feature/x", threads: [])
        pull.insert(Scene.repository(), at: 0)
        pull += [Scene.repository(), isProtected]
        let cases: [([ContractServer.Call], [String], String)] = [
            ([denied], ["--issue", "3"], "the credential is not taken (\"Bad credentials\") (FORGE_CREDENTIAL)"),
            ([Scene.repository(push: false)], ["--issue", "3"], "the credential may only read it (FORGE_FORBIDDEN)"),
            (
                [Scene.repository(), Scene.call("GET", "/issues/3").answering(404, nothing)], ["--issue", "3"],
                "NOT_FOUND"
            ),
            (pull, iterate, "it is protected (PROTECTED_REF)"),
            (
                [Scene.repository(), Scene.call("GET", "/pulls/5").answering(404, nothing)], iterate,
                "PR_NOT_FOUND_OR_CLOSED"
            ),
            // The default branch of a caller who names it: nothing there is moved, whatever else is asked for.
            (
                [Scene.repository(), Scene.repository()], ["--task", "x", "--branch", "main", "--base", "main"],
                "it is the default branch (PROTECTED_REF)"
            ),
            (
                [Scene.repository(), Scene.repository()],
                ["--task", "x", "--branch", "main", "--base", "main", "--deliver", "branch"],
                "it is the default branch (PROTECTED_REF)"
            ),
            (
                [Scene.repository(), Scene.repository(), isProtected],
                ["--task", "x", "--branch", "feature/x", "--base", "feature/x", "--deliver", "branch"],
                "it is protected (PROTECTED_REF)"
            ),
            (
                [Scene.repository(), Scene.repository(), isOpen],
                ["--task", "x", "--branch", "feature/x", "--base", "feature/x"],
                "it is the branch that the pull request would go to"
            ),
        ]
        for (calls, arguments, words) in cases {
            scene.server.expect(calls)
            let done = try scene.task(arguments, agent: "true")
            #expect(done.finished.code == 125 && done.finished.errorText.contains(words), "\(done.finished.errorText)")
            #expect(scene.isKept && !done.finished.errorText.contains("canary"))
            #expect(names(scene.scene.sallyport.state + "/tasks").isEmpty)
        }
    }

    @Test(
        "a server is believed by its certificate only, found by its name, in the process that speaks with it",
        .requires(.root), .requires(.git), .requires(.runner), .requires(.forge))
    func certificates() throws {
        let scene = try TaskScene()
        let server = try UpstreamServer(scene.sallyport.home, cloneOf: scene.repository)
        let arguments = [
            "--forge", "github:octo/repo", "--forge-url", "https://localhost:\(server.port)", "--credential",
            server.credential, "--task", "x", "--agent-command", "true",
        ]
        let before = server.requests
        let stranger = try scene.failing(arguments)
        #expect(stranger.code == 125 && stranger.errorText.contains("is not trusted"), "\(stranger.errorText)")
        #expect(server.requests == before)
        // There is no forge behind it, and it says so.
        let known = try scene.failing(arguments + server.authority)
        #expect(known.code == 125 && !known.errorText.contains("is not trusted"), "\(known.errorText)")
        // An answer came, and none of a forge.
        let isAnswered = ["NOT_FOUND", "FORGE_CREDENTIAL", "FORGE_MALFORMED"].contains { known.errorText.contains($0) }
        #expect(isAnswered, "\(known.errorText)")
        #expect(!(stranger.errorText + known.errorText).contains(server.secret))
    }

    @Test(
        "options that do not belong together are named", .requires(.root), .requires(.git), .requires(.runner),
        arguments: [
            (["--forge", "/f", "--forge-url", "https://x"], "--forge-url is for --forge github:"),
            (["--forge", "github:o/n", "--repo", "/r"], "names the repository, too"),
            (["--forge", "github:o/n", "--app-id", "1"], "--app-id and --app-key go together"),
            (
                ["--forge", "github:o/n", "--app-id", "1", "--app-key", "env:K", "--credential", "env:T"],
                "exclude each other"
            ),
            (
                ["--forge", "github:o/n", "--installation", "1", "--credential", "env:T"],
                "--installation is for --app-id"
            ),
            (["--forge", "github:o/n"], "there is no credential"),
            (["--forge", "github:o", "--credential", "env:T"], "it is no repository's name"),
            (
                ["--forge", "github:o/n", "--forge-url", "http://x.invalid", "--credential", "env:T"],
                "it is plain HTTP"
            ),
            (["--forge", "github:o/n", "--credential", "env:ABSENT"], "the variable is not set"),
            (["--forge", "github:o/n", "--app-id", "0"], "--app-id needs a number"),
            (["--forge", "github:o/n", "--app-key", "ghp_x"], "--app-key is neither"),
        ])
    func misuse(_ arguments: [String], _ words: String) throws {
        let scene = try TaskScene()
        let done = try scene.failing(arguments + ["--task", "x", "--agent-command", "true"])
        #expect(done.code == 125 && done.errorText.contains(words), "\(done.errorText)")
        #expect(!done.errorText.contains("ghp_x"))
    }
}
