// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Policy
internal import Wire

/// One decision or attempt, as `audit.jsonl` tells it.
struct AuditRecord {
    /// What happened; the raw values are part of the file's format.
    enum Event: String {
        case start = "gateway.start"
        case policy = "policy.apply"
        case end = "gateway.end"
        case nameAllowed = "dns.allow"
        case nameDenied = "dns.deny"
        case connectionAllowed = "tcp.allow"
        case connectionDenied = "tcp.deny"
        case connectionClosed = "tcp.close"
        /// Allowed, but nobody answered outside.
        case connectionFailed = "tcp.fail"
        case socketAllowed = "socket.allow"
        /// A task connected to a socket that a later policy does not grant any more.
        case socketDenied = "socket.deny"
        case socketClosed = "socket.close"
        /// Granted, but the host's socket could not be connected to.
        case socketFailed = "socket.fail"
        /// The first packet of an attempt that found nobody listening: the kernel refused it, no rule was asked.
        case packetRefused = "packet.refused"
        /// A cap of the session was reached.
        case limit = "limit.deny"
        case truncated = "audit.truncated"

        var isDenial: Bool {
            switch self {
            case .nameDenied, .connectionDenied, .socketDenied, .packetRefused, .limit: true
            case .start, .policy, .end, .nameAllowed, .connectionAllowed, .connectionClosed, .connectionFailed,
                .socketAllowed, .socketClosed, .socketFailed, .truncated:
                false
            }
        }
    }

    var event: Event
    /// The name that was asked for, in canonical form.
    var name: String?
    /// The kind of DNS record that was asked for.
    var recordType: String?
    /// `tcp`, `udp` or `unix`.
    var transport: String?
    /// Where the sandbox wanted to go: an address inside its own network, or the literal it dialled.
    var asked: IPAddress?
    var port: UInt16?
    /// The real address outside.
    var address: IPAddress?
    /// The socket of the host that a connection is to.
    var socket: SocketGrant?
    /// What the client spoke, where a session observes: `tls`, `http` or `other`.
    var speaks: String?
    /// Stable name of the reason of a denial.
    var reason: String?
    /// What exactly was wrong, in words of ours.
    var detail: String?
    /// The rule that decided. Its text is made when a line is written: most records only count as repeats.
    var rule: EgressRule?
    var remedy: String?
    var bytesUp: UInt64?
    var bytesDown: UInt64?
    var durationMilliseconds: UInt64?
    var generation: UInt32?
    /// Who did it; the outer nil is "not asked".
    var owner: SocketOwner?

    init(_ event: Event) { self.event = event }

    /// What makes two records the same thing happening again.
    struct Key: Hashable {
        let event: Event
        let name: String?
        let asked: IPAddress?
        let port: UInt16?
        let socket: SocketGrant?
        let reason: String?
        let rule: Int?
        let generation: UInt32?

        /// What it was about, in the letters of the summary at a run's end; see ``EgressReport/Denial``.
        var subject: String {
            name ?? asked?.description ?? socket.map { "socket:" + $0.name.lowercased() } ?? "-"
        }
    }

    /// A name's own address says nothing more than the name.
    var key: Key {
        Key(
            event: event, name: name, asked: name == nil ? asked : nil, port: port, socket: socket,
            reason: reason, rule: rule?.id, generation: generation)
    }

    /// The members of the line between its head and its count.
    var members: [JSON.Member] {
        var members: [JSON.Member] = [.init("event", .string(event.rawValue))]
        func add(_ name: String, _ value: JSON?) {
            if let value { members.append(.init(name, value)) }
        }
        add("decision", decision.map { .string($0) })
        add("name", name.map { .string($0) })
        add("type", recordType.map { .string($0) })
        add("transport", transport.map { .string($0) })
        add("asked", asked.map { .string($0.description) })
        add("port", port.map { .number($0) })
        add("address", address.map { .string($0.description) })
        add("socket", socket.map { .string($0.path.text) })
        add("inside", socket.map { .string($0.inside) })
        add("speaks", speaks.map { .string($0) })
        add("reason", reason.map { .string($0) })
        add("detail", detail.map { .string($0) })
        add("rule", rule.map(\.inRecord))
        add("remedy", remedy.map { .string($0) })
        add("bytes_up", bytesUp.map { .number($0) })
        add("bytes_down", bytesDown.map { .number($0) })
        add("duration_ms", durationMilliseconds.map { .number($0) })
        add("generation", generation.map { .number($0) })
        add("process", owner.map(\.json))
        return members
    }

    private var decision: String? {
        switch event {
        case .nameAllowed, .connectionAllowed, .socketAllowed: "allowed"
        case .nameDenied, .connectionDenied, .socketDenied, .limit: "denied"
        case .packetRefused: "refused"
        case .start, .policy, .end, .connectionClosed, .connectionFailed, .socketClosed, .socketFailed, .truncated: nil
        }
    }
}

extension EgressRule {
    fileprivate var inRecord: JSON {
        .object([
            .init("id", .int(id)), .init("origin", .string(origin)), .init("rule", .string(text)),
            .init("reason", .string(reason)),
        ])
    }
}

extension SocketOwner {
    /// The kernel's facts, and apart from them what the process says of itself.
    fileprivate var json: JSON {
        .object([
            .init("pid", .number(pid)),
            .init("executable", .object([.init("device", .number(device)), .init("inode", .number(inode))])),
            .init(
                "claimed",
                .object([.init("name", .text(claimedName)), .init("command", .text(claimedCommand.map(Self.spaced)))])),
        ])
    }

    /// Arguments are separated by NUL in the kernel's file. proc_pid_cmdline(5)
    private static func spaced(_ byte: UInt8) -> UInt8 { byte == 0 ? 0x20 : byte }
}
