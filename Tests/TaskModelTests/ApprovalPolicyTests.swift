// SPDX-License-Identifier: Apache-2.0
import Documents
import TaskModel
import Testing

/// Who decides, as values.
@Suite("approval policy")
struct ApprovalPolicyTests {
    struct Scope: Sendable, CustomTestStringConvertible {
        let text: String
        let act: ApprovalRequest.Act
        let fact: ApprovalRequest.Fact?
        let covers: Bool
        var testDescription: String {
            "\(text) \(covers ? "covers" : "leaves") \(act.rawValue) \(fact?.value.compactText ?? "")"
        }

        init(_ text: String, _ act: ApprovalRequest.Act, _ fact: (String, JSON)? = nil, _ covers: Bool) {
            self.text = text
            self.act = act
            self.fact = fact.map { .init($0.0, $0.1) }
            self.covers = covers
        }
    }

    static let scopes = [
        Scope("act:push", .push, nil, true), Scope("act:push", .pullRequest, nil, false),
        Scope("host:api.example.org", .newHost, ("host", "api.example.org"), true),
        Scope("host:api.example.org", .newHost, ("host", "b.api.example.org"), false),
        Scope("host:*.example.org", .newHost, ("host", "b.example.org"), true),
        Scope("host:*.example.org", .newHost, ("host", "badexample.org"), false),
        Scope("host:api.example.org", .push, ("host", "api.example.org"), false),
        Scope("host:api.example.org", .newHost, nil, false),
        Scope("ref:refs/heads/docs/*", .push, ("reference", "refs/heads/docs/a"), true),
        Scope("ref:refs/heads/docs/*", .push, ("reference", "refs/heads/docs"), false),
        Scope("ref:refs/heads/main", .push, ("reference", "refs/heads/main2"), false),
        Scope("ref:refs/heads/main", .pullRequest, ("reference", "refs/heads/main"), false),
    ]

    @Test("a scope covers what it names and nothing beside it", arguments: scopes)
    func covers(_ scope: Scope) throws {
        let request = ApprovalRequest(scope.act, "x", scope.fact.map { [$0] } ?? [])
        #expect(try PreApproval(scope.text).covers(request) == scope.covers)
    }

    @Test(
        "a scope that covers about everything is refused",
        arguments: [
            "", "*", "push", "act:", "act:*", "act:release", "act:review", "all", "host:*", "host:*.org", "host:org",
            "host:a",
            "host:*.*.org", "host:Example.org", "host:a..b", "ref:*", "ref:refs/heads/*", "ref:refs/heads/a*",
            "ref:main",
            "ref:refs/tags/v1", "ref:refs/heads/*x*", "ref:refs/heads/docs/?", "rule:x", "act:push\u{1B}",
            "host:" + String(repeating: "a", count: 130),
        ])
    func degenerate(_ text: String) {
        let refusal = #expect(throws: TaskRefusal.self) { try PreApproval(text) }
        #expect(refusal?.code == .validation)
    }

    @Test("a policy is what it was after it was stored, and nothing that it did not write is one")
    func stored() throws {
        var policy = ApprovalPolicy(gates: [.plan, .push], approvers: ["uid:4"], allowsSelfApproval: false)
        policy.preApprovals = [try PreApproval("act:push")]
        #expect(ApprovalPolicy(json: policy.json) == policy)
        for (name, value) in [
            ("gates", ["dance"]), ("gates", 3), ("approvers", [1]), ("pre_approvals", ["*"]), ("cap", "x"),
        ] as [(String, JSON)] {
            let members = (policy.json.objectValue ?? []).map { $0.name == name ? JSON.Member(name, value) : $0 }
            #expect(ApprovalPolicy(json: .object(members)) == nil, "\(name)")
        }
    }

    @Test("a host is never a matter of the order, and questions about hosts leave room for the others")
    func hosts() throws {
        let host = ApprovalRequest(.newHost, "a.example.org:443", [.init("host", "a.example.org")])
        let push = ApprovalRequest(.push, "refs/heads/x", [])
        func ruling(_ policy: ApprovalPolicy, _ request: ApprovalRequest, asked: Int) -> ApprovalAnswer? {
            policy.ruling(request, askedAt: (0..<asked).map { $0 * 10_000 }, now: 10_000_000, left: nil)
        }
        #expect(ruling(ApprovalPolicy(gates: [.push]), host, asked: 0)?.decision == .denied)
        #expect(ruling(ApprovalPolicy(gates: [.newHost]), push, asked: 0)?.decision == .approved)
        let both = ApprovalPolicy(gates: [.newHost, .push], cap: 3)
        #expect(both.mostNewHosts == 2 && ruling(both, host, asked: 1) == nil)
        #expect(ruling(both, host, asked: 2)?.decision == .denied && ruling(both, push, asked: 2) == nil)
        #expect(ruling(both, push, asked: 3)?.decision == .denied)
        // Within a minute, too.
        let many = ApprovalPolicy(gates: [.newHost, .push])
        let now = (0..<10).map { _ in 9_999_999 }
        #expect(many.ruling(host, askedAt: now, now: 10_000_000, left: nil)?.decision == .denied)
        #expect(many.ruling(push, askedAt: now, now: 10_000_000, left: nil) == nil)
        // What was approved beforehand costs nothing.
        var before = both
        before.preApprovals = [try PreApproval("host:*.example.org")]
        #expect(ruling(before, host, asked: 3)?.by == ApprovalAnswer.preApproval)
    }

    @Test("news are what they were, and a session may not tell of what is the orchestrator's to say")
    func news() throws {
        let question = SessionQuestion(
            "q3", ApprovalRequest(.newHost, "a.example.org:443", [.init("host", "a.example.org")]), severity: .medium,
            timeoutSeconds: 60)
        for matter in [.fact(.frozen, .observed, ["n": 1]), .question(question), .withdrawal("q3")]
            as [SessionNews.Matter]
        {
            #expect(SessionNews(json: SessionNews(4, matter).json) == SessionNews(4, matter))
        }
        #expect(SessionNews(json: SessionNews(1, .fact(.taskCompleted, .observed, [:])).json) == nil)
        #expect(SessionNews(json: SessionNews(0, .question(question)).json) == nil)
        for name in ["", "q", "q1234567890", "../q1", "q1/x", "Q1"] {
            let other = SessionQuestion(name, question.request, severity: .low)
            #expect(SessionNews(json: SessionNews(1, .question(other)).json) == nil)
            #expect(SessionNews(json: SessionNews(1, .withdrawal(name)).json) == nil)
        }
    }
}
