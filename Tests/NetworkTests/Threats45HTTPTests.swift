// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

extension Network {
    /// Rows of section 4.5 about requests that the gateway can read.
    @Suite("threats 4.5: requests")
    struct RequestEgressTests {
        static let rules = ["host: www.allowed-lab.net, ports: [80]", "host: second-lab.net, ports: [80]"]

        /// Requests sent byte by byte to www.allowed-lab.net; none of these may reach any server.
        static let refused: [(label: String, request: String)] = [
            ("no host", "GET / HTTP/1.1\r\n\r\n"),
            ("other host", "GET / HTTP/1.1\r\nHost: www.denied-lab.org\r\n\r\n"),
            ("other allowed host", "GET / HTTP/1.1\r\nHost: second-lab.net\r\n\r\n"),
            ("two hosts", "GET / HTTP/1.1\r\nHost: www.allowed-lab.net\r\nHost: www.denied-lab.org\r\n\r\n"),
            ("same host twice", "GET / HTTP/1.1\r\nHost: www.allowed-lab.net\r\nHost: www.allowed-lab.net\r\n\r\n"),
            ("user in host", "GET / HTTP/1.1\r\nHost: www.allowed-lab.net@denied-lab.org\r\n\r\n"),
            ("nul in host", "GET / HTTP/1.1\r\nHost: www.denied-lab.org\0.www.allowed-lab.net\r\n\r\n"),
            ("blank before colon", "GET / HTTP/1.1\r\nHost : www.allowed-lab.net\r\n\r\n"),
            ("folded", "GET / HTTP/1.1\r\nHost: www.allowed-lab.net\r\n X: www.denied-lab.org\r\n\r\n"),
            ("bare newline", "GET / HTTP/1.1\nHost: www.allowed-lab.net\n\n"),
            (
                "newline in value",
                "GET / HTTP/1.1\r\nHost: www.allowed-lab.net\r\nX: a\nHost: www.denied-lab.org\r\n\r\n"
            ),
            ("tab in target", "GET /a\tb HTTP/1.1\r\nHost: www.allowed-lab.net\r\n\r\n"),
            (
                "absolute form of another",
                "GET http://www.denied-lab.org/ HTTP/1.1\r\nHost: www.allowed-lab.net\r\n\r\n"
            ),
            (
                "absolute form against host",
                "GET http://www.allowed-lab.net/ HTTP/1.1\r\nHost: www.denied-lab.org\r\n\r\n"
            ),
            ("connect", "CONNECT www.denied-lab.org:443 HTTP/1.1\r\nHost: www.allowed-lab.net\r\n\r\n"),
            ("nul in head", "GET / HTTP/1.1\r\nHost: www.allowed-lab.net\r\nX: a\0b\r\n\r\n"),
            ("socks 5", "\u{5}\u{1}\u{0}"),
            ("http2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
            ("no version", "GET /\r\n\r\n"),
        ]

        /// Bodies whose end two readers could see at different places.
        static let smuggled: [(label: String, request: String)] = [
            (
                "length and chunks",
                "POST / HTTP/1.1\r\nHost: www.allowed-lab.net\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: www.denied-lab.org\r\n\r\n"
            ),
            (
                "two lengths",
                "POST / HTTP/1.1\r\nHost: www.allowed-lab.net\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n"
                    + "GET /smuggled HTTP/1.1\r\nHost: www.denied-lab.org\r\n\r\n"
            ),
            (
                "list of lengths",
                "POST / HTTP/1.1\r\nHost: www.allowed-lab.net\r\nContent-Length: 0, 44\r\n\r\n"
                    + "GET /smuggled HTTP/1.1\r\nHost: www.denied-lab.org\r\n\r\n"
            ),
            (
                "unknown coding",
                "POST / HTTP/1.1\r\nHost: www.allowed-lab.net\r\nTransfer-Encoding: xchunked\r\n\r\n"
                    + "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: www.denied-lab.org\r\n\r\n"
            ),
            (
                "coding twice",
                "POST / HTTP/1.1\r\nHost: www.allowed-lab.net\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity"
                    + "\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: www.denied-lab.org\r\n\r\n"
            ),
            (
                "signed length",
                "POST / HTTP/1.1\r\nHost: www.allowed-lab.net\r\nContent-Length: +4\r\n\r\nabcd"
            ),
            (
                "coding behind a blank",
                "POST / HTTP/1.1\r\nHost: www.allowed-lab.net\r\nTransfer-Encoding : chunked\r\nContent-Length: 4\r\n\r\n"
                    + "0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n"
            ),
        ]

        static func script(_ requests: [(label: String, request: String)]) -> String {
            requests.map { "attempt('\($0.label)', exchange, 'www.allowed-lab.net', 80, \(python($0.request)))" }
                .joined(separator: "\n")
        }

        /// A Python literal of these bytes.
        static func python(_ text: String) -> String {
            "bytes([" + text.utf8.map(String.init).joined(separator: ",") + "])"
        }

        @Test(
            "E14: a request names its host once, in one plain way, and it is the one that was dialled",
            .requires(NetworkLab.need))
        func e14() throws {
            let good =
                "\nattempt('good', get, 'www.allowed-lab.net')\nattempt('absolute', exchange, 'www.allowed-lab.net', 80, 'GET http://www.allowed-lab.net/ HTTP/1.1\\r\\nHost: www.allowed-lab.net\\r\\n\\r\\n')"
            let scene = try EgressScene()
            let control = try scene.control(Self.script(Self.refused))
            #expect(control.seen.of(.connection).count == Self.refused.count)
            let run = try scene.attempts(Self.rules, Self.script(Self.refused) + good)
            for (label, _) in Self.refused {
                let result = run.results[label] ?? "nothing"
                #expect(
                    result.hasPrefix("400") || result.hasPrefix("403") || result.hasPrefix("421"), "\(label): \(result)"
                )
            }
            #expect(run.results["good"] == "200" && run.results["absolute"] == "200", "\(run.story)")
            #expect(run.seen.of(.request).count == 2 && run.seen.of(.connection).count == 2, "\(run.story)")
            #expect(!run.seen.received.contains("denied-lab"), "\(run.story)")
        }

