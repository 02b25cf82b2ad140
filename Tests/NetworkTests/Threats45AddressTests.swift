// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

extension Network {
    /// Rows of section 4.5 about addresses that are dialled as such, and about everything that is not TCP.
    @Suite("threats 4.5: addresses")
    struct AddressEgressTests {
        static let addresses = ["1.1.1.1", "23.50.61.80", "10.1.2.3", "169.254.169.254", "198.18.77.77"]
        static let addresses6 = ["2606:4700::1111", "fd00:ec2::254", "64:ff9b::a9fe:a9fe"]

        /// HTTP, TLS and a further port to each address.
        static func script(_ addresses: [String]) -> String {
            """
            for address in \(addresses):
                shown = f"[{address}]" if ":" in address else address
                attempt("http " + address, get, address, name=shown)
                attempt("tls " + address, tls, address, name="www.allowed-lab.net")
                attempt("other " + address, tcp, address, 8080)
            """
        }

        @Test("E01: an address is refused with an explanation, unless a rule holds it", .requires(NetworkLab.need))
        func e01() throws {
            let scene = try EgressScene()
            let control = try scene.control(Self.script(Self.addresses))
            #expect(
                control.results.count == 15 && control.results.values.allSatisfy { $0 == "200" || $0 == "connected" })
            let shut = try scene.attempts([webRule], Self.script(Self.addresses))
            var expected: [String: String] = [:]
            for address in Self.addresses {
                expected["http \(address)"] = "403 direct_ip"
                expected["tls \(address)"] = "tls TLSV1_ALERT_ACCESS_DENIED"
                expected["other \(address)"] = "ECONNREFUSED"
            }
            shut.expect(expected)
            shut.expectNothingLeft()
            let denied = shut.denials.filter { $0.reason == "direct_ip" }
            #expect(Set(denied.compactMap(\.asked)) == Set(Self.addresses), "\(shut.story)")
            #expect(denied.allSatisfy { $0.remedy?.contains("cidr") == true }, "\(shut.story)")
            #expect(shut.denials.filter { $0.event == "packet.refused" && $0.port == 8080 }.count == 5, "\(shut.story)")

