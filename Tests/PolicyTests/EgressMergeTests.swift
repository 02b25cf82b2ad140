// SPDX-License-Identifier: Apache-2.0
import Documents
import Policy
import Testing

@Suite("egress rules of several files")
struct EgressMergeTests {
    private static let parents = [
        "one":
            "version: 1\nreason: x\nextends: [strict]\negress: {rules: [{host: one.example, reason: x}, {deny: bad.example, reason: x}]}\n",
        "two": "version: 1\nreason: x\nextends: [strict]\negress: {rules: [{host: two.example, reason: x}]}\n",
    ]

    private func load(_ text: String) throws(PolicyError) -> Profile {
        var texts = Self.parents
        texts["p"] = "version: 1\nreason: x\n" + text + "\n"
        return try Profile.load(name: "p", source: ProfileFixtures.source(texts))
    }

    @Test("rules add up over what is extended, each once")
    func union() throws {
        let profile = try load("extends: [one, two, one]\negress: {rules: [{host: p.example, reason: x}]}")
        #expect(
            profile.egress.rules.map { $0.text } == [
                "host one.example ports 443", "deny bad.example", "host two.example ports 443",
                "host p.example ports 443",
            ])
        #expect(profile.egress.rules.map { $0.id } == [0, 1, 2, 3])
        #expect(profile.origins["egress.rules[2]"]?.description == "two.yaml:4")
    }

    @Test("an empty list behind rules would take nothing away, and is refused")
    func emptyList() throws {
        let error = #expect(throws: PolicyError.self) { try load("extends: [one]\negress: {rules: []}") }
        #expect(
            error?.description
                == "cannot load profile p.yaml:4: egress.rules is an empty list, which takes nothing away from the rules "
                + "of one.yaml:4. Remove it; to let nothing leave, extend no profile that has rules.")
        #expect(try load("extends: [strict]\negress: {rules: []}").egress.rules.isEmpty)
    }

    @Test("a rule cannot stand against a denial of what it extends")
    func denial() {
        let error = #expect(throws: PolicyError.self) {
            try load("extends: [one]\negress: {rules: [{host: bad.example, reason: x}]}")
        }
        #expect(error?.message.hasSuffix("can never hold: \"deny bad.example\" of one.yaml:4 always wins") == true)
        #expect(error?.file == "p.yaml")
    }

    private func expand(_ client: RegistryClient, _ rule: EgressRule) -> [EgressRule] {
        ["index.example", "files.example"].map { name in
            EgressRule(
                origin: "registry \(client.rawValue) (conf:1)", reason: rule.reason,
                target: .host(HostPattern(.exact, HostName(name)!)), addresses: rule.addresses)  // Constants.
        }
    }

    @Test("a registry rule becomes the hosts of its client, each once")
    func registries() throws {
        let profile = try load(
            "extends: [strict]\negress: {rules: [{registry: pip, reason: x}, {host: files.example, reason: x}, "
                + "{registry: npm, reason: x}]}")
        let expanded = try profile.expandingRegistries(expand)
        #expect(
            expanded.egress.rules.map { $0.text } == ["host files.example ports 443", "host index.example ports 443"])
        #expect(expanded.egress.rules[1].origin == "registry pip (conf:1)")
        #expect(expanded.origins["egress.rules[1]"]?.description == "p.yaml:4")
        #expect(expanded.egress.isOpen)
    }

    @Test("a host that the profile itself opens further stays as it is written")
    func registryImplied() throws {
        let profile = try load(
            "extends: [strict]\negress: {rules: [{host: files.example, ports: [443, 8443], tls: sni, reason: x}, "
                + "{host: index.example, reason: x}, {registry: pip, reason: x}]}")
        #expect(
            try profile.expandingRegistries(expand).egress.rules.map { $0.text }
                == ["host files.example ports 443,8443 tls sni", "host index.example ports 443"])
    }

    @Test("a registry rule whose host the profile limits otherwise is a contradiction")
    func registryContradiction() throws {
        let profile = try load(
            "extends: [strict]\negress: {rules: [{host: files.example, addresses: [8.0.0.0/8], reason: x}, {registry: pip, reason: x}]}"
        )
        let error = #expect(throws: PolicyError.self) { try profile.expandingRegistries(expand) }
        #expect(
            error?.message.contains(
                "which contradicts \"host files.example ports 443 addresses 8.0.0.0/8\" of p.yaml:4") == true)
    }
}
