// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import Policy
internal import Wire

/// One session's door: its sockets, its policy, its connections and its record, in one thread.
///
///     inside                        here                                        outside
///     resolver socket  ──▶ Responder ── policy ──▶ synthetic address
///     listener         ──▶ Connection ─ policy ─▶ ClientHello / request head ─▶ Resolver ─▶ vetted address
///                                     ◀───────────── spliced ─────────────▶
///     tap              ──▶ Tap (attempts that found nobody listening)
///     granted socket   ──▶ SocketConnection ─ policy ─▶ a connection that the supervisor makes
///
/// It exits with its session. When it ends early the listening sockets end with it, and nothing else leads out.
final class EgressGateway {
    let loop: EventLoop
    let caps: Caps
    let audit: AuditLog
    let resolver: Resolver
    let routes: HostRoutes
    let pipes = PipePool()
    let owners: Owners
    let hostSockets: HostSockets
    private(set) var policy: EgressPolicy {
        didSet { allowed.removeAll() }
    }
    private var allowed: [Endpoint: EgressPolicy.Decision] = [:]
    private(set) var generation: UInt32
    var names: NameTable
    /// That of the session's beginning: no change of policy renews or raises it.
    let allowance: Allowance
    /// Where connections to the session's own hosts go.
    let brokers: [VirtualHost: BrokerDoor]

    /// Told of names that no rule names, and how often they were asked for; nil where nobody can be asked about them.
    private let wanted: ((HostName, UInt16) -> Void)?
    private var wantedNames = WantedNames()

    private(set) var responder: Responder!
    private var sources: [any EventSource] = []
    private var connections: [ObjectIdentifier: any Live] = [:]
    private(set) var bytesUp: UInt64 = 0
    private(set) var bytesDown: UInt64 = 0

    /// A connection that can be counted, judged again, and cut.
    protocol Live: EventSource {
        /// Ends it when the policy of now would not allow it. True when it was cut.
        func judgeAgain() -> Bool
        func cut()
    }

    init(
        _ tools: EgressTools, _ configuration: EgressConfiguration, caps: Caps, ipv6: Bool,
        sockets: consuming Sockets, audit file: Int32, ask: @escaping (UInt32, EgressReport.SocketPair) -> Void,
        connect: @escaping (UInt32, UInt16) -> Void, wanted: ((HostName, UInt16) -> Void)? = nil
    ) throws(SystemError) {
        self.wanted = wanted
        loop = tools.loop
        resolver = tools.resolver
        routes = tools.routes
        self.caps = caps
        policy = configuration.policy
        generation = configuration.generation
        names = NameTable(limit: caps.names)
        allowance = Allowance(configuration.mostBytesUp)
        audit = AuditLog(
            loop, file: file, session: configuration.session, correlation: configuration.correlation,
            mostBytes: caps.auditBytes)
        resolver.setHosts(configuration.hosts)
        owners = Owners(loop, caps, ask: ask)
        hostSockets = HostSockets(loop, caps, configuration.policy, ask: connect)
        brokers = sockets.brokers.mapValues { BrokerDoor($0.owned) }
        responder = Responder(self, ipv6: ipv6)
        for number in sockets.dnsDatagrams { sources.append(try DatagramSource(self, socket: number.owned)) }
        for number in sockets.dnsListeners {
            sources.append(try Acceptor(self, socket: number.owned, .resolver))
        }
        for (_, number) in sockets.listeners {
            sources.append(try Acceptor(self, socket: number.owned, .connections))
        }
        for number in sockets.transparent {
            sources.append(try Acceptor(self, socket: number.owned, .connections))
        }
        for (number, socket) in sockets.hostSockets {
            guard let grant = hostSockets.grant(number) else {
                throw SystemError("listen for", "socket \(number)", .invalid)
            }
            sources.append(try Acceptor(self, socket: socket.owned, .socket(grant, number: number)))
        }
        for number in sockets.taps { sources.append(try Tap(self, socket: number.owned)) }
        var record = AuditRecord(.start)
        record.generation = generation
        audit.record(record)
    }

    // MARK: Connections

    var connectionCount: Int { connections.count }

    func keep(_ connection: any Live) { connections[ObjectIdentifier(connection)] = connection }

