// SPDX-License-Identifier: Apache-2.0
package import Documents

/// All that an egress gateway needs to know of the host and of its session, as one document.
///
/// The supervisor writes it and the gateway reads it, so that the gateway opens no file.
package struct EgressConfiguration: Sendable, Hashable {
    package struct Resolver: Sendable, Hashable {
        package let address: IPAddress
        package let port: UInt16
        package init(_ address: IPAddress, port: UInt16 = 53) {
            self.address = address
            self.port = port
        }
    }

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
    package var generation: UInt32
    /// In the order of the host's resolv.conf.
    package var resolvers: [Resolver]
    /// Lines of the host's own hosts file for names that the policy allows.
    package var hosts: [HostLine]
    package var policy: EgressPolicy

    package init(
        session: String, generation: UInt32, resolvers: [Resolver], hosts: [HostLine], policy: EgressPolicy
    ) {
        self.session = session
        self.generation = generation
        self.resolvers = resolvers
        self.hosts = hosts
        self.policy = policy
    }

    /// Why a document is none of ours.
    package struct Unreadable: Error, Sendable, Hashable {
        package let member: String
    }

    package var json: JSON {
        .object([
            .init("session", .string(session)), .init("generation", .number(generation)),
            .init(
                "resolvers",
                .array(
                    resolvers.map {
                        ["address": .string($0.address.description), "port": .number($0.port)]
                    })),
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
        ])
    }

    /// Reads back what ``json`` wrote.
    package init(json: JSON) throws(Unreadable) {
        guard let session = json["session"]?.stringValue else { throw Unreadable(member: "session") }
        guard let generation = json["generation"]?.intValue.flatMap({ UInt32(exactly: $0) }) else {
            throw Unreadable(member: "generation")
        }
        self.session = session
        self.generation = generation
        resolvers = []
        for item in json["resolvers"]?.arrayValue ?? [] {
            guard let address = item["address"]?.stringValue.flatMap({ IPAddress(text: $0) }),
                let port = item["port"]?.intValue.flatMap({ UInt16(exactly: $0) })
            else { throw Unreadable(member: "resolvers") }
            resolvers.append(Resolver(address, port: port))
        }
        hosts = []
        for item in json["hosts"]?.arrayValue ?? [] {
            guard let name = item["name"]?.stringValue.flatMap({ HostName($0) }) else {
                throw Unreadable(member: "hosts")
            }
            var addresses: [IPAddress] = []
            for text in item["addresses"]?.arrayValue ?? [] {
                guard let address = text.stringValue.flatMap({ IPAddress(text: $0) }) else {
                    throw Unreadable(member: "hosts")
                }
                addresses.append(address)
            }
            hosts.append(HostLine(name, addresses))
        }
        guard let document = json["policy"] else { throw Unreadable(member: "policy") }
        do throws(PolicyError) { policy = try EgressPolicy(json: document) } catch {
            throw Unreadable(member: "policy")
        }
    }
}
