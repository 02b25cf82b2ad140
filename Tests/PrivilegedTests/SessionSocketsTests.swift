// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Isolation
import LinuxSystem
import TestSupport
import Testing

/// What an agent finds in a network namespace whose sockets are served from outside.
///
/// Each test is a process of its own: it starts a sandbox by itself, and in rootless mode becomes an ordinary user.
@Suite("sockets of a session", .serialized)
struct SessionSocketsTests {
    static let modes = [Mode.host.rawValue, Mode.rootless.rawValue]

    @Test(
        "a connection to any address arrives outside, at the listener of its port, under the address that was asked",
        .requires(.root), .requires(.rootless), .requires(.python), .timeLimit(.minutes(25)), arguments: modes)
    func handOver(_ mode: String) async {
        await #expect(processExitsWith: .success) { [mode] in
            NetworkTrial.reporting {
                let scene = try NetworkTrial.scene(mode, ports: [80, 443])
                for (address, port) in [("192.0.2.7", 443), ("10.1.2.3", 80), ("2001:db8::7", 443), ("fd00::1", 80)] {
                    let family: AddressFamily = address.contains(":") ? .v6 : .v4
                    #expect(try scene.ask("connect('\(address)', \(port))") == "ok")
                    let connection = try scene.accepted(.listener(port: UInt16(port), family))
                    #expect(Place(of: connection) == Place(address, UInt16(port)))
                    let own = family == .v4 ? "198.18.0.1" : "fd53:414c:4c59::1"
                    #expect(Place(of: connection, peer: true)?.address == own)
                }
                #expect(try scene.ask("connect('198.18.0.53', 53)") == "ok")
                let resolver = try scene.accepted(.dnsTCP(.v4))
                #expect(Place(of: resolver) == Place("198.18.0.53", 53))
            }
        }
    }

    @Test(
        "a question to any resolver arrives outside and is answered from the address that was asked",
        .requires(.root), .requires(.rootless), .requires(.python), .timeLimit(.minutes(25)), arguments: modes)
    func resolver(_ mode: String) async {
        await #expect(processExitsWith: .success) { [mode] in
            NetworkTrial.reporting {
                let scene = try NetworkTrial.scene(mode, ports: [])
                for (address, role) in [
                    ("198.18.0.53", NetworkRole.dnsUDP(.v4)), ("192.0.2.53", .dnsUDP(.v4)),
                    ("2001:db8::53", .dnsUDP(.v6)),
                ] {
                    try scene.tell("ask('\(address)', 53, b'question')")
                    let question = try NetworkTrial.echo(try scene.number(role))
                    #expect(question == Array("question".utf8))
                    // A connected socket takes an answer from nobody else.
                    #expect(try scene.answer() == "question")
                }
            }
        }
    }

    @Test(
        "a port without a listener is refused at once, and datagrams reach nobody",
        .requires(.root), .requires(.rootless), .requires(.python), .timeLimit(.minutes(25)), arguments: modes)
    func refused(_ mode: String) async {
        await #expect(processExitsWith: .success) { [mode] in
            NetworkTrial.reporting {
                let scene = try NetworkTrial.scene(mode, ports: [443])
                for address in ["192.0.2.7", "198.18.77.77", "127.0.0.1", "2001:db8::7", "::1"] {
                    #expect(try scene.ask("connect('\(address)', 8443)") == "ECONNREFUSED")
                    #expect(try scene.ask("ask('\(address)', 443, b'q')") == "ECONNREFUSED")
                }
                for address in ["255.255.255.255", "224.0.0.1"] {
                    #expect(try scene.ask("connect('\(address)', 443)") == "ENETUNREACH")
                }
                #expect(try scene.ask("send('192.0.2.7', 443, 4)") == "4")
                let listeners: [NetworkRole] = [.listener(port: 443, .v4), .listener(port: 443, .v6)]
                for role in listeners + [.dnsUDP(.v4), .dnsUDP(.v6), .dnsTCP(.v4), .dnsTCP(.v6)] {
                    #expect(sp_poll_one(try scene.number(role), Int16(POLLIN), 0) == 0)
                }
            }
        }
    }

    @Test(
        "the tap sees every attempt that no listener takes once, and nothing of what stays inside",
        .requires(.root), .requires(.rootless), .requires(.python), .timeLimit(.minutes(25)), arguments: modes)
    func tap(_ mode: String) async {
        await #expect(processExitsWith: .success) { [mode] in
            NetworkTrial.reporting {
                let scene = try NetworkTrial.scene(mode, ports: [443])
                // Accepted, and recorded, by who holds the listener; the same port of a datagram is nobody's.
                for address in ["192.0.2.7", "2001:db8::7"] {
                    for port in [443, 53] { #expect(try scene.ask("connect('\(address)', \(port))") == "ok") }
                }
                #expect(try scene.ask("connect('198.18.1.9', 5432)") == "ECONNREFUSED")
                #expect(try scene.ask("connect('2001:db8::7', 9999)") == "ECONNREFUSED")
                #expect(try scene.ask("send('1.1.1.1', 443, 4)") == "4")
                #expect(try scene.ask("send('2001:db8::1', 123, 40000)") == "40000")
                #expect(
                    try scene.seen() == [
                        Seen("tcp", "198.18.1.9", 5432), Seen("tcp", "2001:db8::7", 9999),
                        Seen("udp", "1.1.1.1", 443), Seen("udp", "2001:db8::1", 123),
                    ])
                // A datagram in fragments is one attempt: IPV6_MTU is 24, IP_MTU_DISCOVER 10 with IP_PMTUDISC_DONT 0.
                #expect(try scene.ask("make('::', SOCK_DGRAM).setsockopt(IPPROTO_IPV6, 24, 1280)") == "None")
                #expect(try scene.ask("kept[-1].sendto(bytes(4000), ('2001:db8::2', 124))") == "4000")
                #expect(try scene.seen() == [Seen("udp", "2001:db8::2", 124)])
                // The session's own affair: its loopback, its own address, its resolver.
                #expect(try scene.ask("serve('0.0.0.0', 8080)") == "8080")
                #expect(try scene.ask("connect('127.0.0.1', 8080)") == "ok")
                #expect(try scene.ask("connect('198.18.0.1', 8080)") == "ok")
                #expect(try scene.ask("connect('::1', 8081)") == "ECONNREFUSED")
                #expect(try scene.ask("connect('fd53:414c:4c59::1', 8081)") == "ECONNREFUSED")
                #expect(try scene.ask("send('198.18.0.53', 53, 12)") == "12")
                #expect(try scene.seen() == [])
            }
        }
    }

    @Test(
        "the agent has no capability, and cannot take over a listener, change a route or listen in",
        .requires(.root), .requires(.rootless), .requires(.python), .timeLimit(.minutes(25)), arguments: modes)
    func takeOver(_ mode: String) async {
        await #expect(processExitsWith: .success) { [mode] in
            NetworkTrial.reporting {
                let scene = try NetworkTrial.scene(mode, ports: [443, 8443])
                #expect(
                    try scene.ask("words('/proc/self/status', 'Cap')")
                        == Array(repeating: "0000000000000000", count: 5).joined(separator: " "))
                for address in ["0.0.0.0", "198.18.1.9", "127.0.0.1", "::", "2001:db8::7", "::ffff:198.18.1.9"] {
                    for options in ["", ", SO_REUSEADDR", ", SO_REUSEPORT", ", SO_REUSEADDR, SO_REUSEPORT"] {
                        #expect(try scene.ask("serve('\(address)', 443\(options))") == "EACCES", "\(address)\(options)")
                        // An IPv6 address is bound only where an interface has it; a local route is not enough. ipv6(7)
                        let refusal = address == "2001:db8::7" ? "EADDRNOTAVAIL" : "EADDRINUSE"
                        #expect(try scene.ask("serve('\(address)', 8443\(options))") == refusal, "\(address)\(options)")
                    }
                }
                // The control: a port that nobody holds.
                #expect(try scene.ask("serve('0.0.0.0', 8444)") == "8444")
                #expect(try scene.ask("socket(AF_PACKET, SOCK_DGRAM)") == "EAFNOSUPPORT")
                #expect(try scene.ask("socket(AF_INET, SOCK_RAW, IPPROTO_TCP)") == "EPROTONOSUPPORT")
                for netlink in [4, 12, 16] {  // SOCK_DIAG, NETFILTER, GENERIC
                    #expect(try scene.ask("socket(AF_NETLINK, SOCK_RAW, \(netlink))") == "EPROTONOSUPPORT")
                }
                #expect(try scene.ask("kept.append(socket(AF_NETLINK, SOCK_RAW, 0))") == "None")
                // RTM_DELROUTE of the default route of the local table: nlmsghdr, rtmsg.
                let removal = "bytes([28,0,0,0, 25,0, 5,0, 1,0,0,0, 0,0,0,0, 2,0,0,0, 255,4,254,2, 0,0,0,0])"
                #expect(try scene.ask("kept[-1].send(\(removal))") == "28")
                #expect(try scene.ask("int.from_bytes(kept[-1].recv(512)[16:20], 'little', signed=True)") == "-1")
                #expect(try scene.ask("connect('192.0.2.7', 443)") == "ok")
                _ = try scene.accepted(.listener(port: 443, .v4))
            }
        }
    }

    @Test(
        "a look-up with AI_ADDRCONFIG finds names of both families, and connections come from the session's own address",
        .requires(.root), .requires(.rootless), .requires(.python), .timeLimit(.minutes(25)), arguments: modes)
    func ownAddress(_ mode: String) async {
        await #expect(processExitsWith: .success) { [mode] in
            NetworkTrial.reporting {
                let scene = try NetworkTrial.scene(mode, ports: [])
                for (family, found) in [("AF_INET", "127.0.0.1"), ("AF_INET6", "::1")] {
                    #expect(
                        try scene.ask("getaddrinfo('localhost', 80, \(family), SOCK_STREAM, 0, AI_ADDRCONFIG)[0][4][0]")
                            == found)
                }
                for address in ["192.0.2.7", "198.18.1.9", "8.8.8.8"] {
                    #expect(try scene.ask("source('\(address)', 40000)") == "198.18.0.1")
                }
                for address in ["2001:db8::7", "fd53:414c:4c59::109"] {
                    #expect(try scene.ask("source('\(address)', 40000)") == "fd53:414c:4c59::1")
                }
            }
        }
    }

    @Test(
        "without a network there is only lo: every address is unreachable",
        .requires(.root), .requires(.rootless), .requires(.python), .timeLimit(.minutes(25)), arguments: modes)
    func without(_ mode: String) async {
        await #expect(processExitsWith: .success) { [mode] in
            NetworkTrial.reporting {
                let scene = try NetworkTrial.closed(mode)
                #expect(scene.hasSockets == false)
                for address in ["192.0.2.7", "198.18.0.53", "2001:db8::7"] {
                    #expect(try scene.ask("connect('\(address)', 443)") == "ENETUNREACH")
                    #expect(try scene.ask("send('\(address)', 53, 4)") == "ENETUNREACH")
                }
                #expect(try scene.ask("connect('127.0.0.1', 443)") == "ECONNREFUSED")
                // What the session's own address is for: EAI_NONAME.
                #expect(
                    try scene.ask("getaddrinfo('localhost', 80, AF_INET, SOCK_STREAM, 0, AI_ADDRCONFIG)") == "-2")
            }
        }
    }
}

