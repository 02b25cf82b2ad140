// SPDX-License-Identifier: Apache-2.0
internal import Glibc
import TestSupport
import Testing

extension Network {
    @Suite("network clients")
    struct NetworkClientTests {
        static let rules = [
            "host: www.allowed-lab.net, ports: [80, 443]", "host: nginx.allowed-lab.net, ports: [443]",
            "host: git.allowed-lab.net, ports: [443]",
        ]
        /// The clients that this host has; the others are named by ``absent(_:)``.
        static let present = NetworkClient.all.filter { access($0.program, F_OK) == 0 }
        static let missing = NetworkClient.all.filter { access($0.program, F_OK) != 0 }

        @Test(
            "reaches an allowed name as it is, and fails on a denied one with its own word for no such host",
            .requires(NetworkLab.need), arguments: present)
        func client(_ client: NetworkClient) throws {
            let scene = try EgressScene()
            let made = try scene.sallyport.home.directory("made")
            if !client.make.isEmpty {
                var make = Command("/bin/bash", ["-ec", client.make.joined(separator: "\n")])
                make.environment["OUT"] = made
                make.environment["SOURCES"] = EgressScene.clients
                let built = try make.run()
                try #require(built.code == 0, "\(built.text)\(built.errorText)")
            }
            let options = ["--mount", "\(made):/run/made"]
            let open = try scene.run(Self.rules, options: options, ["/bin/bash", "-c", client.allowed])
            #expect(open.outcome.code == 0, "\(open.story)")
            #expect(open.outcome.text.contains(client.expected), "\(open.story)")
            let fetches = !client.name.hasPrefix("dig")
            #expect(open.seen.of(.request).isEmpty != fetches, "\(open.story)")

            let shut = try scene.run(Self.rules, options: options, ["/bin/bash", "-c", client.denied])
            #expect(shut.outcome.code == client.code, "\(shut.story)")
            #expect(shut.outcome.errorText.contains(client.error), "\(shut.story)")
            shut.expectNothingLeft()
            let denial = shut.denials.first { $0.event == "dns.deny" && $0.name?.hasSuffix("denied-lab.org") == true }
            #expect(denial?.reason == "name_not_allowed", "\(shut.story)")
        }

        @Test(
            "is not installed here", .requires(NetworkLab.need), .disabled("not installed here"),
            arguments: missing.map(\.name))
        func absent(_ name: String) {}

        @Test("git pushes through the sandbox's network to an allowed host", .requires(NetworkLab.need))
        func push() throws {
            let branch = "branch-\(UInt32.random(in: 0...UInt32.max))"
            let shell = """
                set -e
                git clone -q https://git.allowed-lab.net/git/sample.git /tmp/sample
                cd /tmp/sample
                git -c user.name=T -c user.email=t@allowed-lab.net commit -q --allow-empty -m more
                git push -q origin HEAD:refs/heads/\(branch)
                git ls-remote --heads origin \(branch) | wc -l
                """
            let scene = try EgressScene()
            let run = try scene.run(Self.rules, ["/bin/bash", "-c", shell])
            #expect(run.outcome.text == "1\n", "\(run.story)")
            #expect(run.seen.of(.request).contains { $0.target == "/git/sample.git/git-receive-pack" }, "\(run.story)")
        }

        @Test("a large download and a large upload arrive whole", .requires(NetworkLab.need))
        func bulk() throws {
            let shell = """
                curl -sS https://www.allowed-lab.net/bytes?20000000 | wc -c
                head -c 3000000 /dev/zero | curl -sS -T - -o /dev/null -w '%{http_code}\\n' http://www.allowed-lab.net/up
                """
            let scene = try EgressScene()
            let run = try scene.run(Self.rules, ["/bin/bash", "-c", shell])
            #expect(run.outcome.lines == ["20000000", "200"], "\(run.outcome.text)\(run.outcome.errorText)")
            #expect(run.seen.of(.request).map(\.bodyBytes).max() == 3_000_000)
            let closed = run.audit.filter { $0.event == "tcp.close" }
            #expect(closed.compactMap { $0.bytesDown }.max() ?? 0 > 20_000_000)
        }
    }
}
