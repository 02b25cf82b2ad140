// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

/// Everything that shares the laboratory, one test at a time: its record is one.
@Suite("network", .serialized)
enum Network {}

extension Network {
    /// The laboratory itself: a trap that nothing can reach would make every refusal look good.
    @Suite("network laboratory")
    struct NetworkLabTests {
        @Test(
            "a host without a sandbox reaches every server by name, and by every kind of address that policy refuses",
            .requires(NetworkLab.need),
            arguments: [
                "http://www.allowed-lab.net/", "https://www.allowed-lab.net/", "https://denied-lab.org:8443/",
                "http://second-lab.net:8080/", "https://nginx.allowed-lab.net/", "https://1.1.1.1/", "http://10.1.2.3/",
                "http://172.17.0.1/", "http://192.168.7.7/", "http://100.64.1.1/", "http://100.100.100.200/",
                "http://168.63.129.16/", "http://169.254.169.254/latest/", "http://[fd00:ec2::254]/",
                "http://[64:ff9b::a9fe:a9fe]/", "http://[2606:4700::1111]/", "http://45.33.10.1/",
                "http://to-a9fea9fe.allowed-lab.net/", "http://cname-www--denied-lab--org-x.allowed-lab.net/",
            ])
        func reachable(_ url: String) throws {
            let lab = try NetworkLab.shared()
            let (done, seen) = try lab.watch { try lab.onHost("curl -sS --max-time 20 '\(url)'") }
            #expect(done.code == 0, "\(done.errorText)")
            #expect(done.text.hasPrefix("hello from "), "\(done.text)")
            #expect(seen.of(.request).count == 1, "\(seen)")
            #expect(seen.departures.count >= 1, "\(seen)")
            #expect(seen.allSatisfy { !$0.atHost }, "\(seen)")
        }

        @Test(
            "the host's own addresses answer on the host's side", .requires(NetworkLab.need),
            arguments: ["127.0.0.1", "[::1]", "45.33.10.2", "0.0.0.0", "[2a01:7e00:1::2]"])
        func ownAddresses(_ address: String) throws {
            let lab = try NetworkLab.shared()
            let (done, seen) = try lab.watch { try lab.onHost("curl -sS --max-time 20 'http://\(address)/'") }
            #expect(done.text.hasPrefix("hello from "), "\(done.errorText)")
            let requests = seen.of(.request)
            #expect(requests.count == 1 && requests.allSatisfy(\.atHost), "\(seen)")
            #expect(seen.departures.isEmpty, "\(seen)")
        }

        @Test("any TCP and UDP port and any protocol on the link is recorded", .requires(NetworkLab.need))
        func link() throws {
            let lab = try NetworkLab.shared()
            let script = """
                echo one >/dev/udp/9.9.9.9/443
                (exec 3<>/dev/tcp/23.50.60.70/4444) 2>/dev/null
                exec 3<>/dev/tcp/23.50.60.70/5432; echo ping >&3; read -r line <&3; echo "$line"
                python3 -c 'import socket
                s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
                s.sendto(bytes([8, 0, 247, 255, 0, 0, 0, 0]), ("8.8.4.4", 0))'
                """
            let (done, seen) = try lab.watch { try lab.onHost(script) }
            #expect(done.text == "ping\n", "\(done.errorText)")
            let packets = Set(
                seen.departures.map { "\($0.networkProtocol ?? "") \($0.address ?? "") \($0.port ?? -1)" })
            #expect(
                packets == ["udp 9.9.9.9 443", "tcp 23.50.60.70 4444", "tcp 23.50.60.70 5432", "icmp 8.8.4.4 0"],
                "\(seen)")
            #expect(seen.of(.closed).map(\.data) == ["ping\n"])
        }

        @Test(
            "the name server changes its answers as the name says, and records every query", .requires(NetworkLab.need))
        func names() throws {
            let lab = try NetworkLab.shared()
            let script = """
                ask() { python3 -c 'import socket, sys
                try: print(sorted({x[4][0] for x in socket.getaddrinfo(sys.argv[1], 80, type=socket.SOCK_STREAM)}))
                except socket.gaierror as e: print(e.args[0])' "$1"; }
                ask to-01020304-7f000001.allowed-lab.net
                ask flip-01020304-7f000001-self.allowed-lab.net
                ask flip-01020304-7f000001-self.allowed-lab.net
                ask nx-1.allowed-lab.net
                ask huge-1.allowed-lab.net | tr ',' '\\n' | wc -l
                ask unknown-zone.org
                """
            let (done, seen) = try lab.watch { try lab.onHost(script) }
            #expect(
                done.lines == [
                    "['1.2.3.4', '127.0.0.1']", "['1.2.3.4']", "['127.0.0.1']", "-2", "300", "-2",
                ], "\(done.text)\(done.errorText)")
            #expect(seen.queries.count == 5, "\(seen.queries)")
        }

        @Test("git clones and pushes over TLS", .requires(NetworkLab.need))
        func git() throws {
            let lab = try NetworkLab.shared()
            let scratch = try Scratch()
            let script = """
                cd \(scratch.path) && git clone -q https://git.allowed-lab.net/git/sample.git one && cd one &&
                git -c user.name=T -c user.email=t@allowed-lab.net commit -q --allow-empty -m second &&
                git push -q origin HEAD:refs/heads/test-\(UInt32.random(in: 0...UInt32.max)) && cat README
                """
            let (done, seen) = try lab.watch { try lab.onHost(script) }
            #expect(done.text == "a repository of the laboratory\n", "\(done.errorText)")
            #expect(seen.of(.request).contains { $0.target == "/git/sample.git/git-receive-pack" }, "\(seen)")
        }

        @Test("nothing of a laboratory is left when its caller is gone", .requires(NetworkLab.need))
        func leftovers() throws {
            let script = "exec /usr/bin/python3 -B \(Executables.sources)/Tests/Fixtures/network-lab/lab.py"
            var command = Command("/bin/bash", ["-c", script])
            command.deadline = .seconds(60)
            let running = try command.start()
            let plan = try #require(try running.line())
            let number = try #require(plan.split(separator: "\"pid\": ").last?.split(separator: "}").first)
            let end = try ProcessEnd(of: try #require(Int32(number)))
            try running.signal(9)
            // The kernel ends pid 1 of the laboratory's pid namespace, and with it all others and both networks.
            try end.wait()
            #expect(try running.finish().ending == .signalled(9))
        }
    }
}
