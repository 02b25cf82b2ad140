// SPDX-License-Identifier: Apache-2.0
import Documents
import Policy
import Testing

/// What a profile may not say of the network: each with its place and what to write instead.
@Suite("egress rules that are refused")
struct EgressLoadTests {
    struct Flaw: Sendable, CustomTestStringConvertible {
        var rules: [String]
        var error: String
        var testDescription: String { error }
        init(_ rule: String, _ error: String) {
            rules = [rule]
            self.error = error
        }
        init(_ rules: [String], _ error: String) {
            self.rules = rules
            self.error = error
        }
    }

    static let long = Array(repeating: String(repeating: "a", count: 63), count: 4).joined(separator: ".")

    static let hosts: [Flaw] = [
        .init(
            "host: \"*.com\"", ".host is \"*.com\", wider than one registrable domain. Name the hosts the task needs."),
        .init(
            "host: \"**.co.uk\"",
            ".host is \"**.co.uk\", wider than one registrable domain: strangers get names below co.uk. "
                + "Name the hosts the task needs."),
        .init(
            "host: \"*.github.io\"",
            ".host is \"*.github.io\", wider than one registrable domain: strangers get names below github.io. "
                + "Name the hosts the task needs."),
        .init("host: \"*\"", ".host is \"*\", every name there is. Name the hosts the task needs."),
        .init(
            "host: api.*.example.com",
            ".host is \"api.*.example.com\", with a \"*\" that is not the whole first label. "
                + "Write \"*.\" in front for exactly one label, \"**.\" for one or more."),
        .init("host: example.com.", ".host is \"example.com.\", which ends in a dot. Write \"example.com\"."),
        .init("host: a..example", ".host is \"a..example\", which has an empty part between two dots. Remove one dot."),
        .init(
            "host: API.example.com", ".host is \"API.example.com\", with capital letters. Write \"api.example.com\"."),
        .init(
            "host: https://api.example.com/v1",
            ".host is \"https://api.example.com/v1\", a URL. Write the host alone: \"api.example.com\"."),
        .init(
            "host: \"api.example.com:8443\"",
            ".host is \"api.example.com:8443\", with a port. "
                + "Write \"api.example.com\", and \"ports: [8443]\" beside it."),
        .init(
            "host: 203.0.113.7",
            ".host is \"203.0.113.7\", an address. Write \"cidr: 203.0.113.7/32\" to let it be dialled as such."),
        .init(
            "host: \"0x7f.1\"",
            ".host is \"0x7f.1\", which ends in a number, so that programs take it for an address. "
                + "Write \"cidr:\" with the plain address."),
        .init(
            "host: \(long)",
            ".host is \"\(long)\", which is longer than the 253 characters of a host name. Shorten it."),
        .init(
            "host: m\u{fc}nchen.example",
            ".host is \"m\u{fc}nchen.example\", which has letters outside ASCII. "
                + "Write its xn-- form, the one that DNS knows."),
        .init(
            "host: xn--80ak6aa92e.com",
            ".host is \"xn--80ak6aa92e.com\", which reads as \"\u{430}\u{440}\u{440}\u{4CF}\u{435}\" "
                + "in letters that only look Latin. "
                + "Such a name is made to be taken for another; write the one you mean."),
        .init(
            "host: xn--pypal-4ve.com",
            ".host is \"xn--pypal-4ve.com\", which reads as \"p\u{430}ypal\" in letters of several scripts. "
                + "Such a name is made to be taken for another; write the one you mean."),
        .init(
            "host: xn--0.example",
            ".host is \"xn--0.example\", where \"xn--0\" decodes to no name. Copy the name from its owner."),
        .init(
            "host: \"a\\tb\"",
            ".host is \"a\\u{9}b\", which holds \"\\u{9}\". Write letters, digits, hyphens and dots only."),
    ]

