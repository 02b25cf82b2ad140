// SPDX-License-Identifier: Apache-2.0

/// A package client whose own configuration on the host says which hosts it uses.
package enum RegistryClient: String, Sendable, Hashable, CaseIterable { case pip, apt, npm, cargo, go }

/// One rule about what may leave a session.
package struct EgressRule: Sendable, Hashable {
    package enum Target: Sendable, Hashable {
        case host(HostPattern)
        /// Stands for the hosts of a client's configuration until it is expanded; by itself it allows nothing.
        case registry(RegistryClient)
        /// The only kind that lets a task dial an address instead of a name.
        case cidr(AddressBlock)
        /// A Unix socket of the host; neither names nor ports have to do with it.
        case socket(SocketGrant)
        /// Wins over every other rule.
        case deny(HostPattern)
    }

    package enum Ports: Sendable, Hashable {
        case any
        /// Sorted, without repeats, never empty but in a deny, registry or socket rule, where ports mean nothing.
        case list([UInt16])

        package func contains(_ port: UInt16) -> Bool {
            switch self {
            // Port 53 is the session's own resolver, which no rule can replace.
            case .any: port != 53
            case .list(let ports): ports.contains(port)
            }
        }

        func overlaps(_ other: Ports) -> Bool {
            switch (self, other) {
            case (.any, _), (_, .any): true
            case (.list(let mine), .list(let theirs)): mine.contains { theirs.contains($0) }
            }
        }
    }

    /// What a rule says of TLS; nil in a rule leaves port 443 to be TLS and port 80 plain HTTP.
    package enum TLS: String, Sendable, Hashable, CaseIterable {
        /// TLS whose server name must be the name that was asked for.
        case sni
        /// Plain HTTP.
        case plain = "none"
        /// Bytes of any protocol, none of which is looked at.
        case raw
        /// TLS ended and begun again by the gateway. Not in this version.
        case intercept
    }

    /// What becomes of a registry rule whose client says nothing on this host.
    package enum Absence: String, Sendable, Hashable, CaseIterable { case error, skip }

    package enum ECH: String, Sendable, Hashable, CaseIterable { case refuse, allow }

    /// What the gateway expects on a connection.
    package enum Mode: String, Sendable, Hashable { case tls, http, raw }

    /// The index in the policy's list.
    package var id: Int
    /// Where the rule was written, `file:line`, or `registry CLIENT (file:line)` of the client's configuration.
    package var origin: String
    package var reason: String
    package var target: Target
    package var ports: Ports
    package var tls: TLS?
    package var ech: ECH
    package var http: HTTPLimits?
    /// The only real addresses it may lead to, also private ones. Nil: every public address.
    package var addresses: [AddressBlock]?
    /// How many different names a wildcard may stand for in one session.
    package var maxNames: Int?
    /// Means something in a registry rule only.
    package var whenAbsent: Absence
    /// The client from whose configuration the rule was made; nil for a rule that somebody wrote.
    package var madeFrom: RegistryClient?

    package init(
        id: Int = 0, origin: String, reason: String, target: Target, ports: Ports = .list([443]), tls: TLS? = nil,
        ech: ECH = .refuse, http: HTTPLimits? = nil, addresses: [AddressBlock]? = nil, maxNames: Int? = nil,
        whenAbsent: Absence = .error, madeFrom: RegistryClient? = nil
    ) {
        self.id = id
        self.origin = origin
        self.reason = reason
        self.target = target
        self.ports =
            switch ports {
            case .any: .any
            case .list(let list): .list(Set(list).sorted())
            }
        self.tls = tls
        self.ech = ech
        self.http = http
        self.addresses = addresses
        self.maxNames = maxNames
        self.whenAbsent = whenAbsent
        self.madeFrom = madeFrom
    }

    package static let defaultMaxNames = 256

    /// What is expected on a port of this rule: without `tls`, TLS on 443, HTTP on 80; port 80 is HTTP also beside
    /// `tls: sni`. An address has no name that a server name could be compared with, so its bytes are not looked at.
    package func mode(for port: UInt16) -> Mode {
        if case .cidr = target { return .raw }
        switch tls {
        case .raw: return .raw
        case .plain: return .http
        case .sni, .intercept, nil: return port == 80 ? .http : .tls
        }
    }

    package var isDeny: Bool { if case .deny = target { true } else { false } }

    /// The names that the rule allows; nil for every other kind of rule.
    package var allowedHost: HostPattern? { if case .host(let pattern) = target { pattern } else { nil } }
}

extension EgressRule.Ports: CustomStringConvertible {
    package var description: String {
        switch self {
        case .any: "any"
        case .list(let ports): ports.map { String($0) }.joined(separator: ",")
        }
    }
}

extension EgressRule {
    /// The rule's subject as it is written: `host api.example.com`.
    package var subject: String {
        if isObserver { return "observe" }
        return switch target {
        case .host(let pattern): "host \(pattern)"
        case .registry(let client): "registry \(client.rawValue)"
        case .cidr(let block): "cidr \(block)"
        case .socket(let grant): "socket \(grant.path) as \(grant.name)"
        case .deny(let pattern): "deny \(pattern)"
        }
    }

    /// The rule as one line of canonical text: everything that decides, without reason and origin.
    package var text: String { line(subject) }

    /// The same for people: a name behind xn-- also with its letters.
    package var shown: String {
        guard let decoded = pattern?.name.decoded else { return text }
        return line("\(subject) (\(decoded))")
    }

    private func line(_ subject: String) -> String {
        var words = [subject]
        switch target {
        case .host, .cidr: words.append("ports \(ports)")
        case .registry, .socket, .deny: break
        }
        if let tls { words.append("tls \(tls.rawValue)") }
        if ech == .allow { words.append("ech allow") }
        if let methods = http?.methods { words.append("methods \(methods.joined(separator: ","))") }
        if let paths = http?.paths { words.append("paths \(paths.joined(separator: ","))") }
        if let addresses { words.append("addresses \(addresses.map { $0.description }.joined(separator: ","))") }
        if whenAbsent == .skip { words.append("when_absent skip") }
        if let maxNames { words.append("max_names \(maxNames)") }
        return words.joined(separator: " ")
    }
}
