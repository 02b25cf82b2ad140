// SPDX-License-Identifier: Apache-2.0
package import Documents

extension EgressPolicy {
    /// The whole policy for the gateway, which decides with the same code. ``init(json:)`` reads it back.
    package var json: JSON {
        var members: [JSON.Member] = [
            .init("version", 1), .init("direct_ip", .string(directIP.rawValue)),
            .init("rules", .array(rules.map { $0.json })),
        ]
        if observes { members.append(.init("observes", true)) }
        return .object(members)
    }

    /// Reads what ``json`` wrote, and nothing else: each member known, present once and of its type.
    ///
    /// - Throws: ``PolicyError`` with the rule and the member.
    package init(json: JSON) throws(PolicyError) {
        let reader = try JSONFields(json, "the egress policy", known: ["version", "direct_ip", "rules", "observes"])
        guard reader["version"] == 1 else { throw reader.error("has another version") }
        guard let word = reader["direct_ip"]?.stringValue, let directIP = DirectAddress(rawValue: word) else {
            throw reader.error("has no direct_ip")
        }
        guard let list = reader["rules"]?.arrayValue else { throw reader.error("has no rules") }
        var rules: [EgressRule] = []
        for (index, item) in list.enumerated() {
            let rule = try EgressRule(json: item, index: index)
            guard rule.id == index else { throw reader.error("numbers rule \(index) as \(rule.id)") }
            rules.append(rule)
        }
        guard reader["observes"] ?? true == true else { throw reader.error("has a wrong \"observes\"") }
        self.init(directIP: directIP, rules: rules, observes: reader["observes"] != nil)
    }
}

extension EgressRule {
    /// The rule as a record shows it.
    package var json: JSON {
        var members: [JSON.Member] = [
            .init("id", .int(id)), .init("origin", .string(origin)), .init("reason", .string(reason)),
        ]
        switch target {
        case .host(let pattern): members.append(.init("host", .string(pattern.text)))
        case .registry(let client): members.append(.init("registry", .string(client.rawValue)))
        case .cidr(let block): members.append(.init("cidr", .string(block.description)))
        case .socket(let grant):
            members += [.init("socket", .string(grant.path.text)), .init("name", .string(grant.name))]
        case .deny(let pattern): members.append(.init("deny", .string(pattern.text)))
        }
        switch ports {
        case .any: members.append(.init("ports", "any"))
        case .list(let ports): members.append(.init("ports", .array(ports.map { .int(Int($0)) })))
        }
        if let tls { members.append(.init("tls", .string(tls.rawValue))) }
        members.append(.init("ech", .string(ech.rawValue)))
        if let http {
            var limits: [JSON.Member] = []
            if let methods = http.methods { limits.append(.init("methods", .array(methods.map { .string($0) }))) }
            if let paths = http.paths { limits.append(.init("paths", .array(paths.map { .string($0) }))) }
            members.append(.init("http", .object(limits)))
        }
        if let addresses {
            members.append(.init("addresses", .array(addresses.map { .string($0.description) })))
        }
        if whenAbsent == .skip { members.append(.init("when_absent", "skip")) }
        if let madeFrom { members.append(.init("made_from", .string(madeFrom.rawValue))) }
        if let maxNames { members.append(.init("max_names", .int(maxNames))) }
        return .object(members)
    }

    fileprivate init(json: JSON, index: Int) throws(PolicyError) {
        let fields = try JSONFields(
            json, "rule \(index)",
            known: [
                "id", "origin", "reason", "host", "registry", "cidr", "socket", "name", "deny", "ports", "tls", "ech",
                "http",
                "addresses", "when_absent", "max_names", "made_from",
            ])
        guard let id = fields["id"]?.intValue, let origin = fields["origin"]?.stringValue,
            let reason = fields["reason"]?.stringValue, let ech = fields["ech"]?.stringValue.flatMap(ECH.init)
        else { throw fields.error("lacks id, origin, reason or ech") }
        let target = try Self.target(fields)
        self.init(
            id: id, origin: origin, reason: reason, target: target, ports: try Self.ports(fields),
            tls: try fields.text("tls", TLS.init), ech: ech, http: try Self.limits(fields),
            addresses: try fields.texts("addresses", AddressBlock.init(text:)), maxNames: try fields.count("max_names"),
            whenAbsent: try fields.text("when_absent", Absence.init) ?? .error,
            madeFrom: try fields.text("made_from", RegistryClient.init))
    }

    private static func target(_ fields: JSONFields) throws(PolicyError) -> Target {
        let found: [Target] = [
            try fields.text("host", HostPattern.init(_:)).map { .host($0) },
            try fields.text("registry", RegistryClient.init).map { .registry($0) },
            try fields.text("cidr", AddressBlock.init(text:)).map { .cidr($0) },
            try socket(fields).map { .socket($0) },
            try fields.text("deny", HostPattern.init(_:)).map { .deny($0) },
        ].compactMap { $0 }
        guard found.count == 1 else { throw fields.error("has not exactly one target") }
        return found[0]
    }

    private static func socket(_ fields: JSONFields) throws(PolicyError) -> SocketGrant? {
        guard let path = try fields.text("socket", RulePath.init(canonical:)) else {
            guard fields["name"] == nil else { throw fields.error("has a name and no socket") }
            return nil
        }
        let grant = try fields.text("name") { SocketGrant(path: path, name: $0) }
        guard let grant else { throw fields.error("has a socket and no name") }
        return grant
    }

    private static func ports(_ fields: JSONFields) throws(PolicyError) -> Ports {
        if fields["ports"] == "any" { return .any }
        guard let list = fields["ports"]?.arrayValue else { throw fields.error("has no ports") }
        var ports: [UInt16] = []
        for item in list {
            guard let number = item.intValue, let port = UInt16(exactly: number), port > 0 else {
                throw fields.error("has a port that is none")
            }
            ports.append(port)
        }
        guard ports == Set(ports).sorted() else { throw fields.error("has ports out of order") }
        return .list(ports)
    }

    private static func limits(_ fields: JSONFields) throws(PolicyError) -> HTTPLimits? {
        guard let member = fields["http"] else { return nil }
        let inner = try JSONFields(member, fields.subject + " http", known: ["methods", "paths"])
        return HTTPLimits(
            methods: try inner.texts("methods") { $0 }, paths: try inner.texts("paths") { $0 })
    }
}