    static let keys: [Flaw] = [
        .init("hots: a.example", ": unknown key \"egress.rules[0].hots\". Did you mean \"host\"?"),
        .init("host: a.example, prots: [443]", ": unknown key \"egress.rules[0].prots\". Did you mean \"ports\"?"),
        .init("host: a.example, ports: [0]", ".ports[0] is \"0\". Write a port number from 1 to 65535."),
        .init("host: a.example, ports: [70000]", ".ports[0] is \"70000\". Write a port number from 1 to 65535."),
        .init("host: a.example, ports: [0443]", ".ports[0] is \"0443\". Write a port number from 1 to 65535."),
        .init(
            "host: a.example, ports: []", ".ports is an empty list, which allows no port. Name the ports, or remove it."
        ),
        .init("host: a.example, ports: [443, 443]", ".ports[1] is 443 a second time. Keep one of the two."),
        .init(
            "host: a.example, ports: [53], tls: raw",
            ".ports[0] is 53, the port of the session's own resolver, which answers from policy alone. "
                + "Remove it: names that rules allow resolve without it."),
        .init(
            "host: a.example, ports: all",
            ".ports is \"all\" where a list of ports is meant. Write a list such as [443], or any."),
        .init(
            "host: a.example, ports: [5432]",
            ".ports names port 5432, and nothing says what is spoken there. "
                + "Add \"tls: sni\" for TLS, \"tls: none\" for plain HTTP, or \"tls: raw\" for anything else."),
        .init(
            "host: a.example, ports: [80], tls: sni",
            ".tls is sni with port 80 alone, where plain HTTP is spoken. Remove it, or name port 443."),
        .init(
            "host: a.example, tls: intercept",
            ".tls is intercept, which is not in this version. Write sni; what is inside stays unseen."),
        .init(
            "host: a.example, tls: snii", ".tls is \"snii\". Did you mean \"sni\"? Write sni, none, raw or intercept."),
        .init(
            "host: a.example, http: {methods: [GET]}",
            ".http limits requests on port 443, where they are not seen. "
                + "Give plain HTTP a rule of its own (ports: [80]), or remove the limits."),
        .init(
            "host: a.example, ports: [80], http: {}", ".http says nothing. Write methods, paths or both, or remove it."),
        .init(
            "host: a.example, ports: [80], http: {methods: []}",
            ".http.methods is an empty list, which allows no request. Name the methods, or remove it."),
        .init(
            "host: a.example, ports: [80], http: {methods: [get]}",
            ".http.methods[0] is \"get\", which is no method. Write it in capitals, like GET."),
        .init(
            "host: a.example, ports: [80], http: {methods: [CONNECT]}",
            ".http.methods[0] is CONNECT, which no rule opens. Name the host it should lead to."),
        .init(
            "host: a.example, ports: [80], http: {paths: [/a/../b]}",
            ".http.paths[0] is \"/a/../b\", which is no plain path. "
                + "Begin it with \"/\"; end it with \"/\" for all below it; no \"..\", \"*\", \"?\" or \"//\"."),
        .init(
            "host: a.example, addresses: []",
            ".addresses is an empty list, which allows no address. Name the blocks, or remove it for public ones."),
        .init(
            "host: a.example, addresses: [10.0.0.1/8]",
            ".addresses[0] is \"10.0.0.1/8\", which has bits behind its length. Write \"10.0.0.0/8\"."),
        .init(
            "host: a.example, addresses: [10.0.0.1]",
            ".addresses[0] is \"10.0.0.1\", which has no length. Write \"10.0.0.1/32\" for this one address."),
        .init(
            "host: a.example, addresses: [224.0.0.0/4]",
            ".addresses[0] is \"224.0.0.0/4\", a multicast address, where no connection can go. Remove it."),
        .init("host: a.example, when_absent: skip", ".when_absent means nothing without registry. Remove it."),
        .init("host: a.example, max_names: 4", ".max_names means nothing beside one exact name. Remove it."),
        .init("host: \"*.a.example\", max_names: 0", ".max_names is \"0\". Write a number of names from 1 to 4096."),
        .init(
            "host: a.example, ports: [22], tls: raw, ech: allow",
            ".ech means nothing where no port of the rule is TLS. Remove it."),
        .init(
            "deny: a.example, ports: [443]", ".ports means nothing in a deny rule, which denies every port. Remove it."),
        .init(
            "registry: pip, ports: [443]",
            ".ports means nothing beside registry: the client's own configuration says it. Remove it."),
        .init("registry: pipp", ".registry is \"pipp\". Did you mean \"pip\"? Write pip, apt, npm, cargo or go."),
        .init(
            "cidr: 10.0.0.0/8",
            ".cidr is \"10.0.0.0/8\", a private address, which is always refused unless the rule says so twice. "
                + "Add \"addresses: [10.0.0.0/8]\" if that is what the task needs."),
        .init(
            "cidr: 169.254.169.254/32, addresses: [169.254.0.0/16]",
            ".cidr is \"169.254.169.254/32\", a cloud's metadata service, "
                + "which is always refused unless the rule says so twice. "
                + "Add \"addresses: [169.254.169.254/32]\" if that is what the task needs."),
        .init(
            "cidr: 0.0.0.0/0", ".cidr is \"0.0.0.0/0\", every address there is. Name the blocks the task needs."),
        .init(
            "cidr: 224.0.0.1/32",
            ".cidr is \"224.0.0.1/32\", a multicast address, where no connection can go. Remove the rule."),
        .init(
            "cidr: 8.8.8.0/24, tls: sni",
            ".tls means nothing beside cidr: an address is no name that a server name could be compared with. "
                + "Write raw, or remove it."),
        .init(
            "cidr: 8.8.8.8/33",
            ".cidr is \"8.8.8.8/33\", which is no address block. "
                + "Write it like 203.0.113.0/24 or 2001:db8::/32."),
        .init(
            "cidr: 8.8.8.0/24, http: {methods: [GET]}",
            ".http means nothing beside cidr, where no name is seen. Remove it."),
    ]

