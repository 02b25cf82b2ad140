// SPDX-License-Identifier: Apache-2.0
import Documents
import Policy
import Testing

@Suite("observing policies")
struct EgressObserverTests {
    private func policy() throws -> EgressPolicy {
        let name = try #require(HostPattern("a.example.com"))
        let denied = try #require(HostPattern("secret.example.com"))
        return EgressPolicy(
            directIP: .explain,
            rules: [
                EgressRule(origin: "test:1", reason: "A test.", target: .host(name)),
                EgressRule(origin: "test:2", reason: "A test.", target: .deny(denied), ports: .list([])),
            ]
        ).observing
    }

    private func host(_ text: String) throws -> HostName { try #require(HostName(text)) }

    @Test("let through what no rule speaks of, and keep the rules that do")
    func decisions() throws {
        let policy = try policy()
        #expect(policy.decide(name: try host("a.example.com"), port: 443).allowedRule?.origin == "test:1")
        #expect(policy.decide(name: try host("a.example.com"), port: 22).allowedRule?.isObserver == true)
        #expect(policy.isResolvable(try host("b.example.com")).allowedRule?.isObserver == true)
        let other = try #require(policy.decide(name: try host("b.example.com"), port: 8443).allowedRule)
        #expect(other.isObserver && other.mode(for: 443) == .raw && other.text == "observe ports any")
        #expect(policy.decide(name: try host("secret.example.com"), port: 443).denial?.code == .denyRule)
        #expect(policy.isResolvable(try host("secret.example.com")).denial?.code == .denyRule)
        // The session's own resolver, which nothing can replace.
        #expect(policy.decide(name: try host("b.example.com"), port: 53).denial != nil)
    }

    @Test("keep special addresses refused, dialled or resolved")
    func addresses() throws {
        let policy = try policy()
        let open = try #require(IPAddress(text: "1.1.1.1"))
        let rule = try #require(policy.decide(address: open, port: 25).allowedRule)
        #expect(rule.isObserver)
        for text in [
            "10.0.0.1", "127.0.0.1", "169.254.169.254", "100.64.0.1", "192.168.1.1", "fd00::1", "::1", "224.0.0.1",
        ] {
            let address = try #require(IPAddress(text: text))
            #expect(policy.decide(address: address, port: 443).denial?.code == .addressNotPublic, "\(text)")
            guard case .refused(let denial) = policy.vet(address, for: rule) else {
                Issue.record("\(text) was let through")
                continue
            }
            #expect(denial.code == .addressNotPublic)
        }
    }

    @Test("listen everywhere, survive their JSON, and no profile can be one")
    func form() throws {
        let policy = try policy()
        #expect(policy.isOpen && policy.needsAnyPort && policy.listenerPorts == [22, 80, 443])
        let read = try EgressPolicy(json: policy.json)
        #expect(read == policy && read.observes)
        #expect(throws: PolicyError.self) {
            try EgressPolicy(json: ["version": 1, "direct_ip": "explain", "rules": [], "observes": false])
        }
        for text in ["egress: {observes: true}", "egress: {observe: true}", "observes: true"] {
            #expect(throws: PolicyError.self) {
                try Profile.resolve(name: "x") { name in (name, Array("version: 1\nreason: A test.\n\(text)\n".utf8)) }
            }
        }
    }
}
