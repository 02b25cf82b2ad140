// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// One UDP socket of the session's resolver.
final class DatagramSource: EventSource {
    private unowned let gateway: EgressGateway
    private let socket: Descriptor
    private var registration: EventLoop.Registration?
    private var buffer = [UInt8](repeating: 0, count: 4096)

    init(_ gateway: EgressGateway, socket: consuming Descriptor) throws(SystemError) {
        self.gateway = gateway
        self.socket = socket
        registration = try gateway.loop.add(self.socket.number, SP_EPOLLIN, self)
    }

    deinit { if let registration { gateway.loop.remove(registration) } }

    func ready(_ events: UInt32, tag: Int) {
        for _ in 0..<gateway.caps.perTurn {
            var from = sp_endpoint()
            var to = sp_endpoint()
            let got = sp_receive_datagram(socket.number, &buffer, buffer.count, &from, &to)
            if got == -Int(EAGAIN) { return }
            // Too long for a question, or an error that belongs to one earlier answer: the next one is looked at.
            guard got > 0, let client = Endpoint(from), var server = Endpoint(to) else { continue }
            server = Endpoint(server.address, 53)
            let fd = socket.number
            gateway.responder.answer(
                buffer.span.extracting(first: got), transport: 17, from: client, to: server
            ) { reply in
                var to = client.raw
                var from = server.raw
                // A client that is gone, or a full buffer: the client asks again.
                _ = reply.withUnsafeBytes { sp_send_datagram(fd, $0.baseAddress!, $0.count, &to, &from) }
            }
        }
    }
}
