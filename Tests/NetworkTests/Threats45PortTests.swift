// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

extension Network {
    /// Rows of section 4.5 about ports, proxies and what runs inside beside the client.
    @Suite("threats 4.5: ports and proxies")
    struct PortEgressTests {
        @Test("E27: only the ports of the rule, whatever else the host serves", .requires(NetworkLab.need))
        func e27() throws {
            let ports = [22, 25, 3128, 5432, 6379, 8080]
            let script = "for port in \(ports): attempt(f'{port}', tcp, 'www.allowed-lab.net', port)"
            let scene = try EgressScene()
            let control = try scene.control(script)
            #expect(control.results.count == ports.count && control.results.values.allSatisfy { $0 == "connected" })
            let shut = try scene.attempts([webRule], script)
            #expect(shut.results.count == ports.count, "\(shut.story)")
            for (port, result) in shut.results { #expect(result == "ECONNREFUSED", "\(port): \(result)") }
            shut.expectNothingLeft()
            let open = try scene.attempts(
                ["host: www.allowed-lab.net, ports: [22, 6379], tls: raw"],
                """
                attempt("22", talk, "www.allowed-lab.net", 22, "SSH-2.0-test")
                attempt("6379", talk, "www.allowed-lab.net", 6379, "PING")
                attempt("443", tcp, "www.allowed-lab.net", 443)
                attempt("8080", tcp, "www.allowed-lab.net", 8080)
                """)
            #expect(open.results["22"] == "SSH-2.0-test" && open.results["6379"] == "PING", "\(open.story)")
            // 443 is listened on to explain; 8080 may be, where every port is intercepted.
            #expect(open.results["443"] != nil && open.results["8080"] != nil)
            #expect(Set(open.seen.departures.compactMap(\.port)) == [22, 6379], "\(open.story)")
        }

        @Test(
            "E16: what a proxy at an allowed name does is not seen, but its bytes are counted",
            .requires(NetworkLab.need))
        func e16() throws {
            let scene = try EgressScene()
            let run = try scene.attempts(
                ["host: www.allowed-lab.net, ports: [3128], tls: raw"],
                """
                attempt("nested", talk, "www.allowed-lab.net", 3128, "CONNECT www.denied-lab.org:443 HTTP/1.1\\r\\n\\r\\n")
                """)
            // The residual: raw bytes are the server's affair.
            #expect(run.results["nested"]?.hasPrefix("CONNECT") == true, "\(run.story)")
            let closed = run.audit.first { $0.event == "tcp.close" }
            #expect(closed?.bytesUp == 43, "\(run.story)")
            #expect(closed?.bytesDown == 43, "\(run.story)")
        }

        @Test("E17: nothing speaks SOCKS", .requires(NetworkLab.need))
        func e17() throws {
            let associate = "b'\\x05\\x01\\x00\\x05\\x03\\x00\\x01\\0\\0\\0\\0\\0\\0'"
            let scene = try EgressScene()
            let run = try scene.attempts(
                [webRule],
                """
                for port in (1080, 9050): attempt(f"{port}", tcp, "198.18.0.1", port)
                attempt("on 80", exchange, "www.allowed-lab.net", 80, \(associate))
                attempt("on 443", exchange, "www.allowed-lab.net", 443, \(associate))
                """)
            #expect(run.results["1080"] == "ECONNREFUSED" && run.results["9050"] == "ECONNREFUSED", "\(run.story)")
            #expect(run.results["on 80"] != "200" && run.results["on 443"] != "200", "\(run.story)")
            run.expectNothingLeft()
        }

        @Test(
            "E29: variables and options about proxies change nothing, since there is no other way",
            .requires(NetworkLab.need))
        func e29() throws {
            let shell = """
                curl -sS --noproxy '*' -o /dev/null -w 'none\\t%{http_code}\\n' http://www.allowed-lab.net/
                no_proxy='*' curl -sS -o /dev/null -w 'variable\\t%{http_code}\\n' http://www.allowed-lab.net/
                http_proxy=http://23.50.61.80:8080 curl -sS -o /dev/null -w 'proxy\\t%{exitcode}\\n' http://www.denied-lab.org/ 2>/dev/null
                curl -sS --noproxy '*' -o /dev/null -w 'denied\\t%{exitcode}\\n' http://www.denied-lab.org/ 2>/dev/null
                curl -sS --noproxy '*' --resolve www.denied-lab.org:80:23.50.61.80 -o /dev/null -w 'resolved\\t%{http_code}\\n' http://www.denied-lab.org/
                true
                """
            let scene = try EgressScene()
            let run = try scene.run([webRule], ["/bin/bash", "-c", shell])
            run.expect(["none": "200", "variable": "200", "proxy": "7", "denied": "6", "resolved": "403"])
            #expect(
                run.seen.of(.request).map(\.host) == ["www.allowed-lab.net", "www.allowed-lab.net"], "\(run.story)")
            #expect(Set(run.seen.departures.compactMap(\.port)) == [80])
        }

        @Test("E30: what answers is outside, and nothing inside can take its place", .requires(NetworkLab.need))
        func e30() throws {
            let script = """
                def bind(host, port, kind=socket.SOCK_STREAM, option=None):
                    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as one:
                        if option: one.setsockopt(socket.SOL_SOCKET, option, 1)
                        one.bind((host, port))
                        return "bound"
                for port in (53, 80, 443):
                    for option in (0, socket.SO_REUSEADDR, socket.SO_REUSEPORT):
                        attempt(f"{port} {option}", bind, "0.0.0.0", port, option=option)
                        attempt(f"{port} {option} 6", bind, "::", port, option=option)
                attempt("resolver", bind, "198.18.0.53", 53, socket.SOCK_DGRAM)
                attempt("own", bind, "127.0.0.1", 8080)
                import subprocess
                print("processes", " ".join(sorted(p for p in os.listdir("/proc") if p.isdigit())).count(" ") < 5, sep="\\t")
                route = subprocess.run(["/usr/sbin/ip", "route", "add", "1.1.1.1", "dev", "lo"], capture_output=True, text=True)
                print("route", "not permitted" in route.stderr or "not allowed" in route.stderr, route.stderr.strip(), sep="\\t")
                attempt("after", get, "www.allowed-lab.net")
                """
            let scene = try EgressScene()
            let run = try scene.attempts([webRule], script)
            for (label, result) in run.results where label.first?.isNumber == true {
                #expect(["EACCES", "EADDRINUSE"].contains(result), "\(label): \(result)")
            }
            #expect(["EACCES", "EADDRINUSE"].contains(run.results["resolver"] ?? ""), "\(run.story)")
            #expect(run.results["own"] == "bound", "\(run.story)")
            #expect(
                run.results["processes"] == "True" && run.results["route"]?.hasPrefix("True") == true, "\(run.story)")
            #expect(run.results["after"] == "200", "\(run.story)")
        }

        @Test(
            "a server of the session's own on a port above 1024 is reached inside, and the same port of a name outside",
            .requires(NetworkLab.need))
        func ownServer() throws {
            let script = """
                listener = socket.create_server(("127.0.0.1", 8080))
                attempt("own", tcp, "127.0.0.1", 8080)
                attempt("outside", get, "www.allowed-lab.net", 8080)
                """
            let scene = try EgressScene()
            let run = try scene.attempts(["host: www.allowed-lab.net, ports: [8080], tls: none"], script)
            run.expect(["own": "connected", "outside": "200"])
            #expect(run.seen.of(.request).count == 1, "\(run.story)")
        }
    }
}
