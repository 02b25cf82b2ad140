// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Policy

/// One listening socket of the session: in its network, or on its side of a socket of the host.
final class Acceptor: EventSource {
    /// What comes there.
    enum Kind {
        case connections
        /// A rule may open port 53 of nothing but an address; the resolver has it for every name.
        case resolver
        case socket(SocketGrant, number: UInt16)
    }

    private unowned let gateway: EgressGateway
    private let socket: Descriptor
    private let kind: Kind
    private var registration: EventLoop.Registration?
    private var bucket: TokenBucket
    private var timer: LoopTimer?

    init(_ gateway: EgressGateway, socket: consuming Descriptor, _ kind: Kind) throws(SystemError) {
        self.gateway = gateway
        self.socket = socket
        self.kind = kind
        bucket = TokenBucket(
            perSecond: gateway.caps.connectionsPerSecond, burst: gateway.caps.connectionBurst, now: gateway.loop.now)
        // What is accepted has it from here, since an accepted socket begins as its listener's copy.
        _ = sp_no_delay(self.socket.number)
        registration = try gateway.loop.add(self.socket.number, SP_EPOLLIN, self, first: true)
    }

    deinit {
        timer?.cancel()
        if let registration { gateway.loop.remove(registration) }
    }

    /// Takes one. Whoever waits behind it is heard of in the next round; mostly nobody does, and asking would cost as much.
    func ready(_ events: UInt32, tag: Int) {
        guard bucket.hasOne(at: gateway.loop.now) else { return pause(milliseconds: bucket.milliseconds) }
        var peer = sp_endpoint()
        let got = isLocal ? sp_control_accept(socket.number) : sp_accept(socket.number, &peer)
        // ECONNABORTED and the like belong to the connection that is gone. accept(2)
        guard got >= 0 else {
            if got == -Int(EMFILE) || got == -Int(ENFILE) {
                refuseForWantOf("descriptors", at: nil)
                // The connection stays in the queue, and would wake this loop again at once.
                pause(milliseconds: 100)
            }
            return
        }
        take(Descriptor(owning: Int32(got)), from: peer)
    }

    /// Leaves what comes too fast in the kernel's queue for a moment: a task that opens many connections at once gets
    /// them all, only later. The queue has an end, and clients try again.
    private func pause(milliseconds: UInt64) {
        guard let registration else { return }
        do throws(SystemError) { try gateway.loop.change(registration, 0) } catch {
            // Still watched: what waits wakes this loop again, and is counted against the rate again.
            return
        }
        timer = gateway.loop.after(milliseconds: milliseconds) { [weak self] in
            guard let self, let registration = self.registration else { return }
            do throws(SystemError) { try self.gateway.loop.change(registration, SP_EPOLLIN) } catch {
                // Shut for good, and fail closed. Only a descriptor that is not watched any more gives an error here, and
                // this one is as long as the acceptor lives. epoll_ctl(2), EPOLL_CTL_MOD
            }
        }
    }

    private var isLocal: Bool { if case .socket = kind { true } else { false } }

    private func take(_ client: consuming Descriptor, from peer: sp_endpoint) {
        if case .socket(let grant, let number) = kind { return take(client, for: grant, number) }
        var local = sp_endpoint()
        guard sp_local_endpoint(client.number, &local) == 0, let asked = Endpoint(local), let peer = Endpoint(peer)
        else { return }
        _ = bucket.take(at: gateway.loop.now)
        guard gateway.connectionCount < gateway.caps.connections else {
            // A reset, so that a client knows at once.
            _ = sp_reset_on_close(client.number)
            return refuseForWantOf("connections", at: asked)
        }
        do throws(SystemError) {
            if case .resolver = kind {
                gateway.keep(try DNSConnection(gateway, socket: client, from: peer, to: asked))
            } else {
                let connection = Connection(gateway, client: client, from: peer, to: asked)
                gateway.keep(connection)
                try connection.begin()
            }
        } catch {
            refuseForWantOf("descriptors", at: asked)
        }
    }

    private func take(_ client: consuming Descriptor, for grant: SocketGrant, _ number: UInt16) {
        _ = bucket.take(at: gateway.loop.now)
        guard gateway.connectionCount < gateway.caps.connections else {
            return refuseForWantOf("connections", at: nil)
        }
        do throws(SystemError) {
            let connection = try SocketConnection(gateway, client: client, grant, number: number)
            gateway.keep(connection)
            connection.begin()
        } catch { refuseForWantOf("descriptors", at: nil) }
    }

    private func refuseForWantOf(_ what: String, at asked: Endpoint?) {
        var record = AuditRecord(.limit)
        record.transport = isLocal ? "unix" : "tcp"
        record.port = asked?.port
        if case .socket(let grant, _) = kind { record.socket = grant }
        record.reason = what
        record.detail = "a session has \(gateway.caps.connections) connections at a time"
        record.remedy = "Let the task open fewer connections at a time."
        gateway.audit.record(record)
    }
}
