// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

extension Network {
    /// Rows of section 4.5 about names: what the session's own resolver says, and what of it any other hears.
    @Suite("threats 4.5: names")
    struct NameEgressTests {
        @Test("E05: no question of a session reaches any name server", .requires(NetworkLab.need))
        func e05() throws {
            let script = """
                for kind in (1, 28, 16, 10, 15, 33, 65, 255):
                    attempt(f"denied {kind}", ask, SERVER, "nbswy3dp.t.denied-lab.org", kind)
                    attempt(f"below {kind}", ask, SERVER, "nbswy3dp.www.allowed-lab.net", kind)
                    attempt(f"allowed {kind}", ask, SERVER, "www.allowed-lab.net", kind)
                attempt("stream", ask, SERVER, "nbswy3dp.t.denied-lab.org", 1, stream=True)
                """
            let scene = try EgressScene()
            let control = try scene.control("SERVER = '185.228.20.53'\n" + script)
            #expect(control.seen.queries.contains("nbswy3dp.t.denied-lab.org"), "\(control.story)")
            let shut = try scene.attempts([webRule], "SERVER = '198.18.0.53'\n" + script)
            var expected: [String: String] = ["stream": "NXDOMAIN EDE15"]
            for kind in [1, 28, 16, 10, 15, 33, 65, 255] {
                expected["denied \(kind)"] = "NXDOMAIN EDE15"
                expected["below \(kind)"] = "NXDOMAIN EDE15"
                // Only addresses are answered; nothing that could carry data.
                expected["allowed \(kind)"] = kind == 1 || kind == 28 ? "NOERROR pool" : "NOERROR"
            }
            shut.expect(expected)
            shut.expectNothingLeft()
            #expect(shut.denials.contains { $0.event == "dns.deny" && $0.name == "nbswy3dp.t.denied-lab.org" })
        }

        @Test("E05: the gateway asks for the name that was dialled and for nothing else", .requires(NetworkLab.need))
        func e05Asked() throws {
            let scene = try EgressScene()
            let run = try scene.attempts([webRule], "attempt('open', get, 'www.allowed-lab.net')")
            run.expect(["open": "200"])
            #expect(run.seen.queries == ["www.allowed-lab.net"], "\(run.story)")
            #expect(
                Set(run.seen.of(.dns).compactMap { $0.recordType }).isSubset(of: [1, 28]), "\(run.story)")
        }

