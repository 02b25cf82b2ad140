// SPDX-License-Identifier: Apache-2.0
import Delivery
import Documents
import LinuxSystem
import TestSupport
import Testing

/// A repository with a red test at a GitHub server of one test, whose every call is expected, and an operator of tasks on it.
struct GitHubTaskScene {
    static let token = "canary-of-github-0123456789"
    static let bearer = "Bearer \(token)"
    static let minted = "ghs_canary-minted-9876543210"
    private static let path = "/api/v3/repos/octo/repo"

    let scene: TaskScene
    let server: ContractServer
    /// The bare repository behind the server.
    let repository: String
    private var home: Scratch { scene.sallyport.home }

    /// - Parameter minted: Git has to come with the App's token.
    init(minted: Bool = false) throws {
        scene = try TaskScene()
        let served = try scene.sallyport.home.directory("served")
        try scene.sallyport.home.directory("served/octo")
        repository = served + "/octo/repo.git"
        try scene.git(scene.sallyport.home.path, "clone", "--quiet", "--bare", scene.repository, repository)
        let pair = Base64.encode(Array("x-access-token:\(minted ? Self.minted : Self.token)".utf8))
        server = try ContractServer(
            repositories: served, gitAuthorization: "Basic \(String(decoding: pair, as: UTF8.self))")
    }

    /// Makes a branch with one commit there; returns the commit.
    @discardableResult
    func branch(_ name: String, content: String = "half\n") throws -> String {
        let work = scene.repository
        try scene.git(work, "checkout", "--quiet", "-b", name, "main")
        try home.file("repository/file", content)
        try scene.git(work, "commit", "--quiet", "-am", "half of it")
        try scene.git(work, "push", "--quiet", repository, name)
        return try scene.git(work, "rev-parse", "HEAD")
    }

    func branches() throws -> [String] {
        try scene.git(repository, "for-each-ref", "--format=%(refname:short)").split(separator: "\n").map(String.init)
    }

    /// Runs a task; the forge is added to its arguments, and a token unless an App is named.
    func task(_ arguments: [String], agent: String, test: String? = TaskScene.test) throws -> Delivery {
        let directory = home.at("delivered")
        var all = [
            "task", "run", "--forge", "github:octo/repo", "--forge-url", server.url, "--agent-command", agent, "--out",
            directory,
        ]
        if !arguments.contains("--app-id") {
            all += ["--credential", "file:\(try home.file("token", Self.token + "\n", mode: 0o600))"]
        }
        if let test { all += ["--test-command", test] }
        return try Delivery(try scene.sallyport.command(all + arguments).run(), directory: directory)
    }

    @discardableResult
    func file(_ name: String, _ text: String) throws -> String { try home.file(name, text, mode: 0o600) }

    /// Whether all that was expected came, and nothing else.
    var isKept: Bool {
        if !server.flaws.isEmpty || server.left > 0 { print("flaws: \(server.flaws), left: \(server.left)") }
        return server.flaws.isEmpty && server.left == 0
    }

    /// Files that hold a text.
    func holders(of text: String, in directory: String) throws -> String {
        try Command("/bin/grep", ["-rlF", "--", text, directory]).run().text
    }

    // MARK: Calls

    static func call(_ method: String, _ rest: String, _ authorization: String = bearer) -> ContractServer.Call {
        .init(method, path + rest, authorization)
    }

    static func query(_ variables: JSON, _ words: String, answer: JSON) -> ContractServer.Call {
        ContractServer.Call("POST", "/api/graphql", bearer).checking { body in
            body["variables"] == variables && body["query"]?.stringValue?.contains(words) == true
                ? nil : "it is \(body.compactText)"
        }.answering(200, answer)
    }

    static func repository(_ authorization: String = bearer, push: Bool = true) -> ContractServer.Call {
        call("GET", "", authorization).answering(
            200,
            [
                "full_name": "octo/repo", "default_branch": "main", "archived": false,
                "permissions": ["push": .bool(push), "pull": true],
            ])
    }

    static func issue(_ authorization: String = bearer) -> [ContractServer.Call] {
        let user: JSON = ["login": "ann"]
        return [
            call("GET", "/issues/3", authorization).answering(
                200, ["number": 3, "title": "Fix the file", "body": "It is broken.", "state": "open", "user": user]),
            call("GET", "/issues/3/comments?per_page=100&page=1", authorization).answering(
                200, [["user": user, "body": "Since yesterday.", "created_at": "2026-01-02T03:04:05Z"]]),
        ]
    }

    static func pullJSON(_ number: Int, head: String) -> JSON {
        let repository: JSON = ["full_name": "octo/repo"]
        return [
            "number": .int(number), "title": "Half of it", "body": "Please look.", "state": "open", "merged_at": nil,
            "user": ["login": "ann"], "head": ["ref": .string(head), "repo": repository],
            "base": ["ref": "main", "repo": repository],
        ]
    }

    static func files(_ number: Int) -> ContractServer.Call {
        call("GET", "/pulls/\(number)/files?per_page=100&page=1").answering(
            200,
            [
                [
                    "filename": "file", "status": "modified", "additions": 1, "deletions": 1,
                    "patch": "@@ -1 +1 @@\n-broken\n+half",
                ]
            ])
    }

    static func pull(_ number: Int, head: String, threads: [String]) -> [ContractServer.Call] {
        let nodes = threads.map { key -> JSON in
            [
                "id": .string(key), "isResolved": false, "path": "file", "line": 1,
                "comments": [
                    "nodes": [["author": ["login": "ann"], "body": "only half", "createdAt": "2026-01-02T03:04:05Z"]]
                ],
            ]
        }
        let page: JSON = ["hasNextPage": false, "endCursor": nil]
        return [
            call("GET", "/pulls/\(number)").answering(200, pullJSON(number, head: head)),
            query(
                ["owner": "octo", "name": "repo", "number": .int(number), "after": nil], "reviewThreads(",
                answer: [
                    "data": [
                        "repository": [
                            "pullRequest": ["reviewThreads": ["pageInfo": page, "nodes": .array(nodes)]]
                        ]
                    ]
                ]),
            call("GET", "/issues/\(number)/comments?per_page=100&page=1").answering(
                200, [["user": ["login": "bob"], "body": "Mind the file.", "created_at": "2026-01-02T03:04:05Z"]]),
        ]
    }
}
