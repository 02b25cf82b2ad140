// SPDX-License-Identifier: Apache-2.0
import Documents
import Policy
import Testing

@Suite("indexes of packages")
struct PackageServiceTests {
    private static func read(_ indexes: String) throws -> PackageService {
        try PackageService(Array("version: 1\nindexes:\n\(indexes)\n".utf8), file: "packages.yaml")
    }

    private static let two = """
          acme: {upstream: "https://packages.acme.example/simple", packages: [acme-*, tool], credential: "env:INDEX", send: bearer}
          rest: {upstream: "https://index.example/simple/", downloads: ["https://files.example"], packages: ["*", acme-open-*],
                 min_age_days: 7, wheels_only: true, addresses: [10.1.0.0/16], ca_file: /etc/ca.pem}
        """

    @Test(
        "a name has one form, whatever its separators and letters",
        arguments: [
            ("Acme.Tool_2", "acme-tool-2"), ("a", "a"), ("A--B", "a-b"), ("a._-b", "a-b"),
            ("zope.interface", "zope-interface"),
        ])
    func names(written: String, text: String) { #expect(PackageName(written)?.text == text) }

    @Test("what is no name is none", arguments: ["", "-a", "a-", ".a", "a/b", "a b", "ä", "a%62", "a\0", "a+b", "a\n"])
    func noNames(text: String) { #expect(PackageName(text) == nil) }

    @Test("no name is too long", arguments: [128, 129])
    func length(count: Int) {
        #expect((PackageName(String(repeating: "a", count: count)) != nil) == (count == 128))
    }

    @Test(
        "a name belongs to the index that says most about it",
        arguments: [
            ("acme-tool", "acme"), ("acme-open-tool", "rest"), ("acme-open", "acme"), ("tool", "acme"),
            ("tools", "rest"),
            ("acme", "rest"), ("requests", "rest"), ("ACME_Secret", "acme"),
        ])
    func owners(name: String, index: String) throws {
        let service = try Self.read(Self.two)
        let asked = try #require(PackageName(name))
        let owner = try #require(service.owner(of: asked))
        #expect(service.indexes[owner].name == index)
    }

    @Test("without an index for the rest a name may be nobody's")
    func nobody() throws {
        let service = try Self.read("  a: {upstream: \"https://a.example\", packages: [acme-*]}")
        let bare = try #require(PackageName("acme"))
        let longer = try #require(PackageName("acme-x"))
        #expect(service.owner(of: bare) == nil && service.owner(of: longer) == 0)
    }

    @Test("comes back from its own document as it was")
    func roundTrip() throws {
        let service = try Self.read(Self.two)
        let rest = service.indexes[1]
        #expect(rest.minimumAgeDays == 7 && rest.wheelsOnly && rest.downloads.count == 1 && rest.authorities != nil)
        #expect(service.indexes[0].scheme == .bearer && service.indexes[0].credential == "env:INDEX")
        #expect(try PackageService(JSONWriter().write(service.json), file: "memfd") == service)
        let whole = PackageConfiguration(session: "s-abcdefghijkl", hosts: [], service: service)
        #expect(try PackageConfiguration(json: whole.json) == whole)
        #expect(whole.egress.policy.rules.count == 3)
    }

    @Test(
        "refuses a file that leaves open who has a name, or whom a password goes to",
        arguments: [
            ("  a: {packages: [x]}", "it has no \"upstream\""),
            ("  a: {upstream: \"https://a.example\"}", "it has no \"packages\""),
            ("  a: {upstream: \"https://a.example\", packages: []}", "is an empty list"),
            ("  a: {upstream: \"https://a.example\", packages: [Acme]}", "no name in its one form"),
            ("  a: {upstream: \"https://a.example\", packages: [a_b]}", "no name in its one form"),
            ("  a: {upstream: \"https://a.example\", packages: [a*b]}", "no name in its one form"),
            ("  a: {upstream: \"https://a.example\", packages: [x, x]}", "a second time"),
            ("  a: {upstream: \"http://a.example\", packages: [x]}", "is http"),
            ("  a: {upstream: \"https://u:p@a.example\", packages: [x]}", "a name or a password"),
            ("  a: {upstream: \"https://a.example\", packages: [x], send: basic}", "says how nothing is sent"),
            ("  a: {upstream: \"https://a.example\", packages: [x], min_age_days: 0}", "no number of days"),
            ("  a: {upstream: \"https://a.example\", packages: [x], wheels_only: yes}", "neither true nor false"),
            (
                "  a: {upstream: \"https://a.example\", packages: [x], downloads: [\"https://b.example/x\"]}",
                "is a path"
            ),
            ("  a: {upstream: \"https://a.example\", packages: [x], index: b}", "unknown key"),
            ("  A: {upstream: \"https://a.example\", packages: [x]}", "has no plain name"),
            ("  {}", "names 0 indexes"),
            (
                "  a: {upstream: \"https://a.example\", packages: [x]}\n  b: {upstream: \"https://b.example\", packages: [x]}",
                "belongs to \"a\" already"
            ),
        ])
    func refused(indexes: String, message: String) {
        let error = #expect(throws: PolicyError.self) { try Self.read(indexes) }
        #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
    }

    @Test("a policy that leads to an index, or to pip's own, leads past the broker")
    func around() throws {
        let service = try Self.read(Self.two)
        func policy(_ target: EgressRule.Target, ports: EgressRule.Ports = .list([443])) -> EgressPolicy {
            EgressPolicy(
                directIP: .explain,
                rules: [EgressRule(origin: "p.yaml:1", reason: "A test.", target: target, ports: ports)])
        }
        func host(_ text: String) throws -> EgressRule.Target { .host(try #require(HostPattern(text))) }
        for target in [
            try host("index.example"), try host("files.example"), try host("*.acme.example"), .registry(.pip),
        ] {
            #expect(policy(target).wayAround(service) != nil, "\(target)")
        }
        #expect(policy(try host("index.example"), ports: .any).wayAround(service) != nil)
        #expect(policy(try host("other.example")).wayAround(service) == nil)
        #expect(policy(try host("index.example"), ports: .list([22])).wayAround(service) == nil)
        #expect(policy(.registry(.npm)).wayAround(service) == nil)
    }
}
