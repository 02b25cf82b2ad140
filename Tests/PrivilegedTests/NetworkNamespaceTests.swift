// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Isolation
import LinuxSystem
import Supervisor
import TestSupport
import Testing
import Wire

/// The namespace itself: made by a thread, looked into from outside, gone with its session.
@Suite("network namespace", .serialized)
struct NetworkNamespaceTests {
    /// Sockets only: the harness of an exit test opens and closes files of its own meanwhile.
    private static var openSockets: Int {
        names("/proc/self/fd").filter { link("/proc/self/fd/\($0)")?.hasPrefix("socket:") == true }.count
    }

    @Test(
        "a thread that has entered a namespace makes the same network there, once", .requires(.root),
        .timeLimit(.minutes(25)))
    func byThread() async {
        await #expect(processExitsWith: .success) {
            NetworkTrial.reporting {
                #expect(unshare(CLONE_NEWNET) == 0)
                let plan = try NetworkPlan(ports: [443], ipv6: true, transparent: false, tap: true)
                let before = Self.openSockets
                let sockets = try NetworkSockets.make(plan)
                #expect(Self.openSockets == before + plan.roles.count)
                let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
                var address = sockaddr_in()
                address.sin_family = sa_family_t(AF_INET)
                address.sin_port = UInt16(443).bigEndian
                address.sin_addr.s_addr = UInt32(0xC000_0207).bigEndian
                let connected = withUnsafeMutableBytes(of: &address) {
                    connect(
                        client,
                        __CONST_SOCKADDR_ARG(__sockaddr__: UnsafePointer(NetworkTrial.argument($0).__sockaddr__)), 16)
                }
                #expect(connected == 0)
                let connection = accept(
                    sockets.number(.listener(port: 443, .v4)) ?? -1, __SOCKADDR_ARG(__sockaddr__: nil), nil)
                #expect(Place(of: connection) == Place("192.0.2.7", 443))
                // The second cannot have what the first holds, says so, and leaves nothing open.
                let held = Self.openSockets
                let error = #expect(throws: LaunchError.self) { _ = try NetworkSockets.make(plan) }
                #expect(
                    error?.step == "net.dns_udp_v4" && error?.errno == Errno(EADDRINUSE), "\(String(describing: error))"
                )
                #expect(Self.openSockets == held)
                sockets.close()
            }
        }
    }

    @Test(
        "without IPv6 there is IPv4 only, and nothing fails", .requires(.root), .timeLimit(.minutes(25)))
    func withoutIPv6() async {
        await #expect(processExitsWith: .success) {
            NetworkTrial.reporting {
                #expect(unshare(CLONE_NEWNET) == 0)
                try writeKernelFile("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "1")
                let both = try NetworkPlan(ports: [443], ipv6: true, transparent: false, tap: true)
                let error = #expect(throws: LaunchError.self) { _ = try NetworkSockets.make(both) }
                #expect(error?.step == "net.addresses" && error?.errno == .accessDenied, "\(String(describing: error))")
                #expect(unshare(CLONE_NEWNET) == 0)
                try writeKernelFile("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "1")
                let one = try NetworkPlan(ports: [443], ipv6: false, transparent: false, tap: true)
                let sockets = try NetworkSockets.make(one)
                #expect(sockets.roles == [.dnsUDP(.v4), .dnsTCP(.v4), .listener(port: 443, .v4), .tap, .diagnostics])
            }
        }
    }

    @Test(
        "the process that holds a socket is found by its flow, with the program that it runs",
        .requires(.root), .requires(.rootless), .requires(.python), .timeLimit(.minutes(25)),
        arguments: SessionSocketsTests.modes)
    func owner(_ mode: String) async {
        await #expect(processExitsWith: .success) { [mode] in
            NetworkTrial.reporting {
                let scene = try NetworkTrial.scene(mode, ports: [443])
                var diagnostics = SocketDiagnostics(try scene.take(.diagnostics))
                for (address, family) in [("192.0.2.7", AddressFamily.v4), ("2001:db8::7", .v6)] {
                    #expect(try scene.ask("connect('\(address)', 443)") == "ok")
                    let connection = try scene.accepted(.listener(port: 443, family))
                    let local = try #require(RawPlace(of: connection, peer: true))
                    let remote = try #require(RawPlace(of: connection))
                    let flow = SocketFlow(
                        .tcp, local: local.address, localPort: local.port, remote: remote.address,
                        remotePort: remote.port)
                    let found = try #require(try diagnostics.find(flow))
                    #expect(try scene.ask("__import__('os').fstat(kept[-1].fileno()).st_ino") == "\(found.inode)")
                    let processes = try SocketOwners.descendants(of: scene.pid)
                    let owner = try #require(try SocketOwners.owner(inode: found.inode, among: processes))
                    #expect(owner.claimedName == Array("python3".utf8))
                    // As the kernel has it: each part ends in NUL.
                    #expect(owner.claimedCommand.starts(with: "python3\0-c\0".utf8))
                    let program = try FileStatus.at(
                        AT_FDCWD, Array("/usr/bin/python3".utf8CString), flags: 0, subject: "python3")
                    #expect(owner.inode == program.inode && owner.device == program.device)
                    #expect(statusField(Int32(bitPattern: owner.pid), "NSpid")?.split(separator: " ").count == 2)
                    // Closed, it is nobody's any more: the kernel still knows the flow, or does not.
                    #expect(try scene.ask("kept.pop().close()") == "None")
                    let after = try diagnostics.find(flow)
                    #expect(after == nil || after?.inode == 0)
                }
                try scene.tell("ask('198.18.0.53', 53, b'question')")
                let asker = try #require(try NetworkTrial.asker(try scene.number(.dnsUDP(.v4))))
                let flow = SocketFlow(
                    .udp, local: asker.address, localPort: asker.port, remote: [198, 18, 0, 53], remotePort: 53)
                let found = try #require(try diagnostics.find(flow))
                let owner = try SocketOwners.owner(
                    inode: found.inode, among: try SocketOwners.descendants(of: scene.pid))
                #expect(owner?.claimedName == Array("python3".utf8))
                #expect(try SocketOwners.owner(inode: 0, among: [scene.pid]) == nil)
                let nobody = SocketFlow(
                    .tcp, local: [198, 18, 0, 1], localPort: 9, remote: [192, 0, 2, 7], remotePort: 9)
                #expect(try diagnostics.find(nobody) == nil)
            }
        }
    }

    @Test(
        "the namespace is gone when its session has ended and nobody holds a socket of it any more",
        .requires(.root), .requires(.python), .timeLimit(.minutes(25)))
    func end() async {
        await #expect(processExitsWith: .success) {
            NetworkTrial.reporting {
                // A namespace of the test's own, so that the host's table of namespaces stays as it is.
                #expect(unshare(CLONE_NEWNET) == 0)
                let events = try NamespaceEvents()
                var scene: NetworkScene? = try NetworkTrial.scene("host", ports: [443])
                var sockets = scene?.takeSockets()
                try events.name("/proc/\(scene?.pid ?? -1)/ns/net", 7)
                scene = nil
                // The control: a listener alone keeps it, though no process is in it.
                #expect(try events.removed(7, within: 0) == false)
                let listener = sockets?.number(.listener(port: 443, .v4))
                #expect(listener != nil)
                sockets = nil
                #expect(try events.removed(7, within: 60_000))
            }
        }
    }
}

