// SPDX-License-Identifier: Apache-2.0
import Documents
import Egress
import Testing

@testable import Brokers

@Suite("requests to forge.internal")
struct ForgeRouteTests {
    static let commit = String(repeating: "a", count: 40)
    static let comments = JSON.array((1...45).map { ["id": .int($0)] })
    static let view: JSON = [
        "version": 1, "repository": "octo/repo",
        "answers": [
            ["path": "", "body": ["full_name": "octo/repo"]], ["path": "/issues/3", "body": ["number": 3]],
            ["path": "/issues/3/comments", "body": comments], ["path": "/pulls/5", "body": ["number": 5]],
        ],
        "proposals": [
            "open_pull": ["head": "sallyport/t/x", "base": "main"], "update_pull": ["number": 5],
            "review": ["number": 5, "commit": .string(commit)], "status": true,
        ],
    ]

    private let site: ForgeSite

    init() throws { site = try ForgeSite(JSONWriter().write(Self.view)) }

    struct HeadRefused: Error { let state: String }

    private func route(_ line: String, _ fields: [String] = [], host: String = "forge.internal") throws -> ForgeRoute {
        var reader = RequestHeadReader()
        let text = (["\(line) HTTP/1.1", "Host: \(host)"] + fields).joined(separator: "\r\n") + "\r\n\r\n"
        guard case .head(let head) = reader.append(Array(text.utf8).span) else {
            throw HeadRefused(state: "\(reader.state)")
        }
        return try ForgeRoute(head, at: site)
    }

    private func refusal(_ line: String, _ fields: [String] = [], host: String = "forge.internal") throws
        -> ForgeRefusal
    {
        try #require(throws: ForgeRefusal.self) { _ = try route(line, fields, host: host) }
    }

    // MARK: Reading

    @Test("reads what the task is about, with GitHub's paths and those of its Enterprise servers")
    func reading() throws {
        for start in ["", "/api/v3"] {
            #expect(try route("GET \(start)/repos/octo/repo") == .read(["full_name": "octo/repo"]))
            #expect(try route("GET \(start)/repos/Octo/Repo/issues/3") == .read(["number": 3]))
            #expect(try route("GET \(start)/repos/octo/repo/pulls/5") == .read(["number": 5]))
        }
        #expect(try route("GET /") == .overview)
    }

    @Test("lists come by pages")
    func pages() throws {
        let path = "/repos/octo/repo/issues/3/comments"
        guard case .page(let first, path, 2?, 30) = try route("GET \(path)"),
            case .page(let second, _, nil, 30) = try route("GET \(path)?page=2"),
            case .page(let all, _, nil, 100) = try route("GET \(path)?per_page=500&page=1"),
            case .page(let none, _, nil, 100) = try route("GET \(path)?per_page=100&page=999999999")
        else {
            Issue.record("another page")
            return
        }
        #expect(first.arrayValue?.count == 30 && second.arrayValue?.count == 15 && all == Self.comments)
        #expect(none.arrayValue == [])
        for query in ["page=0", "page=-1", "page=1x", "page", "per_page=1&state=all", "page=99999999999999999999"] {
            #expect(try refusal("GET \(path)?\(query)").code == .unknownRoute, "\(query)")
        }
    }

    @Test(
        "refuses every path that is none of these",
        arguments: [
            "/repos/octo/repo/", "//repos/octo/repo", "/repos/octo//repo", "/repos/octo/repo/../other",
            "/repos/octo/repo/%2e%2e/other", "/repos/octo%2Frepo", "/repos/octo/repo/issues/%33",
            "/repos/octo/repo/issues/03", "/repos/octo/repo/issues/3/", "/repos/octo/repo/issues/3;x",
            "/repos/octo/repo/issues/3/events", "/repos/octo/repo/hooks", "/repos/octo/repo/keys", "/user",
            "/orgs/octo",
            "/app/installations/1/access_tokens", "/search/code?q=x", "/repos", "/repos/octo", "/api/v3",
            "/repos/octo/repo/issues", "/repos/octo/repo?page=1", "/repos/octo/repo/actions/secrets", "/?x",
        ])
    func unknown(_ target: String) throws {
        for method in ["GET", "POST", "DELETE"] {
            let error = try refusal("\(method) \(target)")
            #expect([.unknownRoute, .method].contains(error.code), "\(error)")
            #expect(error.json["message"]?.stringValue?.hasSuffix(error.remedy) == true)
        }
    }

