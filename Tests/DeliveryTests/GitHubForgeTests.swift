// SPDX-License-Identifier: Apache-2.0
import Documents
import TaskModel
import TestSupport
import Testing
import Workspace

@testable import Delivery

/// Each call as it leaves, held against the contract: method, path, query, every header, body; and what is made of answers.
@Suite("github forge", .timeLimit(.minutes(25)))
struct GitHubForgeTests {
    private typealias Scene = GitHubScene
    private static let commit = String(repeating: "a", count: 40)

    @Test("an issue is read with all pages of its comments")
    func issue() throws {
        let next =
            "<https://elsewhere.invalid/x?page=2>; rel=\"next\", <https://elsewhere.invalid/x?page=2>; rel=\"last\""
        let scene = try Scene([
            Scene.call("GET", "/issues/3").answering(200, Scene.issue(3)),
            Scene.call("GET", "/issues/3/comments?per_page=100&page=1").answering(
                200, [Scene.comment("one")], [("Link", next)]),
            Scene.call("GET", "/issues/3/comments?per_page=100&page=2").answering(
                200, [Scene.comment("two", nil)], [("Link", "<https://elsewhere.invalid/x?page=1>; rel=\"first\"")]),
        ])
        let issue = try scene.forge().issue(3)
        #expect(issue.title == "It breaks" && issue.body == "At night." && issue.isOpen && issue.author == "ann")
        #expect(issue.comments.map(\.body) == ["one", "two"] && issue.comments.map(\.author) == ["bob", "ghost"])
        #expect(issue.comments[0].created == 1_767_323_045_000)
        #expect(scene.isKept)
    }