/// getsockname(2) or getpeername(2), as bytes.
struct RawPlace {
    let address: [UInt8]
    let port: UInt16

    init?(of socket: Int32, peer: Bool = false) {
        guard let storage = Place.name(of: socket, peer: peer) else { return nil }
        self.init(storage)
    }

    init(_ storage: [UInt8]) {
        address = Array(storage[0] == UInt8(AF_INET) ? storage[4..<8] : storage[8..<24])
        port = UInt16(storage[2]) << 8 | UInt16(storage[3])
    }
}

/// Tells when a network namespace that has a number in this one is destroyed. rtnetlink(7), RTM_DELNSID
final class NamespaceEvents {
    private let socket: Descriptor
    private static let group: UInt32 = 28  // RTNLGRP_NSID

    init() throws {
        let number = Glibc.socket(AF_NETLINK, Int32(SOCK_RAW.rawValue), NETLINK_ROUTE)
        guard number >= 0 else { throw HarnessError("make", "a netlink socket", errno) }
        socket = Descriptor(owning: number)
        var group = Self.group
        // NETLINK_ADD_MEMBERSHIP at SOL_NETLINK
        guard setsockopt(number, 270, 1, &group, 4) == 0 else { throw HarnessError("join", "RTNLGRP_NSID", errno) }
    }

    /// Gives a namespace a number here.
    func name(_ path: String, _ number: UInt32) throws {
        let namespace = try Descriptor.open(path, O_RDONLY)
        var requests = NetlinkRequests()
        // RTM_NEWNSID with NETNSA_NSID and NETNSA_FD; struct rtgenmsg, padded
        requests.append(
            88, body: UInt32(0), [.init(1, host: number), .init(3, host: UInt32(namespace.number))])
        let sent = requests.bytes.withUnsafeBytes { sp_write(socket.number, $0.baseAddress!, $0.count) }
        #expect(sent == requests.bytes.count)
        // The answer, beside the event of the naming itself.
        while true {
            let message = try next(20_000)
            guard message?.type == UInt16(NLMSG_ERROR) else { continue }
            #expect(message?.word == 0, "the naming was refused: \(message?.word ?? 1)")
            return
        }
    }

    /// Whether the namespace of this number went within so many milliseconds.
    func removed(_ number: UInt32, within milliseconds: Int32) throws -> Bool {
        while let message = try next(milliseconds) {
            if message.type == 89 && message.number == number { return true }  // RTM_DELNSID
        }
        return false
    }

    private func next(_ milliseconds: Int32) throws -> (type: UInt16, word: UInt32, number: UInt32)? {
        guard sp_poll_one(socket.number, Int16(POLLIN), milliseconds) > 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 1024)
        let got = bytes.withUnsafeMutableBytes { sp_read(socket.number, $0.baseAddress!, $0.count) }
        guard got >= 20 else { throw HarnessError("receive", "an event", EIO) }
        func number(_ at: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << (8 * UInt32($1)) } }
        // nlmsghdr (16), rtgenmsg (4), first attribute's header (4), NETNSA_NSID
        return (UInt16(truncatingIfNeeded: number(4)), number(16), number(24))
    }
}
