// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Policy

/// One connection from inside: what it asked for, what policy said, and the bytes on their way.
///
///     head ──▶ dialing ──▶ relaying ──▶ ended
///       └─────────┴──▶ explaining ─────────┘
final class Connection: EgressGateway.Live {
    enum Phase { case new, head, dialing, relaying, explaining, ended }
    private enum Side: Int {
        case client = 0
        case upstream
    }

    unowned let gateway: EgressGateway
    let client: Descriptor
    let peer: Endpoint
    let asked: Endpoint
    private(set) var name: HostName?
    private(set) var rule: EgressRule?
    private(set) var mode = EgressRule.Mode.raw

    var phase = Phase.new
    private var clientRegistration: EventLoop.Registration?
    private var upstreamRegistration: EventLoop.Registration?
    private var upstream: Descriptor?
    private var remote: IPAddress?
    var timer: LoopTimer?
    private var dialer: Dialer?

    var reader = HeadReader.none
    /// Bytes for upstream that were read here: the head, and the body of a plain request.
    var outgoing = Outgoing()
    var relay: Relay
    var farewell: Farewell?
    private var story: Story?
    /// What the client speaks, where the session observes.
    var spoken: Explanation.Language?

    init(_ gateway: EgressGateway, client: consuming Descriptor, from peer: Endpoint, to asked: Endpoint) {
        self.gateway = gateway
        self.client = client
        self.peer = peer
        self.asked = asked
        relay = Relay(at: gateway.loop.now)
    }

    /// The socket outside, once there is one.
    var outside: Int32? { upstream?.number }

    // MARK: Decision

    /// Decides by the address that was asked for: it stands for one name, or it is a literal.
    ///
    /// - Throws: What kept it from being watched; it has ended then.
    func begin() throws(SystemError) {
        decide()
        guard phase != .ended else { return }
        // Last, since the other side is on its way meanwhile. What came before is still told. epoll(7), EPOLLET
        do throws(SystemError) {
            clientRegistration = try gateway.loop.add(client.number, SP_EPOLL_RELAY, self, tag: Side.client.rawValue)
        } catch {
            close(reason: "descriptors", resetting: true)
            throw error
        }
    }

    private func decide() {
        name = gateway.names.name(of: asked.address)
        switch decision {
        case .denied(let denial): deny(Refusal(denial))
        case .allowed(let rule):
            self.rule = rule
            mode = rule.mode(for: asked.port)
            if let allowance, allowance.isUsedUp { return deny(allowance.refusal(rule), as: .limit) }
            switch mode {
            case .raw: dial()
            case .tls: expectHead(.tls(ClientHelloReader(allowsEncryptedHello: rule.ech == .allow)))
            case .http: expectHead(.http(RequestReader()))
            }
        }
    }

    /// What it counts against; nil where its bytes stay on this host.
    var allowance: Allowance? { rule?.leavesHost ?? true ? gateway.allowance : nil }

    private var decision: EgressPolicy.Decision { gateway.decide(asked, name: name) }

    func judgeAgain() -> Bool {
        guard phase != .explaining, phase != .ended else { return false }
        guard case .allowed(let rule) = decision, rule.mode(for: asked.port) == mode,
            rule.http == self.rule?.http, rule.ech == self.rule?.ech
        else { return cutByPolicy() }
        if let remote, case .refused = gateway.policy.vet(remote, for: rule) { return cutByPolicy() }
        // A look-up that is under way will be judged by the rule that it began with: only where that says the same.
        if phase == .dialing && rule.text != self.rule?.text { return cutByPolicy() }
        self.rule = rule
        return false
    }

    private func cutByPolicy() -> Bool {
        close(reason: "policy_changed", resetting: true)
        return true
    }

    func cut() { close(reason: "session_ended", resetting: true) }

    // MARK: Events

    func ready(_ events: UInt32, tag: Int) {
        let isClient = tag == Side.client.rawValue
        relay.isActive(at: gateway.loop.now)
        if events & SP_EPOLLERR != 0 {
            return close(reason: isClient ? "client_error" : "upstream_error", resetting: true)
        }
        switch phase {
        case .head: readHead()
        case .dialing:
            // A client that is gone needs no connection any more.
            if events & SP_EPOLLHUP != 0 { close(reason: "client_gone", resetting: true) }
        case .relaying:
            // There may be something to read, beside or instead of room to write.
            if events & ~SP_EPOLLOUT != 0 { relay.mayRead(client: isClient) }
            pass()
        case .explaining: explain()
        case .new, .ended: break
        }
    }

    func limit(_ milliseconds: UInt64, _ action: @escaping (Connection) -> Void) {
        timer?.cancel()
        timer = gateway.loop.after(milliseconds: milliseconds) { [weak self] in
            if let self { action(self) }
        }
    }