    @Test(
        "a rule that cannot be meant is refused with its place, the nearest word and a remedy", arguments: hosts + keys)
    func refused(_ c: Flaw) {
        let error = #expect(throws: PolicyError.self) { try EgressFixtures.policy(c.rules) }
        let head =
            c.error.hasPrefix(":") ? "cannot load profile p.yaml:7" : "cannot load profile p.yaml:7: egress.rules[0]"
        #expect(error?.description == head + c.error)
    }

    static let pairs: [Flaw] = [
        .init(
            ["host: a.example", "host: a.example"],
            "is \"host a.example\" a second time, first at p.yaml:7. Keep one of the two."),
        .init(
            ["host: a.example", "host: a.example, ports: [443, 8443], tls: sni"],
            "is \"host a.example ports 443,8443 tls sni\", which contradicts \"host a.example ports 443\" of p.yaml:7. "
                + "Keep one of the two, or give them different ports."),
        .init(
            ["host: a.example, ports: any, tls: raw", "host: a.example"],
            "is \"host a.example ports 443\", which contradicts \"host a.example ports any tls raw\" of p.yaml:7. "
                + "Keep one of the two, or give them different ports."),
        .init(
            ["host: a.example", "host: a.example, tls: raw"],
            "is \"host a.example ports 443 tls raw\", which contradicts \"host a.example ports 443\" of p.yaml:7. "
                + "Keep one of the two, or give them different ports."),
        .init(
            ["deny: a.example", "host: a.example"],
            "is \"host a.example\" and can never hold: \"deny a.example\" of p.yaml:7 always wins. Keep one of the two."
        ),
        .init(
            ["deny: \"**.example\"", "host: \"*.a.example\""],
            "is \"host *.a.example\" and can never hold: \"deny **.example\" of p.yaml:7 always wins. "
                + "Keep one of the two."),
        .init(
            ["registry: pip", "registry: pip, addresses: [10.0.0.0/8]"],
            "is \"registry pip addresses 10.0.0.0/8\", which contradicts \"registry pip\" of p.yaml:7. "
                + "Keep one of the two, or give them different ports."),
        .init(
            ["cidr: 8.8.8.0/24", "cidr: 8.8.8.0/24, ports: [443, 853]"],
            "is \"cidr 8.8.8.0/24 ports 443,853\", which contradicts \"cidr 8.8.8.0/24 ports 443\" of p.yaml:7. "
                + "Keep one of the two, or give them different ports."),
    ]

    @Test("two rules that contradict are refused, whichever stands first", arguments: pairs)
    func contradictions(_ c: Flaw) throws {
        let error = #expect(throws: PolicyError.self) { try EgressFixtures.policy(c.rules) }
        #expect(error?.description == "cannot load profile p.yaml:8: egress.rules[1] " + c.error)
        let findings = try ProfileFixtures.resolve(EgressFixtures.text(c.rules)).lint()
        #expect(findings.filter { $0.severity == .error }.count == 1)
        #expect(throws: PolicyError.self) { try EgressFixtures.policy(c.rules.reversed()) }
    }

