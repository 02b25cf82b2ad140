// SPDX-License-Identifier: Apache-2.0
import Documents
import Policy
import Testing

@Suite("explaining a decision")
struct JudgementTests {
    private func profile() throws -> Profile {
        var texts = EgressFixtures.text(EgressDecisionTests.rules)
        texts += "filesystem: {deny: [/workspace/secret], read_only: [/usr, /etc]}\nsyscalls: {deny: [sync]}\n"
        return try ProfileFixtures.load(texts)
    }

    @Test(
        "says what is decided, by which rule, and why not by the others",
        arguments: [
            (
                "api.example.com:443", true, "allowed as TLS to that server name",
                ["decides", "less specific", "less specific"]
            ),
            (
                "api.example.com:22", false,
                "denied: port 22 of api.example.com is not among those of \"host api.example.com\" (p.yaml:7): 443 "
                    + "(port_not_allowed)", ["decides", "less specific", "less specific"]
            ),
            ("API.example.com", true, "allowed", ["decides", "less specific", "less specific"]),
            (
                "secret.example.com:443", false,
                "denied: secret.example.com is denied by \"deny secret.example.com\" (p.yaml:11) (deny_rule)",
                ["denies", "less specific", "less specific"]
            ),
            ("git.example.org:443", true, "allowed as TLS to that server name", ["same name, other ports", "decides"]),
            ("db.example.net:5432", true, "allowed, unread at 10.20.0.0/16", ["decides"]),
            ("plain.example.org:80", true, "allowed as plain HTTP, within the rule's limits", ["decides"]),
            ("other.example:443", false, "denied: no rule names other.example (name_not_allowed)", []),
            ("8.8.8.8:443", true, "allowed, unread", ["decides", "less specific"]),
            ("8.8.4.4", true, "allowed", ["holds it"]),
            (
                "169.254.169.254", false,
                "denied: 169.254.169.254 was dialled as an address, and no cidr rule holds it (direct_ip)", []
            ),
            ("[::ffff:8.8.8.8]:443", true, "allowed, unread", ["decides", "less specific"]),
            ("10.20.1.1", true, "allowed for names: \"host db.example.net\" may lead there", ["names it"]),
            ("/workspace/src", true, "writable", ["decides"]),
            ("/workspace/secret/key", false, "denied", ["decides", "less specific"]),
            ("/usr/bin/env", true, "read-only", ["decides"]), ("/root", false, "denied", []),
            ("read", true, "allowed", ["decides"]), ("mount", false, "denied", ["decides"]),
            ("sync", false, "denied", ["decides", "denies"]), ("socket", true, "allowed for some arguments", nil),
        ] as [(String, Bool, String, [String]?)])
    func judge(text: String, isAllowed: Bool, verdict: String, effects: [String]?) throws {
        let judgement = try profile().judge(try Subject(text))
        #expect(judgement.isAllowed == isAllowed)
        #expect(judgement.verdict == verdict)
        if let effects { #expect(judgement.steps.map { $0.effect } == effects, "\(judgement.steps)") }
        #expect((judgement.remedy == nil) == isAllowed)
        #expect(try JSON.read(Array(judgement.json.compactText.utf8), file: "j") == judgement.json)
    }

    @Test(
        "what is no subject says what one is",
        arguments: [
            "", "a b", "a.example:0", "a.example:70000", "a.example:x", "1.2.3", "/a/../b", "127.1:80", "mounnt.",
            "[::1",
        ])
    func noSubject(text: String) {
        let flaw = #expect(throws: Subject.Flaw.self) { try Subject(text) }
        #expect(flaw?.reason.isEmpty == false && flaw?.remedy.hasSuffix(".") == true)
    }

    static let assertions: [(String, Bool)] = [
        ("allow api.example.com:443", true), ("allow api.example.com:22", false), ("deny api.example.com:22", true),
        ("deny 169.254.169.254", true), ("deny 10.20.1.1", false), ("deny 10.20.1.1:5432", true),
        ("allow 8.8.8.8:443", true), ("allow other.example", false), ("deny other.example", true),
        ("write /workspace", true), ("write /usr", false), ("allow /usr", true), ("deny /root", true),
        ("deny mount", true),
    ]

    @Test("a profile's tests hold it against what its author expects")
    func tests() throws {
        let lines = Self.assertions.map { "  - \"\($0.0)\"\n" }.joined()
        let text = EgressFixtures.text(EgressDecisionTests.rules) + "tests:\n" + lines
        let results = try ProfileFixtures.load(text).runTests()
        #expect(results.map { $0.holds } == Self.assertions.map { $0.1 })
        #expect(results.map { $0.assertion.text } == Self.assertions.map { $0.0 })
        #expect(results.first?.origin == "p.yaml:22")
    }

    @Test("tests decide nothing, are not inherited, and are refused where they cannot be read")
    func testsKey() throws {
        let with = try ProfileFixtures.load(ProfileFixtures.overStrict("tests: [deny mount]"))
        #expect(with.tests.count == 1)
        #expect(try with.canonicalText == ProfileFixtures.strict().canonicalText)
        let source = ProfileFixtures.source([
            "one": ProfileFixtures.overStrict("tests: [deny mount]"), "p": "version: 1\nreason: x\nextends: [one]\n",
        ])
        #expect(try Profile.load(name: "p", source: source).tests.isEmpty)
        for (written, message) in [
            ("[mount]", "tests[0] is \"mount\", which is no assertion"),
            ("[write mount]", "tests[0] is \"write mount\", which writes to what is no path"),
            (
                "[allow 1.2.3]",
                "tests[0] is \"allow 1.2.3\", which is neither a path, nor a host or address, nor a socket, nor a system call"
            ),
        ] {
            let error = #expect(throws: PolicyError.self) {
                try ProfileFixtures.load(ProfileFixtures.overStrict("tests: \(written)"))
            }
            #expect(error?.message == message)
            #expect(error?.line == 4)
        }
    }

