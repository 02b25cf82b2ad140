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
    private enum Phase { case new, head, dialing, relaying, explaining, ended }
    private enum Side: Int {
        case client = 0
        case upstream
    }

    private unowned let gateway: EgressGateway
    private let client: Descriptor
    private let peer: Endpoint
    private let asked: Endpoint
    private var name: HostName?
    private var rule: EgressRule?
    private var mode = EgressRule.Mode.raw

    private var phase = Phase.new
    private var clientRegistration: EventLoop.Registration?
    private var upstreamRegistration: EventLoop.Registration?
    private var upstream: Descriptor?
    private var remote: IPAddress?
    private var timer: LoopTimer?
    private var dialer: Dialer?

    private var reader = HeadReader.none
    /// Bytes for upstream that were read here: the head, and the body of a plain request.
    private var outgoing = Outgoing()
    private var up = Direction()
    private var down = Direction()
    private var begun: UInt64 = 0
    private var lastActivity: UInt64 = 0
    private var farewell: Farewell?
    private var story: Story?
    /// What the client speaks, where the session observes.
    private var spoken: Explanation.Language?

    init(_ gateway: EgressGateway, client: consuming Descriptor, from peer: Endpoint, to asked: Endpoint) {
        self.gateway = gateway
        self.client = client
        self.peer = peer
        self.asked = asked
        begun = gateway.loop.now
        lastActivity = begun
    }

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
            switch mode {
            case .raw: dial()
            case .tls: expectHead(.tls(ClientHelloReader(allowsEncryptedHello: rule.ech == .allow)))
            case .http: expectHead(.http(RequestReader()))
            }
        }
    }

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
        lastActivity = gateway.loop.now
        let isClient = tag == Side.client.rawValue
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
            if events & ~SP_EPOLLOUT != 0 {
                if isClient { up.sourceIsReady() } else { down.sourceIsReady() }
            }
            relay()
        case .explaining: explain()
        case .new, .ended: break
        }
    }

    private func limit(_ milliseconds: UInt64, _ action: @escaping (Connection) -> Void) {
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
            if !speaks { down.waitForSource() }
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
        relay()
        // Pushes out what may have waited since. tcp(7)
        if let number = upstream?.number { _ = sp_no_delay(number) }
        gateway.record(record, transport: 6, client: peer, server: asked) { _ in story.opened() }
        if phase == .relaying { watchIdle() }
    }

    private func describe(_ record: inout AuditRecord) {
        record.name = name?.text
        record.asked = asked.address
        record.port = asked.port
        record.address = remote
        record.speaks = spoken?.rawValue
        record.rule = record.rule ?? rule
    }

    // MARK: Relaying

    /// After a minute the kernel probes both peers; most connections never live so long, and are spared the calls.
    private func watchIdle() {
        limit(60_000) { connection in
            _ = sp_keep_alive(connection.client.number)
            if let number = connection.upstream?.number { _ = sp_keep_alive(number) }
            connection.endWhenIdle()
        }
    }

    private func endWhenIdle() {
        let idle = gateway.caps.idleMilliseconds * 1_000_000
        let passed = gateway.loop.now - lastActivity
        if passed >= idle { return close(reason: "idle", resetting: true) }
        limit((idle - passed) / 1_000_000 + 1) { $0.endWhenIdle() }
    }

    /// Moves what can be moved in both directions.
    private func relay() {
        guard phase == .relaying, let upstream = upstream?.number else { return }
        if spoken == nil, rule?.isObserver ?? false { listen() }
        switch sendUp(upstream) {
        case .failed(let errno): return close(reason: "up_\(errno)", resetting: true)
        case .more: goOn()
        case .idle, .blocked, .finished: break
        }
        switch down.pump(from: upstream, to: client.number, gateway.pipes, isLast: up.isFinished) {
        case .failed(let errno): return close(reason: "down_\(errno)", resetting: true)
        case .more: goOn()
        case .finished where up.isFinished: close(reason: "finished", resetting: false)
        case .finished where mode == .http: finishResponse()
        case .idle, .blocked, .finished: break
        }
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

    private func goOn() { gateway.loop.postpone { [weak self] in self?.relay() } }

    /// The head first; then bytes unread, or the body of a plain request and a possible second hello through their
    /// readers.
    private func sendUp(_ upstream: Int32) -> Direction.Outcome {
        switch outgoing.flush(to: upstream) {
        case .finished: break
        case let other: return other
        }
        guard reader.readsBody else {
            return up.pump(from: client.number, to: upstream, gateway.pipes, isLast: down.isFinished)
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
            case .accepted(let bytes): outgoing.append(bytes)
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

    // MARK: Denying

    /// What an upstream already has cannot be taken back; the connection is cut, and its record says why.
    private func recordLateDenial(_ refusal: Refusal) {
        var record = AuditRecord(.connectionDenied, refusal)
        describe(&record)
        gateway.record(record, transport: 6, client: peer, server: asked) { _ in }
    }

    /// Records the denial, and tells the client in its own protocol.
    private func deny(_ refusal: Refusal) {
        guard phase != .explaining, phase != .ended else { return }
        phase = .explaining
        timer?.cancel()
        var record = AuditRecord(.connectionDenied, refusal)
        describe(&record)
        gateway.record(record, transport: 6, client: peer, server: asked) { [weak self] event in
            self?.prepare(.denied(refusal, event: event))
        }
    }

    private func fail(_ reason: String, _ detail: String) {
        guard phase != .explaining, phase != .ended else { return }
        phase = .explaining
        timer?.cancel()
        var record = AuditRecord(.connectionFailed)
        describe(&record)
        record.reason = reason
        record.detail = detail
        gateway.record(record, transport: 6, client: peer, server: asked) { [weak self] event in
            self?.prepare(.failed(reason, detail, event: event))
        }
    }

    private func prepare(_ explanation: Explanation) {
        guard phase == .explaining else { return }
        farewell = Farewell(explanation)
        limit(gateway.caps.explainMilliseconds) { $0.close(reason: "explained", resetting: true) }
        explain()
    }

    private func explain() {
        let step = farewell?.step(with: client.number, reader, port: asked.port, most: gateway.caps.heldBytes)
        switch step {
        case .wait, nil: break
        case .goOn: gateway.loop.postpone { [weak self] in self?.explain() }
        case .close(let resetting): close(reason: "explained", resetting: resetting)
        }
    }

    // MARK: End

    private func close(reason: String, resetting: Bool) {
        guard phase != .ended else { return }
        phase = .ended
        timer?.cancel()
        dialer?.cancel()
        up.end(gateway.pipes)
        down.end(gateway.pipes)
        let sent = up.moved + outgoing.sent
        if let story {
            var record = AuditRecord(.connectionClosed)
            describe(&record)
            record.reason = reason == "finished" ? nil : reason
            record.bytesUp = sent
            record.bytesDown = down.moved
            record.durationMilliseconds = (gateway.loop.now - begun) / 1_000_000
            story.close(record)
        }
        if let clientRegistration { gateway.loop.forget(clientRegistration) }
        if let upstreamRegistration { gateway.loop.forget(upstreamRegistration) }
        if resetting {
            _ = sp_reset_on_close(client.number)
            if let number = upstream?.number { _ = sp_reset_on_close(number) }
        }
        gateway.forget(self, up: sent, down: down.moved)
    }
}