    @Test("rules for one host with different ports, and a denial inside a wildcard, do not contradict")
    func agreeing() throws {
        let policy = try EgressFixtures.policy([
            "host: a.example", "host: a.example, ports: [22], tls: raw", "host: \"*.b.example\"", "deny: x.b.example",
        ])
        #expect(policy.rules.map { $0.id } == [0, 1, 2, 3])
        #expect(policy.rules.map { $0.origin } == ["p.yaml:7", "p.yaml:8", "p.yaml:9", "p.yaml:10"])
        #expect(policy.rules[2].maxNames == 256)
    }

    @Test("NUL is refused in the file and behind an escape")
    func nul() {
        for text in ["host: \"a\u{0}.example\"", "host: \"a\\0.example\""] {
            let error = #expect(throws: PolicyError.self) { try EgressFixtures.policy([text]) }
            #expect(error?.line == 7)
            #expect(error?.message.contains("NUL") == true)
        }
    }

    static let warnings: [(String, String)] = [
        ("host: github.com", "is \"github.com\", a forge: with a credential of its own a task can write there"),
        ("host: gist.github.com", "is \"gist.github.com\", a place to leave text and files for strangers"),
        (
            "host: s3.eu-west-1.amazonaws.com",
            "is \"s3.eu-west-1.amazonaws.com\", an object store: anybody's bucket answers there, to reads and to uploads"
        ),
        (
            "host: \"**.googleapis.com\"",
            "is \"**.googleapis.com\", which takes in content-storage.googleapis.com, "
                + "an object store: anybody's bucket answers there, to reads and to uploads"
        ),
        ("host: dns.google", "is \"dns.google\", a resolver over HTTPS: questions about any name leave through it"),
        ("host: x.oastify.com", "is \"x.oastify.com\", a relay that hands requests to strangers"),
        ("host: a.b.ngrok.io", "is \"a.b.ngrok.io\", a forwarder: it fetches any other site for whoever asks"),
        ("host: 10-0-0-1.nip.io", "is \"10-0-0-1.nip.io\", a service whose names lead to any address at all"),
        ("host: db", "is \"db\", a name of one label: this host's search list decides what it leads to"),
        ("host: a.example, tls: raw", "is raw on port 443, where the server name could be compared and is not"),
        (
            "host: a.example, ech: allow",
            "allows encrypted client hellos, which can hide another name of the same operator"
        ),
        (
            "host: a.example, ports: [3128], tls: raw",
            "names port 3128, where forward proxies listen: through one everything is reached"
        ),
        (
            "host: a.example, addresses: [169.254.169.254/32]",
            "names 169.254.169.254/32, which hands out credentials"
        ),
    ]

    @Test("a rule that gives away more than it says is a warning", arguments: warnings)
    func warning(rule: String, message: String) throws {
        let findings = try EgressFixtures.profile([rule]).lint()
        #expect(findings.map { $0.message } == ["egress.rules[0] " + message])
        #expect(findings.first?.severity == .warning)
        #expect(findings.first?.place.description == "p.yaml:7")
    }

    @Test(
        "ordinary hosts are no finding",
        arguments: [
            "host: api.example.com", "host: my-bucket.s3.amazonaws.com", "host: me.github.io",
            "host: \"*.example.co.uk\"",
            "host: xn--mnchen-3ya.example", "host: xn--e1afmkfd.example", "host: xn--p8j9a0d9c9a.example",
            "host: \"**.corp.example\"", "deny: \"**.com\"", "deny: \"*.github.io\"", "host: web.de",
            "cidr: 8.8.8.0/24",
            "host: a.example, ports: [80, 443]",
            "host: a.example, ports: [80], http: {methods: [GET], paths: [/a, /b/]}",
        ])
    func quiet(rule: String) throws { #expect(try EgressFixtures.profile([rule]).lint().isEmpty) }

    @Test("a name behind xn-- is shown with its letters")
    func decoded() throws {
        let name = try EgressFixtures.name("www.xn--mnchen-3ya.example")
        #expect(name.decoded == "www.m\u{fc}nchen.example")
        #expect(try EgressFixtures.name("www.example").decoded == nil)
        let line = try EgressFixtures.profile(["host: xn--mnchen-3ya.example"]).show().first {
            $0.key == "egress.rules[0]"
        }
        #expect(line?.value == "host xn--mnchen-3ya.example (m\u{fc}nchen.example) ports 443")
    }
}
