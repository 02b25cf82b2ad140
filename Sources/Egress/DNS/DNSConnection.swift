// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// One TCP connection to the session's resolver.
final class DNSConnection: EgressGateway.Live {
    private unowned let gateway: EgressGateway
    private let socket: Descriptor
    private let peer: Endpoint
    private let server: Endpoint
    private var registration: EventLoop.Registration?
    private var timer: LoopTimer?
    private var stream = DNSStream()
    private var unsent: [UInt8] = []

    init(_ gateway: EgressGateway, socket: consuming Descriptor, from peer: Endpoint, to server: Endpoint)
        throws(SystemError)
    {
        self.gateway = gateway
        self.socket = socket
        self.peer = peer
        self.server = server
        registration = try gateway.loop.add(self.socket.number, SP_EPOLLIN, self)
        restartTimer()
    }

    deinit { if let registration { gateway.loop.remove(registration) } }

    private func restartTimer() {
        timer?.cancel()
        timer = gateway.loop.after(milliseconds: gateway.caps.headMilliseconds) { [weak self] in self?.cut() }
    }

    func ready(_ events: UInt32, tag: Int) {
        if events & (SP_EPOLLERR | SP_EPOLLHUP) != 0 { return cut() }
        if events & SP_EPOLLOUT != 0 { flush() }
        if events & SP_EPOLLIN != 0 { read() }
    }

    private func read() {
        var buffer = [UInt8](repeating: 0, count: 2048)
        let got = sp_receive_bytes(socket.number, &buffer, buffer.count)
        if got == -Int(EAGAIN) { return }
        guard got > 0 else { return cut() }
        restartTimer()
        do throws(DNSStream.Refusal) {
            try stream.take(buffer.span.extracting(first: got)) { message in
                gateway.responder.answer(message, transport: 6, from: peer, to: server) { [weak self] reply in
                    self?.send(reply)
                }
            }
        } catch { cut() }
    }

    private func send(_ reply: [UInt8]) {
        guard registration != nil else { return }
        unsent += DNSStream.framed(reply)
        // A client that asks and never reads has used up its turn.
        guard unsent.count <= gateway.caps.heldBytes else { return cut() }
        flush()
    }

    private func flush() {
        while !unsent.isEmpty {
            let put = unsent.withUnsafeBytes { sp_send_bytes(socket.number, $0.baseAddress!, $0.count) }
            if put == -Int(EAGAIN) { break }
            guard put > 0 else { return cut() }
            unsent.removeFirst(put)
        }
        guard let registration else { return }
        do throws(SystemError) {
            try gateway.loop.change(registration, SP_EPOLLIN | (unsent.isEmpty ? 0 : SP_EPOLLOUT))
        } catch { cut() }
    }

    func judgeAgain() -> Bool { false }

    func cut() {
        timer?.cancel()
        guard let registration else { return }
        gateway.loop.remove(registration)
        self.registration = nil
        gateway.forget(self, up: 0, down: 0)
    }
}
