// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// One end of a connection or of a datagram's way, as the socket that is looked for has it.
package struct SocketFlow: Sendable, Equatable {
    package enum Transport: Sendable { case tcp, udp }
    package let transport: Transport
    /// Four or sixteen bytes in network order, both of the same family.
    package let local: [UInt8]
    package let localPort: UInt16
    package let remote: [UInt8]
    package let remotePort: UInt16

    package init(_ transport: Transport, local: [UInt8], localPort: UInt16, remote: [UInt8], remotePort: UInt16) {
        self.transport = transport
        self.local = local
        self.localPort = localPort
        self.remote = remote
        self.remotePort = remotePort
    }
}

/// Asks the kernel which socket of a network namespace has a flow, through a NETLINK_SOCK_DIAG socket that was made in
/// that namespace. sock_diag(7)
package struct SocketDiagnostics: ~Copyable {
    package struct Found: Sendable, Equatable {
        /// 0 for a socket that no descriptor holds any more.
        package let inode: UInt32
        /// The owner's id as the user namespace that made the diagnostics socket numbers it.
        package let uid: UInt32
    }

    private let socket: Descriptor
    private var sequence: UInt32 = 0

    package init(_ socket: consuming Descriptor) { self.socket = socket }

    /// The socket inside that has this flow; nil when there is none, or none any more.
    package mutating func find(_ flow: SocketFlow) throws(SystemError) -> Found? {
        guard flow.local.count == flow.remote.count, flow.local.count == 4 || flow.local.count == 16 else {
            throw SystemError("look up", "a socket by addresses of two families", .invalid)
        }
        sequence += 1
        var requests = NetlinkRequests(after: sequence - 1)
        requests.append(UInt16(SOCK_DIAG_BY_FAMILY), acknowledge: false, body: Self.request(flow))
        let fd = socket.number
        try checked("ask for", "the owner of a socket") {
            requests.bytes.withUnsafeBytes { sp_write(fd, $0.baseAddress!, $0.count) }
        }
        // The kernel answers within the write; an answer to an earlier question that nobody read is passed over.
        while true {
            var bytes = [UInt8](repeating: 0, count: 1024)
            let got = try checked("read", "the owner of a socket") {
                bytes.withUnsafeMutableBytes { sp_read(fd, $0.baseAddress!, $0.count) }
            }
            let message = Array(bytes.prefix(got))
            guard let header = message.loaded(nlmsghdr.self, at: 0) else {
                throw SystemError("read", "the owner of a socket", .io)
            }
            if header.nlmsg_seq == sequence { return try Self.found(header, message) }
        }
    }

    private static func request(_ flow: SocketFlow) -> inet_diag_req_v2 {
        var request = inet_diag_req_v2()
        request.sdiag_family = UInt8(flow.local.count == 4 ? AF_INET : AF_INET6)
        request.idiag_states = ~0
        // The kernel looks a datagram socket up by the packet that would reach it: source is the other end.
        // net/ipv4/udp_diag.c, udp_dump_one()
        let asPacket = flow.transport == .udp
        request.sdiag_protocol = UInt8(asPacket ? IPPROTO_UDP : IPPROTO_TCP)
        let ends = [(flow.local, flow.localPort), (flow.remote, flow.remotePort)]
        let (first, second) = asPacket ? (ends[1], ends[0]) : (ends[0], ends[1])
        withUnsafeMutableBytes(of: &request.id.idiag_src) { $0.copyBytes(from: first.0) }
        withUnsafeMutableBytes(of: &request.id.idiag_dst) { $0.copyBytes(from: second.0) }
        request.id.idiag_sport = first.1.bigEndian
        request.id.idiag_dport = second.1.bigEndian
        // INET_DIAG_NOCOOKIE: whatever socket it is.
        request.id.idiag_cookie = (~0, ~0)
        return request
    }

    private static func found(_ header: nlmsghdr, _ message: [UInt8]) throws(SystemError) -> Found? {
        let body = MemoryLayout<nlmsghdr>.size
        if header.nlmsg_type == UInt16(NLMSG_ERROR) {
            let error = message.loaded(Int32.self, at: body) ?? -EIO
            if error == -ENOENT { return nil }
            throw SystemError("look up", "the owner of a socket", Errno(-error))
        }
        guard let answer = message.loaded(inet_diag_msg.self, at: body) else {
            throw SystemError("read", "the owner of a socket", .io)
        }
        return Found(inode: answer.idiag_inode, uid: answer.idiag_uid)
    }
}

extension [UInt8] {
    /// A structure of the kernel's at an offset; nil when the bytes end before it does.
    fileprivate func loaded<Value: BitwiseCopyable>(_ type: Value.Type, at offset: Int) -> Value? {
        guard offset + MemoryLayout<Value>.size <= count else { return nil }
        return withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: type) }
    }
}
