// SPDX-License-Identifier: Apache-2.0
package import Documents

/// All that an egress gateway needs to know of the host and of its session, as one document.
///
/// The supervisor writes it and the gateway reads it, so that the gateway opens no file.
package struct EgressConfiguration: Sendable, Hashable {
    package struct HostLine: Sendable, Hashable {
        package let name: HostName
        package let addresses: [IPAddress]
        package init(_ name: HostName, _ addresses: [IPAddress]) {
            self.name = name
            self.addresses = addresses
        }
    }

    /// The session's id, which every event's id begins with.
    package var session: String
    /// What every event bears; nil for a session of no task.
    package var correlation: CorrelationID?
    package var generation: UInt32
    /// Lines of the host's own hosts file for names that the policy allows.
    package var hosts: [HostLine]
    package var policy: EgressPolicy
    /// What the session may send beyond this host; nil for no bound. A gateway keeps the one that it began with.
    package var mostBytesUp: UInt64?

    package init(
        session: String, correlation: CorrelationID? = nil, generation: UInt32, hosts: [HostLine], policy: EgressPolicy,
        mostBytesUp: UInt64? = nil
    ) {
        self.session = session
        self.correlation = correlation
        self.generation = generation
        self.hosts = hosts
        self.policy = policy
        self.mostBytesUp = mostBytesUp
    }

    package var json: JSON {
        let mark = correlation.map { [JSON.Member(CorrelationID.member, .string($0.description))] } ?? []
        let bound = mostBytesUp.map { [JSON.Member("egress_bytes", .number($0))] } ?? []
        return .object(
            [.init("session", .string(session))] + mark + [
                .init("generation", .number(generation)),
                .init(
                    "hosts",
                    .array(
                        hosts.map {
                            [
                                "name": .string($0.name.text),
                                "addresses": .array($0.addresses.map { .string($0.description) }),
                            ]
                        })),
                .init("policy", policy.json),
            ] + bound)
    }

    /// Reads what ``json`` wrote, and nothing else: each member known, present and of its type.
    ///
    /// - Throws: ``PolicyError`` with the member.
    package init(json: JSON) throws(PolicyError) {
        let fields = try JSONFields(
            json, "the egress configuration",
            known: ["session", CorrelationID.member, "generation", "hosts", "policy", "egress_bytes"])
        guard let session = fields["session"]?.stringValue else { throw fields.error("has no session") }
        let correlation = try fields.text(CorrelationID.member, CorrelationID.init(_:))
        guard let generation = fields["generation"]?.intValue.flatMap({ UInt32(exactly: $0) }) else {
            throw fields.error("has no generation")
        }
        guard let lines = fields["hosts"]?.arrayValue else { throw fields.error("has no hosts") }
        guard let policy = fields["policy"] else { throw fields.error("has no policy") }
        var mostBytesUp: UInt64?
        if let member = fields["egress_bytes"] {
            mostBytesUp = member.intValue.flatMap { UInt64(exactly: $0) }
            guard mostBytesUp != nil else { throw fields.error("has a wrong \"egress_bytes\"") }
        }
        var hosts: [HostLine] = []
        for line in lines { hosts.append(try HostLine(json: line)) }
        self.init(
            session: session, correlation: correlation, generation: generation, hosts: hosts,
            policy: try EgressPolicy(json: policy), mostBytesUp: mostBytesUp)
    }
}

extension EgressConfiguration.HostLine {
    fileprivate init(json: JSON) throws(PolicyError) {
        let fields = try JSONFields(json, "a line of hosts", known: ["name", "addresses"])
        guard let name = try fields.text("name", HostName.init(_:)),
            let addresses = try fields.texts("addresses", IPAddress.init(text:))
        else { throw fields.error("lacks name or addresses") }
        self.init(name, addresses)
    }
}