    @Test("a pull request is read with its open and settled threads, by pages")
    func pull() throws {
        func variables(_ after: JSON) -> JSON { ["owner": "octo", "name": "repo", "number": 5, "after": after] }
        let scene = try Scene([
            Scene.call("GET", "/pulls/5").answering(200, Scene.pull(5)),
            Scene.query(variables(nil), "reviewThreads(first: 50").answering(
                200, Scene.threads([Scene.thread("T_a"), Scene.thread("T_b", resolved: true)], next: "c\"1")),
            Scene.query(variables("c\"1"), "reviewThreads(first: 50").answering(
                200, Scene.threads([Scene.thread("T_c", line: nil)])),
            Scene.call("GET", "/issues/5/comments?per_page=100&page=1").answering(200, []),
        ])
        let pull = try scene.forge().pullRequest(5)
        #expect(pull.head == "feature/x" && pull.base == "main" && pull.headRepository == nil && pull.body == "")
        #expect(pull.openThreads.map(\.number) == [1, 3] && pull.openThreads.map(\.key) == ["T_a", "T_c"])
        #expect(
            pull.threads[0].line == 3 && pull.threads[2].line == nil && pull.threads[0].comments[0].body == "only half")
        try pull.requireOwnOpenBranch()
        #expect(scene.isKept)
    }

    @Test(
        "a pull request that is closed, merged or of a fork is known as such",
        arguments: [
            (GitHubScene.pull(5, state: "closed"), "it is closed"),
            (GitHubScene.pull(5, state: "closed", merged: "2026-01-02T03:04:05Z"), "it is merged"),
            (GitHubScene.pull(5, fork: "mallory/repo"), "another repository"),
        ])
    func unusable(_ json: JSON, _ words: String) throws {
        let scene = try Scene([
            Scene.call("GET", "/pulls/5").answering(200, json),
            ContractServer.Call("POST", Scene.graph, Scene.bearer).checking { _ in nil }.answering(
                200, Scene.threads([])),
            Scene.call("GET", "/issues/5/comments?per_page=100&page=1").answering(200, []),
        ])
        let pull = try scene.forge().pullRequest(5)
        let error = try #require(throws: ForgeError.self) { try pull.requireOwnOpenBranch() }
        #expect(error.description.contains(words) && scene.isKept)
    }

    @Test("a pull request is opened, changed and commented on; a secret of a known form does not get there")
    func opening() throws {
        let secret = "ghp_" + "aZ3kQ9xW5mB7vN2cL8pR4tY6uH0jD1fGsEoa"
        let scene = try Scene([
            Scene.call("POST", "/pulls").sending([
                "title": "T [GitHub token]", "body": "B", "base": "main", "head": "sallyport/t/x",
                "maintainer_can_modify": false,
            ]).answering(201, Scene.pull(9, head: "sallyport/t/x")),
            Scene.call("PATCH", "/pulls/9").sending(["body": "B2"]).answering(200, Scene.pull(9)),
            Scene.call("PATCH", "/pulls/9").sending(["title": "T2", "body": "B2"]).answering(200, Scene.pull(9)),
            Scene.call("POST", "/issues/9/comments").sending(["body": "C [GitHub token]"]).answering(
                201, Scene.comment("C")),
        ])
        let forge = try scene.forge()
        let opened = try forge.open(
            .init(title: "T \(secret)", body: "B", base: "main", head: "sallyport/t/x", author: "sallyport"))
        #expect(opened.number == 9 && opened.head == "sallyport/t/x")
        try forge.update(9, title: nil, body: "B2")
        try forge.update(9, title: "T2", body: "B2")
        try forge.comment(on: 9, "C \(secret)", by: "sallyport")
        #expect(scene.isKept)
    }

    @Test("a text that is too long is cut, and says so")
    func long() throws {
        let scene = try Scene([
            Scene.call("POST", "/issues/9/comments").checking { body in
                let text = body["body"]?.stringValue ?? ""
                return text.utf8.count < 65_536 && text.hasSuffix("task's record)\n")
                    ? nil : "it has \(text.utf8.count)"
            }.answering(201, Scene.comment("C"))
        ])
        try scene.forge().comment(on: 9, String(repeating: "x", count: 100_000), by: "sallyport")
        #expect(scene.isKept)
    }

    @Test("threads are answered and resolved by their own names")
    func answering() throws {
        let scene = try Scene([
            Scene.query(["thread": "T_a", "body": "done"], "addPullRequestReviewThreadReply(").answering(
                200, ["data": ["addPullRequestReviewThreadReply": ["comment": ["id": "C"]]]]),
            Scene.query(["thread": "T_a"], "resolveReviewThread(").answering(
                200, ["data": ["resolveReviewThread": ["thread": ["isResolved": true]]]]),
        ])
        let thread = PullRequest.Thread(
            number: 1, key: "T_a", file: "a.c", line: 3, severity: nil, isResolved: false, comments: [])
        let forge = try scene.forge()
        try forge.reply(to: thread, on: 5, "done", by: "sallyport")
        try forge.resolve(thread, on: 5)
        #expect(scene.isKept)
    }

    @Test("findings become remarks where the pull request shows the line, and text elsewhere; nothing is approved")
    func review() throws {
        let patch = "@@ -1,2 +1,3 @@ f\n a\n-b\n+c\r\n+d\n@@ -9,1 +10,2 @@\n x\n+y\n\\ No newline at end of file"
        let findings = Findings(
            summary: "two @ann <img>",
            findings: [
                .init(file: "a.c", line: 3, severity: .major, comment: "off by one, see #7", suggestion: "i <= n"),
                .init(file: "a.c", line: 11, severity: .note, comment: "shown too", suggestion: nil),
                .init(file: "a.c", line: 4, severity: .minor, comment: "not shown", suggestion: nil),
                .init(file: "b.c", line: nil, severity: .note, comment: "whole file", suggestion: nil),
            ])
        let scene = try Scene([
            Scene.call("GET", "/pulls/5/files?per_page=100&page=1").answering(
                200,
                [
                    ["filename": "a.c", "status": "modified", "additions": 3, "patch": .string(patch)],
                    ["filename": "big.bin", "status": "added", "additions": 0],
                ]),
            Scene.call("POST", "/pulls/5/reviews").checking { body in
                let text = body["body"]?.stringValue ?? ""
                let comments = body["comments"]?.arrayValue ?? []
                guard body["event"] == "COMMENT", body["commit_id"] == .string(Self.commit) else { return "event" }
                guard comments.map({ $0["line"] }) == [3, 11], comments.allSatisfy({ $0["side"] == "RIGHT" }) else {
                    return "\(comments)"
                }
                let first = comments[0]["body"]?.stringValue ?? ""
                guard first.contains("**major**"), first.contains("> off by one, see &#35;7"),
                    first.hasSuffix("    i <= n\n"), comments[0].objectValue?.count == 4
                else { return first }
                guard text.contains("> two &#64;ann &#60;img&#62;"), text.contains("a.c, line 4"), text.contains("b.c"),
                    text.contains("test: failed"), !text.contains("off by one")
                else { return text }
                return nil
            }.answering(200, ["id": 80, "state": "COMMENTED"]),
        ])
        let number = try scene.forge().post(findings, on: 5, of: Self.commit, by: "sallyport", note: "test: failed")
        #expect(number == 80 && scene.isKept)
    }

    @Test("changed files are read with as many patches as there is room for")
    func files() throws {
        func file(_ number: Int, _ length: Int) -> JSON {
            [
                "filename": .string("f\(number)"), "status": "modified", "additions": 1, "deletions": 0,
                "patch": .string(String(repeating: "+", count: length)),
            ]
        }
        let next = [("Link", "<https://elsewhere.invalid/x?page=2>; rel=\"next\"")]
        let scene = try Scene([
            Scene.call("GET", "/pulls/5/files?per_page=100&page=1").answering(
                200, .array([file(0, 200_001)] + (1...15).map { file($0, 200_000) }), next),
            Scene.call("GET", "/pulls/5/files?per_page=100&page=2").answering(
                200,
                .array(
                    (16...30).map { file($0, 200_000) } + [
                        ["filename": "b", "status": "added", "additions": 0, "deletions": 0]
                    ])),
        ])
        let files = try scene.forge().files(5)
        #expect(files.count == 32 && files[0].patch == nil && files[31].patch == nil && scene.isKept)
        #expect(files[1...20].allSatisfy { $0.patch?.utf8.count == 200_000 })
        #expect(files[21...].allSatisfy { $0.patch == nil })
    }

    @Test("a commit is marked with what became of it")
    func marked() throws {
        let scene = try Scene([
            Scene.call("POST", "/statuses/\(Self.commit)").sending([
                "state": "success", "context": "sallyport", "description": "verified",
            ]).answering(201, ["state": "success"])
        ])
        try scene.forge().mark(Self.commit, "verified")
        #expect(scene.isKept)
    }

    @Test("a task that writes needs a repository that it may write to")
    func access() throws {
        func repository(push: Bool = true, archived: Bool = false, name: String = "octo/repo") -> JSON {
            [
                "full_name": .string(name), "default_branch": "main", "archived": .bool(archived),
                "permissions": ["admin": false, "push": .bool(push), "pull": true],
            ]
        }
        let read = Scene.call("GET", "")
        let scene = try Scene([
            read.answering(200, repository()), read.answering(200, repository(push: false)),
            read.answering(200, repository(push: false)), read.answering(200, repository(archived: true)),
            read.answering(200, repository(name: "octo/other")),
        ])
        let forge = try scene.forge()
        try forge.requireAccess(writing: true)
        try forge.requireAccess(writing: false)
        for code in [ForgeError.Code.forbidden, .forbidden, .moved] {
            let error = try #require(throws: ForgeError.self) { try forge.requireAccess(writing: true) }
            #expect(error.code == code, "\(error)")
        }
        #expect(scene.isKept)
    }

    @Test("neither the default branch nor a protected one is worked on")
    func protected() throws {
        let repository = Scene.call("GET", "").answering(200, ["default_branch": "main"])
        func branch(_ isProtected: Bool) -> ContractServer.Call {
            Scene.call("GET", "/branches/feature/%23x").answering(
                200, ["name": "feature/#x", "protected": .bool(isProtected)])
        }
        let scene = try Scene([repository, branch(false), repository, branch(true), repository])
        let forge = try scene.forge()
        try forge.requireUnprotected("feature/#x")
        for (name, words) in [("feature/#x", "it is protected"), ("main", "it is the default branch")] {
            let error = try #require(throws: ForgeError.self) { try forge.requireUnprotected(name) }
            #expect(error.code == .protected && error.description.contains(words))
        }
        #expect(scene.isKept)
    }

    @Test("no call merges, approves, or changes a reference or a setting")
    func closed() throws {
        let address = try GitHubAddress(repository: "octo/repo", server: nil)
        let calls: [GitHubCall] = [
            .repository, .branch("b"), .issue(1), .comments(1, page: 1), .pull(1), .pulls(head: "h", base: "b"),
            .files(1, page: 1), .threads(1, after: nil), .openPull(title: "t", body: "b", base: "main", head: "h"),
            .updatePull(1, title: "t", body: "b"), .review(1, commit: "c", body: "b", comments: []),
            .comment(1, body: "b"), .reply(thread: "t", body: "b"), .resolve(thread: "t"),
            .status(commit: "c", state: "success", isClaimed: false, description: "d"), .installation,
            .mint(installation: 1, permissions: []), .revoke,
        ]
        let changing = calls.filter { $0.method != "GET" }.map { "\($0.method) \($0.target(address))" }
        #expect(
            changing == [
                "POST /graphql", "POST /repos/octo/repo/pulls", "PATCH /repos/octo/repo/pulls/1",
                "POST /repos/octo/repo/pulls/1/reviews", "POST /repos/octo/repo/issues/1/comments", "POST /graphql",
                "POST /graphql", "POST /repos/octo/repo/statuses/c", "POST /app/installations/1/access_tokens",
                "DELETE /installation/token",
            ])
        let mutations = calls.compactMap { $0.body(address)?["query"]?.stringValue }.filter { $0.hasPrefix("mutation") }
        #expect(mutations.count == 2 && mutations[0].contains("{ addPullRequestReviewThreadReply("))
        #expect(mutations[1].contains("{ resolveReviewThread("))
        // What would close or retarget a pull request is no member of a change to it.
        #expect(calls[9].body(address)?.objectValue?.map(\.name) == ["title", "body"])
    }

    @Test(
        "a server's doors follow from its address",
        arguments: [
            (nil, "https://api.github.com/graphql", "", "https://github.com/o/n.git"),
            ("https://github.com/", "https://api.github.com/graphql", "", "https://github.com/o/n.git"),
            ("https://api.github.com", "https://api.github.com/graphql", "", "https://github.com/o/n.git"),
            ("https://t.ghe.com", "https://api.t.ghe.com/graphql", "", "https://t.ghe.com/o/n.git"),
            ("https://api.t.ghe.com", "https://api.t.ghe.com/graphql", "", "https://t.ghe.com/o/n.git"),
            ("https://ghe.example", "https://ghe.example/api/graphql", "/api/v3", "https://ghe.example/o/n.git"),
            (
                "https://ghe.example:8443/api/v3/", "https://ghe.example:8443/api/graphql", "/api/v3",
                "https://ghe.example:8443/o/n.git"
            ),
            ("http://127.0.0.1:1", "http://127.0.0.1:1/api/graphql", "/api/v3", "http://127.0.0.1:1/o/n.git"),
        ] as [(String?, String, String, String)])
    func addresses(_ server: String?, _ graph: String, _ prefix: String, _ repository: String) throws {
        let address = try GitHubAddress(repository: "o/n", server: server)
        #expect(address.graph.text == graph && address.prefix == prefix && address.repository.text == repository)
    }

    @Test("what is no repository or no server is refused")
    func refused() {
        for name in ["o", "o/n/x", "/n", "o/", "o/..", "o/n.git", "o/n?x", "o/n%2f", "o/a b", "../n", "o/\u{E9}"] {
            #expect(throws: ForgeError.self) { try GitHubAddress(repository: name, server: nil) }
        }
        for server in ["http://ghe.example", "ftp://x", "https://user@ghe.example", "https://ghe.example/x", "ghe", ""]
        {
            #expect(throws: ForgeError.self, "\(server)") { try GitHubAddress(repository: "o/n", server: server) }
        }
    }
}