        @Test("E09: a NUL in a host hides nothing", .requires(NetworkLab.need))
        func e09() throws {
            let script = """
                attempt("http", exchange, "www.allowed-lab.net", 80, "GET / HTTP/1.1\\r\\nHost: www.denied-lab.org\\0.www.allowed-lab.net\\r\\n\\r\\n")
                attempt("dns", ask, "198.18.0.53", "", encoded=labels("www.denied-lab.org\\0.www.allowed-lab.net"))
                attempt("tls", answer_to, "www.allowed-lab.net", 443, records(with_extension(client_hello(None), 0, server_name(b"www.denied-lab.org\\0.www.allowed-lab.net")), 16384))
                attempt("socks", exchange, "www.allowed-lab.net", 1080, b"\\x05\\x01\\x00")
                """
            let scene = try EgressScene()
            let run = try scene.attempts([webRule], script)
            #expect(run.results["http"]?.hasPrefix("400") == true, "\(run.story)")
            #expect(run.results["dns"] == "NXDOMAIN", "\(run.story)")
            #expect(run.results["tls"]?.hasPrefix("alert") == true, "\(run.story)")
            #expect(run.results["socks"] == "ECONNREFUSED", "\(run.story)")
            run.expectNothingLeft()
        }

        @Test("E15: a body ends where the gateway says, and what follows it goes nowhere", .requires(NetworkLab.need))
        func e15() throws {
            let more = """

                pair = "GET /one HTTP/1.1\\r\\nHost: www.allowed-lab.net\\r\\n\\r\\nGET /two HTTP/1.1\\r\\nHost: www.denied-lab.org\\r\\n\\r\\n"
                attempt("pipelined", exchange, "www.allowed-lab.net", 80, pair)
                attempt("trailing", exchange, "www.allowed-lab.net", 80, "POST /three HTTP/1.1\\r\\nHost: www.allowed-lab.net\\r\\nContent-Length: 2\\r\\n\\r\\nokGET /four HTTP/1.1\\r\\nHost: www.denied-lab.org\\r\\n\\r\\n")
                attempt("chunked", exchange, "www.allowed-lab.net", 80, "POST /five HTTP/1.1\\r\\nHost: www.allowed-lab.net\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n3\\r\\nabc\\r\\n0\\r\\n\\r\\nGET /six HTTP/1.1\\r\\nHost: www.denied-lab.org\\r\\n\\r\\n")
                attempt("h2c", exchange, "www.allowed-lab.net", 80, "GET /seven HTTP/1.1\\r\\nHost: www.allowed-lab.net\\r\\nConnection: Upgrade, HTTP2-Settings\\r\\nUpgrade: h2c\\r\\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\\r\\n\\r\\n")
                """
            let scene = try EgressScene()
            let run = try scene.attempts(Self.rules, Self.script(Self.smuggled) + more)
            for (label, _) in Self.smuggled {
                #expect(run.results[label]?.hasPrefix("400") == true, "\(label)\n\(run.story)")
            }
            for label in ["pipelined", "trailing", "chunked"] {
                #expect(run.results[label] == "200", "\(label)\n\(run.story)")
            }
            let targets = Set(run.seen.of(.request).compactMap(\.target))
            #expect(targets.isSuperset(of: ["/one", "/three", "/five"]), "\(run.story)")
            #expect(targets.isDisjoint(with: ["/two", "/four", "/six", "/smuggled"]), "\(run.story)")
            #expect(!run.seen.received.contains("denied-lab"), "\(run.story)")
            #expect(!run.seen.received.contains("h2c"), "\(run.story)")
            #expect(run.seen.of(.request).first { $0.target == "/five" }?.body == "abc", "\(run.story)")
        }