extension SessionSocketsTests {
    @Test(
        "libc's look-up asks the resolver inside, and nothing but it",
        .requires(.root), .requires(.rootless), .requires(.python), .timeLimit(.minutes(25)), arguments: modes)
    func lookUp(_ mode: String) async {
        await #expect(processExitsWith: .success) { [mode] in
            NetworkTrial.reporting {
                let scene = try NetworkTrial.scene(mode, ports: [])
                #expect(try scene.ask("open('/etc/resolv.conf').read().strip()") == "nameserver 198.18.0.53")
                #expect(try scene.ask("words('/etc/nsswitch.conf', 'hosts')") == "files")
                #expect(try scene.ask("open('/etc/nsswitch.conf').read().count('hosts: files dns\\n')") == "1")
                try scene.tell("getaddrinfo('name.test', 80, AF_INET)")
                let question = try NetworkTrial.datagram(try scene.number(.dnsUDP(.v4)))
                // Header of twelve bytes, then the name as labels.
                #expect(question.dropFirst(12).starts(with: [4] + Array("name".utf8) + [4] + Array("test".utf8) + [0]))
                #expect(try scene.seen() == [])
            }
        }
    }

    @Test(
        "without a network a look-up fails, and nothing says where a resolver would be",
        .requires(.root), .requires(.rootless), .requires(.python), .timeLimit(.minutes(25)), arguments: modes)
    func noLookUp(_ mode: String) async {
        await #expect(processExitsWith: .success) { [mode] in
            NetworkTrial.reporting {
                let scene = try NetworkTrial.closed(mode)
                // EAI_NONAME: for good, where a temporary failure would be tried again.
                #expect(try scene.ask("getaddrinfo('name.test', 80)") == "-2")
                #expect(try scene.ask("open('/etc/resolv.conf').read().strip()") == "options timeout:0 attempts:1")
                #expect(try scene.ask("open('/etc/nsswitch.conf').read().count('hosts: files\\n')") == "1")
            }
        }
    }
}

