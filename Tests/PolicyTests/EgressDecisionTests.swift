// SPDX-License-Identifier: Apache-2.0
import Documents
import Policy
import Testing

@Suite("egress decisions")
struct EgressDecisionTests {
    /// One rule of each kind and of each specificity.
    static let rules = [
        "host: api.example.com",  // 0
        "host: \"*.example.com\", ports: [443, 8443], tls: sni",  // 1
        "host: \"**.example.com\", ports: any, tls: raw",  // 2
        "host: \"**.deep.example.com\", ports: [22], tls: raw",  // 3
        "deny: secret.example.com",  // 4
        "deny: \"**.closed.example.com\"",  // 5
        "host: git.example.org, ports: [22], tls: raw",  // 6
        "host: git.example.org",  // 7
        "host: db.example.net, ports: [5432], tls: raw, addresses: [10.20.0.0/16]",  // 8
        "cidr: 203.0.113.250/32, addresses: [203.0.113.250/32]",  // 9
        "cidr: 8.8.0.0/16, ports: [443, 853]",  // 10
        "cidr: 8.8.8.0/24, ports: [443]",  // 11
        "host: plain.example.org, ports: [80], http: {methods: [GET, HEAD], paths: [/pub/]}",  // 12
    ]

    let policy: EgressPolicy
    init() throws { policy = try EgressFixtures.policy(Self.rules) }

    @Test(
        "deny first, then the most specific rule, then the port in that rule",
        arguments: [
            ("api.example.com", 443, 0, nil), ("api.example.com", 8443, 0, .portNotAllowed),
            ("www.example.com", 8443, 1, nil), ("www.example.com", 22, 1, .portNotAllowed),
            ("a.b.example.com", 22, 2, nil), ("a.b.example.com", 9999, 2, nil),
            ("a.b.example.com", 53, 2, .portNotAllowed),
            ("x.deep.example.com", 22, 3, nil), ("x.deep.example.com", 443, 3, .portNotAllowed),
            ("y.x.deep.example.com", 22, 3, nil), ("deep.example.com", 443, 1, nil),
            ("secret.example.com", 443, 4, .denyRule), ("x.closed.example.com", 443, 5, .denyRule),
            ("closed.example.com", 443, 1, nil), ("x.secret.example.com", 443, 2, nil),
            ("example.com", 443, nil, .nameNotAllowed), ("example.net", 443, nil, .nameNotAllowed),
            ("notexample.com", 443, nil, .nameNotAllowed), ("git.example.org", 22, 6, nil),
            ("git.example.org", 443, 7, nil), ("git.example.org", 80, 6, .portNotAllowed),
        ] as [(String, UInt16, Int?, Denial.Code?)])
    func names(name: String, port: UInt16, rule: Int?, code: Denial.Code?) throws {
        let decision = policy.decide(name: try EgressFixtures.name(name), port: port)
        switch decision {
        case .allowed(let found):
            #expect(code == nil)
            #expect(found.id == rule)
        case .denied(let denial):
            #expect(denial.code == code)
            #expect(denial.rule?.id == rule)
            #expect(denial.remedy.hasSuffix(".") && !denial.message.hasSuffix("."))
        }
    }

    @Test("any rule that names a host makes it resolvable, whatever its ports; a denial and a cidr rule do not")
    func resolvable() throws {
        for (name, rule) in [("db.example.net", 8), ("git.example.org", 6), ("x.deep.example.com", 3)] {
            #expect(policy.isResolvable(try EgressFixtures.name(name)).allowedRule?.id == rule)
        }
        for (name, code) in [
            ("secret.example.com", Denial.Code.denyRule), ("example.com", .nameNotAllowed),
            ("other.example", .nameNotAllowed),
        ] {
            #expect(policy.isResolvable(try EgressFixtures.name(name)).denial?.code == code)
        }
    }

