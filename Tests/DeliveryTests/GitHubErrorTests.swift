// SPDX-License-Identifier: Apache-2.0
import Documents
import LinuxSystem
import TestSupport
import Testing
import Workspace

@testable import Delivery

/// What GitHub says when it does not do what was asked, in its documented shapes, and what becomes of that.
@Suite("github errors", .timeLimit(.minutes(25)))
struct GitHubErrorTests {
    private typealias Scene = GitHubScene

    private static func said(_ text: String) -> JSON {
        ["message": .string(text), "documentation_url": "https://docs.github.com/rest", "status": "4xx"]
    }

    struct Case: CustomTestStringConvertible {
        let testDescription: String
        var status: Int
        var json: JSON?
        var headers: [(String, String)] = []
        var html = false
        let code: ForgeError.Code
        let words: String

        init(
            _ name: String, _ status: Int, _ json: JSON?, _ code: ForgeError.Code, _ words: String,
            headers: [(String, String)] = [], html: Bool = false
        ) {
            testDescription = name
            self.status = status
            self.json = json
            self.headers = headers
            self.html = html
            self.code = code
            self.words = words
        }

        var call: ContractServer.Call {
            let call = GitHubScene.call("GET", "/issues/3")
            return html
                ? call.answering(status, text: "<html>log in</html>", type: "text/html")
                : call.answering(status, json, headers)
        }
    }

    static let cases: [Case] = [
        .init("a credential that is wrong", 401, said("Bad credentials"), .credential, "(\"Bad credentials\")"),
        .init(
            "a permission that is missing", 403, said("Resource not accessible by integration"), .forbidden,
            "It takes the permission issues=read; pull_requests=read.",
            headers: [("X-Accepted-GitHub-Permissions", "issues=read; pull_requests=read")]),
        .init(
            "a permission with markup in its name", 403, said("no"), .forbidden, "see docs/forges.md",
            headers: [("X-Accepted-GitHub-Permissions", "<script>")]),
        .init(
            "single sign-on", 403, said("Resource protected by organization SAML enforcement."), .forbidden,
            "single sign-on", headers: [("X-GitHub-SSO", "required; url=https://x.invalid/?token=1")]),
        .init("nothing there", 404, said("Not Found"), .notFound, "(\"Not Found\")"),
        .init("something deleted", 410, said("This issue was deleted"), .notFound, "(\"This issue was deleted\")"),
        .init(
            "a field that is wrong", 422,
            [
                "message": "Validation Failed",
                "errors": [["resource": "Issue", "field": "title", "code": "missing_field"]],
            ], .invalid, "(title: missing_field)"),
        .init(
            "a text as error", 422, ["message": "x", "errors": ["Line must be part of the diff"]], .invalid,
            "part of the diff"),
        .init(
            "a place elsewhere", 301, said("Moved Permanently"), .moved, "nothing is followed",
            headers: [("Location", "https://evil.invalid/")]),
        .init("a legal reason", 451, said("DMCA"), .refused, "HTTP 451"),
        .init("a conflict", 409, said("Conflict"), .refused, "HTTP 409"),
        .init("a page of a proxy", 200, nil, .malformed, "its answer is no JSON", html: true),
        .init("a page of a proxy that refuses", 403, nil, .forbidden, "does not allow it", html: true),
        .init("an answer of another shape", 200, [["number": 3]], .malformed, "\"number\" is not a number"),
        .init("an answer about another", 200, GitHubScene.issue(4), .malformed, "it answers with another one"),
        .init("words with controls", 404, said("a\u{1B}[2J\u{202E}"), .notFound, "a\\x1b[2J\\xe2\\x80\\xae"),
    ]

    @Test("each is one typed error that says what to do, and none holds the credential", arguments: cases)
    func shapes(_ c: Case) throws {
        let scene = try Scene([c.call])
        let error = try #require(throws: ForgeError.self) { try scene.forge().issue(3) }
        #expect(error.code == c.code && error.description.contains(c.words), "\(error)")
        #expect(error.description.contains("issue 3 of github:octo/repo at http://127.0.0.1"), "\(error)")
        #expect(!error.description.contains("canary") && !error.description.contains("invalid/") && scene.waits.isEmpty)
        #expect(scene.isKept)
    }