        @Test("E06: a wildcard stands for so many names and no more", .requires(NetworkLab.need))
        func e06() throws {
            let script = """
                for number in range(6):
                    attempt(f"name {number}", get, f"data{number}.allowed-lab.net")
                attempt("again", get, "data0.allowed-lab.net")
                attempt("two labels", lookup, "a.b.allowed-lab.net")
                attempt("apex", lookup, "allowed-lab.net")
                """
            let scene = try EgressScene()
            let run = try scene.attempts(["host: \"*.allowed-lab.net\", ports: [80], max_names: 4"], script)
            for number in 0..<4 { #expect(run.results["name \(number)"] == "200", "\(run.story)") }
            for number in 4..<6 { #expect(run.results["name \(number)"] != "200", "\(run.story)") }
            #expect(run.results["again"] == "200")
            #expect(run.results["two labels"] == "EAI_NONAME")
            #expect(run.results["apex"] == "EAI_NONAME")
            #expect(run.seen.queries == Set((0..<4).map { "data\($0).allowed-lab.net" }), "\(run.story)")
            #expect(run.denials.contains { $0.name == "data4.allowed-lab.net" && $0.remedy != nil }, "\(run.story)")
        }

        @Test(
            "E07: another resolver, by whatever transport, is the session's own or nobody", .requires(NetworkLab.need))
        func e07() throws {
            let script = """
                for server in ("8.8.8.8", "2001:4860:4860::8888"):
                    attempt("udp " + server, ask, server, "www.denied-lab.org")
                    attempt("tcp " + server, ask, server, "www.denied-lab.org", stream=True)
                    attempt("dot " + server, tcp, server, 853)
                    attempt("doh " + server, tls, server, 443, "dns.google")
                attempt("mdns", udp, "224.0.0.251", 5353)
                attempt("llmnr", udp, "224.0.0.252", 5355)
                attempt("other port", ask, "8.8.8.8", "www.denied-lab.org", port=5353)
                attempt("doh name", lookup, "cloudflare-dns.com")
                """
            let scene = try EgressScene()
            let control = try scene.control(script)
            #expect(control.seen.of(.dns).contains { $0.address == "8.8.8.8" }, "\(control.story)")
            #expect(control.seen.departures.contains { $0.port == 853 }, "\(control.story)")
            let shut = try scene.attempts([webRule], script)
            var expected = ["doh name": "EAI_NONAME", "other port": "ECONNREFUSED"]
            for server in ["8.8.8.8", "2001:4860:4860::8888"] {
                expected["udp \(server)"] = "NXDOMAIN EDE15"
                expected["tcp \(server)"] = "NXDOMAIN EDE15"
                expected["dot \(server)"] = "ECONNREFUSED"
                expected["doh \(server)"] = "tls TLSV1_ALERT_ACCESS_DENIED"
            }
            // Multicast is sent to lo, where nobody has joined.
            for label in ["mdns", "llmnr"] { expected[label] = "no answer" }
            shut.expect(expected)
            shut.expectNothingLeft()
        }

        @Test("E07: a resolv.conf of the session's own making changes nothing", .requires(NetworkLab.need))
        func e07Edited() throws {
            let scene = try EgressScene()
            let run = try scene.run(
                [webRule],
                [
                    "/bin/bash", "-c",
                    """
                    (echo nameserver 8.8.8.8 >/etc/resolv.conf) 2>/dev/null && echo written
                    (echo 23.50.61.80 www.allowed-lab.net >>/etc/hosts) 2>/dev/null && echo written
                    grep -v '^#' /etc/resolv.conf
                    """,
                ])
            #expect(run.outcome.lines == ["nameserver 198.18.0.53"], "\(run.story)")
            run.expectNothingLeft()
        }

        /// Each spelling of a name in a question, and what it is.
        static let spellings: [(label: String, encoded: String, answer: String)] = [
            ("upper case", #"labels("WwW.Allowed-LAB.net")"#, "NOERROR pool"),
            ("long name", #"labels(".".join(["a" * 60] * 4) + ".allowed-lab.net")"#, "FORMERR"),
            ("empty label", #"b"\x03www\x00\x0ballowed-lab\x03net\x00""#, "FORMERR"),
            ("nul", #"labels("www.allowed-lab.net\0.denied-lab.org")"#, "NXDOMAIN"),
            ("dot in label", #"b"\x0fwww.allowed-lab\x03net\x00""#, "NXDOMAIN"),
            ("space", #"labels("www .allowed-lab.net")"#, "NXDOMAIN"),
            ("high bytes", #"labels("w\xc3\xbcw.allowed-lab.net")"#, "NXDOMAIN"),
            ("underscore", #"labels("_www.allowed-lab.net")"#, "NXDOMAIN EDE15"),
            ("compressed", #"b"\xc0\x0c""#, "FORMERR"),
            ("cut", #"b"\x3fabc""#, "FORMERR"),
        ]

        @Test("E08: a name has one spelling, and every other is refused here", .requires(NetworkLab.need))
        func e08() throws {
            let script =
                Self.spellings.map { "attempt('\($0.label)', ask, '198.18.0.53', '', encoded=\($0.encoded))" }
                .joined(separator: "\n") + """

                    attempt("two questions", send_question, "198.18.0.53", b"xx\\1\\0\\0\\2\\0\\0\\0\\0\\0\\0" + 2 * (labels("www.allowed-lab.net") + b"\\0\\1\\0\\1"))
                    attempt("update", send_question, "198.18.0.53", b"xx\\x28\\0\\0\\1\\0\\0\\0\\0\\0\\0" + labels("www.allowed-lab.net") + b"\\0\\6\\0\\1")
                    attempt("punycode", lookup, "xn--alowed-lab-9za.net")
                    attempt("trailing dot", lookup, "www.allowed-lab.net.")
                    attempt("well", ask, "198.18.0.53", "www.allowed-lab.net")
                    """
            let scene = try EgressScene()
            let run = try scene.attempts([webRule], script)
            for spelling in Self.spellings {
                #expect(run.results[spelling.label] == spelling.answer, "\(spelling.label)\n\(run.story)")
            }
            #expect(run.results["two questions"] == "FORMERR", "\(run.story)")
            #expect(run.results["update"] == "NOTIMP", "\(run.story)")
            #expect(run.results["punycode"] == "EAI_NONAME")
            #expect(run.results["trailing dot"] == "pool")
            #expect(run.results["well"] == "NOERROR pool")
            run.expectNothingLeft()
        }

        @Test("E35: an address stands for one name as long as the session lives", .requires(NetworkLab.need))
        func e35() throws {
            let script = """
                first = socket.getaddrinfo("first.allowed-lab.net", 80, socket.AF_INET, socket.SOCK_STREAM)[0][4][0]
                found = set()
                for number in range(200):
                    found.add(socket.getaddrinfo(f"n{number}.allowed-lab.net", 80, socket.AF_INET, socket.SOCK_STREAM)[0][4][0])
                print("different", len(found), sep="\\t")
                print("reused", first in found, sep="\\t")
                attempt("still", exchange, first, 80, "GET / HTTP/1.1\\r\\nHost: first.allowed-lab.net\\r\\n\\r\\n")
                attempt("another's", exchange, first, 80, "GET / HTTP/1.1\\r\\nHost: n7.allowed-lab.net\\r\\n\\r\\n")
                attempt("of nobody", get, "198.18.200.200")
                """
            let scene = try EgressScene()
            let run = try scene.attempts(["host: \"*.allowed-lab.net\", ports: [80], max_names: 1000"], script)
            #expect(run.results["different"] == "200", "\(run.story)")
            #expect(run.results["reused"] == "False")
            #expect(run.results["still"] == "200")
            #expect(run.results["another's"]?.hasPrefix("4") == true, "\(run.story)")
            #expect(run.results["of nobody"] == "403 direct_ip", "\(run.story)")
            #expect(run.seen.queries == ["first.allowed-lab.net"], "\(run.story)")
        }
    }
}
