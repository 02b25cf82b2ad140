// SPDX-License-Identifier: Apache-2.0
import CLI
import Documents
import Testing

@testable import Policy

@Suite("answers about profiles")
struct ProfileAnswersTests {
    private func policy() throws -> EgressPolicy {
        EgressPolicy(
            directIP: .explain,
            rules: [
                EgressRule(
                    origin: "p.yaml:7", reason: "why\u{1b}[2J", target: .host(try #require(HostPattern("a.example"))))
            ])
    }

    @Test("a judgement shows its rules in columns, with reason and remedy, and nothing that acts on a terminal")
    func judgement() throws {
        let rule = try policy().rules[0]
        let judgement = Judgement(
            subject: .host(try #require(HostName("a.example")), 22), isAllowed: false, verdict: "denied: port",
            steps: [
                .init(rule: rule.text, origin: rule.origin, effect: "decides", reason: rule.reason),
                .init(rule: "host **.example ports any", origin: "q.yaml:1", effect: "less specific", reason: nil),
            ], remedy: "Add 22.")
        #expect(
            ProfileAnswers.text(judgement) == """
                a.example:22: denied: port
                  decides        host a.example ports 443  # p.yaml:7
                                 why\\u{1b}[2J
                  less specific  host **.example ports any  # q.yaml:1
                  Add 22.
                """)
    }

    @Test("differences are one a line, and their absence is said")
    func changes() {
        let change = GrantChange(kind: .adds, key: "connect api.example.com:443", before: "", after: "tls")
        #expect(ProfileAnswers.text([change], from: "a", to: "b") == "adds connect api.example.com:443 (tls)")
        #expect(ProfileAnswers.text([], from: "a", to: "b") == "\"a\" and \"b\" grant the same")
    }

    @Test("assertions that fail say why, and all are counted")
    func assertions() throws {
        let allow = try Assertion("allow a.example")
        let judgement = Judgement(subject: allow.subject, isAllowed: false, verdict: "denied", steps: [], remedy: "Do.")
        let results = [
            AssertionResult(assertion: allow, holds: true, judgement: judgement, origin: "p.yaml:1"),
            AssertionResult(assertion: allow, holds: false, judgement: judgement, origin: "p.yaml:2"),
        ]
        #expect(
            ProfileAnswers.text(results) == """
                holds  allow a.example  # p.yaml:1
                FAILS  allow a.example  # p.yaml:2
                    a.example: denied
                      Do.
                2 assertions, 1 failed
                """)
    }
}