    @Test("an answer that is cut short, or no JSON at all, is an error")
    func broken() throws {
        for (text, words) in [
            ("{\"number\": 3, \"ti", "it is no JSON"), ("{\"number\": 1, \"number\": 3}", "was there before"),
        ] {
            let scene = try Scene([
                Scene.call("GET", "/issues/3").answering(200, text: text, type: "application/json")
            ])
            let error = try #require(throws: ForgeError.self) { try scene.forge().issue(3) }
            #expect(error.code == .malformed && error.description.contains(words), "\(error)")
        }
    }

    @Test("an answer with the credential in it is refused whole, whatever its status is")
    func echo() throws {
        for status in [200, 404, 500] {
            let json: JSON = ["number": 3, "message": "x", "deep": [["a": .string("…\(Scene.token)…")]]]
            let scene = try Scene([Scene.call("GET", "/issues/3").answering(status, json)])
            let error = try #require(throws: ForgeError.self) { try scene.forge().issue(3) }
            #expect(error.code == .refused && error.description.contains("has the credential in it"), "\(error)")
            #expect(!error.description.contains("canary") && scene.isKept)
        }
    }

    @Test("what failed over there is asked for again, with longer and longer pauses, and then given up")
    func repeating() throws {
        let call = Scene.call("GET", "/issues/3")
        let failing = call.answering(502, text: "<html>Unicorn!</html>", type: "text/html")
        let scene = try Scene([
            failing, call.answering(503, Self.said("Service unavailable")), call.answering(200, Scene.issue(3)),
            Scene.call("GET", "/issues/3/comments?per_page=100&page=1").answering(200, []),
        ])
        #expect(try scene.forge().issue(3).title == "It breaks")
        #expect(scene.waits == [1000, 2000] && scene.isKept)

        let never = try Scene(Array(repeating: failing, count: 4))
        let error = try #require(throws: ForgeError.self) { try never.forge().issue(3) }
        #expect(error.code == .failed && never.waits == [1000, 2000, 4000] && never.isKept, "\(error)")
    }

    @Test("what must not be done twice is not asked for twice when nobody knows whether it was done")
    func uncertain() throws {
        let scene = try Scene([
            Scene.call("POST", "/issues/5/comments").sending(["body": "C"]).answering(502, Self.said("Server Error")),
            Scene.query(["thread": "T", "body": "C"], "Reply").answering(500, Self.said("Server Error")),
        ])
        let forge = try scene.forge()
        let thread = PullRequest.Thread(
            number: 1, key: "T", file: "a", line: 3, severity: nil, isResolved: false, comments: [])
        for body in [{ try forge.comment(on: 5, "C", by: "s") }, { try forge.reply(to: thread, on: 5, "C", by: "s") }] {
            let error = try #require(throws: ForgeError.self) { try body() }
            #expect(error.code == .uncertain && error.description.contains("nobody knows whether"), "\(error)")
        }
        #expect(scene.waits.isEmpty && scene.isKept)
    }

    @Test("a pull request that may have been opened is looked for, and found or not")
    func openedUnseen() throws {
        let draft = PullRequest.Draft(title: "T", body: "B", base: "main", head: "sallyport/t/x", author: "s")
        let open = Scene.call("POST", "/pulls").checking { _ in nil }
        let look = Scene.call("GET", "/pulls?state=open&head=octo%3Asallyport/t/x&base=main")
        let scene = try Scene([
            open.answering(502, Self.said("Server Error")),
            look.answering(200, [Scene.pull(9, head: "sallyport/t/x")]),
            open.answering(504, Self.said("Timeout")), look.answering(200, []),
            open.answering(
                422,
                [
                    "message": "Validation Failed",
                    "errors": [
                        [
                            "resource": "PullRequest", "code": "custom",
                            "message": "A pull request already exists for octo:sallyport/t/x.",
                        ]
                    ],
                ]),
        ])
        let forge = try scene.forge()
        #expect(try forge.open(draft).number == 9)
        for code in [ForgeError.Code.uncertain, .exists] {
            let error = try #require(throws: ForgeError.self) { try forge.open(draft) }
            #expect(error.code == code, "\(error)")
        }
        #expect(scene.isKept)
    }

