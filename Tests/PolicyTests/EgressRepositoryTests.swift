// SPDX-License-Identifier: Apache-2.0
import Documents
import Policy
import Testing

@Suite("policies of sessions with a repository")
struct EgressRepositoryTests {
    private func host(_ text: String) throws -> HostName { try #require(HostName(text)) }

    private func policy(_ rules: EgressRule...) -> EgressPolicy {
        EgressPolicy(directIP: .explain, rules: rules)
    }

    private func rule(_ pattern: String, deny: Bool = false) throws -> EgressRule {
        let name = try #require(HostPattern(pattern))
        return EgressRule(
            origin: "test:1", reason: "A test.", target: deny ? .deny(name) : .host(name),
            ports: .list(deny ? [] : [80]))
    }

    @Test("lets plain connections to git.internal through, unread, and nothing else")
    func opens() throws {
        let closed = policy()
        #expect(!closed.isOpen)
        let open = try closed.servingRepository()
        #expect(open.isOpen && open.listenerPorts.contains(80) && !open.needsAnyPort)
        let rule = try #require(open.decide(name: try host("git.internal"), port: 80).allowedRule)
        #expect(rule.isRepository && rule.mode(for: 80) == .raw && rule.id == 0)
        #expect(open.isResolvable(try host("git.internal")).allowedRule?.isRepository == true)
        #expect(open.decide(name: try host("git.internal"), port: 443).denial?.code == .portNotAllowed)
        for name in ["x.git.internal", "internal", "other.internal"] {
            #expect(open.isResolvable(try host(name)).denial != nil)
        }
        #expect(open.withoutRepository() == closed)
    }

    @Test("travels to the gateway and back")
    func document() throws {
        let open = try policy(try rule("a.test")).servingRepository()
        let read = try EgressPolicy(json: open.json)
        #expect(read == open)
        #expect(read.rules.map(\.isRepository) == [false, true])
    }

    @Test("a rule that speaks of the same name is an error; a wider one is not")
    func clashes() throws {
        for (pattern, deny) in [("git.internal", false), ("git.internal", true), ("*.internal", true)] {
            let policy = policy(try rule(pattern, deny: deny))
            #expect(throws: PolicyError.self) { try policy.servingRepository() }
        }
        let wide = try policy(try rule("*.internal")).servingRepository()
        #expect(wide.decide(name: try host("git.internal"), port: 80).allowedRule?.isRepository == true)
        #expect(wide.decide(name: try host("other.internal"), port: 80).allowedRule?.isRepository == false)
    }

    @Test("no rule of a file is taken for it, whatever it says of itself")
    func forgeries() throws {
        var other = try rule("a.test")
        other.origin = EgressRule.repositoryOrigin
        #expect(!other.isRepository)
        #expect(!(try rule("git.internal").isRepository))
    }
}
