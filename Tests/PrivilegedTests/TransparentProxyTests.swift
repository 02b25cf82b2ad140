// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Isolation
import LinuxSystem
import Supervisor
import TestSupport
import Testing

/// One listener for every port, and what stays the agent's own.
@Suite("transparent proxy", .serialized)
struct TransparentProxyTests {
    static let modes = SessionSocketsTests.modes

    @Test(
        "a connection to any port arrives at the one listener, under the address and port that were asked",
        .requires(.root), .requires(.rootless), .requires(.python), .requires(.transparentProxy),
        .timeLimit(.minutes(25)), arguments: modes)
    func anyPort(_ mode: String) async {
        await #expect(processExitsWith: .success) { [mode] in
            NetworkTrial.reporting {
                let scene = try NetworkTrial.scene(mode, ports: [], transparent: true)
                for (address, port) in [
                    ("192.0.2.7", 443), ("198.18.1.9", 65000), ("8.8.8.8", 1), ("2001:db8::7", 22),
                    ("fd53:414c:4c59::109", 5432),
                ] {
                    #expect(try scene.ask("connect('\(address)', \(port))") == "ok")
                    let role = NetworkRole.transparent(address.contains(":") ? .v6 : .v4)
                    let connection = try scene.accepted(role)
                    #expect(Place(of: connection) == Place(address, UInt16(port)))
                }
                // A second connection to the same place while the first is still open.
                #expect(try scene.ask("connect('198.18.1.9', 65000)") == "ok")
                _ = try scene.accepted(.transparent(.v4))
                // Each was taken: the tap has only what nobody takes.
                #expect(try scene.ask("send('192.0.2.7', 443, 4)") == "4")
                #expect(try scene.seen() == [Seen("udp", "192.0.2.7", 443)])
            }
        }
    }

    @Test(
        "the agent's own server keeps its port on the session's own addresses, and only there",
        .requires(.root), .requires(.rootless), .requires(.python), .requires(.transparentProxy),
        .timeLimit(.minutes(25)), arguments: modes)
    func ownServer(_ mode: String) async {
        await #expect(processExitsWith: .success) { [mode] in
            NetworkTrial.reporting {
                let scene = try NetworkTrial.scene(mode, ports: [], transparent: true)
                for (server, port, own) in [
                    ("0.0.0.0", 8080, ["127.0.0.1", "127.1.2.3", "198.18.0.1"]),
                    ("::", 8082, ["::1", "fd53:414c:4c59::1"]),
                ] {
                    #expect(try scene.ask("serve('\(server)', \(port))") == "\(port)")
                    for address in own {
                        let text = try scene.ask(
                            "[s := kept[-1], make('\(address)').connect(('\(address)', \(port))), s.accept()[0].getsockname()[0]][2]"
                        )
                        #expect(text == address, "\(server)")
                        #expect(try scene.ask("kept.pop() and None") == "None")
                    }
                    #expect(try scene.ask("connect('\(own[0])', 8081)") == "ECONNREFUSED")
                }
                // Elsewhere the same port is the listener's, whatever the agent has bound.
                #expect(try scene.ask("connect('198.18.1.9', 8080)") == "ok")
                let connection = try scene.accepted(.transparent(.v4))
                #expect(Place(of: connection) == Place("198.18.1.9", 8080))
            }
        }
    }

    @Test(
        "the resolver is still reached over TCP, and datagrams still reach nobody else",
        .requires(.root), .requires(.rootless), .requires(.python), .requires(.transparentProxy),
        .timeLimit(.minutes(25)), arguments: modes)
    func resolver(_ mode: String) async {
        await #expect(processExitsWith: .success) { [mode] in
            NetworkTrial.reporting {
                let scene = try NetworkTrial.scene(mode, ports: [], transparent: true)
                for (address, role) in [("198.18.0.53", NetworkRole.dnsTCP(.v4)), ("2001:db8::53", .dnsTCP(.v6))] {
                    #expect(try scene.ask("connect('\(address)', 53)") == "ok")
                    let connection = try scene.accepted(role)
                    #expect(Place(of: connection) == Place(address, 53))
                }
                #expect(try scene.ask("ask('192.0.2.7', 443, b'q')") == "ECONNREFUSED")
            }
        }
    }

    @Test(
        "the agent cannot change the rules or bind where the listener is",
        .requires(.root), .requires(.rootless), .requires(.python), .requires(.transparentProxy),
        .timeLimit(.minutes(25)), arguments: modes)
    func takeOver(_ mode: String) async {
        await #expect(processExitsWith: .success) { [mode] in
            NetworkTrial.reporting {
                let scene = try NetworkTrial.scene(mode, ports: [], transparent: true)
                #expect(try scene.ask("socket(AF_NETLINK, SOCK_RAW, 12)") == "EPROTONOSUPPORT")
                #expect(try scene.ask("serve('0.0.0.0', 1, SO_REUSEADDR, SO_REUSEPORT)") == "EACCES")
                // IP_TRANSPARENT
                #expect(try scene.ask("make('0.0.0.0').setsockopt(IPPROTO_IP, 19, 1)") == "EPERM")
            }
        }
    }

    @Test(
        "the probe says what a session then finds", .requires(.root), .timeLimit(.minutes(25)))
    func probe() async {
        await #expect(processExitsWith: .success) {
            NetworkTrial.reporting {
                let program = try Programs(directory: Executables.directory).sealed("sp-init")
                let signals = sp_block_signals_and_watch()
                #expect(signals >= 0)
                let support = try TransparentProxy.probe(ipv6: true, program: program)
                // Where the kernel's configuration says so it must be found; elsewhere it may be there all the same.
                #expect(support == .available || !HostNeed.transparentProxy.isPresent())
                #expect(unshare(CLONE_NEWNET) == 0)
                let plan = try NetworkPlan(ports: [], ipv6: true, transparent: true, tap: true)
                do throws(LaunchError) {
                    _ = try NetworkSockets.make(plan)
                    #expect(support == .available)
                } catch {
                    #expect(error.isTransparentProxyAbsent && support == .absent(error.errno), "\(error)")
                }
            }
        }
    }
}