/// What the bodies of these tests share; a body is a process of its own and captures only values.
enum NetworkTrial {
    static func scene(_ mode: String, ports: [UInt16], ipv6: Bool = true, transparent: Bool = false) throws
        -> NetworkScene
    {
        let plan = try NetworkPlan(ports: ports, ipv6: ipv6, transparent: transparent, tap: true)
        return try NetworkScene(plan, mode: try Self.mode(mode))
    }

    static func closed(_ mode: String) throws -> NetworkScene { try NetworkScene(nil, mode: try Self.mode(mode)) }

    private static func mode(_ text: String) throws(HarnessError) -> Mode {
        guard let mode = Mode(rawValue: text) else { throw HarnessError("\"\(text)\" is no mode") }
        return mode
    }

    /// An error that ends a test's own process would be seen as a signal only.
    static func reporting(_ body: () throws -> Void) {
        do { try body() } catch { Issue.record(error) }
    }

    /// A socket address for the calls of libc.
    static func argument(_ bytes: UnsafeMutableRawBufferPointer) -> __SOCKADDR_ARG {
        __SOCKADDR_ARG(__sockaddr__: bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self))
    }

    /// Who sent the next datagram, which is taken.
    static func asker(_ socket: Int32) throws -> RawPlace? {
        guard sp_poll_one(socket, Int16(POLLIN), 20_000) > 0 else { throw HarnessError("no datagram comes") }
        var address = [UInt8](repeating: 0, count: 128)
        var bytes = [UInt8](repeating: 0, count: 512)
        var length = socklen_t(address.count)
        let got = address.withUnsafeMutableBytes { name in
            recvfrom(
                socket, &bytes, bytes.count, 0, NetworkTrial.argument(name), &length)
        }
        return got > 0 ? RawPlace(address) : nil
    }

    static func datagram(_ socket: Int32) throws -> [UInt8] {
        guard sp_poll_one(socket, Int16(POLLIN), 20_000) > 0 else { throw HarnessError("no datagram comes") }
        var bytes = [UInt8](repeating: 0, count: 512)
        let got = recv(socket, &bytes, bytes.count, 0)
        return Array(bytes.prefix(max(0, got)))
    }

    /// Takes one datagram and sends it back from the address to which it came, as its control message says.
    static func echo(_ socket: Int32) throws -> [UInt8] {
        guard sp_poll_one(socket, Int16(POLLIN), 20_000) > 0 else { throw HarnessError("no datagram comes") }
        var bytes = [UInt8](repeating: 0, count: 512)
        var address = [UInt8](repeating: 0, count: 64)
        var control = [UInt8](repeating: 0, count: 128)
        return try bytes.withUnsafeMutableBytes { data in
            try address.withUnsafeMutableBytes { name in
                try control.withUnsafeMutableBytes { ancillary in
                    var piece = iovec(iov_base: data.baseAddress, iov_len: data.count)
                    return try withUnsafeMutablePointer(to: &piece) { pieces in
                        var message = msghdr()
                        message.msg_name = name.baseAddress
                        message.msg_namelen = socklen_t(name.count)
                        message.msg_iov = pieces
                        message.msg_iovlen = 1
                        message.msg_control = ancillary.baseAddress
                        message.msg_controllen = ancillary.count
                        let got = recvmsg(socket, &message, 0)
                        guard got >= 0 else { throw HarnessError("receive", "a datagram", errno) }
                        pieces.pointee.iov_len = got
                        guard sendmsg(socket, &message, 0) == got else {
                            throw HarnessError("send", "a datagram", errno)
                        }
                        return Array(data.prefix(got))
                    }
                }
            }
        }
    }
}
