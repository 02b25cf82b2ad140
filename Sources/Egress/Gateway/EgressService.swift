// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import Policy
package import Wire

/// The gateway process of a session's network, between its control socket and its end.
package final class EgressService {
    private let control: Descriptor
    private var gateway: EgressGateway?
    private var loop: EventLoop?
    private var registration: EventLoop.Registration?
    private var audit: Descriptor?
    private var isOrderly = false

    /// Exit status for a refusal and for a supervisor that breaks the protocol.
    private static let failed: Int32 = 125
    private static let mostConfiguration = 4 << 20
    /// Milliseconds for what is still in the sockets at the end; most ends take less than one.
    private static let longestEnd: UInt64 = 1000

    /// - Parameter control: The socket to the supervisor.
    package init(control: Int32) { self.control = Descriptor(owning: control) }

    /// Serves until the supervisor says that the session is over, or is gone.
    ///
    /// - Parameters:
    ///   - confine: Gives up everything that is not needed any more; called before the first byte from the sandbox or
    ///     from outside is read, with whether the profile waives Landlock.
    /// - Returns: The exit status.
    package func run(confine: (_ landlockWaived: Bool) -> GatewayReport.Refusal?) -> Int32 {
        do throws(SystemError) {
            let tools = try EgressTools()
            loop = tools.loop
            guard let start = try receiveStart() else { return Self.failed }
            if let refusal = confine(start.waivesLandlock) {
                refuse(refusal)
                return Self.failed
            }
            try open(start, tools)
            report(.ready)
            try tools.loop.run()
            if isOrderly { try settle(tools.loop) }
            conclude()
        } catch {
            refuse(GatewayReport.Refusal(check: .descriptors, errno: UInt32(max(0, error.errno.code))))
            return Self.failed
        }
        return isOrderly ? 0 : Self.failed
    }

    /// Says why nothing comes of it.
    package func refuse(_ refusal: GatewayReport.Refusal) { report(.refused(refusal)) }

    // MARK: Start

    private struct Start {
        var configuration: EgressConfiguration
        var sockets: EgressGateway.Sockets
        var audit: Int32
        var ipv6: Bool
        var waivesLandlock: Bool
        var tellsNames: Bool
    }

    private func receiveStart() throws(SystemError) -> Start? {
        let room = EgressStart.mostRoles
        guard let message = try control.receive(limit: EgressCommand.longest, room: room, subject: "the start message")
        else { return nil }
        let command: EgressCommand
        do throws(MessageError) {
            command = try EgressCommand(decoding: message.bytes, descriptors: message.descriptors.count)
        } catch { throw SystemError("read", "the start message", Errno(EBADMSG)) }
        guard case .start(let start) = command else { throw SystemError("read", "the start message", Errno(EBADMSG)) }
        var sockets = EgressGateway.Sockets()
        var configuration: Descriptor?
        var audit: Int32 = -1
        for (role, number) in zip(start.roles, message.descriptors) {
            switch role {
            case .configuration: configuration = Descriptor(owning: number)
            case .audit: audit = number
            case .dnsDatagrams: sockets.dnsDatagrams.append(.init(value: number))
            case .dnsListener: sockets.dnsListeners.append(.init(value: number))
            case .listener(let port): sockets.listeners.append((port, .init(value: number)))
            case .transparentListener: sockets.transparent.append(.init(value: number))
            case .socketListener(let grant): sockets.hostSockets.append((grant, .init(value: number)))
            case .tap: sockets.taps.append(.init(value: number))
            case .repository: sockets.brokers[.repository] = .init(value: number)
            case .model: sockets.brokers[.model] = .init(value: number)
            case .forge: sockets.brokers[.forge] = .init(value: number)
            case .packages: sockets.brokers[.packages] = .init(value: number)
            }
        }
        guard let file = configuration.take() else { throw SystemError("read", "the configuration", Errno(EBADMSG)) }
        return Start(
            configuration: try Self.read(file), sockets: sockets, audit: audit, ipv6: start.options.contains(.ipv6),
            waivesLandlock: start.options.contains(.landlockWaived), tellsNames: start.options.contains(.tellsNames))
    }

    private static func read(_ file: borrowing Descriptor) throws(SystemError) -> EgressConfiguration {
        let bytes = try file.readAll(limit: mostConfiguration, subject: "the configuration")
        do {
            return try EgressConfiguration(json: try JSON.read(bytes, file: "configuration"))
        } catch { throw SystemError("read", "the configuration", Errno(EBADMSG)) }
    }

    private func open(_ start: Start, _ tools: EgressTools) throws(SystemError) {
        audit = Descriptor(owning: start.audit)
        gateway = try EgressGateway(
            tools, start.configuration, caps: Caps(), ipv6: start.ipv6, sockets: start.sockets, audit: start.audit,
            ask: { [weak self] query, pair in self?.report(.whoIs(query: query, pair)) },
            connect: { [weak self] query, socket in self?.report(.connect(query: query, socket: socket)) },
            wanted: start.tellsNames
                ? { [weak self] name, times in self?.report(.wanted(name: name.text, times: times)) } : nil)
        let fd = control.number
        try checked("make non-blocking", "the control socket") { sp_set_nonblocking(fd, 1) }
        registration = try tools.loop.add(fd, SP_EPOLLIN, self)
    }

    // MARK: Control

    private func report(_ report: EgressReport) {
        // A supervisor that is gone is noticed by the next receive; one that does not read loses a question, which then
        // ends by its time limit.
        do throws(SystemError) {
            try control.send(report.encoded(), descriptors: [], subject: "a report")
        } catch {}
    }

    private func heed() throws(SystemError) {
        guard let message = try control.receive(limit: EgressCommand.longest, subject: "a command") else {
            return stop(orderly: false)
        }
        let held = message.descriptors.map { Held(Descriptor(owning: $0)) }
        do throws(MessageError) {
            switch try EgressCommand(decoding: message.bytes, descriptors: held.count) {
            case .start: stop(orderly: false)
            case .owner(let query, let owner): gateway?.owners.answer(query, owner)
            case .connected(let query): gateway?.hostSockets.answer(query, .connected(held[0].take()))
            case .notConnected(let query, let errno):
                gateway?.hostSockets.answer(query, .failed(Errno(Int32(truncatingIfNeeded: errno))))
            case .policy(let generation): apply(held[0], generation)
            case .close: stop(orderly: true)
            }
        } catch { stop(orderly: false) }
    }

    private func apply(_ file: Held, _ generation: UInt32) {
        guard let gateway, generation > gateway.generation else { return report(.unusable(generation: generation)) }
        do throws(SystemError) {
            let configuration = try Self.read(Descriptor(owning: file.take()))
            guard configuration.generation == generation else { return report(.unusable(generation: generation)) }
            report(.applied(generation: generation, cut: try gateway.apply(configuration)))
        } catch { report(.unusable(generation: generation)) }
    }

    private func stop(orderly: Bool) {
        isOrderly = orderly
        loop?.stop()
    }

    // MARK: End

    /// Nobody is inside any more, but what they did last may still wait in the sockets: questions, connections, packets.
    private func settle(_ loop: EventLoop) throws(SystemError) {
        // A supervisor that is gone now would be heard of in every round.
        if let registration { loop.remove(registration) }
        registration = nil
        try loop.settle(milliseconds: Self.longestEnd)
    }

    /// Writes and reports the last of it. What was denied most often is for the summary at the end of a run.
    private func conclude() {
        guard let gateway else { return }
        let totals = gateway.end()
        let audit = gateway.audit
        for denial in audit.mostDenied(EgressReport.mostDenials) { report(.denial(Self.summary(denial, "denied"))) }
        for failure in audit.mostFailed(EgressReport.mostDenials) { report(.failure(Self.summary(failure, "failed"))) }
        report(.ended(totals))
        // Its sockets are left to the exit that follows. The close of the tap waits until no processor can be about to
        // use it, for several ticks (packet_release in net/packet/af_packet.c): the supervisor need not, once it has
        // the last report and this process has no memory left to act from.
        _ = Unmanaged.passRetained(gateway)
    }

    private static func summary(
        _ kind: (key: AuditRecord.Key, event: UInt64, count: UInt64), _ unnamed: String
    ) -> EgressReport.Denial {
        EgressReport.Denial(
            subject: kind.key.subject, port: kind.key.port ?? 0, reason: kind.key.reason ?? unnamed, count: kind.count,
            event: kind.event)
    }
}

extension EgressService: EventSource {
    package func ready(_ events: UInt32, tag: Int) {
        do throws(SystemError) { try heed() } catch {
            if error.errno != .again { stop(orderly: false) }
        }
    }
}

/// A descriptor in an array.
private final class Held {
    private var descriptor: Descriptor?
    init(_ descriptor: consuming Descriptor) { self.descriptor = consume descriptor }

    /// Hands the number on, once.
    func take() -> Int32 { descriptor.take()?.release() ?? -1 }
}
