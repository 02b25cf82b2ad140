// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Policy

/// One connection of a task to a socket of the host: asked for, and then bytes in both directions, unread.
///
/// Bytes alone: descriptors and credentials that either side sends along with them end here, since splice(2) takes none.
/// The service has the supervisor's idea of a stranger as its peer, and never a process of the session. unix(7)
final class SocketConnection: EgressGateway.Live {
    private enum Phase { case asking, relaying, ended }
    private enum Side: Int {
        case client = 0
        case service
    }

    private unowned let gateway: EgressGateway
    private let client: Descriptor
    private let grant: SocketGrant
    private let number: UInt16
    private var rule: EgressRule?

    private var phase = Phase.asking
    private var clientRegistration: EventLoop.Registration?
    private var serviceRegistration: EventLoop.Registration?
    private var service: Descriptor?
    private var timer: LoopTimer?
    private var relay: Relay

    init(_ gateway: EgressGateway, client: consuming Descriptor, _ grant: SocketGrant, number: UInt16)
        throws(SystemError)
    {
        self.gateway = gateway
        self.client = client
        self.grant = grant
        self.number = number
        relay = Relay(at: gateway.loop.now)
        clientRegistration = try gateway.loop.add(
            self.client.number, SP_EPOLLIN | SP_EPOLLOUT | SP_EPOLLRDHUP | SP_EPOLLET, self, tag: Side.client.rawValue)
    }

    /// Decides by the policy of now, and asks for the connection.
    func begin() {
        rule = gateway.policy.rule(for: grant)
        guard rule != nil else {
            var record = describe(.socketDenied)
            record.reason = Denial.Code.socketNotGranted.rawValue
            record.detail = "the policy in force does not grant \(grant.path) any more"
            record.remedy = "Grant it again if the task needs it: sallyport session policy."
            gateway.audit.record(record)
            return end()
        }
        if gateway.allowance.isUsedUp {
            recordUsedUp()
            return end()
        }
        gateway.hostSockets.connect(number) { [weak self] answer in
            guard let self, self.phase == .asking else {
                if case .connected(let number) = answer { _ = sp_close(number) }
                return
            }
            switch answer {
            case .connected(let number): self.connected(Descriptor(owning: number))
            case .failed(let errno): self.fail(errno.description, "connecting outside gave \(errno.explanation)")
            case nil: self.fail("timed_out", "nobody made the connection in time")
            }
        }
    }

    private func connected(_ socket: consuming Descriptor) {
        do throws(SystemError) {
            serviceRegistration = try gateway.loop.add(
                socket.number, SP_EPOLLIN | SP_EPOLLOUT | SP_EPOLLRDHUP | SP_EPOLLET, self, tag: Side.service.rawValue)
        } catch { return fail("descriptors", error.description) }
        service = consume socket
        phase = .relaying
        gateway.audit.record(describe(.socketAllowed))
        endWhenIdle()
        pass()
    }

    private func fail(_ reason: String, _ detail: String) {
        var record = describe(.socketFailed)
        record.reason = reason
        record.detail = detail
        gateway.audit.record(record)
        end()
    }

    /// What the service does with bytes is out of sight, so they count as sent.
    private func recordUsedUp() {
        guard let rule else { return }
        let refusal = gateway.allowance.refusal(rule)
        var record = describe(.limit)
        record.reason = refusal.reason
        record.detail = refusal.message
        record.remedy = refusal.remedy
        gateway.audit.record(record)
    }

    private func describe(_ event: AuditRecord.Event) -> AuditRecord {
        var record = AuditRecord(event)
        record.transport = "unix"
        record.socket = grant
        record.rule = rule
        return record
    }

    // MARK: Relaying

    func ready(_ events: UInt32, tag: Int) {
        relay.isActive(at: gateway.loop.now)
        relay.mayRead(client: tag == Side.client.rawValue)
        switch phase {
        case .asking: if events & (SP_EPOLLHUP | SP_EPOLLERR) != 0 { fail("client_gone", "the task hung up before") }
        case .relaying: pass()
        case .ended: break
        }
    }

    private func pass() {
        guard phase == .relaying, let service = service?.number else { return }
        let sent = relay.send(from: client.number, to: service, gateway.pipes, within: gateway.allowance)
        if sent == .usedUp {
            recordUsedUp()
            return close("egress_bytes")
        }
        switch relay.turn(sent: sent, from: service, to: client.number, gateway.pipes) {
        case .failed(let reason): close(reason)
        case .finished: close(nil)
        case .answered(mayGoOn: true), .goesOn: gateway.loop.postpone { [weak self] in self?.pass() }
        case .answered, .waits: break
        }
    }

    private func endWhenIdle() {
        guard let left = relay.millisecondsLeft(of: gateway.caps.idleMilliseconds, at: gateway.loop.now) else {
            return close("idle")
        }
        timer = gateway.loop.after(milliseconds: left) { [weak self] in self?.endWhenIdle() }
    }

    // MARK: End

    func judgeAgain() -> Bool {
        guard phase != .ended else { return false }
        rule = gateway.policy.rule(for: grant)
        if rule != nil { return false }
        close("policy_changed")
        return true
    }

    func cut() { close("session_ended") }

    private func close(_ reason: String?) {
        if phase == .asking { return fail(reason ?? "finished", "it ended before there was a connection outside") }
        if phase == .relaying {
            var record = describe(.socketClosed)
            record.reason = reason
            record.bytesUp = relay.up.moved
            record.bytesDown = relay.down.moved
            record.durationMilliseconds = (gateway.loop.now - relay.begun) / 1_000_000
            gateway.audit.record(record)
        }
        end()
    }

    private func end() {
        guard phase != .ended else { return }
        phase = .ended
        timer?.cancel()
        relay.end(gateway.pipes)
        if let clientRegistration { gateway.loop.remove(clientRegistration) }
        if let serviceRegistration { gateway.loop.remove(serviceRegistration) }
        gateway.forget(self, up: relay.up.moved, down: relay.down.moved)
    }
}
