// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// An operator whose repository is at a forge that asks for a password.
struct UpstreamScene {
    let scene: TaskScene
    let server: UpstreamServer

    static let agent = "echo fixed > file"

    init() throws {
        scene = try TaskScene()
        try scene.git(scene.repository, "branch", "work")
        server = try UpstreamServer(scene.sallyport.home, cloneOf: scene.repository)
        try scene.git(server.repository, "config", "http.receivepack", "true")
    }

    var out: String { scene.sallyport.home.at("delivered") }

    /// Everything but the agent and the place of the result.
    func arguments(
        _ options: [String] = [], place: String = "private/name.git", test: String = TaskScene.test
    ) -> [String] {
        ["--repo", server.url(place), "--credential", server.credential] + server.authority
            + ["--task", "Fix the file", "--test-command", test] + options
    }

    func run(_ arguments: [String], agent: String = UpstreamScene.agent) throws -> Delivery {
        let command = scene.sallyport.command(
            ["task", "run"] + arguments + ["--agent-command", agent, "--out", out])
        return try Delivery(try command.run(), directory: out)
    }

    /// The branches of the upstream and where they stand.
    func branches() throws -> [String: String] {
        let text = try scene.git(server.repository, "for-each-ref", "--format=%(refname) %(objectname)")
        return text.split(separator: "\n").reduce(into: [:]) { result, line in
            let parts = line.split(separator: " ").map(String.init)
            result[parts[0]] = parts[1]
        }
    }

    /// How many requests a first copy takes.
    func requestsOfCopy() throws -> Int {
        let other = try Sallyport()
        let made = try other.command(
            ["task", "mirror", server.url("private/name.git"), "--json", "--credential", server.credential]
                + server.authority
        ).run()
        try #require(made.code == 0, "\(made.errorText)")
        return try #require(JSONParser.parse(made.output)["requests"]?.intValue)
    }

    func verifies() throws -> Bool {
        try scene.sallyport.command(["evidence", "verify", out]).run().code == 0
    }

    /// Moves a branch of the upstream to a commit that nobody knows yet.
    @discardableResult
    func move(_ branch: String) throws -> String {
        let tree = try scene.git(server.repository, "rev-parse", "main^{tree}")
        let id = try scene.git(server.repository, "commit-tree", "-p", "main", "-m", "theirs", tree)
        try scene.git(server.repository, "update-ref", "refs/heads/\(branch)", id)
        return id
    }
}

/// Tasks on a repository of the web, behind git http-backend, nginx, TLS and a password.
@Suite(
    "tasks on an upstream", .serialized, .timeLimit(.minutes(25)), .requires(.root), .requires(.git),
    .requires(.runner),
    .requires(.forge))
