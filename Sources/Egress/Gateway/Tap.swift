// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Policy

/// Records attempts on ports where nobody listens: the kernel refuses them before anything here could see them.
///
/// The packet socket was made before the session lost its capabilities, with a filter that passes datagrams that are no DNS
/// and the first packet of a TCP connection to a port without a listener: an acceptor decides and records the others.
final class Tap: EventSource {
    private unowned let gateway: EgressGateway
    private let socket: Descriptor
    private var registration: EventLoop.Registration?
    private var buffer = [UInt8](repeating: 0, count: 256)

    init(_ gateway: EgressGateway, socket: consuming Descriptor) throws(SystemError) {
        self.gateway = gateway
        self.socket = socket
        registration = try gateway.loop.add(self.socket.number, SP_EPOLLIN, self)
    }

    deinit { if let registration { gateway.loop.remove(registration) } }

    func ready(_ events: UInt32, tag: Int) {
        let lost = sp_packets_lost(socket.number)
        if lost > 0 { gateway.audit.lost(UInt64(lost)) }
        for _ in 0..<gateway.caps.perTurn {
            var protocolNumber: UInt16 = 0
            let got = sp_receive_packet(socket.number, &buffer, buffer.count, &protocolNumber)
            guard got > 0 else { return }
            guard let attempt = Attempt(buffer.span.extracting(first: got)) else { continue }
            note(attempt)
        }
    }

    private func note(_ attempt: Attempt) {
        // The session's own servers and clients among each other are nobody's egress.
        if attempt.isLocal { return }
        var record: AuditRecord
        if attempt.transport == 17 {
            record = AuditRecord(.packetRefused)
            record.reason = "datagrams_not_allowed"
            record.remedy = "Only TCP leaves a session, and names are answered here; use TCP."
        } else {
            record = AuditRecord(.packetRefused, decision(attempt.server))
        }
        record.name = gateway.names.name(of: attempt.server.address)?.text
        record.asked = attempt.server.address
        record.port = attempt.server.port
        gateway.record(record, transport: attempt.transport, client: attempt.client, server: attempt.server) { _ in }
    }

    /// Why no rule opened this port.
    private func decision(_ server: Endpoint) -> Denial {
        let decision =
            if let name = gateway.names.name(of: server.address) {
                gateway.policy.decide(name: name, port: server.port)
            } else {
                gateway.policy.decide(address: server.address, port: server.port)
            }
        switch decision {
        case .denied(let denial): return denial
        case .allowed(let rule):
            // A rule that came with a later policy, for a port that was not listened on from the start.
            return Denial(
                .portNotAllowed, rule: rule, "port \(server.port) was not open when the session started",
                remedy: "Start a new session under the new policy.")
        }
    }
}

/// Both ends of an attempt, read from the first packet.
struct Attempt: Equatable {
    let transport: UInt8
    let client: Endpoint
    let server: Endpoint

    /// Reads an IPv4 or IPv6 packet from its header on; nil for what is neither TCP nor UDP behind a plain header.
    init?(_ packet: Span<UInt8>) {
        guard packet.count >= 20 else { return nil }
        func address(_ range: Range<Int>) -> IPAddress? { IPAddress(bytes: packet.copy(range)) }
        let ports: Int
        let source: IPAddress?
        let destination: IPAddress?
        switch packet[0] >> 4 {
        case 4:
            transport = packet[9]
            ports = Int(packet[0] & 0x0F) * 4
            source = address(12..<16)
            destination = address(16..<20)
        case 6:
            guard packet.count >= 40 else { return nil }
            // A datagram in fragments is seen by its first one, whose header is the only extension the tap lets through.
            let isFragment = packet[6] == 44 && packet.count >= 48
            transport = isFragment ? packet[40] : packet[6]
            ports = isFragment ? 48 : 40
            source = address(8..<24)
            destination = address(24..<40)
        default: return nil
        }
        guard transport == 6 || transport == 17, ports >= 20, packet.count >= ports + 4, let source, let destination
        else { return nil }
        client = Endpoint(source, UInt16(packet.number16(at: ports)))
        server = Endpoint(destination, UInt16(packet.number16(at: ports + 2)))
    }

    /// True inside the session's own network: loopback, and its own address.
    var isLocal: Bool {
        switch server.address {
        case .v4(let value): value >> 24 == 127 || server.address == NameTable.ownV4
        case .v6(let high, let low): (high == 0 && low == 1) || server.address == NameTable.ownV6
        }
    }
}