    @Test("the difference of two profiles is told in grants")
    func changes() throws {
        let strict = try ProfileFixtures.strict()
        #expect(strict.changes(to: strict).isEmpty)
        let other = try ProfileFixtures.load(
            ProfileFixtures.overStrict(
                "limits: {pids: 64, memory: 3GiB}\nenvironment: {pass: [LANG], set: {CI: \"1\"}}\n"
                    + "filesystem: {deny: [/workspace/x], writable: [/workspace]}\nsyscalls: {deny: [tee]}\n"
                    + "egress: {direct_ip: prohibit, rules: [{host: api.example.com, reason: x}, "
                    + "{host: db.example.com, ports: [22, 5432], tls: raw, addresses: [10.0.0.0/8], reason: x}, "
                    + "{deny: bad.example, reason: x}, {registry: pip, reason: x}]}"))
        let texts = strict.changes(to: other).map { $0.text }
        #expect(
            texts == [
                "removes write /dev/shm", "removes write /tmp", "removes call tee", "removes pass LC_ALL",
                "removes pass TERM",
                "removes pass COLORTERM", "removes pass NO_COLOR", "removes pass TZ", "adds deny /workspace/x",
                "adds set CI (\"1\")", "lowers limits.pids from 256 to 64", "raises limits.memory from 2GiB to 3GiB",
                "changes egress.direct_ip from explain to prohibit", "adds connect api.example.com:443 (tls)",
                "adds connect db.example.com:22 (raw, addresses 10.0.0.0/8)",
                "adds connect db.example.com:5432 (raw, addresses 10.0.0.0/8)", "adds deny bad.example",
                "adds registry pip",
            ])
        let back = other.changes(to: strict)
        #expect(back.count == texts.count)
        #expect(back.contains { $0.text == "removes connect api.example.com:443 (tls)" })
        let raw = try EgressFixtures.profile(["host: api.example.com, tls: raw"])
        #expect(
            try EgressFixtures.profile(["host: api.example.com"]).changes(to: raw).map { $0.text }
                == ["changes connect api.example.com:443 from tls to raw"])
    }
}