    @Test("says which other thing it is that nobody may have")
    func known() throws {
        let cases: [(String, ForgeRefusal.Code, HTTPStatus)] = [
            ("GET /repos/octo/other", .otherRepository, .forbidden),
            ("GET /repos/mallory/repo/issues/3", .otherRepository, .forbidden),
            ("GET /repos/octo/repo/issues/4", .notInTask, .notFound),
            ("GET /repos/octo/repo/pulls/5/files", .notInTask, .notFound),
            ("PUT /repos/octo/repo/pulls/5/merge", .merge, .forbidden),
            ("POST /repos/octo/repo/merges", .merge, .forbidden),
            ("POST /repos/octo/repo/git/refs", .reference, .forbidden),
            ("PATCH /repos/octo/repo/git/refs/heads/main", .reference, .forbidden),
            ("DELETE /repos/octo/repo/branches/main/protection", .reference, .forbidden),
            ("PUT /repos/octo/repo/contents/x", .reference, .forbidden),
            ("PUT /repos/octo/repo/pulls/5/update-branch", .reference, .forbidden),
            ("POST /graphql", .graph, .forbidden), ("POST /api/graphql", .graph, .forbidden),
            ("DELETE /repos/octo/repo", .method, .methodNotAllowed),
            ("DELETE /repos/octo/repo/pulls/5", .method, .methodNotAllowed),
            ("PUT /repos/octo/repo/pulls/5", .method, .methodNotAllowed),
            ("POST /repos/octo/repo/issues/3/comments", .method, .methodNotAllowed),
            ("HEAD /repos/octo/repo", .method, .methodNotAllowed),
        ]
        for (line, code, status) in cases {
            let error = try refusal(line)
            #expect(error.code == code && error.status == status, "\(line): \(error)")
        }
    }

    @Test("refuses another host, another port, and a request that is another in disguise")
    func disguise() throws {
        let line = "GET /repos/octo/repo"
        for host in ["api.github.com", "forge.internal:8080", "git.internal", "forge.internal.evil.example"] {
            #expect(try refusal(line, host: host).code == .otherHost, "\(host)")
        }
        for field in ["X-HTTP-Method-Override: PUT", "x-method-override: DELETE", "X-Original-URL: /graphql"] {
            #expect(try refusal("POST /repos/octo/repo/pulls", [field]).code == .malformed, "\(field)")
        }
        #expect(throws: HeadRefused.self) { try route(line, ["Host: other.example"]) }
    }

    // MARK: Proposing

    private func proposal(_ line: String, _ body: JSON) throws -> JSON {
        try ForgeProposal(
            try route(line, ["Content-Length: 1"]), JSONWriter().write(body), at: site
        ).json
    }

    private static let pulls = "POST /repos/octo/repo/pulls"
    private static let pull = "PATCH /repos/octo/repo/pulls/5"
    private static let reviews = "POST /repos/octo/repo/pulls/5/reviews"
    private static let statuses = "POST /repos/octo/repo/statuses/\(commit)"

