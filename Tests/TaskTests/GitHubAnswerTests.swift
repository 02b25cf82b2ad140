// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

/// What GitHub can answer in the course of a task: each a typed outcome with a remedy, nothing sent after it, and no secret in it.
@Suite("tasks that github fails", .timeLimit(.minutes(25)), .requires(.root), .requires(.git), .requires(.runner))
struct GitHubAnswerTests {
    private typealias Scene = GitHubTaskScene

    struct Answer: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let status: Int
        var json: JSON? = ["message": "no canary-of-github"]
        var headers: [(String, String)] = []
        var html = false
        let code: String

        func of(_ call: ContractServer.Call) -> ContractServer.Call {
            html
                ? call.answering(status, text: "<html>log in</html>", type: "text/html")
                : call.answering(status, json, headers)
        }
    }

    /// Those of calls that may be sent once only.
    static let answers = [
        Answer(testDescription: "401", status: 401, code: "FORGE_CREDENTIAL"),
        Answer(testDescription: "403", status: 403, code: "FORGE_FORBIDDEN"),
        Answer(
            testDescription: "403 of a limit", status: 403, headers: [("Retry-After", "3600")],
            code: "FORGE_RATE_LIMITED"),
        Answer(testDescription: "404", status: 404, code: "NOT_FOUND"),
        Answer(
            testDescription: "422", status: 422,
            json: ["message": "Validation Failed", "errors": [["field": "body", "code": "invalid"]]],
            code: "FORGE_INVALID"),
        Answer(testDescription: "502", status: 502, html: true, code: "FORGE_UNCERTAIN"),
        Answer(
            testDescription: "301 to another host", status: 301, headers: [("Location", "https://evil.invalid/")],
            code: "FORGE_MOVED"),
        Answer(testDescription: "a page", status: 200, html: true, code: "FORGE_MALFORMED"),
    ]

    private static let finding =
        "printf '%s' '{\"version\": 1, \"summary\": \"s\", \"findings\": [{\"file\": \"file\", \"line\": null, "
        + "\"severity\": \"major\", \"comment\": \"only half\"}]}' > $SALLYPORT_FINDINGS"

    @Test("a review that is not taken is kept, with the reason", arguments: answers)
    func review(_ answer: Answer) throws {
        let scene = try Scene()
        try scene.branch("feature/x")
        scene.server.expect([Scene.repository(push: false)])
        scene.server.expect(Scene.pull(5, head: "feature/x", threads: []))
        scene.server.expect(
            [Scene.files(5), answer.of(Scene.call("POST", "/pulls/5/reviews").checking { _ in nil })])
        let done = try scene.task(["--type", "pr_review", "--pr", "5"], agent: Self.finding)
        try look(done, scene, answer)
        #expect(done.evidence?["forge"]?["review"] == .null)
    }

    @Test("an iteration whose answer is not taken has its branch there, and says nothing more", arguments: answers)
    func iteration(_ answer: Answer) throws {
        let scene = try Scene()
        try scene.branch("feature/x")
        scene.server.expect([Scene.repository()])
        scene.server.expect(Scene.pull(5, head: "feature/x", threads: ["T_a"]))
        scene.server.expect(
            [
                Scene.repository(),
                Scene.call("GET", "/branches/feature/x").answering(200, ["name": "feature/x", "protected": false]),
                Scene.files(5),
                answer.of(ContractServer.Call("POST", "/api/graphql", Scene.bearer).checking { _ in nil }),
            ])
        let done = try scene.task(["--type", "pr_iteration", "--pr", "5"], agent: "echo fixed > file")
        try look(done, scene, answer)
        #expect(done.evidence?["forge"]?["branch_pushed"] == true)
        #expect(done.evidence?["forge"]?["resolved_threads"] == [] && done.evidence?["forge"]?["handed_over"] == false)
        #expect(try scene.scene.git(scene.repository, "rev-parse", "feature/x") == done.commit)
    }

    private func look(_ done: Delivery, _ scene: Scene, _ answer: Answer) throws {
        #expect(done.finished.code == 1 && done.outcome == "publish_failed", "\(done.finished.errorText)")
        let refusal = try #require(done.evidence?["refusal"]?.stringValue)
        #expect(refusal.contains("(\(answer.code))") && refusal.hasSuffix("."), "\(refusal)")
        #expect(scene.isKept)
        let told = done.finished.text + done.finished.errorText + refusal
        #expect(!told.contains(Scene.token) && !told.contains("evil.invalid") && !told.contains("<html>"))
        #expect(try scene.scene.sallyport.command(["evidence", "verify", done.directory]).run().code == 0)
    }

    @Test("before the work it is an error, and nothing runs", arguments: answers.filter { $0.status != 502 })
    func before(_ answer: Answer) throws {
        let scene = try Scene()
        for (calls, arguments) in [
            ([answer.of(Scene.call("GET", ""))], ["--issue", "3"]),
            ([Scene.repository(), answer.of(Scene.call("GET", "/issues/3"))], ["--issue", "3"]),
        ] {
            scene.server.expect(calls)
            let done = try scene.task(arguments, agent: "true")
            #expect(done.finished.code == 125, "\(done.finished.errorText)")
            #expect(done.finished.errorText.contains("(\(answer.code))"), "\(done.finished.errorText)")
            #expect(scene.isKept && !done.finished.errorText.contains(Scene.token))
            #expect(names(scene.scene.sallyport.state + "/tasks").isEmpty)
        }
    }
}