            let open = try scene.attempts(
                ["cidr: 1.1.1.1/32, ports: [80, 443, 8080]"], Self.script(["1.1.1.1", "1.1.1.2"]))
            var results = open.results
            let other = results.removeValue(forKey: "other 1.1.1.2")
            #expect(
                results == [
                    "http 1.1.1.1": "200", "tls 1.1.1.1": "200", "other 1.1.1.1": "connected",
                    "http 1.1.1.2": "403 direct_ip", "tls 1.1.1.2": "tls TLSV1_ALERT_ACCESS_DENIED",
                ], "\(open.story)")
            // The listener for all ports takes the connection; the reset comes before the client looks, or after.
            #expect(["ECONNRESET", "connected"].contains(other ?? ""), "\(open.story)")
            #expect(Set(open.seen.departures.compactMap(\.address)) == ["1.1.1.1"], "\(open.story)")
        }

        @Test("E01: with direct_ip: prohibit an address has no route", .requires(NetworkLab.need))
        func e01Prohibit() throws {
            let scene = try EgressScene()
            let run = try scene.attempts(
                [webRule, "cidr: 1.1.1.0/24, ports: [80]", "cidr: \"2606:4700::/32\", ports: [80]"],
                directIP: "prohibit",
                """
                for address in ("8.8.8.8", "10.1.2.3", "169.254.169.254", "2001:4860:4860::8888", "fd00:ec2::254"):
                    attempt(address, tcp, address, 80)
                    attempt("udp " + address, udp, address, 443)
                    attempt("dns " + address, ask, address, "www.allowed-lab.net")
                attempt("name", get, "www.allowed-lab.net")
                attempt("held", get, "1.1.1.1")
                attempt("held6", get, "2606:4700::1111", name="[2606:4700::1111]")
                """)
            var expected = ["name": "200", "held": "200", "held6": "200"]
            for address in ["8.8.8.8", "10.1.2.3", "169.254.169.254", "2001:4860:4860::8888", "fd00:ec2::254"] {
                for kind in ["", "udp ", "dns "] { expected[kind + address] = "EACCES" }
            }
            run.expect(expected)
            #expect(Set(run.seen.departures.compactMap(\.port)) == [80], "\(run.story)")
            // By address: a first packet that got no answer at once is sent again.
            #expect(Set(run.seen.departures.compactMap(\.address)).count == 3, "\(run.story)")
        }

        @Test(
            "E02: IPv6 addresses are refused alike, link-local and multicast have no way out",
            .requires(NetworkLab.need))
        func e02() throws {
            let scene = try EgressScene()
            let control = try scene.control(Self.script(Self.addresses6))
            #expect(control.results.values.allSatisfy { $0 == "200" || $0 == "connected" }, "\(control.story)")
            let shut = try scene.attempts(
                [webRule],
                Self.script(Self.addresses6) + """

                    attempt("link-local", tcp, "fe80::1", 80)
                    attempt("link-local lo", tcp, "fe80::1%lo", 80)
                    attempt("multicast", tcp, "ff02::1", 80)
                    attempt("broadcast", tcp, "255.255.255.255", 80)
                    attempt("group", tcp, "224.0.0.1", 80)
                    """)
            #expect(
                shut.results.filter { $0.key.hasPrefix("http ") }.values.allSatisfy { $0 == "403 direct_ip" },
                "\(shut.story)")
            #expect(
                shut.results.filter { $0.key.hasPrefix("tls ") }.values.allSatisfy {
                    $0 == "tls TLSV1_ALERT_ACCESS_DENIED"
                })
            #expect(shut.results.filter { $0.key.hasPrefix("other ") }.values.allSatisfy { $0 == "ECONNREFUSED" })
            #expect(shut.results["link-local"] == "EINVAL")
            #expect(shut.results["multicast"] == "ENETUNREACH")
            #expect(shut.results["broadcast"] == "ENETUNREACH")
            #expect(shut.results["group"] == "ENETUNREACH")
            shut.expectNothingLeft()
            let open = try scene.attempts(
                ["cidr: \"2606:4700::/32\", ports: [80]"],
                "attempt('open', get, '2606:4700::1111', name='[2606:4700::1111]')")
            open.expect(["open": "200"])
            #expect(Set(open.seen.departures.compactMap(\.address)) == ["2606:4700::1111"], "\(open.story)")
        }

        @Test("E03: no datagram leaves, to any port, of any protocol built on UDP", .requires(NetworkLab.need))
        func e03() throws {
            let script = """
                for port in (443, 80, 123, 500, 3478, 4433, 51820):
                    attempt(f"udp {port}", udp, "23.50.60.70", port)
                    attempt(f"udp6 {port}", udp, "2a04:4e42:60::70", port)
                """
            let scene = try EgressScene()
            let control = try scene.control(script)
            #expect(Set(control.seen.departures.filter { $0.networkProtocol == "udp" }.compactMap(\.port)).count == 7)
            // The rule's own name, by its real address: what QUIC would be for a host that TCP may reach.
            let shut = try scene.attempts([webRule, "cidr: 23.50.60.70/32, ports: [80, 443]"], script)
            #expect(
                shut.results.count == 14 && shut.results.values.allSatisfy { $0 == "ECONNREFUSED" }, "\(shut.story)")
            shut.expectNothingLeft()
            let recorded = shut.denials.filter { $0.transport == "udp" }
            #expect(Set(recorded.compactMap(\.port)) == [443, 80, 123, 500, 3478, 4433, 51820], "\(shut.story)")
        }

        @Test("E04: there is no socket for ICMP", .requires(NetworkLab.need))
        func e04() throws {
            let script = """
                attempt("ping", open_socket, socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
                attempt("ping6", open_socket, socket.AF_INET6, socket.SOCK_DGRAM, socket.IPPROTO_ICMPV6)
                attempt("raw", open_socket, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
                """
            let scene = try EgressScene()
            #expect(try scene.control(script).results["raw"] == "opened")
            let shut = try scene.attempts([webRule], script)
            shut.expect(["ping": "EPROTONOSUPPORT", "ping6": "EPROTONOSUPPORT", "raw": "EPROTONOSUPPORT"])
            shut.expectNothingLeft()
        }

        @Test("E21: no spelling of an address is read as a name or as another address", .requires(NetworkLab.need))
        func e21() throws {
            let urls = [
                "http://0x7f.1/", "http://017700000001/", "http://2130706433/", "http://127.1/", "http://127.0.0.1/",
                "http://[::1]/", "http://[::ffff:7f00:1]/", "http://[::ffff:127.0.0.1]/", "http://0.0.0.0/",
                "http://0xa9fea9fe/", "http://0x1.0x1.0x1.0x1/",
            ]
            let list = urls.map { "'\($0)'" }.joined(separator: " ")
            let shell =
                "for url in \(list); do curl -sS -o /dev/null -w \"$url\\t%{http_code}\\n\" \"$url\" 2>/dev/null; done; true"
            let scene = try EgressScene()
            let (control, arrived) = try scene.lab.watch { try scene.lab.onHost(shell) }
            #expect(control.lines.filter { $0.hasSuffix("\t200") }.count == urls.count, "\(control.text)")
            #expect(arrived.contains { $0.atHost } && arrived.contains { $0.address == "169.254.169.254" })
            let shut = try scene.run([webRule], ["/bin/bash", "-c", shell])
            #expect(shut.results.count == urls.count, "\(shut.story)")
            for (url, status) in shut.results { #expect(status == "403", "\(url) gave \(status)") }
            shut.expectNothingLeft()
        }

        @Test(
            "E26: services of the host, its gateway and its neighbours are reached by no address and no name",
            .requires(NetworkLab.need))
        func e26() throws {
            let script = """
                for address in ("172.17.0.1", "10.0.2.2", "192.168.65.2", "45.33.10.2", "45.33.10.1", "127.0.0.1"):
                    attempt(address, get, address)
                    attempt("dns " + address, get, "to-" + socket.inet_aton(address).hex() + ".allowed-lab.net")
                attempt("docker", lookup, "host.docker.internal")
                attempt("localhost", lookup, "laboratory-host")
                """
            let scene = try EgressScene()
            let control = try scene.control(script)
            #expect(control.results.values.filter { $0 == "200" }.count == 12, "\(control.story)")
            #expect(control.seen.contains { $0.atHost })
            let shut = try scene.attempts(["host: \"*.allowed-lab.net\", ports: [80]"], script)
            for (label, result) in shut.results where label.hasPrefix("dns ") {
                #expect(result == "403 address_not_public", "\(label): \(result)")
            }
            for (label, result) in shut.results where label.first?.isNumber == true {
                #expect(result == "403 direct_ip", "\(label): \(result)")
            }
            #expect(shut.results["docker"] == "EAI_NONAME")
            #expect(shut.results["localhost"] == "EAI_NONAME")
            #expect(shut.seen.departures.isEmpty, "\(shut.story)")
            #expect(shut.seen.allSatisfy { !$0.atHost }, "\(shut.story)")
        }

        @Test("E31: no frame and no packet of one's own making", .requires(NetworkLab.need))
        func e31() throws {
            let script = """
                attempt("packet", open_socket, socket.AF_PACKET, socket.SOCK_RAW, 0x0300)
                attempt("raw", open_socket, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
                attempt("interfaces", lambda: " ".join(sorted(name for _, name in socket.if_nameindex())))
                """
            let scene = try EgressScene()
            let control = try scene.control(script)
            control.expect(["packet": "opened", "raw": "opened", "interfaces": "h0 lo"])
            let shut = try scene.attempts([webRule], script)
            shut.expect(["packet": "EAFNOSUPPORT", "raw": "EPROTONOSUPPORT", "interfaces": "lo"])
        }

        @Test("E38: nobody outside reaches what listens inside", .requires(NetworkLab.need))
        func e38() throws {
            let scene = try EgressScene()
            let port = 18765
            let script = """
                listener = socket.create_server(("0.0.0.0", \(port)))
                listener6 = socket.create_server(("::", \(port)), family=socket.AF_INET6)
                print("listening", flush=True)
                sys.stdin.readline()
                attempt("inside", tcp, "127.0.0.1", \(port))
                accepted, _ = listener.accept()
                listener.setblocking(False)
                listener6.setblocking(False)
                attempt("another", listener.accept)
                attempt("another6", listener6.accept)
                """
            let (command, record) = try scene.command(
                [webRule], ["/usr/bin/python3", "-B", "-c", EgressScene.prelude + script])
            let running = try command.start()
            #expect(try running.line() == "listening")
            let tries = ["127.0.0.1", "::1", "45.33.10.2", "198.18.0.1", "198.18.0.2"]
            for address in tries {
                let outside = try scene.control("attempt('outside', tcp, '\(address)', \(port))")
                // The laboratory answers on no such port, so whatever connects would be the sandbox.
                #expect(outside.results["outside"] == "ECONNREFUSED", "\(address): \(outside.story)")
            }
            try running.send(Array("go\n".utf8))
            let outcome = try scene.sallyport.outcome(of: try running.finish(), record: record)
            #expect(outcome.lines.contains("inside\tconnected"), "\(outcome.text)\(outcome.errorText)")
            #expect(
                outcome.lines.contains("another\tEAGAIN") && outcome.lines.contains("another6\tEAGAIN"),
                "\(outcome.text)")
        }
    }
}
