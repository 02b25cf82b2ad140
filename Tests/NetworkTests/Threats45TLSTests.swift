// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

extension Network {
    /// Rows of section 4.5 about the name inside a TLS handshake.
    @Suite("threats 4.5: TLS names")
    struct TLSEgressTests {
        static let rules = [
            "host: www.allowed-lab.net, ports: [80, 443]", "host: second-lab.net, ports: [443]",
        ]

        @Test("E10: a server name opens the way to that name's own server only", .requires(NetworkLab.need))
        func e10() throws {
            let script = """
                attempt("honest", tls, "www.allowed-lab.net", name="www.allowed-lab.net")
                attempt("spoofed", tls, "23.50.61.80", name="www.allowed-lab.net")
                """
            let scene = try EgressScene()
            let control = try scene.control(script)
            control.expect(["honest": "200", "spoofed": "200"])
            #expect(control.seen.departures.contains { $0.address == "23.50.61.80" })
            let shut = try scene.attempts(Self.rules, script)
            shut.expect(["honest": "200", "spoofed": "tls TLSV1_ALERT_ACCESS_DENIED"])
            #expect(shut.seen.of(.tls).map(\.name) == ["www.allowed-lab.net"], "\(shut.story)")
            #expect(shut.seen.departures.allSatisfy { $0.address != "23.50.61.80" }, "\(shut.story)")
        }

        @Test("E11: another Host inside TLS passes, and on plain HTTP it does not", .requires(NetworkLab.need))
        func e11() throws {
            let script = """
                attempt("inside TLS", tls, "www.allowed-lab.net", name="www.allowed-lab.net", inner="www.denied-lab.org")
                attempt("in the open", get, "www.allowed-lab.net", name="www.denied-lab.org")
                """
            let scene = try EgressScene()
            let run = try scene.attempts(Self.rules, script)
            // The residual: without ending TLS nobody but the server sees the inner name.
            #expect(run.results["inside TLS"] == "200", "\(run.story)")
            #expect(run.results["in the open"]?.hasPrefix("4") == true, "\(run.story)")
            #expect(run.seen.of(.request).map(\.host) == ["www.denied-lab.org"], "\(run.story)")
            #expect(run.seen.of(.request).allSatisfy { $0.port == 443 })
        }

        @Test(
            "E12: the name of the handshake is the name that was asked for, even where both are allowed",
            .requires(NetworkLab.need))
        func e12() throws {
            let script = """
                attempt("own", tls, "second-lab.net", name="second-lab.net")
                attempt("other allowed", tls, "www.allowed-lab.net", name="second-lab.net")
                attempt("denied", tls, "www.allowed-lab.net", name="www.denied-lab.org")
                attempt("upper case", tls, "www.allowed-lab.net", name="WWW.Allowed-Lab.NET")
                attempt("connect", exchange, "www.allowed-lab.net", 80, "CONNECT www.denied-lab.org:443 HTTP/1.1\\r\\nHost: www.denied-lab.org:443\\r\\n\\r\\n")
                """
            let scene = try EgressScene()
            let run = try scene.attempts(Self.rules, script)
            #expect(run.results["own"] == "200" && run.results["upper case"] == "200", "\(run.story)")
            #expect(run.results["other allowed"] == "tls TLSV1_ALERT_ACCESS_DENIED", "\(run.story)")
            #expect(run.results["denied"] == "tls TLSV1_ALERT_ACCESS_DENIED", "\(run.story)")
            #expect(run.results["connect"]?.hasPrefix("4") == true, "\(run.story)")
            #expect(
                run.seen.of(.tls).compactMap { $0.name?.lowercased() } == ["second-lab.net", "www.allowed-lab.net"])
            #expect(run.seen.of(.closed).filter { $0.port == 80 }.isEmpty, "\(run.story)")
        }