    @Test("a limit is waited for as it says, also by what must not be done twice")
    func limits() throws {
        let call = Scene.call("POST", "/issues/5/comments").sending(["body": "C"])
        let done = call.answering(201, Scene.comment("C"))
        let reset = "\(Scene.now / 1000 + 7)"
        let scene = try Scene([
            call.answering(403, Self.said("You have exceeded a secondary rate limit"), [("Retry-After", "3")]), done,
            call.answering(
                429, Self.said("API rate limit exceeded"),
                [("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", reset)]),
            done,
            call.answering(403, Self.said("You have exceeded a secondary rate limit.")), done,
            call.answering(429, nil, [("Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT")]), done,
        ])
        let forge = try scene.forge()
        for _ in 1...4 { try forge.comment(on: 5, "C", by: "s") }
        #expect(scene.waits == [3000, 8000, 60_000, 60_000] && scene.isKept, "\(scene.waits)")

        let graph = try Scene([
            Scene.query(["thread": "T"], "resolve").answering(
                200, ["errors": [["type": "RATE_LIMITED", "message": "API rate limit exceeded"]]],
                [("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", reset)]),
            Scene.query(["thread": "T"], "resolve").answering(200, ["data": ["resolveReviewThread": nil]]),
        ])
        let thread = PullRequest.Thread(
            number: 1, key: "T", file: "a", line: 3, severity: nil, isResolved: false, comments: [])
        try graph.forge().resolve(thread, on: 5)
        #expect(graph.waits == [8000] && graph.isKept)
    }

    @Test("a limit that is over later than anybody waits is an outcome at once")
    func longLimits() throws {
        let call = Scene.call("GET", "/issues/3")
        for headers in [
            [("Retry-After", "3600")],
            [("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", "\(Scene.now / 1000 + 3599)")],
        ] {
            let scene = try Scene([call.answering(403, Self.said("API rate limit exceeded"), headers)])
            let error = try #require(throws: ForgeError.self) { try scene.forge().issue(3) }
            #expect(error.code == .rateLimited && error.description.contains("3600 seconds"), "\(error)")
            #expect(scene.waits.isEmpty && scene.isKept)
        }
        let scene = try Scene(
            Array(repeating: call.answering(403, Self.said("x"), [("Retry-After", "50")]), count: 3))
        let error = try #require(throws: ForgeError.self) { try scene.forge().issue(3) }
        #expect(error.code == .rateLimited, "\(error)")
        #expect(scene.waits == [50_000, 50_000] && scene.isKept)
    }

    @Test(
        "an error of GraphQL comes with status 200 and is one nevertheless",
        arguments: [
            ("NOT_FOUND", ForgeError.Code.notFound), ("FORBIDDEN", .forbidden), ("INSUFFICIENT_SCOPES", .forbidden),
            ("UNPROCESSABLE", .refused),
        ])
    func graph(_ type: String, _ code: ForgeError.Code) throws {
        let scene = try Scene([
            Scene.query(["thread": "T"], "resolve").answering(
                200, ["data": nil, "errors": [["type": .string(type), "message": "no"]]])
        ])
        let thread = PullRequest.Thread(
            number: 1, key: "T", file: "a", line: 3, severity: nil, isResolved: false, comments: [])
        let error = try #require(throws: ForgeError.self) { try scene.forge().resolve(thread, on: 5) }
        #expect(error.code == code && error.description.contains("(\"no\")") && scene.isKept, "\(error)")
    }

    @Test("more comments, or more threads, than are read is an error and no part of them")
    func endless() throws {
        let more = [("Link", "<https://x.invalid/?page=2>; rel=\"next\"")]
        let scene = try Scene(
            [Scene.call("GET", "/issues/3").answering(200, Scene.issue(3))]
                + (1...10).map {
                    Scene.call("GET", "/issues/3/comments?per_page=100&page=\($0)").answering(
                        200, [Scene.comment("x")], more)
                })
        let error = try #require(throws: ForgeError.self) { try scene.forge().issue(3) }
        #expect(error.code == .refused && error.description.contains("more than 1000") && scene.isKept, "\(error)")
    }

    @Test("a place that nobody is at is asked again, also for what must not be done twice")
    func nobody() throws {
        let scene = try Scene()
        let closed = try ClosedPort()
        let waits = GitHubScene.Waits()
        let client = try GitHubClient(
            try GitHubAddress(repository: "octo/repo", server: "http://127.0.0.1:\(closed.port)"),
            credential: Secret(copying: Array(Scene.token.utf8)), clock: waits.clock)
        let error = try #require(throws: ForgeError.self) {
            try GitHubForge(client).comment(on: 5, "C", by: "s")
        }
        #expect(error.code == .unreachable && waits.all == [1000, 2000, 4000] && scene.isKept, "\(error)")
        #expect(!error.description.contains("canary"))
    }
}