    // MARK: Head

    private func expectHead(_ reader: HeadReader) {
        self.reader = reader
        phase = .head
        limit(gateway.caps.headMilliseconds) {
            guard let rule = $0.rule else { return }
            $0.deny(
                Refusal("head_timeout", rule, "the first bytes did not come in time", remedy: "Send them at once."))
        }
        readHead()
    }

    private func readHead() {
        guard let rule else { return }
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while phase == .head {
            let got = sp_receive_bytes(client.number, &buffer, buffer.count)
            if got == -Int(EAGAIN) { return }
            guard got > 0 else { return close(reason: "client_gone", resetting: true) }
            switch reader.take(buffer.span.extracting(first: got), name: name, rule: rule, port: asked.port) {
            case .more: continue
            case .accepted(let bytes):
                if let allowance, !allowance.takes(bytes.count) {
                    return deny(allowance.refusal(rule), as: .limit)
                }
                outgoing.append(bytes)
                dial()
            case .denied(let refusal): deny(refusal)
            }
        }
    }

    // MARK: Dialling

    private func dial() {
        guard let rule else { return }
        phase = .dialing
        timer?.cancel()
        if let host = rule.virtualHost { return enter(host) }
        let dialer = Dialer(gateway, rule: rule, port: asked.port) { [weak self] outcome in self?.dialed(outcome) }
        self.dialer = dialer
        if let name { dialer.start(name: name) } else { dialer.start(address: asked.address) }
    }

    /// Hands one end of a new connection to the broker; nothing of it is looked at here.
    private func enter(_ host: VirtualHost) {
        do throws(SystemError) {
            guard let door = gateway.brokers[host] else { throw SystemError("reach", host.rawValue, Errno(ENOTCONN)) }
            let socket = try door.open()
            upstreamRegistration = try gateway.loop.add(
                socket.number, SP_EPOLL_RELAY, self, tag: Side.upstream.rawValue)
            upstream = consume socket
        } catch {
            return fail(
                "\(host)_unavailable", "\(host.rawValue) takes no connection: \(error.errno.explanation)")
        }
        connected()
    }

    private func dialed(_ outcome: Dialer.Outcome) {
        // It is in the middle of its own call.
        if let dialer { gateway.loop.postpone { withExtendedLifetime(dialer) {} } }
        dialer = nil
        switch outcome {
        case .connected(let number, let registration, let address, let speaks):
            let socket = Descriptor(owning: number)
            guard phase == .dialing else { return gateway.loop.forget(registration) }
            upstream = consume socket
            upstreamRegistration = registration
            gateway.loop.hand(registration, to: self, tag: Side.upstream.rawValue)
            remote = address
            if !speaks { relay.down.waitForSource() }
            connected()
        case .denied(let denial, let address):
            remote = address
            deny(Refusal(denial))
        case .failed(let reason, let detail): fail(reason, detail)
        }
    }

    /// What waits already goes first, and the line about it second: that one may wait for the name of a process anyway.
    /// A connection that is over by then has left its end with the story, so both lines are written, in their order. Only
    /// a gateway that is killed in between owes them, as it owes repeats that it has counted and not written.
    private func connected() {
        phase = .relaying
        var record = AuditRecord(.connectionAllowed)
        describe(&record)
        let story = Story(gateway.audit)
        self.story = story
        pass()
        // Pushes out what may have waited since. tcp(7)
        if let number = upstream?.number { _ = sp_no_delay(number) }
        gateway.record(record, transport: 6, client: peer, server: asked) { _ in story.opened() }
        if phase == .relaying { watchIdle() }
    }

    func describe(_ record: inout AuditRecord) {
        record.name = name?.text
        record.asked = asked.address
        record.port = asked.port
        record.address = remote
        record.speaks = spoken?.rawValue
        record.rule = record.rule ?? rule
    }

    // MARK: End

    func close(reason: String, resetting: Bool) {
        guard phase != .ended else { return }
        phase = .ended
        timer?.cancel()
        dialer?.cancel()
        relay.end(gateway.pipes)
        let sent = relay.up.moved + outgoing.sent
        if let story {
            var record = AuditRecord(.connectionClosed)
            describe(&record)
            record.reason = reason == "finished" ? nil : reason
            record.bytesUp = sent
            record.bytesDown = relay.down.moved
            record.durationMilliseconds = (gateway.loop.now - relay.begun) / 1_000_000
            story.close(record)
        }
        if let clientRegistration { gateway.loop.forget(clientRegistration) }
        if let upstreamRegistration { gateway.loop.forget(upstreamRegistration) }
        if resetting {
            _ = sp_reset_on_close(client.number)
            if let number = upstream?.number { _ = sp_reset_on_close(number) }
        }
        gateway.forget(self, up: sent, down: relay.down.moved)
    }
}