        @Test(
            "E13: a handshake without one plain name is refused, one in many pieces is put together",
            .requires(NetworkLab.need))
        func e13() throws {
            let script = """
                name = "www.allowed-lab.net"
                hello = client_hello(name)
                bare = client_hello(None)
                for size in (1, 7, 100):
                    attempt(f"pieces {size}", answer_to, name, 443, records(hello, size))
                attempt("whole", answer_to, name, 443, records(hello, 16384))
                attempt("no name", answer_to, name, 443, records(bare, 16384))
                attempt("two names", answer_to, name, 443, records(with_extension(hello, 0, server_name(name.encode())), 16384))
                attempt("two others", answer_to, name, 443, records(with_extension(hello, 0, server_name(b"www.denied-lab.org")), 16384))
                attempt("nul in name", answer_to, name, 443, records(with_extension(bare, 0, server_name(name.encode() + b"\\0.denied-lab.org")), 16384))
                attempt("added name", answer_to, name, 443, records(with_extension(bare, 0, server_name(name.encode())), 16384))
                attempt("ech", answer_to, name, 443, records(with_extension(hello, 0xfe0d, b"\\0" * 40), 16384))
                attempt("version 2", answer_to, name, 443, b"\\x80\\x2e\\x01\\x03\\x01\\0\\x15\\0\\0\\0\\x10" + b"\\0" * 40)
                attempt("plain on 443", get, name, 443)
                attempt("TLS on 80", answer_to, name, 80, records(hello, 16384))
                """
            let scene = try EgressScene()
            // A server that would take what is refused below.
            let control = try scene.control(
                """
                name = "www.allowed-lab.net"
                attempt("no name", answer_to, name, 443, records(client_hello(None), 16384))
                attempt("ech", answer_to, name, 443, records(with_extension(client_hello(name), 0xfe0d, b"\\0" * 40), 16384))
                """)
            control.expect(["no name": "handshake", "ech": "handshake"])
            let run = try scene.attempts(Self.rules, script)
            for label in ["pieces 1", "pieces 7", "pieces 100", "whole", "added name"] {
                #expect(run.results[label] == "handshake", "\(label)\n\(run.story)")
            }
            for label in ["no name", "two names", "two others", "nul in name", "ech"] {
                let refused = ["alert 49", "alert 47", "alert 50"].contains(run.results[label] ?? "")
                #expect(refused, "\(label)\n\(run.story)")
            }
            for label in ["version 2", "plain on 443", "TLS on 80"] {
                let refused = run.results[label].map { $0 != "handshake" && !$0.hasPrefix("200") } ?? false
                #expect(refused, "\(label)\n\(run.story)")
            }
            // Only the five good ones arrived, and whole.
            #expect(run.seen.of(.connection).count == 5, "\(run.story)")
            #expect(run.seen.of(.tls).allSatisfy { $0.name == "www.allowed-lab.net" }, "\(run.story)")
        }

        @Test(
            "E12: a second hello, which the server asked for, names the same server whatever stands before it",
            .requires(NetworkLab.need))
        func e12Second() throws {
            // A change of cipher that says nothing, and a warning that servers pass over.
            let script = """
                name, other = "www.allowed-lab.net", "www.denied-lab.org"
                change, warning = b"\\x14\\x03\\x03\\0\\x01\\x01", b"\\x15\\x03\\x03\\0\\x02\\x01\\x5a"
                attempt("same", second_hello, name, name)
                attempt("same behind both", second_hello, name, name, change + warning)
                attempt("other", second_hello, name, other)
                attempt("behind a change", second_hello, name, other, change)
                attempt("behind a warning", second_hello, name, other, warning)
                attempt("behind both", second_hello, name, other, change + warning)
                attempt("long", second_hello, name, other, change, 16384, 17000)
                attempt("long in short records", second_hello, name, other, change, 200, 17000)
                """
            let scene = try EgressScene()
            let control = try scene.control(script)
            #expect(
                control.results.count == 8 && control.results.values.allSatisfy { $0 == "taken" }, "\(control.story)")
            #expect(control.seen.of(.tls).contains { $0.name == "www.denied-lab.org" }, "\(control.story)")
            let run = try scene.attempts(Self.rules, script)
            var expected = control.results.mapValues { _ in "ECONNRESET" }
            expected["same"] = "taken"
            expected["same behind both"] = "taken"
            run.expect(expected)
            #expect(run.seen.of(.tls).allSatisfy { $0.name == "www.allowed-lab.net" }, "\(run.story)")
        }

        @Test("E13: ECH passes where a rule says so, under the outer name only", .requires(NetworkLab.need))
        func e13Allowed() throws {
            let script = """
                name = "www.allowed-lab.net"
                attempt("ech", answer_to, name, 443, records(with_extension(client_hello(name), 0xfe0d, b"\\0" * 40), 16384))
                attempt("other outer", answer_to, name, 443, records(with_extension(client_hello("www.denied-lab.org"), 0xfe0d, b"\\0" * 40), 16384))
                """
            let scene = try EgressScene()
            let run = try scene.attempts(["host: www.allowed-lab.net, ports: [443], ech: allow"], script)
            run.expect(["ech": "handshake", "other outer": "alert 49"])
            #expect(run.seen.of(.connection).count == 1, "\(run.story)")
        }
    }
}
