// SPDX-License-Identifier: Apache-2.0
import Documents
import Policy
import Testing

@Suite("narrowing egress")
struct EgressNarrowingTests {
    static let base = [
        "host: api.example.com, ports: [443, 8443], tls: sni",
        "host: \"**.example.com\", ports: any, tls: raw, max_names: 10",
        "host: plain.example.org, ports: [80], http: {methods: [GET, HEAD], paths: [/pub/]}",
        "host: db.example.net, ports: [5432], tls: raw, addresses: [10.0.0.0/8]",
        "host: www.example.org",
        "cidr: 8.0.0.0/8, ports: [443, 853]",
        "cidr: 8.8.0.0/16, ports: [443]",
        "deny: secret.example.com",
    ]

    private func apply(_ rules: [String]) throws -> Profile {
        let lines = rules.map { "    - {\($0), reason: test}\n" }.joined()
        let text = "version: 1\nreason: less\negress:\n  rules:" + (rules.isEmpty ? " []\n" : "\n" + lines)
        return try EgressFixtures.profile(Self.base).narrowed(file: "project.yaml", bytes: Array(text.utf8))
    }

    @Test(
        "a project's rules may be any that the operator's imply",
        arguments: [
            [], ["host: api.example.com"], ["host: api.example.com, ports: [8443], tls: sni"],
            ["host: a.b.example.com, ports: [22], tls: raw"],
            ["host: \"**.example.com\", ports: any, tls: raw, max_names: 10", "host: api.example.com"],
            ["host: \"*.b.example.com\", ports: [443], tls: raw, max_names: 5"],
            ["host: x.example.com, ports: [443]"],
            ["host: plain.example.org, ports: [80], http: {methods: [GET], paths: [/pub/a, /pub/b/]}"],
            ["host: db.example.net, ports: [5432], tls: raw, addresses: [10.1.0.0/16]"],
            ["host: www.example.org, addresses: [8.8.8.0/24]"], ["cidr: 8.8.8.0/24"],
            ["cidr: 8.1.0.0/16, ports: [853]"],
            ["deny: anything.example"], ["host: api.example.com", "deny: api2.example.com"],
        ])
    func narrower(rules: [String]) throws {
        let profile = try apply(rules)
        #expect(profile.egress.rules.filter { !$0.isDeny }.count == rules.filter { !$0.hasPrefix("deny") }.count)
        // The operator's denials stay, whatever a project writes.
        let secret = try EgressFixtures.name("secret.example.com")
        #expect(profile.egress.decide(name: secret, port: 443).denial?.code == .denyRule)
        #expect(profile.egress.excess(over: try EgressFixtures.policy(Self.base)) == nil)
    }

    @Test(
        "the first thing that would be wider is an error",
        arguments: [
            (["host: other.example"], "opens port 443 of other.example"),
            (["host: api.example.com, ports: [22], tls: raw"], "opens port 22 of api.example.com"),
            (
                ["host: api.example.com, tls: raw"],
                "opens port 443 of api.example.com with fewer conditions (host api.example.com ports 443 tls raw)"
            ),
            (
                ["host: api.example.com, ech: allow"],
                "opens port 443 of api.example.com with fewer conditions (host api.example.com ports 443 ech allow)"
            ),
            // The wildcard alone would open what the exact rule beside it holds shut.
            (
                ["host: \"**.example.com\", ports: any, tls: raw, max_names: 10"],
                "opens any port of api.example.com"
            ),
            (
                ["host: \"*.b.example.com\", ports: [443], tls: raw"],
                "opens port 443 of *.b.example.com with fewer conditions "
                    + "(host *.b.example.com ports 443 tls raw max_names 256)"
            ),
            (
                ["host: plain.example.org, ports: [80]"],
                "opens port 80 of plain.example.org with fewer conditions (host plain.example.org ports 80)"
            ),
            (
                ["host: plain.example.org, ports: [80], http: {paths: [/pub/]}"],
                "opens port 80 of plain.example.org with fewer conditions (host plain.example.org ports 80 paths /pub/)"
            ),
            (
                ["host: plain.example.org, ports: [80], http: {methods: [GET], paths: [/]}"],
                "opens port 80 of plain.example.org with fewer conditions "
                    + "(host plain.example.org ports 80 methods GET paths /)"
            ),
            (
                ["host: db.example.net, ports: [5432], tls: raw"],
                "opens port 5432 of db.example.net with fewer conditions (host db.example.net ports 5432 tls raw)"
            ),
            (
                ["host: www.example.org, addresses: [10.0.0.0/8]"],
                "opens port 443 of www.example.org with fewer conditions "
                    + "(host www.example.org ports 443 addresses 10.0.0.0/8)"
            ),
            (["host: \"*.example.org\""], "opens port 443 of *.example.org"),
            (["cidr: 9.0.0.0/8"], "opens port 443 of 9.0.0.0/8"),
            (["cidr: 8.8.8.0/24, ports: [853]"], "opens port 853 of 8.8.8.0/24"),
            (["cidr: 8.0.0.0/8, ports: [853]"], "opens port 853 of 8.8.0.0/16"),
        ] as [([String], String)])
    func wider(rules: [String], message: String) throws {
        let error = #expect(throws: PolicyError.self) { try apply(rules) }
        #expect(error?.message == "egress.rules \(message), and a project's own file may only narrow profile \"p\"")
        #expect(error?.file == "project.yaml")
        #expect(error?.line == 5)
    }

