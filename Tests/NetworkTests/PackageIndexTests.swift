// SPDX-License-Identifier: Apache-2.0
internal import Glibc
import TestSupport
import Testing

extension Tag {
    /// Talks to the package index and the mirrors that this host's own clients use.
    @Tag static var index: Self
}

extension HostNeed {
    /// pip of the system, and an index that it reaches.
    static let packageIndex = HostNeed("package-index") {
        let scratch: Scratch
        do {
            scratch = try Scratch()
            var pip = Command(
                "/usr/bin/python3",
                ["-m", "pip", "download", "-q", "--no-deps", "--retries", "0", "-d", scratch.path, "jsonpointer"])
            pip.deadline = .seconds(120)
            return try pip.run().code == 0
        } catch { return false }
    }

    /// apt, and mirrors that it reaches.
    static let debianMirror = HostNeed("debian-mirror") {
        do {
            let uris = try Command("/usr/bin/apt-get", ["--print-uris", "update"]).run().lines
            guard let first = uris.first(where: { $0.hasPrefix("'") }) else { return false }
            let url = String(first.dropFirst().prefix { $0 != "'" })
            return try Command("/usr/bin/curl", ["-sSf", "-o", "/dev/null", "--max-time", "30", url]).run().code == 0
        } catch { return false }
    }
}

extension Network {
    /// Real clients against what they are configured for on this host, under `registries`.
    @Suite("package index", .tags(.index), .timeLimit(.minutes(25)))
    struct PackageIndexTests {
        let sallyport: Sallyport

        init() throws { sallyport = try Sallyport() }

        /// Ends with what is denied whatever else is allowed, and says how each attempt went.
        static let outside = """
            curl -sS -o /dev/null https://www.denied-lab.org/; echo "name $?"
            curl -sS -o /dev/null https://1.1.1.1/; echo "address $?"
            curl -sS http://169.254.169.254/; echo "metadata $?"

            """

        /// The shipped profile; where an index has addresses that are no public ones, as a mirror in a private network has,
        /// the same rules with the addresses that the record names.
        func profile(_ client: String, options: [String] = [], _ first: String) throws -> String {
            let tried = try run("registries", first, options: options)
            let denied = try audit(of: tried).filter { $0.reason == "address_not_public" }
            let blocks = Set(denied.compactMap(\.address).map { "\($0)/\($0.contains(":") ? 128 : 32)" }).sorted()
            guard !blocks.isEmpty else { return "registries" }
            let list = blocks.map { "\"\($0)\"" }.joined(separator: ", ")
            return try sallyport.home.file(
                "mirror-\(client).yaml",
                """
                version: 1
                extends: [strict]
                reason: The registries of this host, which are in a private network.
                egress:
                  rules:
                    - {registry: \(client), addresses: [\(list)], reason: the mirror's own addresses}
                """)
        }

        func run(_ profile: String, _ script: String, options: [String] = []) throws -> Outcome {
            try sallyport.run(
                profile: profile, options: options, deadline: .seconds(300), ["/bin/bash", "-c", script])
        }

        func audit(of outcome: Outcome) throws -> [AuditLine] {
            try EgressScene.audit(of: outcome, below: sallyport.home.path)
        }

        /// What every run here must say about the three attempts of ``outside``.
        func expectOutsideRefused(_ outcome: Outcome, sourceLocation: SourceLocation = #_sourceLocation) throws {
            let told = "\(outcome.text)\(outcome.errorText)"
            #expect(outcome.lines.contains("name 6"), "\(told)", sourceLocation: sourceLocation)
            #expect(outcome.lines.contains("address 35"), "\(told)", sourceLocation: sourceLocation)
            #expect(outcome.text.contains("\"reason\":\"direct_ip\""), "\(told)", sourceLocation: sourceLocation)
            let denials = try audit(of: outcome).filter(\.isDenial)
            for wanted in ["www.denied-lab.org", "1.1.1.1", "169.254.169.254"] {
                let denial = denials.first { $0.name == wanted || $0.asked == wanted }
                let id = try #require(denial?.id, "\(wanted): \(denials.map(\.text))")
                #expect(denial?.remedy?.isEmpty == false, sourceLocation: sourceLocation)
                let why = try sallyport.command(["why", id]).run()
                #expect(why.code == 0 && why.text.contains(wanted), "\(why.text)", sourceLocation: sourceLocation)
            }
        }

        @Test(
            "a project of the index gets its dependencies and passes its tests, and nothing else is reached",
            .requires(.root), .requires(.packageIndex))
        func build() throws {
            let pip = "/usr/bin/python3 -m pip --no-cache-dir --disable-pip-version-check"
            let profile = try profile("pip", "\(pip) download -q --retries 0 --no-deps -d /tmp/try jsonpointer")
            let script = """
                cd /workspace
                \(pip) download -q --no-deps --no-binary :all: -d . jsonpatch==1.33 || exit 2
                tar xzf jsonpatch-1.33.tar.gz && cd jsonpatch-1.33
                \(pip) install -q --target ../needed -r requirements.txt || exit 3
                PYTHONPATH=../needed /usr/bin/python3 -m unittest tests 2>&1 | tail -n 1
                echo "tests ${PIPESTATUS[0]}"
                \(Self.outside)
                """
            let outcome = try run(profile, script)
            #expect(outcome.code == 0, "\(outcome.text)\(outcome.errorText)")
            #expect(outcome.lines.contains("tests 0"), "\(outcome.text)\(outcome.errorText)")
            try expectOutsideRefused(outcome)
            let allowed = try audit(of: outcome).filter { $0.event == "tcp.allow" }
            #expect(!allowed.isEmpty && allowed.allSatisfy { $0.ruleOrigin?.hasPrefix("registry pip") == true })

            // Without the rules the same run ends at its first download.
            let shut = try run("strict", script)
            #expect(shut.code == 2, "\(shut.text)\(shut.errorText)")
        }

        @Test(
            "apt reads the lists of its mirrors, and nothing else is reached", .requires(.root),
            .requires(.debianMirror))
        func apt() throws {
            let options = ["--mount", "/etc/apt:/run/apt"]
            let apt =
                "apt-get -o Dir::Etc=/run/apt -o Dir::State=/tmp/state -o Dir::Cache=/tmp/cache -o APT::Sandbox::User= "
                + "-o Acquire::Languages=none -o Acquire::Retries=0 -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false"
            let prepare = "mkdir -p /tmp/state/lists/partial /tmp/cache/archives/partial; touch /tmp/state/status; "
            let update = "\(prepare)\(apt) -o Dir::State::status=/tmp/state/status update -qq"
            let profile = try profile("apt", options: options, update)
            let script = "\(update) && ls /tmp/state/lists | grep -c Packages\n\(Self.outside)"
            let outcome = try run(profile, script, options: options)
            #expect((outcome.lines.first.flatMap { Int($0) } ?? 0) > 0, "\(outcome.text)\(outcome.errorText)")
            try expectOutsideRefused(outcome)
        }
    }
}
