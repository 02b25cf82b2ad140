// SPDX-License-Identifier: Apache-2.0
import Policy
import Supervisor
import Testing

/// What package clients' configuration says, over files of a test's own.
@Suite("registries")
struct RegistriesTests {
    private static func registries(
        _ files: [String: String], _ environment: [String: String] = ["HOME": "/home/u"]
    ) -> Registries {
        Registries(
            read: { files[$0] },
            list: { directory in
                files.keys.filter { $0.hasPrefix(directory + "/") }.map {
                    String($0.dropFirst(directory.utf8.count + 1))
                }.sorted()
            }, environment: { environment[$0] })
    }

    private static func rule(_ client: RegistryClient, skip: Bool = false, addresses: [AddressBlock]? = nil)
        -> EgressRule
    {
        EgressRule(
            origin: "p.yaml:7", reason: "test", target: .registry(client), ports: .list([]), addresses: addresses,
            whenAbsent: skip ? .skip : .error)
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var client: RegistryClient
        var files: [String: String]
        var environment: [String: String] = ["HOME": "/home/u"]
        var rules: [String]
        var testDescription: String { "\(client.rawValue): \(rules.joined(separator: "; "))" }
    }

    private static let pipFile = "/usr/lib/python3/dist-packages/pip/_internal/models/index.py"
    private static let npmFile = "/usr/lib/node_modules/npm/node_modules/@npmcli/config/lib/definitions/definitions.js"

    static let cases: [Case] = [
        Case(
            client: .pip,
            files: [
                pipFile: "class X:\n    pass\n\nPyPI = PackageIndex(\"https://built.example/\", "
                    + "file_storage_domain=\"files.example\")\nTestPyPI = PackageIndex(\"https://no.example/\")\n",
                "/etc/pip.conf": "[global]\nextra-index-url = https://extra.example/\n",
            ],
            rules: [
                "host built.example ports 443 # registry pip (\(pipFile):4)",
                "host files.example ports 443 # registry pip (\(pipFile):4)",
                "host extra.example ports 443 # registry pip (/etc/pip.conf:2)",
            ]),
        Case(
            client: .npm,
            files: [
                npmFile: "  proxy: new Definition('proxy', {\n    default: 'https://no.example/',\n  }),\n"
                    + "  registry: new Definition('registry', {\n    default: 'https://built.example/',\n"
            ],
            rules: ["host built.example ports 443 # registry npm (\(npmFile):5)"]),
        Case(
            client: .pip,
            files: ["/etc/pip.conf": "[global]\nindex-url = https://user:pw@index.example/simple/\n"],  // not a secret
            rules: ["host index.example ports 443 # registry pip (/etc/pip.conf:2)"]),
        Case(
            client: .pip,
            files: [
                "/etc/pip.conf": "[global]\nindex-url = https://old.example/\n",
                "/home/u/.config/pip/pip.conf":
                    "# mine\n[global]\nindex_url: http://new.example:3141/root/\nextra-index-url =\n    https://a.example/\n"
                    + "    https://b.example:8443/\nfind-links = /srv/wheels\ntrusted-host = x.example\n",
            ],
            rules: [
                "host new.example ports 3141 tls none # registry pip (/home/u/.config/pip/pip.conf:3)",
                "host a.example ports 443 # registry pip (/home/u/.config/pip/pip.conf:4)",
                "host b.example ports 8443 tls sni # registry pip (/home/u/.config/pip/pip.conf:4)",
            ]),
        Case(
            client: .pip, files: [:], environment: ["PIP_INDEX_URL": "https://env.example/simple"],
            rules: ["host env.example ports 443 # registry pip (PIP_INDEX_URL)"]),
        Case(
            client: .pip, files: ["/etc/pip.conf": "[global]\nindex-url = https://[2001:db8::1]:8080/\n"],
            rules: ["cidr 2001:db8::1/128 ports 8080 # registry pip (/etc/pip.conf:2)"]),
        Case(
            client: .apt,
            files: [
                "/etc/apt/sources.list":
                    "# deb http://no.example/ x main\ndeb http://deb.example/debian stable main\n"
                    + "deb-src [arch=amd64 signed-by=/k] https://src.example/d stable main\ndeb cdrom:[x]/ stable main\n"
                    + "deb http://deb.example/debian stable-updates main\n",
                "/etc/apt/sources.list.d/a.sources":
                    "Types: deb\nURIs: http://one.example/debian\n https://two.example/debian\nSuites: s\n\n"
                    + "Types: deb\nEnabled: no\nURIs: http://off.example/\n\n# c\nTypes: deb\nURIs: file:/srv/x\n",
                "/etc/apt/sources.list.d/b.list.disabled": "deb http://no2.example/ x main\n",
            ],
            rules: [
                "host deb.example ports 80 # registry apt (/etc/apt/sources.list:2)",
                "host src.example ports 443 # registry apt (/etc/apt/sources.list:3)",
                "host one.example ports 80 # registry apt (/etc/apt/sources.list.d/a.sources:2)",
                "host two.example ports 443 # registry apt (/etc/apt/sources.list.d/a.sources:3)",
            ]),
        Case(
            client: .npm,
            files: [
                "/etc/npmrc": "registry=https://global.example/\n",
                "/home/u/.npmrc":
                    "; mine\n@corp:registry = \"https://corp.example/npm/\"\n//corp.example/npm/:_authToken=x\n"
                    + "registry=https://mine.example/\n",
            ],
            rules: [
                "host corp.example ports 443 # registry npm (/home/u/.npmrc:2)",
                "host mine.example ports 443 # registry npm (/home/u/.npmrc:4)",
            ]),
        Case(
            client: .cargo,
            files: [
                "/home/u/.cargo/config.toml":
                    "[source.crates-io]\nreplace-with = 'mirror'\n\n[source.mirror]\nregistry = \"sparse+https://crates.example/index/\"\n"
                    + "[registries.\"corp\"]\nindex = \"https://git.example/index.git\" # ours\n[build]\njobs = 4\n"
            ],
            rules: [
                "host crates.example ports 443 # registry cargo (/home/u/.cargo/config.toml:5)",
                "host git.example ports 443 # registry cargo (/home/u/.cargo/config.toml:7)",
            ]),
        Case(
            client: .go,
            files: [
                "/usr/local/go/go.env": "# default\nGOPROXY=https://first.example,direct\nGOSUMDB=sums.example\n",
                "/home/u/.config/go/env": "GOPROXY=https://proxy.example/go|https://second.example,direct\n",
            ],
            rules: [
                "host proxy.example ports 443 # registry go (/home/u/.config/go/env:1)",
                "host second.example ports 443 # registry go (/home/u/.config/go/env:1)",
                "host sums.example ports 443 # registry go (/usr/local/go/go.env:3)",
            ]),
    ]

