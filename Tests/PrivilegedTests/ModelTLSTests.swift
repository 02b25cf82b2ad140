// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

extension ModelBrokerSuites {
    private static let openssl = HostNeed("openssl") { access("/usr/bin/openssl", X_OK) == 0 }

    @Suite(
        "llm.internal's upstream over TLS", .requires(.root), .requires(.python), .requires(ModelBrokerSuites.openssl))
    struct ModelTLSTests {
        /// A certificate for this machine's own name, which vouches for itself.
        private func certificate(_ home: Scratch, _ name: String) throws -> (file: String, key: String) {
            let files = (home.at("\(name).crt"), home.at("\(name).key"))
            let made = try Command(
                "/usr/bin/openssl",
                [
                    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-out", files.0, "-keyout",
                    files.1,
                ]
            ).run()
            try #require(made.code == 0, "\(made.errorText)")
            let opened = try Command("/bin/chmod", ["644", files.0]).run()
            try #require(opened.code == 0)
            return files
        }

        private func scene(_ upstream: String, trusting name: String) throws -> ModelScene {
            try ModelScene(upstream: upstream) { home in
                let (own, other) = (try certificate(home, "own"), try certificate(home, "other"))
                return (", ca_file: \"\(name == "own" ? own.file : other.file)\"", [own.file, own.key])
            }
        }

        @Test("is asked when its certificate is vouched for", .timeLimit(.minutes(25)))
        func trusted() throws {
            let scene = try scene("https://localhost:PORT", trusting: "own")
            let outcome = try scene.run("ask('messages', 'say hello'); ask('chat', 'say hello', stream=True)")
            #expect(outcome.lines.map { $0.prefix(4) } == ["200 ", "200 "], "\(outcome.text)\(outcome.errorText)")
            #expect(try scene.vendor.heard()["fields"]?["x-api-key"]?.stringValue == scene.vendor.secret)
            #expect(try scene.vendor.heard()["fields"]?["host"]?.stringValue == "localhost:\(scene.vendor.port)")
        }

        @Test("is asked with the certificates that were there when the session began", .timeLimit(.minutes(25)))
        func rotated() throws {
            let scene = try scene("https://localhost:PORT", trusting: "own")
            let (command, record) = scene.command(
                """
                ask("messages", "say hello")
                sys.stdin.readline()
                ask("messages", "say hello")
                """)
            let session = try command.start()
            #expect(try session.line()?.hasPrefix("200 ") == true)
            // As a package of certificates is exchanged: another file in its place, which would not vouch for it.
            let home = scene.sallyport.home
            try #require(rename(home.at("other.crt"), home.at("own.crt")) == 0)
            try session.send(Array("\n".utf8))
            session.closeInput()
            let outcome = try scene.sallyport.outcome(of: try session.finish(), record: record)
            #expect(outcome.lines.last?.hasPrefix("200 ") == true, "\(outcome.text)\(outcome.errorText)")
        }

        @Test("is asked itself, whatever proxies the environment names", .timeLimit(.minutes(25)))
        func proxy() throws {
            let scene = try scene("https://localhost:PORT", trusting: "own")
            let trap = try SilentServer(in: scene.sallyport.home.path)
            var (command, record) = scene.command("ask('messages', 'say hello')")
            for name in ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
                command.environment[name] = "http://127.0.0.1:\(trap.port)"
            }
            let outcome = try scene.sallyport.outcome(of: try command.run(), record: record)
            #expect(outcome.lines.first?.hasPrefix("200 ") == true, "\(outcome.text)\(outcome.errorText)")
            // The control: whoever heeds those variables is the trap's first client.
            var heeding = Command(
                "/usr/bin/python3",
                [
                    "-I", "-c",
                    """
                    import urllib.request, sys
                    try: urllib.request.urlopen("https://localhost:\(scene.vendor.port)/", timeout=1)
                    except OSError as error: print(error)
                    """,
                ])
            heeding.environment = command.environment
            let heeded = try heeding.run()
            #expect(heeded.lines.count == 1, "\(heeded.text)\(heeded.errorText)")
            try trap.connected()
            #expect(try trap.stop() == ["connected"])
        }

        @Test(
            "hears nothing when it is not", .timeLimit(.minutes(25)),
            arguments: [("https://localhost:PORT", "other"), ("https://127.0.0.1:PORT", "own")])
        func untrusted(_ upstream: String, _ name: String) throws {
            let scene = try scene(upstream, trusting: name)
            let outcome = try scene.run("ask('messages', 'say hello')")
            #expect(outcome.lines.first?.hasPrefix("502 ") == true, "\(outcome.text)\(outcome.errorText)")
            let line = try #require(try scene.ledger(of: outcome).first)
            #expect(line["code"] == "upstream-unreachable" && line["settled_microusd"] == 0, "\(line)")
            #expect(try scene.vendor.stop() == [])
        }

        @Test("a name with a private address is not dialled unless its block is written down", .timeLimit(.minutes(25)))
        func addresses() throws {
            let scene = try ModelScene(upstream: "https://model.test:PORT")
            // The host's own list of names, in a mount namespace of this run's own; a minimal host has none to bind over.
            let hosts = try Scratch()
            try hosts.file("hosts", "127.0.0.1 model.test\n")
            let (made, record) = scene.command("ask('messages', 'say hello')")
            var command = made
            command.arguments =
                [
                    "-m", "/bin/sh", "-c", "mount -t overlay hosts -o lowerdir=\(hosts.path):/etc /etc && exec \"$@\"", "sh",
                    command.path,
                ]
                + command.arguments
            command.path = "/usr/bin/unshare"
            let outcome = try scene.sallyport.outcome(of: try command.run(), record: record)
            #expect(outcome.lines.first?.hasPrefix("502 ") == true, "\(outcome.text)\(outcome.errorText)")
            let line = try #require(try scene.ledger(of: outcome).first)
            #expect(line["code"] == "upstream-name", "\(line)")
            #expect(
                line["reason"]?.stringValue?.contains("127.0.0.1 is a loopback address of the host") == true, "\(line)")
            #expect(try scene.vendor.stop() == [])
        }
    }
}
