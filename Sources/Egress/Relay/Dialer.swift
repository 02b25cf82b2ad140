// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Policy

/// Finds a vetted address for one connection and connects to exactly that one.
///
/// One look-up, every answer judged by the rule and by the host's routing, and no second look-up between the judgement
/// and the connect (threats E18, E19): what is dialled is the address that was judged.
final class Dialer: EventSource {
    enum Outcome {
        /// A connected socket, which the receiver owns, where the loop watches it for all that a relay waits for, and
        /// whether the other side has spoken already.
        case connected(Int32, EventLoop.Registration, IPAddress, speaks: Bool)
        case denied(Denial, IPAddress)
        /// Nobody's decision: the name has no address, or nobody answers there.
        case failed(reason: String, detail: String)
    }

    private unowned let gateway: EgressGateway
    private let rule: EgressRule
    private let port: UInt16
    private var done: ((Outcome) -> Void)?
    private var candidates: ArraySlice<IPAddress> = []
    private var socket: Int32 = -1
    private var current: IPAddress?
    private var registration: EventLoop.Registration?
    private var attempt: LoopTimer?
    private var overall: LoopTimer?
    private var lastError = Errno(113)  // EHOSTUNREACH

    init(_ gateway: EgressGateway, rule: EgressRule, port: UInt16, _ done: @escaping (Outcome) -> Void) {
        self.gateway = gateway
        self.rule = rule
        self.port = port
        self.done = done
    }

    func start(name: HostName) {
        startClock()
        gateway.resolver.resolve(name.text) { [weak self] answer in
            guard let self, self.done != nil else { return }
            switch answer {
            case .success(let addresses): self.judge(addresses)
            case .failure(.noAddress):
                self.finish(.failed(reason: "name_not_found", detail: "\(name) has no address outside"))
            case .failure(.unavailable(let text)):
                self.finish(.failed(reason: "resolver_unavailable", detail: "the host's resolvers said: \(text)"))
            }
        }
    }

    func start(address: IPAddress) {
        startClock()
        judge([address])
    }

    /// Lets go of everything; nobody hears of it.
    func cancel() {
        done = nil
        overall?.cancel()
        endAttempt()
    }

    private func startClock() {
        overall = gateway.loop.after(milliseconds: gateway.caps.dialMilliseconds) { [weak self] in
            self?.finish(.failed(reason: "timed_out", detail: "no answer from outside in time"))
        }
    }

    // MARK: Judging

    private func judge(_ addresses: [IPAddress]) {
        let judge = AddressJudge(
            policy: gateway.policy, rule: rule, routes: gateway.routes, now: gateway.loop.now)
        switch judge.judge(addresses) {
        case .passed(let addresses):
            candidates = addresses[...]
            dialNext()
        case .refused(let denial, let address): finish(.denied(denial, address))
        case .unreachable:
            finish(.failed(reason: "unreachable", detail: "this host has no route to any address of it"))
        }
    }

    // MARK: Connecting

    private func dialNext() {
        while let address = candidates.popFirst() {
            var endpoint = Endpoint(address, port).raw
            let fd = sp_connect_begin(&endpoint)
            if fd < 0 {
                lastError = Errno(Int32(-fd))
                continue
            }
            socket = Int32(fd)
            current = address
            do throws(SystemError) {
                // For good: the end of the attempt is its first event, and the relay goes on with the same registration.
                registration = try gateway.loop.add(socket, SP_EPOLL_RELAY, self)
            } catch {
                lastError = error.errno
                endAttempt()
                continue
            }
            // The last one may take the rest of the time.
            if !candidates.isEmpty {
                attempt = gateway.loop.after(milliseconds: gateway.caps.attemptMilliseconds) { [weak self] in
                    self?.endAttempt()
                    self?.dialNext()
                }
            }
            return
        }
        let refused = lastError == Errno(ECONNREFUSED)
        finish(
            .failed(
                reason: refused ? "connection_refused" : "unreachable",
                detail: "connecting outside gave \(lastError.explanation)"))
    }

    func ready(_ events: UInt32, tag: Int) {
        guard let current, let registration else { return }
        // Only a socket that failed has an error to fetch. tcp_poll in net/ipv4/tcp.c
        let error = events & (SP_EPOLLERR | SP_EPOLLHUP) == 0 ? 0 : sp_socket_error(socket)
        guard error == 0 else {
            lastError = Errno(Int32(-error))
            endAttempt()
            return dialNext()
        }
        let fd = socket
        socket = -1
        self.registration = nil
        finish(.connected(fd, registration, current, speaks: events & ~SP_EPOLLOUT != 0))
    }

    private func endAttempt() {
        attempt?.cancel()
        attempt = nil
        if let registration { gateway.loop.forget(registration) }
        registration = nil
        if socket >= 0 { _ = sp_close(socket) }
        socket = -1
        current = nil
    }

    /// Nobody waits for it any more once it was cancelled, and then no event of it is left either.
    private func finish(_ outcome: Outcome) {
        overall?.cancel()
        endAttempt()
        let done = done
        self.done = nil
        done?(outcome)
    }

    deinit { cancel() }
}
