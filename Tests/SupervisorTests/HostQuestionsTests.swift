// SPDX-License-Identifier: Apache-2.0
import Isolation
import Policy
import Testing

@testable import Supervisor
@testable import Wire

/// Which names somebody is asked about, how often, and what an answer opens.
@Suite("questions about names of a session")
struct HostQuestionsTests {
    /// The same, changed from within an expectation.
    private final class Story {
        private var questions = HostQuestions()
        var phase: HostQuestions.Phase { questions.phase }
        func next() -> HostQuestions.Question? { questions.next() }
        func take(_ answer: HostAnswer) -> Bool { questions.take(answer) }
        func conclude() { questions.conclude() }
        func want(_ text: String, times: UInt16 = 1, port: UInt16? = 443) throws {
            questions.want(try #require(HostName(text)), times: times) { _ in port }
        }
    }

    private func name(_ text: String) throws -> HostName { try #require(HostName(text)) }

    @Test("one is asked at a time, in the order in which they came, each once, with what is known by then")
    func order() throws {
        let questions = Story()
        #expect(questions.next() == nil)
        try questions.want("a.example.org")
        try questions.want("b.example.org")
        let first = try #require(questions.next())
        #expect(first == .init(name: try name("a.example.org"), port: 443, times: 1))
        #expect(questions.next() == nil && questions.phase == .asked(first))
        // It waits, and is wanted more and more.
        try questions.want("b.example.org", times: 5)
        try questions.want("b.example.org", times: 2)
        #expect(questions.take(.open) && questions.phase == .opening(first) && questions.next() == nil)
        questions.conclude()
        #expect(questions.next()?.times == 5)
        #expect(questions.take(.leave))
        // Neither comes again.
        for again in ["a.example.org", "b.example.org"] { try questions.want(again, times: 9) }
        #expect(questions.next() == nil && questions.phase == .idle)
    }

    @Test("an answer to no question is none")
    func unasked() throws {
        for answer in HostAnswer.allCases {
            let questions = Story()
            #expect(!questions.take(answer))
            try questions.want("a.example.org")
            #expect(!questions.take(answer))
            _ = questions.next()
            #expect(questions.take(.open) && !questions.take(answer))
        }
    }

    @Test("a session that invents names fills two small lists and no more")
    func flood() throws {
        let questions = Story()
        var asked = 0
        for round in 0..<100 {
            for number in 0..<100 { try questions.want("n\(number).r\(round).example.org") }
            while questions.next() != nil {
                asked += 1
                #expect(questions.take(.leave))
            }
            #expect(asked <= (round + 1) * HostQuestions.mostWaiting)
        }
        #expect(asked == HostQuestions.mostAsked)
        // Control: what nobody may be asked about takes no room.
        let other = Story()
        for number in 0..<100 { try other.want("n\(number).example.org", port: nil) }
        try other.want("a.example.org")
        #expect(other.next()?.name.text == "a.example.org")
    }

    // MARK: What may be opened

    private static let policy = ["host: www.example.org", "deny: denied.example.org"]

    private func permission(
        ceiling: [String]? = nil, ports: [UInt16] = [80, 443], transparent: Bool = false, begun: [String] = policy
    ) throws -> HostPermission {
        HostPermission(
            begun: try AuditReplayTests.policy(begun), ceiling: try ceiling.map { try AuditReplayTests.policy($0) },
            network: try NetworkPlan(ports: ports, ipv6: false, transparent: transparent, tap: false))
    }

    private func opens(
        _ permission: HostPermission, _ text: String, current: [String] = policy
    ) throws -> EgressPolicy? {
        permission.policy(try AuditReplayTests.policy(current), with: try name(text))
    }

    @Test("an approval lets through one name at one port, and everything else stays as it was")
    func opened() throws {
        let before = try AuditReplayTests.policy(Self.policy)
        let after = try #require(try opens(permission(), "api.example.org"))
        let api = try name("api.example.org")
        #expect(after.decide(name: api, port: 443).allowedRule?.origin == HostPermission.origin)
        #expect(after.decide(name: api, port: 80).denial?.code == .portNotAllowed)
        for other in ["b.api.example.org", "example.org", "xapi.example.org", "denied.example.org", "www.example.org"] {
            let other = try name(other)
            #expect(after.decide(name: other, port: 443) == before.decide(name: other, port: 443))
        }
        #expect(after.rules.dropLast().elementsEqual(before.rules))
        // It is read back as what it is: what a gateway gets is this.
        #expect(try EgressPolicy(json: after.json) == after)
    }

    @Test("nobody is asked about what no answer could open")
    func refused() throws {
        let open = try permission()
        #expect(try opens(open, "api.example.org") != nil)
        for text in [
            // Allowed already, denied now, denied when it began, and no host of the internet's.
            "www.example.org", "denied.example.org", "example", "git.internal", "a.local", "printer.lan",
            "1.0.0.127.in-addr.arpa", "a.localhost", "a.onion",
        ] { #expect(try opens(open, text) == nil, "\(text)") }
        #expect(try opens(open, "denied.example.org", current: ["host: www.example.org"]) == nil)
        // The ceiling has it, and with as many conditions, or it is not asked about.
        #expect(try opens(permission(ceiling: ["host: \"*.example.org\""]), "api.example.org") != nil)
        for ceiling in [
            [], ["host: other.example.org"], ["host: api.example.org, ports: [80]"],
            ["host: api.example.org", "deny: api.example.org"],
        ] {
            #expect(try opens(permission(ceiling: ceiling), "api.example.org") == nil, "\(ceiling)")
        }
    }

    @Test("the port is one that the session listens on")
    func ports() throws {
        #expect(try permission(ports: [80, 443]).port == 443 && permission(ports: [80]).port == 80)
        #expect(try permission(ports: [22]).port == nil && permission(ports: [], transparent: true).port == 443)
        #expect(try opens(permission(ports: [22]), "api.example.org") == nil)
    }
}