struct UpstreamTaskTests {
    @Test("the base is taken from it, and the verified branch brought there, each request on record")
    func whole() throws {
        let scene = try UpstreamScene()
        let before = try scene.branches()
        let done = try scene.run(scene.arguments())
        #expect(done.finished.code == 0 && done.outcome == "verified", "\(done.finished.errorText)")
        let branch = try #require(done.branch)
        #expect(try scene.branches() == before.merging(["refs/heads/\(branch)": try #require(done.commit)]) { $1 })
        #expect(done.finished.text.contains("upstream  \(scene.server.url("private/name.git")), which has the branch"))
        let upstream = try #require(done.evidence?["upstream"])
        #expect(upstream["branch_pushed"] == true && upstream["failure"] == .null && upstream["branch_found"] == .null)
        #expect(done.evidence?["repository"]?.stringValue == scene.server.url("private/name.git"))
        // What the server saw is in the bundle, line by line, and in the ledger of the upstream.
        let uses = try #require(text(scene.out + "/uses.jsonl"))
        let noted = try uses.split(separator: "\n").map { line in
            let use = try JSONParser.parse(Array(line.utf8))
            return "\(use["method"]?.stringValue ?? "") \(use["target"]?.stringValue ?? "")"
        }
        // Ended, it has written down the last of them.
        try scene.server.stop()
        let seen = scene.server.requests.map { $0.split(separator: " ").prefix(2).joined(separator: " ") }
        #expect(noted == seen, "\(noted)\n\(seen)")
        #expect(noted.contains("POST /private/name.git/git-receive-pack"))
        #expect(upstream["credential_uses"]?.intValue == noted.count)
        let state = scene.scene.sallyport.state
        let key = try #require(names(state + "/mirrors").first)
        // The host's own book is of no one task; the task's copy says whose.
        let mark = try Regex(#","correlation_id":"[^"]*""#)
        #expect(uses.contains(mark))
        #expect(text("\(state)/mirrors/\(key)/uses.jsonl") == uses.replacing(mark, with: ""))
        // Both ledgers are sealed: a line that is changed later is noticed.
        let git = try #require(text(scene.out + "/work.git.jsonl"))
        #expect(git.contains("\"git.push\"") && git.contains(branch))
        let totals = done.evidence?["observed"]?["work"]?["git"]
        #expect(totals?["pushes"] == 1 && totals?["refused_pushes"] == 0, "\(totals ?? .null)")
        #expect(try scene.verifies())
        for (file, bytes) in [("uses.jsonl", uses), ("work.git.jsonl", git)] {
            try scene.scene.sallyport.home.file("delivered/\(file)", bytes.replacing("200", with: "201"))
            let found = try scene.scene.sallyport.command(["evidence", "verify", scene.out]).run()
            #expect(found.code == 1 && found.text.contains(file), "\(found.text)")
            try scene.scene.sallyport.home.file("delivered/\(file)", bytes)
        }
        #expect(try scene.verifies())
        let shown = try scene.scene.sallyport.command(["evidence", "show", scene.out]).run().text
        #expect(shown.contains("has the branch") && shown.contains("git.internal: "), "\(shown)")
    }

    @Test(
        "a branch that is there goes on; without success, or for a patch, nothing is brought anywhere",
        arguments: [
            (TaskScene.test, "branch", "verified", true), ("false", "branch", "test_failed", false),
            (TaskScene.test, "patch", "verified", false),
        ])
    func goesOn(_ test: String, _ what: String, _ outcome: String, _ moves: Bool) throws {
        let scene = try UpstreamScene()
        let before = try scene.branches()
        let done = try scene.run(
            scene.arguments(["--base", "work", "--branch", "work", "--deliver", what], test: test))
        #expect(done.outcome == outcome, "\(done.finished.errorText)")
        #expect(done.evidence?["upstream"]?["branch_found"]?.stringValue == before["refs/heads/work"])
        let after = try scene.branches()
        #expect(after == (moves ? before.merging(["refs/heads/work": try #require(done.commit)]) { $1 } : before))
        // No request more than the copy took.
        try scene.server.stop()
        let pushes = scene.server.requests.filter { $0.contains("git-receive-pack") }
        #expect(pushes.isEmpty != moves, "\(pushes)")
    }

    @Test("a branch that is elsewhere than the base, and slips, are said before anything runs")
    func misuse() throws {
        let scene = try UpstreamScene()
        let theirs = try scene.move("work")
        let url = scene.server.url("private/name.git")
        for (arguments, words) in [
            (scene.arguments(["--branch", "work"]), "it is at \(theirs)"),
            (scene.arguments(["--base", "none"]), "\"none\" in \"\(url)\""),
            (scene.arguments(["--branch", "base"]), "is no name for the branch"),
            (scene.arguments(["--branch", "a..b"]), "is no name for the branch"),
            (scene.arguments(place: "gone/name.git"), "not_found: HTTP 410"),
            (scene.arguments(["--forge", "/x"]), "--forge has its repository"),
            (["--repo", "/x", "--task", "x", "--credential", "env:X"], "--credential is for a --repo of the web"),
            (["--repo", "http://forge.invalid/x", "--task", "x", "--credential", "env:X"], "it is plain HTTP"),
            (["--repo", "https://me:hunter2@forge.invalid/x", "--task", "x"], "it carries a password"),  // not a secret
            (["--repo", "ssh://forge.invalid/x", "--task", "x"], "only https, http and paths"),
            (["--repo", url, "--task", "x", "--credential", "hunter2"], "--credential is neither"),
            (["--repo", url, "--task", "x", "--credential", "env:NONE"], "the variable is not set"),
        ] {
            let done = try scene.scene.failing(arguments + ["--agent-command", "true"])
            #expect(done.code == 125 && done.errorText.contains(words), "\(arguments): \(done.errorText)")
            #expect(!done.errorText.contains("hunter2") && !done.errorText.contains(scene.server.secret))
        }
        let typed = try scene.scene.failing(
            scene.arguments(["--agent-command", "true", "--json"], place: "gone/name.git"))
        #expect(try JSONParser.parse(typed.output)["error"]?["code"] == "not_found")
    }

    @Test("a credential that expires between copy and delivery: the outcome says so, and the result is kept")
    func expired() throws {
        let scene = try UpstreamScene()
        let count = try scene.requestsOfCopy()
        let before = try scene.branches()
        let done = try scene.run(scene.arguments(place: "expired/\(count)/name.git"))
        try kept(done, scene, code: "expired")
        #expect(try scene.branches() == before)
        let uses = try #require(text(scene.out + "/uses.jsonl")).split(separator: "\n")
        #expect(uses.count > count && uses.last?.contains("\"status\":401") == true, "\(uses)")
    }

    /// A result that every gate passed and that could not be brought away: sealed, whole, and typed.
    private func kept(_ done: Delivery, _ scene: UpstreamScene, code: String) throws {
        #expect(done.finished.code == 1 && done.outcome == "push_failed", "\(done.finished.errorText)")
        let upstream = done.evidence?["upstream"]
        #expect(upstream?["failure"]?["code"]?.stringValue == code, "\(upstream ?? .null)")
        #expect(upstream?["branch_pushed"] == false && done.evidence?["state"] == "FAILED")
        let blocked = ["expired": "auth_failure", "denied": "auth_failure", "unreachable": "dependency_unreachable"][
            code]
        let word = done.evidence?["blocked"]?.stringValue
        #expect(blocked.map { word?.hasPrefix("BLOCKED[\($0)]: ") == true } ?? (word == nil), "\(word ?? "-")")
        #expect(done.evidence?["refusal"] == upstream?["failure"]?["message"])
        let (branch, commit) = (try #require(done.branch), try #require(done.commit))
        #expect(try scene.scene.git(done.repository, "rev-parse", branch) == commit)
        #expect(try scene.verifies())
        let said = done.finished.text + done.finished.errorText + (upstream?.compactText ?? "")
        #expect(!said.contains(scene.server.secret))
    }

    @Test("an upstream that is gone at the end")
    func gone() throws {
        let scene = try UpstreamScene()
        let task = try PausedTask(scene.scene, scene.arguments(), after: UpstreamScene.agent, to: scene.out)
        try scene.server.stop()
        try kept(try task.finish().delivery, scene, code: "unreachable")
    }

    @Test("an upstream that refuses the branch: by a hook of its own, or because the credential may only read")
    func refused() throws {
        let scene = try UpstreamScene()
        let before = try scene.branches()
        try scene.scene.sallyport.home.file(
            "forge/repositories/name.git/hooks/pre-receive", "#!/bin/sh\necho protected; exit 1\n", mode: 0o755)
        try kept(try scene.run(scene.arguments()), scene, code: "rejected")
        try scene.scene.git(scene.server.repository, "config", "http.receivepack", "false")
        try #require(try Command("/bin/rm", ["-r", scene.out]).run().code == 0)
        try kept(try scene.run(scene.arguments()), scene, code: "denied")
        #expect(try scene.branches() == before)
    }

    @Test(
        "a branch that moved under the task, or came to be, is left where it is",
        arguments: [["--base", "work", "--branch", "work"], ["--branch", "new"]])
    func moved(_ options: [String]) throws {
        let scene = try UpstreamScene()
        let task = try PausedTask(scene.scene, scene.arguments(options), after: UpstreamScene.agent, to: scene.out)
        let theirs = try scene.move(try #require(options.last))
        let done = try task.finish().delivery
        try stayed(done, scene, try #require(options.last), theirs)
    }

    private func stayed(_ done: Delivery, _ scene: UpstreamScene, _ branch: String, _ theirs: String) throws {
        #expect(done.finished.code == 1 && done.outcome == "upstream_moved", "\(done.finished.errorText)")
        #expect(done.evidence?["refusal"]?.stringValue?.contains("is at \(theirs)") == true)
        #expect(done.evidence?["upstream"]?["branch_pushed"] == false && done.commit != nil)
        #expect(try scene.branches()["refs/heads/\(branch)"] == theirs)
        #expect(try scene.verifies())
    }

    @Test("a branch that moves while it is pushed to is left where it is")
    func race() throws {
        let scene = try UpstreamScene()
        let theirs = try scene.move("theirs")
        // After the server has told where the branch is, and before it moves it.
        let hook = """
            #!/bin/sh
            unset GIT_QUARANTINE_PATH
            exec git update-ref refs/heads/work \(theirs)
            """
        try scene.scene.sallyport.home.file(
            "forge/repositories/name.git/hooks/pre-receive", hook + "\n", mode: 0o755)
        let done = try scene.run(scene.arguments(["--base", "work", "--branch", "work"]))
        try stayed(done, scene, "work", theirs)
    }

    @Test("a push whose answer gets lost has arrived all the same")
    func lostAnswer() throws {
        let scene = try UpstreamScene()
        let done = try scene.run(scene.arguments(place: "silent/name.git"))
        #expect(done.finished.code == 0 && done.outcome == "verified", "\(done.finished.errorText)")
        #expect(done.evidence?["upstream"]?["branch_pushed"] == true)
        let branch = try #require(done.branch)
        #expect(try scene.branches()["refs/heads/\(branch)"] == done.commit)
        // The control: the answer to the push was not the server's.
        #expect(try #require(text(scene.out + "/uses.jsonl")).contains("\"status\":502"))
    }
}