    @Test("registry rules are compared by the hosts they stand for")
    func registries() throws {
        func expand(_ client: RegistryClient, _ rule: EgressRule) -> [EgressRule] {
            let name = HostName("\(client.rawValue).example")!  // A constant.
            return [EgressRule(origin: "registry x (conf:1)", reason: "x", target: .host(HostPattern(.exact, name)))]
        }
        let base = try EgressFixtures.profile(["registry: pip"])
        func apply(_ rule: String) throws(PolicyError) -> Profile {
            let text = "version: 1\nreason: less\negress: {rules: [{\(rule), reason: x}]}\n"
            return try base.narrowed(file: "project.yaml", bytes: Array(text.utf8), expand: expand)
        }
        #expect(try apply("registry: pip").egress.rules.map { $0.subject } == ["host pip.example"])
        #expect(try apply("host: pip.example").egress.rules.map { $0.subject } == ["host pip.example"])
        #expect(throws: PolicyError.self) { try apply("registry: npm") }
        let error = #expect(throws: PolicyError.self) {
            try base.narrowed(file: "p", bytes: Array("version: 1\nreason: x\negress: {rules: []}\n".utf8))
        }
        #expect(error?.operation == "compare")
    }

    @Test("whatever rules both sides have, no decision of a narrowed policy is wider", arguments: 0..<4)
    func random(seed: Int) throws {
        var random = SplitMix(state: UInt64(seed) &+ 31)
        let pool = [
            "host: a.example.com", "host: b.a.example.com, ports: [22], tls: raw", "host: \"*.example.com\"",
            "host: \"*.a.example.com\", ports: [443, 8443], tls: sni", "host: \"**.example.com\", ports: any, tls: raw",
            "host: \"**.a.example.com\", ports: [22], tls: raw", "deny: b.a.example.com", "deny: \"**.c.example.com\"",
            "host: d.c.example.com", "cidr: 8.0.0.0/8", "cidr: 8.8.0.0/16, ports: [853]",
            "cidr: 8.8.8.0/24, ports: any",
        ]
        let names = try ["a", "b.a", "x.a", "y.x.a", "c", "d.c", "e.d.c", "z", "y.z"].map {
            try EgressFixtures.name("\($0).example.com")
        }
        let addresses = try ["8.1.1.1", "8.8.1.1", "8.8.8.1", "9.9.9.9"].map { try EgressFixtures.address($0) }
        var narrower = 0
        var wider = 0
        for _ in 0..<300 {
            func some(of: Int) throws -> EgressPolicy? {
                let rules = pool.filter { _ in Int.random(in: 0..<of, using: &random) == 0 }
                do throws(PolicyError) { return try EgressFixtures.policy(rules) } catch { return nil }
            }
            guard let operators = try some(of: 2), let projects = try some(of: 5) else { continue }
            func opens() -> Bool {
                let ports: [UInt16] = [22, 443, 853, 8443, 9999]
                for port in ports {
                    for name in names where projects.decide(name: name, port: port).allowedRule != nil {
                        if operators.decide(name: name, port: port).allowedRule == nil { return true }
                    }
                    for address in addresses where projects.decide(address: address, port: port).allowedRule != nil {
                        if operators.decide(address: address, port: port).allowedRule == nil { return true }
                    }
                }
                return false
            }
            if projects.excess(over: operators) == nil {
                narrower += 1
                #expect(!opens(), "\(projects.rules.map { $0.text }) over \(operators.rules.map { $0.text })")
            } else {
                wider += 1
            }
        }
        #expect(narrower > 5 && wider > 50)
    }
}
