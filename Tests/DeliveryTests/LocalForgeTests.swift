// SPDX-License-Identifier: Apache-2.0
import Glibc
import TaskModel
import TestSupport
import Testing

@testable import Delivery

@Suite("local forge", .timeLimit(.minutes(25)))
struct LocalForgeTests {
    private let home: Scratch
    private let forge: LocalForge

    init() throws {
        home = try Scratch()
        try LocalForge.create(path: home.at("forge"))
        forge = try LocalForge(path: home.at("forge")) { 1_700_000_000_000 }
    }

    private func draft(_ head: String) -> PullRequest.Draft {
        .init(title: "T \(head)", body: "B", base: "main", head: head, author: "sallyport")
    }

    @Test("what is opened is read back, and issues and pull requests share one row of numbers")
    func numbering() throws {
        let issue = try forge.openIssue(title: "It breaks", body: "At \u{1B}[2J night", by: "ann")
        let pull = try forge.open(draft("b/1"))
        let second = try forge.openIssue(title: "Again", body: "x", by: "ann")
        #expect([issue.number, pull.number, second.number] == [1, 2, 3])
        #expect(try forge.issue(1) == issue)
        #expect(try forge.pullRequest(2) == pull)
        #expect(contents(home.at("forge/issues/1.json"))?.contains(0x1B) == false)
        #expect(names(home.at("forge/pulls")) == ["2.json"])
    }

    @Test("a review becomes threads, which are answered and resolved; nothing merges")
    func reviews() throws {
        let number = try forge.open(draft("b/1")).number
        let findings = Findings(
            summary: "two things",
            findings: [
                .init(file: "a.c", line: 3, severity: .major, comment: "off by one", suggestion: "i <= n\n# x"),
                .init(file: "b.c", line: nil, severity: .note, comment: "long", suggestion: nil),
            ])
        let commit = String(repeating: "a", count: 40)
        #expect(try forge.post(findings, on: number, of: commit, by: "sallyport", note: "build passed") == 1)
        let first = try #require(try forge.pullRequest(number).threads.first)
        try forge.reply(to: first, on: number, "done", by: "ann")
        try forge.resolve(first, on: number)
        try forge.comment(on: number, "thanks", by: "ann")
        try forge.update(number, title: nil, body: "B2")
        #expect(try forge.post(.init(summary: "fine", findings: []), on: number, of: commit, by: "s", note: "") == 2)
        let pull = try forge.pullRequest(number)
        #expect(pull.openThreads.map(\.number) == [2] && pull.threads[0].comments.map(\.body).last == "done")
        #expect(pull.threads[0].comments[0].body.hasSuffix("    i <= n\n    # x\n"))
        #expect(pull.reviews.map(\.threads) == [[1, 2], []] && pull.reviews[0].commit == commit)
        #expect(pull.body == "B2" && pull.title == "T b/1" && pull.state == .open && pull.comments.count == 1)
    }

    @Test("a secret in anybody's words does not reach the forge")
    func secrets() throws {
        let token = "ghp_" + "aZ3kQ9xW5mB7vN2cL8pR4tY6uH0jD1fGsEoa"
        let words = "use \(token) now"
        let number = try forge.open(.init(title: words, body: words, base: "main", head: "b/1", author: "s")).number
        try forge.update(number, title: words, body: words)
        try forge.comment(on: number, words, by: "s")
        let finding = Findings.Finding(file: "a", line: 1, severity: .note, comment: words, suggestion: words)
        _ = try forge.post(
            .init(summary: words, findings: [finding]), on: number, of: String(repeating: "a", count: 40), by: "s",
            note: "")
        let thread = try #require(try forge.pullRequest(number).threads.first)
        try forge.reply(to: thread, on: number, words, by: "s")
        let json = try #require(text(home.at("forge/pulls/\(number).json")))
        #expect(!json.contains(token.dropFirst(4)))
        #expect(json.split(separator: "use [GitHub token] now").count == 8, "\(json)")
    }