    @Test("a client's hosts are those of its own files, with port and place", arguments: cases)
    func hosts(_ c: Case) throws {
        let rules = try Self.registries(c.files, c.environment).expand(c.client, Self.rule(c.client))
        #expect(rules.map { "\($0.text) # \($0.origin)" } == c.rules)
        #expect(rules.allSatisfy { $0.reason == "test" })
    }

    @Test("a client that says nothing is an error with the places that were looked at, unless the rule allows it")
    func absent() throws {
        let error = #expect(throws: PolicyError.self) { try Self.registries([:]).expand(.npm, Self.rule(.npm)) }
        #expect(
            error?.description
                == "cannot expand p.yaml:7: \"registry npm\" (p.yaml:7) has no host: npm has no registry in /etc/npmrc, "
                + "/usr/etc/npmrc, /usr/local/etc/npmrc, /home/u/.npmrc. Configure it there, name the host in a rule of its "
                + "own, or write \"when_absent: skip\".")
        for client in RegistryClient.allCases {
            #expect(throws: PolicyError.self) { try Self.registries([:]).expand(client, Self.rule(client)) }
            #expect(try Self.registries([:]).expand(client, Self.rule(client, skip: true)).isEmpty)
        }
        // An index of one's own beside pip's built-in one does not say where the main one is.
        let extra = ["/etc/pip.conf": "[global]\nextra-index-url = https://a.example/\n"]
        #expect(throws: PolicyError.self) { try Self.registries(extra).expand(.pip, Self.rule(.pip)) }
    }

    @Test(
        "a place that is no plain host is refused, and no password is shown",
        arguments: [
            ("https://${HOST}/", "is written with a variable"), ("ftp://a.example/", "is neither http nor https"),
            ("https://u:hunter2@/", "names no host"),  // not a secret
            ("a.example", "is no URL"),
            ("https://a.example:0/", "has no port number"), ("https://a.example:99999/", "has no port number"),
            ("https://127.1/", "names no host"), ("https:a.example", "is no URL"), ("https://a..b/", "names no host"),
        ])
    func refused(url: String, why: String) throws {
        let files = ["/etc/npmrc": "registry=\(url)\n"]
        let error = #expect(throws: PolicyError.self) { try Self.registries(files).expand(.npm, Self.rule(.npm)) }
        #expect(error?.message == "npm is configured for a place that \(why)")
        #expect(error?.file == "/etc/npmrc:1")
        #expect(error?.description.contains("hunter2") == false)
    }

    @Test("the addresses of the rule go with every host, and a profile is expanded as a whole")
    func addresses() throws {
        let block = try #require(AddressBlock(text: "203.0.113.0/24"))
        let files = ["/etc/npmrc": "registry=https://a.example/\n"]
        let rules = try Self.registries(files).expand(.npm, Self.rule(.npm, addresses: [block]))
        #expect(rules.map { $0.addresses } == [[block]])
    }
}