    @Test("a denial says where its rule stands, and what wildcards do not match")
    func remedies() throws {
        func denial(_ name: String, _ port: UInt16) throws -> Denial {
            try #require(policy.decide(name: try EgressFixtures.name(name), port: port).denial)
        }
        #expect(
            try denial("secret.example.com", 443).message
                == "secret.example.com is denied by \"deny secret.example.com\" (p.yaml:11)")
        #expect(
            try denial("api.example.com", 8443).message
                == "port 8443 of api.example.com is not among those of \"host api.example.com\" (p.yaml:7): 443")
        #expect(
            try denial("api.example.com", 8443).remedy
                == "Add 8443 to the ports of that rule if the task needs it. "
                + "\"host *.example.com\" (p.yaml:8) has the port, but the more specific rule decides.")
        #expect(try denial("git.example.org", 80).message.hasSuffix("(p.yaml:13): 22,443"))
        #expect(
            try denial("example.com", 443).remedy
                == "If the task needs it, add a rule with \"host: example.com\" and a reason to egress.rules. "
                + "\"*.example.com\" is about the names below it only.")
        let one = try EgressFixtures.policy(["host: \"*.example.com\""])
        #expect(
            try #require(one.decide(name: EgressFixtures.name("a.b.example.com"), port: 443).denial).remedy
                .hasSuffix("\"*.example.com\" stands for exactly one label; \"**.example.com\" for one or more."))
    }

    @Test("the chain of a name holds every rule about it, in the order in which they count")
    func chain() throws {
        #expect(policy.chain(for: try EgressFixtures.name("secret.example.com")).map { $0.id } == [4, 1, 2])
        #expect(policy.chain(for: try EgressFixtures.name("x.deep.example.com")).map { $0.id } == [3, 2])
        #expect(policy.chain(for: try EgressFixtures.name("git.example.org")).map { $0.id } == [6, 7])
    }

    @Test(
        "only a cidr rule lets an address be dialled, the longest one decides, and special ones are named twice",
        arguments: [
            ("203.0.113.250", 443, nil), ("203.0.113.250", 80, .portNotAllowed), ("203.0.113.251", 443, .directIP),
            ("8.8.4.4", 853, nil), ("8.8.8.8", 853, .portNotAllowed), ("8.8.8.8", 443, nil),
            ("::ffff:8.8.8.8", 443, nil), ("1.1.1.1", 443, .directIP), ("169.254.169.254", 80, .directIP),
            ("2606:4700::1111", 443, .directIP), ("127.0.0.1", 443, .directIP), ("10.20.0.1", 5432, .directIP),
            ("2002:808:808::1", 443, .directIP), ("64:ff9b::808:808", 443, .directIP), ("::8.8.8.8", 443, .directIP),
            ("::ffff:0:808:808", 443, .directIP),
        ] as [(String, UInt16, Denial.Code?)])
    func direct(address: String, port: UInt16, code: Denial.Code?) throws {
        #expect(policy.decide(address: try EgressFixtures.address(address), port: port).denial?.code == code)
    }

    @Test("a wide cidr rule does not hold what is special inside it")
    func wideBlock() throws {
        let wide = try EgressFixtures.policy(["cidr: 64.0.0.0/2, ports: [80]"])
        for (address, code) in [
            ("100.100.100.200", Denial.Code.addressNotPublic), ("127.0.0.1", .addressNotPublic),
            ("100.64.0.1", .addressNotPublic),
        ] {
            #expect(wide.decide(address: try EgressFixtures.address(address), port: 80).denial?.code == code)
        }
        #expect(wide.decide(address: try EgressFixtures.address("66.0.0.1"), port: 80).allowedRule?.id == 0)
    }

    @Test("denied by default: a policy without rules allows no name and no address")
    func empty() throws {
        let empty = EgressPolicy(directIP: .explain, rules: [])
        #expect(empty.decide(name: try EgressFixtures.name("a.example"), port: 443).denial?.code == .nameNotAllowed)
        #expect(empty.decide(address: .v4(0x0808_0808), port: 443).denial?.code == .directIP)
        #expect(!empty.isOpen && !empty.needsAnyPort)
        #expect(empty.listenerPorts == [80, 443])
        #expect(EgressPolicy(directIP: .prohibit, rules: []).listenerPorts == [])
    }

    @Test("an unexpanded registry rule allows nothing")
    func registry() throws {
        let policy = try EgressFixtures.policy(["registry: pip"])
        #expect(!policy.isOpen)
        #expect(policy.isResolvable(try EgressFixtures.name("pip")).denial?.code == .nameNotAllowed)
    }

    @Test("the ports to listen on are those that rules name; 1024 and above need more than listeners")
    func ports() throws {
        #expect(policy.needsAnyPort)
        #expect(policy.listenerPorts == [22, 80, 443, 853, 5432, 8443])
        let low = try EgressFixtures.policy(["host: a.example, ports: [22], tls: raw"], directIP: "prohibit")
        #expect(low.listenerPorts == [22] && !low.needsAnyPort)
        #expect(try EgressFixtures.policy(["host: a.example, ports: any, tls: raw"]).needsAnyPort)
        #expect(try EgressFixtures.policy(["deny: a.example"], directIP: "prohibit").listenerPorts == [])
    }

    @Test("what is spoken follows from port and tls")
    func modes() throws {
        func mode(_ tls: EgressRule.TLS?, _ port: UInt16) throws -> EgressRule.Mode {
            EgressRule(
                origin: "p", reason: "r", target: .host(try #require(HostPattern("a.example"))), tls: tls
            ).mode(for: port)
        }
        #expect(try mode(nil, 443) == .tls)
        #expect(try mode(nil, 80) == .http)
        #expect(try mode(.sni, 80) == .http)
        #expect(try mode(.sni, 8443) == .tls)
        #expect(try mode(.plain, 8080) == .http)
        #expect(try mode(.raw, 443) == .raw)
    }

    @Test(
        "a name's real address must be public, or named by the rule as what it is",
        arguments: [
            (nil, "8.8.8.8", nil), (nil, "10.0.0.1", .addressNotPublic), (nil, "169.254.169.254", .addressNotPublic),
            (nil, "::ffff:127.0.0.1", .addressNotPublic), (nil, "64:ff9b::7f00:1", .addressNotPublic),
            (nil, "100.64.0.1", .addressNotPublic), (nil, "224.0.0.1", .addressNotPublic),
            (nil, "::1", .addressNotPublic),
            (nil, "203.0.113.250", .addressNotPublic), (nil, "0.0.0.0", .addressNotPublic),
            ("10.20.0.0/16", "10.20.1.1", nil), ("10.20.0.0/16", "::ffff:10.20.1.1", nil),
            ("10.20.0.0/16", "10.21.1.1", .addressOutsideRule), ("10.20.0.0/16", "8.8.8.8", .addressOutsideRule),
            ("10.0.0.0/8", "10.0.0.1", nil), ("0.0.0.0/0", "8.8.8.8", nil),
            ("0.0.0.0/0", "10.0.0.1", .addressNotPublic),
            ("8.0.0.0/6", "10.0.0.1", .addressNotPublic), ("169.254.0.0/16", "169.254.1.1", nil),
            ("169.254.0.0/16", "169.254.169.254", .addressNotPublic), ("169.254.169.254/32", "169.254.169.254", nil),
            ("127.0.0.1/32", "127.0.0.1", nil), ("203.0.113.0/24", "203.0.113.250", nil),
            ("fd00::/8", "fd12::1", nil), ("fd00::/8", "fd00:ec2::254", .addressNotPublic),
            ("64:ff9b:1::/48", "64:ff9b:1::808:808", nil), ("64:ff9b:1::/48", "64:ff9b:1::a00:1", .addressNotPublic),
            ("2000::/3", "2001::1", .addressNotPublic), ("2001::/32", "2001::1", nil),
        ] as [(String?, String, Denial.Code?)])
    func vetting(block: String?, address: String, code: Denial.Code?) throws {
        let blocks = try block.map { [try #require(AddressBlock(text: $0))] }
        let rule = EgressRule(
            origin: "p.yaml:1", reason: "r", target: .host(try #require(HostPattern("a.example"))), addresses: blocks)
        switch policy.vet(try EgressFixtures.address(address), for: rule) {
        case .allowed(let named):
            #expect(code == nil)
            #expect(named == (block != nil))
        case .refused(let denial):
            #expect(denial.code == code)
            #expect(denial.rule == rule)
        }
    }

    @Test("a refused address is named with what it wraps, and with the block that would name it")
    func vettingText() throws {
        let rule = policy.rules[0]
        guard case .refused(let denial) = policy.vet(try EgressFixtures.address("64:ff9b::7f00:1"), for: rule) else {
            Issue.record("allowed")
            return
        }
        #expect(
            denial.message == "64:ff9b::7f00:1 (which is 127.0.0.1) is a loopback address of the host, "
                + "and \"host api.example.com\" (p.yaml:7) does not name it")
        #expect(denial.remedy == "If the host belongs there, add \"addresses: [127.0.0.1/32]\" to that rule.")
    }
}

@Suite("addresses of registries")
struct RegistryAddressTests {
    private func verdict(_ text: String, madeFrom: RegistryClient?, addresses: [AddressBlock]? = nil) throws -> Bool {
        let name = try #require(HostName("index.example"))
        let rule = EgressRule(
            origin: "o", reason: "r", target: .host(HostPattern(.exact, name)), addresses: addresses, madeFrom: madeFrom
        )
        let address = try #require(IPAddress(text: text))
        if case .allowed = EgressPolicy(directIP: .explain, rules: [rule]).vet(address, for: rule) { return true }
        return false
    }

    @Test("a rule made from the host's own configuration may lead to a documentation address, and nowhere else special")
    func documentation() throws {
        for text in ["192.0.2.1", "198.51.100.7", "203.0.113.80", "2001:db8::1"] {
            #expect(try verdict(text, madeFrom: .pip))
            #expect(try !verdict(text, madeFrom: nil))
            #expect(try !verdict(text, madeFrom: .pip, addresses: [#require(AddressBlock(text: "9.0.0.0/8"))]))
        }
        for text in [
            "10.0.0.1", "127.0.0.1", "169.254.169.254", "100.64.0.1", "fd00::1", "::ffff:10.0.0.1", "198.18.0.1",
        ] {
            #expect(try !verdict(text, madeFrom: .pip))
        }
    }
}