    @Test("a branch has one open pull request")
    func second() throws {
        _ = try forge.open(draft("b/1"))
        let error = try #require(throws: ForgeError.self) { try forge.open(draft("b/1")) }
        #expect(error.code == .exists && error.description.contains("--pr 1"))
        #expect(try forge.open(draft("b/2")).number == 2)
    }

    private func plant(_ name: String, _ json: String) throws { try home.file("forge/" + name, json) }

    @Test("a closed pull request and one of a fork are no place to work")
    func unusable() throws {
        let head = #"{"number": 4, "title": "t", "body": "", "base": "main", "head": "x""#
        try plant("pulls/4.json", head + #", "state": "closed"}"#)
        #expect(
            try #require(throws: ForgeError.self) { try forge.pullRequest(4).requireOwnOpenBranch() }.code == .notOpen)
        #expect(throws: ForgeError.self) { try forge.update(4, title: "new", body: nil) }
        try plant("pulls/4.json", head + #", "state": "open", "head_repository": "https://example.org/fork"}"#)
        #expect(
            try #require(throws: ForgeError.self) { try forge.pullRequest(4).requireOwnOpenBranch() }.code == .fromFork)
        #expect(try #require(throws: ForgeError.self) { try forge.pullRequest(9) }.code == .notOpen)
        #expect(try #require(throws: ForgeError.self) { try forge.issue(9) }.code == .notFound)
    }

    @Test(
        "a broken file is an error that names the member",
        arguments: [
            ("{", "no JSON"), (#"{"number": 5}"#, "\"number\""), (#"{"number": 4, "state": "gone"}"#, "\"state\""),
            (#"{"number": 4, "state": "open", "title": 1}"#, "\"title\""),
            (
                #"{"number": 4, "state": "open", "title": "t", "body": "", "base": "m", "head": "h", "threads": [{}]}"#,
                "threads[0]"
            ),
        ])
    func broken(_ text: String, _ words: String) throws {
        try plant("pulls/4.json", text)
        let error = try #require(throws: ForgeError.self) { try forge.pullRequest(4) }
        #expect(error.code == .malformed && error.description.contains(words), "\(error)")
    }

    @Test("a file that leads elsewhere is not read or written")
    func symlink() throws {
        try home.file("outside.json", #"{"number": 4}"#)
        try home.symlink("forge/pulls/4.json", to: home.at("outside.json"))
        #expect(try #require(throws: ForgeError.self) { try forge.pullRequest(4) }.code == .unreachable)
        #expect(throws: ForgeError.self) { try LocalForge(path: home.at("absent")) { 0 } }
        #expect(throws: ForgeError.self) { try LocalForge.create(path: home.at("forge")) }
    }

    /// A process of its own that opens 40 issues and comments 40 times on number 1.
    private func work(as name: String) async {
        let path: String = home.at("forge")
        await #expect(processExitsWith: .success) { [path = path as String, name = name as String] in
            let forge = try LocalForge(path: path) { 0 }
            for index in 0..<40 {
                _ = try forge.openIssue(title: "\(name) \(index)", body: "b", by: name)
                try forge.comment(on: 1, "\(name) \(index)", by: name)
            }
        }
    }

    @Test("two processes at once: no number twice, no comment lost")
    func processes() async throws {
        let pull = try forge.open(draft("b/0")).number
        let each = 40
        async let left: Void = work(as: "left")
        async let right: Void = work(as: "right")
        _ = await (left, right)
        let issues = names(home.at("forge/issues"))
        #expect(issues.count == 2 * each)
        let numbers = issues.compactMap { Int($0.dropLast(5)) }.sorted()
        #expect(numbers == Array(2...(2 * each + 1)))
        let titles = try Set(numbers.map { try forge.issue($0).title })
        #expect(titles.count == 2 * each)
        let comments = try forge.pullRequest(pull).comments
        #expect(comments.count == 2 * each)
        #expect(comments.filter { $0.author == "left" }.map(\.body) == (0..<each).map { "left \($0)" })
    }
}