        @Test(
            "E22: the gateway follows no redirect, and a client that does is decided anew", .requires(NetworkLab.need))
        func e22() throws {
            let shell = """
                curl -sS -L -o /dev/null -w 'denied\\t%{http_code} %{num_redirects}\\n' 'http://www.allowed-lab.net/redirect?http://www.denied-lab.org/' 2>/tmp/error
                echo "code\\t$?" | sed 's/\\\\t/\\t/'; cat /tmp/error >&2
                curl -sS -L -o /dev/null -w 'allowed\\t%{http_code} %{num_redirects}\\n' 'http://www.allowed-lab.net/redirect?http://second-lab.net/'
                curl -sS -L -o /dev/null -w 'metadata\\t%{http_code} %{num_redirects}\\n' 'http://www.allowed-lab.net/redirect?http://169.254.169.254/'
                """
            let scene = try EgressScene()
            let run = try scene.run(Self.rules, ["/bin/bash", "-c", shell])
            #expect(run.results["allowed"] == "200 1", "\(run.story)")
            #expect(run.results["metadata"] == "403 1", "\(run.story)")
            #expect(run.results["code"] == "6", "\(run.story)")
            #expect(run.outcome.errorText.contains("Could not resolve host: www.denied-lab.org"), "\(run.story)")
            #expect(run.seen.of(.request).map(\.host).filter { $0 != "www.allowed-lab.net" } == ["second-lab.net"])
            #expect(run.seen.departures.allSatisfy { $0.address != "169.254.169.254" }, "\(run.story)")
        }

        @Test(
            "E23: methods and paths hold where requests are seen, and are an error where they are not",
            .requires(NetworkLab.need))
        func e23() throws {
            let rule = "host: www.allowed-lab.net, ports: [80], http: {methods: [GET, HEAD], paths: [\"/pub/\"]}"
            let script = """
                attempt("get", get, "www.allowed-lab.net", path="/pub/a")
                attempt("post", get, "www.allowed-lab.net", path="/pub/a", method="POST", extra="Content-Length: 0\\r\\n")
                attempt("other path", get, "www.allowed-lab.net", path="/gists")
                attempt("dots", get, "www.allowed-lab.net", path="/pub/../gists")
                attempt("coded dots", get, "www.allowed-lab.net", path="/pub/%2e%2e/gists")
                attempt("coded slash", get, "www.allowed-lab.net", path="/pub/..%2fgists")
                attempt("override", get, "www.allowed-lab.net", path="/pub/a", extra="X-HTTP-Method-Override: DELETE\\r\\n")
                """
            let scene = try EgressScene()
            let run = try scene.attempts([rule], script)
            #expect(run.results["get"] == "200", "\(run.story)")
            for label in ["post", "other path", "dots", "coded dots", "coded slash", "override"] {
                #expect(run.results[label]?.hasPrefix("40") == true, "\(label)\n\(run.story)")
            }
            #expect(run.seen.of(.request).map(\.target) == ["/pub/a"], "\(run.story)")
            #expect(run.denials.filter { $0.event == "tcp.deny" }.map(\.count).reduce(0, +) == 6, "\(run.story)")

            let hidden = try scene.run(
                ["host: www.allowed-lab.net, ports: [443], http: {methods: [GET]}"], ["/usr/bin/true"])
            #expect(hidden.outcome.code == 125, "\(hidden.story)")
            #expect(hidden.outcome.errorText.contains("where they are not seen"), "\(hidden.story)")
        }

        @Test(
            "E28: an upgrade is refused where requests are read, and counted where a rule leaves the bytes alone",
            .requires(NetworkLab.need))
        func e28() throws {
            let upgrade =
                "GET /socket HTTP/1.1\\r\\nHost: www.allowed-lab.net\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\n"
            let script = """
                def tunnel(port):
                    with dial("www.allowed-lab.net", port) as connection:
                        connection.sendall(b"\(upgrade)")
                        first = connection.recv(65536)
                        if b" 101 " not in first: return summary(first)
                        connection.sendall(b"x" * 5000)
                        left = 5000
                        while left: left -= len(connection.recv(65536))
                        return "101 tunnel"
                attempt("read", tunnel, 80)
                attempt("raw", tunnel, 8080)
                """
            let scene = try EgressScene()
            let run = try scene.attempts(
                ["host: www.allowed-lab.net, ports: [80]", "host: www.allowed-lab.net, ports: [8080], tls: raw"], script
            )
            #expect(run.results["raw"] == "101 tunnel", "\(run.story)")
            #expect(run.results["read"] != "101 tunnel" && run.results["read"] != nil, "\(run.story)")
            #expect(
                run.seen.of(.closed).filter { $0.port == 80 }.allSatisfy { !$0.data.lowercased().contains("websocket") }
            )
            let closed = run.audit.first { $0.event == "tcp.close" && $0.port == 8080 }
            #expect((closed?.bytesUp ?? 0) > 5000, "\(run.story)")
            #expect((closed?.bytesDown ?? 0) > 5000, "\(run.story)")
        }
    }
}
