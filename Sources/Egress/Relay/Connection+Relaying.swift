// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Policy

/// Bytes on their way, once there is a connection outside.
extension Connection {
    /// After a minute the kernel probes both peers; most connections never live so long, and are spared the calls.
    func watchIdle() {
        limit(60_000) { connection in
            _ = sp_keep_alive(connection.client.number)
            if let number = connection.outside { _ = sp_keep_alive(number) }
            connection.endWhenIdle()
        }
    }

    private func endWhenIdle() {
        guard let left = relay.millisecondsLeft(of: gateway.caps.idleMilliseconds, at: gateway.loop.now) else {
            return close(reason: "idle", resetting: true)
        }
        limit(left) { $0.endWhenIdle() }
    }

    /// Moves what can be moved in both directions.
    func pass() {
        guard phase == .relaying, let upstream = outside else { return }
        if spoken == nil, rule?.isObserver ?? false { listen() }
        let sent = sendUp(upstream)
        if sent == .usedUp { return endUsedUp() }
        switch relay.turn(sent: sent, from: upstream, to: client.number, gateway.pipes) {
        case .failed(let reason): close(reason: reason, resetting: true)
        case .finished: close(reason: "finished", resetting: false)
        case .answered where mode == .http: finishResponse()
        case .answered(mayGoOn: true), .goesOn: gateway.loop.postpone { [weak self] in self?.pass() }
        case .answered, .waits: break
        }
    }

    /// The client has more to send, and the session may send no more: the connection is cut at the figure.
    private func endUsedUp() {
        if let rule { recordLateDenial(gateway.allowance.refusal(rule), as: .limit) }
        close(reason: "egress_bytes", resetting: true)
    }

    /// The one request of this connection is answered. What the client sent behind it is read and dropped: unread bytes
    /// would turn the close into a reset, which could overtake the end of the answer.
    private func finishResponse() {
        var buffer = [UInt8](repeating: 0, count: 16_384)
        for _ in 0..<8 where sp_receive_bytes(client.number, &buffer, buffer.count) > 0 {}
        close(reason: "finished", resetting: false)
    }

    /// Looks at the first byte, which stays where it is: what a profile would have to say of this port.
    private func listen() {
        var first: UInt8 = 0
        if sp_peek_bytes(client.number, &first, 1) == 1 { spoken = Explanation.Language(firstByte: first) }
    }

    /// The head first; then bytes unread, or the body of a plain request and a possible second hello through their
    /// readers.
    private func sendUp(_ upstream: Int32) -> Direction.Outcome {
        switch outgoing.flush(to: upstream) {
        case .finished: break
        case let other: return other
        }
        guard reader.readsBody else {
            return relay.send(from: client.number, to: upstream, gateway.pipes, within: allowance)
        }
        var buffer = [UInt8](repeating: 0, count: 16_384)
        for _ in 0..<8 {
            let got = sp_receive_bytes(client.number, &buffer, buffer.count)
            if got == 0, mode == .tls {
                // The end is passed on by the pump; a hello that is not whole is worth nothing.
                reader = .none
                return .more
            }
            // The server would wait for the rest of the body until the idle limit.
            if got == 0 { return reader.isWhole ? .idle : .failed(Errno(ECONNABORTED)) }
            if got == -Int(EAGAIN) { return .idle }
            guard got > 0 else { return .failed(Errno(Int32(-got))) }
            guard let rule else { return .idle }
            switch reader.body(buffer.span.extracting(first: got), rule: rule) {
            case .more: continue
            case .accepted(let bytes):
                if let allowance, !allowance.takes(bytes.count) { return .usedUp }
                outgoing.append(bytes)
            case .denied(let refusal):
                recordLateDenial(refusal)
                return .failed(Errno(EBADMSG))
            }
            let sent = outgoing.flush(to: upstream)
            guard case .finished = sent else { return sent }
            if !reader.readsBody { break }
        }
        return .more
    }
}