    /// Forgets a connection that has closed its descriptors. It may be in the middle of its own event, so its memory
    /// is given back in the next round.
    func forget(_ connection: any Live, up: UInt64, down: UInt64) {
        bytesUp += up
        bytesDown += down
        guard let kept = connections.removeValue(forKey: ObjectIdentifier(connection)) else { return }
        loop.postpone { withExtendedLifetime(kept) {} }
    }

    // MARK: Record

    /// Records a decision with the process behind it, and calls `done` with the event's id.
    ///
    /// For a repeat nobody is asked, so that a flood of denials stays cheap.
    func record(
        _ record: AuditRecord, transport: UInt8, client: Endpoint, server: Endpoint, _ done: @escaping (String) -> Void
    ) {
        var record = record
        record.transport = transport == 6 ? "tcp" : "udp"
        guard !audit.isRepeat(record) else { return done(audit.name(of: audit.record(record))) }
        owners.find(transport, client: client, server: server) { [self] owner in
            var record = record
            record.owner = owner
            done(audit.name(of: audit.record(record)))
        }
    }

    /// A name was asked for that no rule names.
    func want(_ name: HostName, type: UInt16) {
        guard let wanted, let times = wantedNames.note(name, type: type) else { return }
        wanted(name, times)
    }

    // MARK: Policy

    /// Puts another policy in force, and cuts what it does not allow.
    ///
    /// - Returns: How many connections were cut.
    func apply(_ configuration: EgressConfiguration) throws(SystemError) -> UInt32 {
        resolver.setHosts(configuration.hosts)
        // What was counted under the old policy stands in the file before the new one is announced.
        audit.flushAll()
        policy = configuration.policy
        generation = configuration.generation
        responder.policyChanged()
        let cut = connections.values.reduce(into: UInt32(0)) { $0 += $1.judgeAgain() ? 1 : 0 }
        var record = AuditRecord(.policy)
        record.generation = generation
        record.detail = "\(cut) connections cut"
        audit.record(record)
        return cut
    }

    // MARK: End

    /// Cuts every connection and writes the last lines; nothing is taken any more.
    func end() -> EgressReport.Totals {
        for connection in connections.values { connection.cut() }
        // What waits for its process happened before the end, and is recorded.
        owners.giveUp()
        hostSockets.giveUp()
        audit.flush()
        var totals = EgressReport.Totals()
        totals.allowed = audit.allowed
        totals.denied = audit.denied
        totals.failed = audit.failed
        totals.bytesUp = bytesUp
        totals.bytesDown = bytesDown
        totals.capped = allowance.refusals
        var record = AuditRecord(.end)
        record.bytesUp = bytesUp
        record.bytesDown = bytesDown
        audit.record(record)
        totals.recordsLost = audit.recordsLost
        return totals
    }

    /// Whether a connection may be made, by the name that the address stands for where it has one.
    ///
    /// A task asks for the same few again and again. Remembered is what was allowed by name, until another policy is in
    /// force: an address that stands for no name may stand for one later.
    func decide(_ asked: Endpoint, name: HostName?) -> EgressPolicy.Decision {
        guard let name else { return policy.decide(address: asked.address, port: asked.port) }
        if let known = allowed[asked] { return known }
        let decision = policy.decide(name: name, port: asked.port)
        if case .allowed = decision {
            if allowed.count >= Self.mostAllowed { allowed.removeAll() }
            allowed[asked] = decision
        }
        return decision
    }

    private static let mostAllowed = 1024
}

/// What must be opened before the process is confined.
struct EgressTools {
    let loop: EventLoop
    let resolver: Resolver
    let routes: HostRoutes

    init() throws(SystemError) {
        loop = try EventLoop()
        resolver = try Resolver(loop)
        routes = try HostRoutes()
    }
}

extension EgressGateway {
    /// The session's sockets by purpose, as numbers that whoever takes them owns.
    struct Sockets {
        struct Number {
            let value: Int32
            var owned: Descriptor { Descriptor(owning: value) }
        }

        var dnsDatagrams: [Number] = []
        var dnsListeners: [Number] = []
        var listeners: [(port: UInt16, Number)] = []
        var transparent: [Number] = []
        var taps: [Number] = []
        var hostSockets: [(number: UInt16, Number)] = []
        var brokers: [VirtualHost: Number] = [:]
    }
}

extension AuditRecord {
    /// A denial as policy explains it.
    init(_ event: Event, _ denial: Denial) {
        self.init(event)
        reason = denial.code.rawValue
        detail = denial.message
        remedy = denial.remedy
        rule = denial.rule
    }
}
