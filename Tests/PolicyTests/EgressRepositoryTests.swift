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
        let open = try closed.serving([.repository])
        #expect(open.isOpen && open.listenerPorts.contains(80) && !open.needsAnyPort)
        let rule = try #require(open.decide(name: try host("git.internal"), port: 80).allowedRule)
        #expect(rule.virtualHost == .repository && rule.mode(for: 80) == .raw && rule.id == 0)
        #expect(open.isResolvable(try host("git.internal")).allowedRule?.virtualHost == .repository)
        #expect(open.decide(name: try host("git.internal"), port: 443).denial?.code == .portNotAllowed)
        for name in ["x.git.internal", "internal", "other.internal"] {
            #expect(open.isResolvable(try host(name)).denial != nil)
        }
        #expect(open.withoutVirtualHosts() == closed)
    }

    @Test("travels to the gateway and back")
    func document() throws {
        let open = try policy(try rule("a.test")).serving([.repository])
        let read = try EgressPolicy(json: open.json)
        #expect(read == open)
        #expect(read.rules.map(\.virtualHost) == [nil, .repository])
    }

    @Test("a rule that speaks of the same name is an error; a wider one is not")
    func clashes() throws {
        for (pattern, deny) in [("git.internal", false), ("git.internal", true), ("*.internal", true)] {
            let policy = policy(try rule(pattern, deny: deny))
            #expect(throws: PolicyError.self) { try policy.serving([.repository]) }
        }
        let wide = try policy(try rule("*.internal")).serving([.repository])
        #expect(wide.decide(name: try host("git.internal"), port: 80).allowedRule?.virtualHost == .repository)
        let other = try #require(wide.decide(name: try host("other.internal"), port: 80).allowedRule)
        #expect(other.virtualHost == nil)
    }

    @Test("each name has a rule of its own")
    func both() throws {
        let open = try policy().serving([.repository, .model])
        #expect(open.rules.map(\.virtualHost) == [.repository, .model])
        #expect(open.decide(name: try host("llm.internal"), port: 80).allowedRule?.virtualHost == .model)
        #expect(open.decide(name: try host("llm.internal"), port: 443).denial?.code == .portNotAllowed)
        #expect(throws: PolicyError.self) { try policy(try rule("llm.internal")).serving([.model]) }
        #expect(throws: Never.self) { try policy(try rule("llm.internal")).serving([.repository]) }
    }

    @Test("no rule of a file is taken for it, whatever it says of itself")
    func forgeries() throws {
        var other = try rule("a.test")
        other.origin = VirtualHost.repository.origin
        #expect(other.virtualHost == nil)
        #expect(try rule("git.internal").virtualHost == nil)
    }
}
