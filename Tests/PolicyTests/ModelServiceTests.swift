// SPDX-License-Identifier: Apache-2.0
import Documents
import Policy
import Testing

@Suite("model files")
struct ModelServiceTests {
    private static let api = "apis: {openai-chat: {upstream: \"https://a.test/v\", credential: \"file:/k\"}}"
    private static let least = ["version: 1", api, "models: [m]", "budget_usd: 1"]

    private func read(_ lines: [String]) throws(PolicyError) -> ModelService {
        try ModelService(Array(lines.joined(separator: "\n").utf8), file: "model.yaml")
    }

    @Test("a whole one is read, and written the same")
    func whole() throws {
        let service = try read([
            "version: 1", "apis:",
            "  anthropic-messages: {upstream: \"https://a.test\", credential: \"env:KEY\", send: bearer}",
            "  gemini: {upstream: \"http://127.0.0.1:8080/x/y/\", credential: \"credential:g\", ca_file: /ca}",
            "models: [\"m-*\", k]", "budget_usd: 0.25", "turns: 7", "max_output_tokens: 900",
            "vendor_tools: [\"web_search*\"]", "grants: [stored_state]", "body_keys: [new_key]", "prices: /prices.yaml",
        ])
        #expect(service.upstreams.map(\.api) == [.anthropicMessages, .gemini])
        #expect(
            service.upstreams.map(\.authorization) == [
                .field(.bearer, credential: "env:KEY"), .field(.googleKey, credential: "credential:g"),
            ])
        #expect(service.upstreams.map { "\($0.origin)" } == ["https://a.test:443", "http://127.0.0.1:8080/x/y"])
        #expect(service.budget == 250_000 && service.turns == 7 && service.outputTokens == 900)
        #expect(service.grants == [.storedState] && service.bodyKeys == ["new_key"] && service.prices == "/prices.yaml")
        let again = try ModelService(JSONWriter().write(service.json), file: "x")
        #expect(again == service)
        let configuration = ModelConfiguration(
            session: "s", hosts: [], service: service, prices: "text", pricesFile: "/prices.yaml")
        #expect(try ModelConfiguration(json: configuration.json) == configuration)
    }

    private static let keys = "region: eu-central-1, access_key_id: \"env:ID\", secret_access_key: \"file:/s\""

    private func bedrock(_ text: String) throws(PolicyError) -> ModelService {
        try read([
            "version: 1", "apis: {bedrock: {upstream: \"https://a.test\", \(text)}}", "models: [m]", "budget_usd: 1",
        ])
    }

    @Test("requests to AWS may be signed, with credentials in places of their own")
    func signed() throws {
        for (text, token) in [
            ("sigv4: {\(Self.keys)}", nil), ("sigv4: {\(Self.keys), session_token: \"file:/t\"}", "file:/t"),
        ] {
            let service = try bedrock(text)
            let signature = ModelService.Signature(
                region: "eu-central-1", accessKey: "env:ID", secretKey: "file:/s", sessionToken: token)
            #expect(service.upstreams.map(\.authorization) == [.signature(signature)])
            #expect(
                service.upstreams[0].authorization.credentials == ["env:ID", "file:/s"] + (token.map { [$0] } ?? []))
            #expect(try ModelService(JSONWriter().write(service.json), file: "x") == service)
        }
    }

    @Test(
        "a signature that is not whole, or beside a key, is refused",
        arguments: [
            ("sigv4: {region: r}", "it has no \"access_key_id\""),
            ("sigv4: {access_key_id: \"env:I\", secret_access_key: \"env:S\"}", "it has no \"region\""),
            ("sigv4: {region: \"R/x\", access_key_id: \"env:I\", secret_access_key: \"env:S\"}", "which is none"),
            ("credential: \"env:K\", sigv4: {\(keys)}", "stands beside sigv4"),
            ("send: bearer, sigv4: {\(keys)}", "stands beside sigv4"),
            ("sigv4: {\(keys), colour: blue}", "unknown key \"apis.bedrock.sigv4.colour\""),
        ])
    func unsigned(_ text: String, _ words: String) throws {
        let error = try #require(throws: PolicyError.self) { try bedrock(text) }
        #expect(error.description.contains(words), "\(error)")
    }

    @Test("no other API is signed for")
    func foreign() throws {
        let error = try #require(throws: PolicyError.self) {
            try read([
                "version: 1", "apis: {gemini: {upstream: \"https://a.test\", sigv4: {\(Self.keys)}}}", "models: [m]",
                "budget_usd: 1",
            ])
        }
        #expect(error.description.contains("sigv4 is for bedrock alone"), "\(error)")
    }

    @Test("limits that are not said have their defaults")
    func defaults() throws {
        let service = try read(Self.least)
        #expect(service.turns == 100 && service.outputTokens == 32_000 && service.vendorTools == [])
        #expect(service.prices == nil && service.grants == [] && service.budget == 1_000_000)
    }

    @Test(
        "what is wrong is named with its line",
        arguments: [
            ("colour: blue", "unknown key \"colour\""), ("turns: 0", "turns is no whole number from 1 to 500"),
            ("turns: 501", "turns is no whole number"), ("vendor_tools: [\"a b\"]", "which is no name"),
            ("vendor_tools: [\"*\"]", "which is no name"), ("grants: [everything]", "grants[0] is \"everything\""),
            ("prices: prices.yaml", "is no absolute path"), ("models: [m]", "stands here a second time"),
        ])
    func wrong(_ line: String, _ words: String) throws {
        let error = try #require(throws: PolicyError.self) { try read(Self.least + [line]) }
        #expect(error.description.hasPrefix("cannot read model.yaml:5: "), "\(error)")
        #expect(error.description.contains(words), "\(error)")
    }

    @Test("nothing is served without an API, a model and a budget", arguments: 1..<least.count)
    func missing(_ left: Int) {
        var lines = Self.least
        lines.remove(at: left)
        #expect(throws: PolicyError.self) { try read(lines) }
    }

    @Test(
        "origins of one spelling, and plain text for what is near only",
        arguments: [
            ("https://a.test", "https://a.test:443"), ("https://a.test:8443/x/", "https://a.test:8443/x"),
            ("http://localhost:9", "http://localhost:9"), ("http://10.1.2.3", "http://10.1.2.3:80"),
            ("http://[::1]:8080", "http://[::1]:8080"), ("https://203.0.113.9", "https://203.0.113.9:443"),
        ])
    func origins(_ text: String, _ spelled: String) throws { #expect("\(try ModelOrigin(text))" == spelled) }

    @Test(
        "everything else is none",
        arguments: [
            "http://a.test", "http://8.8.8.8", "http://169.254.169.254", "ftp://a.test", "https://", "https://a b",
            "https://u@a.test", "https://u:p@a.test", "https://a.test:0", "https://a.test:99999", "https://a.test:x",
            "https://a.test/?q", "https://a.test/../x", "https://a.test//x", "https://a.test/x#y", "https://A.test",
            "https://127.1", "https://[::1", "HTTPS://a.test", "https://a.test/%41",
        ])
    func noOrigins(_ text: String) { #expect(throws: ModelOrigin.Flaw.self) { try ModelOrigin(text) } }

    @Test("addresses are public ones but for those that the operator wrote down")
    func addresses() throws {
        func allows(_ url: String, _ blocks: [String]?, _ address: String) throws -> Bool {
            let rule = try ModelOrigin(url).rule(addresses: blocks?.compactMap { AddressBlock(text: $0) })
            let policy = EgressPolicy(directIP: .explain, rules: [rule])
            let verdict = policy.vet(try #require(IPAddress(text: address)), for: policy.rules[0])
            return if case .allowed = verdict { true } else { false }
        }
        #expect(try allows("https://a.test", nil, "8.8.8.8"))
        #expect(try !allows("https://a.test", nil, "10.0.0.1") && !allows("https://a.test", nil, "127.0.0.1"))
        #expect(try !allows("https://a.test", nil, "169.254.169.254"))
        #expect(try allows("https://a.test", ["10.0.0.0/8"], "10.0.0.1"))
        #expect(try !allows("https://a.test", ["10.0.0.0/8"], "8.8.8.8"))
        #expect(try allows("http://127.0.0.1", nil, "127.0.0.1") && !allows("http://127.0.0.1", nil, "127.0.0.2"))
        #expect(try allows("http://localhost", nil, "127.0.0.1") && allows("http://localhost", nil, "::1"))
        #expect(try !allows("http://localhost", nil, "10.0.0.1"))
    }

    @Test("dollars are read and written without rounding")
    func money() {
        for (text, amount) in [("5", 5_000_000), ("0.25", 250_000), ("12.500001", 12_500_001), ("0.01", 10_000)]
            as [(String, UInt64)]
        {
            #expect(Money.microDollars(text) == amount)
            #expect(Money.microDollars(Money.text(amount)) == amount)
        }
        for text in ["", ".5", "5.", "-1", "1e3", "1.0000001", "30000000", "0x5", " 5"] {
            #expect(Money.microDollars(text) == nil, "\(text)")
        }
    }
}