    @Test("takes a pull request, a change of its text, a review with remarks and a status, in its own words")
    func proposals() throws {
        for head in ["sallyport/t/x", "octo:sallyport/t/x"] {
            #expect(
                try proposal(
                    Self.pulls,
                    ["title": "T", "body": "B", "head": .string(head), "base": "main", "draft": false]) == [
                        "do": "open_pull", "title": "T", "body": "B",
                    ])
        }
        #expect(
            try proposal(Self.pull, ["title": "T"])
                == ["do": "update_pull", "number": 5, "title": "T", "body": nil])
        #expect(
            try proposal(
                Self.reviews,
                [
                    "event": "COMMENT", "body": "S", "commit_id": .string(Self.commit),
                    "comments": [["path": "a.c", "line": 3, "side": "RIGHT", "body": "R"]],
                ]) == [
                    "do": "review", "number": 5, "body": "S", "comments": [["path": "a.c", "line": 3, "body": "R"]],
                ])
        #expect(
            try proposal(Self.statuses, ["state": "success", "context": "ci", "description": "D"]) == [
                "do": "status", "commit": .string(Self.commit), "state": "success", "context": "ci",
                "description": "D",
            ])
    }

    @Test("refuses bodies that ask for more, or for something else, and names the member")
    func bodies() throws {
        let open: JSON = ["title": "T", "head": "sallyport/t/x", "base": "main"]
        func with(_ name: String, _ value: JSON) -> JSON {
            .object((open.objectValue ?? []).filter { $0.name != name } + [.init(name, value)])
        }
        let cases: [(String, JSON, String?)] = [
            (Self.pulls, with("head", "main"), "head"), (Self.pulls, with("head", "mallory:sallyport/t/x"), "head"),
            (Self.pulls, with("base", "release"), "base"), (Self.pulls, with("title", ""), "title"),
            (Self.pulls, with("title", .string(String(repeating: "x", count: 257))), "title"),
            (Self.pulls, with("draft", "no"), "draft"), (Self.pulls, with("head_repo", "mallory"), "body"),
            (Self.pull, ["state": "closed"], "body"), (Self.pull, ["base": "release"], "body"),
            (Self.pull, [:], "title"),
            (Self.pull, ["title": 7], "title"), (Self.reviews, ["event": "APPROVE"], "event"),
            (Self.reviews, ["body": "x"], "event"),
            (Self.reviews, ["event": "COMMENT", "commit_id": "b"], "commit_id"),
            (Self.reviews, ["event": "COMMENT", "comments": [["path": "a", "body": "b", "side": "LEFT"]]], "side"),
            (
                Self.reviews, ["event": "COMMENT", "comments": [["path": "a", "body": "b", "line": 0]]],
                "comments[0].line"
            ),
            (
                Self.reviews,
                ["event": "COMMENT", "comments": .array(Array(repeating: ["path": "a", "body": "b"], count: 201))],
                "comments"
            ),
            (Self.statuses, ["state": "fine"], "state"),
            (Self.statuses, ["state": "success", "target_url": "x"], "body"),
        ]
        for (line, body, field) in cases {
            let error = try #require(throws: ForgeRefusal.self) { _ = try proposal(line, body) }
            #expect(error.code == .invalid && error.status == .unprocessable && error.field == field, "\(error)")
            #expect(error.json["errors"]?.arrayValue?.first?["field"] == .optional(field))
        }
        for text in ["", "{", "[]", "{\"title\": 1, \"title\": 2}", String(repeating: "[", count: 5000)] {
            #expect(throws: ForgeRefusal.self) {
                try ForgeProposal(route(Self.pulls), Array(text.utf8), at: site)
            }
        }
    }

    @Test("proposes nothing that its task may not do")
    func bounds() throws {
        let other = "PATCH /repos/octo/repo/pulls/6"
        #expect(try #require(throws: ForgeRefusal.self) { _ = try proposal(other, ["title": "T"]) }.code == .notAllowed)
        let view = Self.view.objectValue ?? []
        let none: JSON = ["open_pull": nil, "update_pull": nil, "review": nil, "status": false]
        let bare = try ForgeSite(
            JSONWriter().write(.object(view.filter { $0.name != "proposals" } + [.init("proposals", none)])))
        let cases: [(String, JSON)] = [
            (Self.pulls, ["title": "T", "head": "sallyport/t/x", "base": "main"]), (Self.pull, ["title": "T"]),
            (Self.reviews, ["event": "COMMENT"]), (Self.statuses, ["state": "success"]),
        ]
        for (line, body) in cases {
            let error: ForgeRefusal = try #require(throws: ForgeRefusal.self) {
                try ForgeProposal(route(line), JSONWriter().write(body), at: bare)
            }
            #expect(error.code == .notAllowed && error.status == .forbidden, "\(error)")
        }
    }

    @Test(
        "a view that is none is refused whole",
        arguments: [
            "", "{}", "{\"version\": 2}",
            "{\"version\": 1, \"repository\": \"a\", \"answers\": [], \"proposals\": {\"status\": false}}",
            "{\"version\": 1, \"repository\": \"a/b\", \"answers\": [{\"path\": \"/x%20\", \"body\": 1}], \"proposals\": {\"status\": false}}",
            "{\"version\": 1, \"repository\": \"a/b\", \"answers\": [], \"proposals\": {}}",
            "{\"version\": 1, \"repository\": \"a/b\", \"answers\": [{\"path\": \"\", \"body\": 1}, {\"path\": \"\", \"body\": 2}], \"proposals\": {\"status\": false}}",
        ])
    func noView(_ text: String) {
        #expect(throws: ForgeSite.Flaw.self) { try ForgeSite(Array(text.utf8)) }
    }
}
