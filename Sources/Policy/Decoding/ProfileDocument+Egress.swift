// SPDX-License-Identifier: Apache-2.0
import Documents

extension ProfileDocument {
    mutating func decodeEgress(_ section: ProfileField) throws(PolicyError) {
        let fields = try section.fields(known: ProfileKey.names(in: "egress"))
        if let field = fields["direct_ip"] {
            directIP = Sourced(try field.choice(DirectAddress.self), field.node.place)
        }
        egressRules = try fields["rules"]?.list { field throws(PolicyError) in try field.egressRule() }
    }
}

extension ProfileField {
    private static let targets = ["host", "registry", "cidr", "socket", "deny"]
    private static let options = ["ports", "tls", "ech", "http", "addresses", "when_absent", "max_names", "name"]

    /// One rule: a target, a reason, and the keys that mean something beside that target.
    func egressRule() throws(PolicyError) -> EgressRule {
        let fields = try fields(known: ProfileKey.names(in: "egress.rules[]"))
        guard let reason = fields["reason"] else {
            throw error("has no reason", remedy: "Say in a sentence what the task needs it for.")
        }
        let named = Self.targets.compactMap { fields[$0] }
        guard named.count == 1, let target = named.first else {
            throw error(
                named.isEmpty ? "names nothing" : "names more than one thing",
                remedy: "Write one of host, registry, cidr, socket and deny in each rule.")
        }
        let origin = node.place.description
        switch target.path.split(separator: ".").last {
        case "deny":
            try refuse(fields, "in a deny rule, which denies every port", but: [])
            return EgressRule(
                origin: origin, reason: try reason.sentence(), target: .deny(try target.hostPattern(denied: true)),
                ports: .list([]))
        case "registry":
            try refuse(
                fields, "beside registry: the client's own configuration says it", but: ["addresses", "when_absent"])
            return EgressRule(
                origin: origin, reason: try reason.sentence(),
                target: .registry(try target.choice(RegistryClient.self)),
                ports: .list([]), addresses: try fields["addresses"]?.addressBlocks(),
                whenAbsent: try fields["when_absent"]?.choice(EgressRule.Absence.self) ?? .error)
        case "cidr":
            try refuse(fields, "beside cidr, where no name is seen", but: ["ports", "tls", "addresses"])
            return try addressRule(target, fields, reason: try reason.sentence())
        case "socket":
            try refuse(fields, "beside socket, where nothing is looked at", but: ["name"])
            return EgressRule(
                origin: origin, reason: try reason.sentence(), target: .socket(try socketGrant(target, fields["name"])),
                ports: .list([]))
        default: return try hostRule(target, fields, reason: try reason.sentence())
        }
    }

    private func socketGrant(_ target: ProfileField, _ field: ProfileField?) throws(PolicyError) -> SocketGrant {
        let path = try target.rulePath()
        guard let field else {
            throw error(
                "grants a socket without a name",
                remedy: "Add \"name:\", by which a task finds it in \(SocketGrant.directory).")
        }
        let name = try field.string()
        guard SocketGrant.isName(name) else {
            throw field.error(
                "is \"\(name)\", which is no plain name of a file",
                remedy: "Use up to 64 letters, digits, dots, hyphens and underscores.")
        }
        guard let grant = SocketGrant(path: path, name: name) else {
            throw target.error("is \"\(path)\", which is no socket", remedy: "Name the socket itself.")
        }
        return grant
    }

    private func refuse(
        _ fields: [String: ProfileField], _ why: String, but allowed: [String]
    ) throws(PolicyError) {
        for key in Self.options where !allowed.contains(key) {
            if let field = fields[key] { throw field.error("means nothing \(why)", remedy: "Remove it.") }
        }
    }

    private func hostRule(
        _ target: ProfileField, _ fields: [String: ProfileField], reason: String
    ) throws(PolicyError) -> EgressRule {
        try refuse(fields, "without registry", but: Self.options.filter { $0 != "when_absent" })
        try refuse(fields, "without socket", but: Self.options.filter { $0 != "name" })
        let pattern = try target.hostPattern(denied: false)
        var rule = EgressRule(
            origin: node.place.description, reason: reason, target: .host(pattern),
            ports: try fields["ports"]?.ports() ?? .list([443]))
        if let field = fields["tls"] { rule.tls = try field.choice(EgressRule.TLS.self) }
        try checkModes(rule, fields)
        if let field = fields["ech"] {
            rule.ech = try field.choice(EgressRule.ECH.self)
            guard rule.carries(.tls) else {
                throw field.error("means nothing where no port of the rule is TLS", remedy: "Remove it.")
            }
        }
        if let field = fields["http"] { rule.http = try field.httpLimits(for: rule) }
        rule.addresses = try fields["addresses"]?.addressBlocks()
        if let field = fields["max_names"] {
            guard pattern.isWildcard else {
                throw field.error("means nothing beside one exact name", remedy: "Remove it.")
            }
            rule.maxNames = try field.nameCount()
        } else if pattern.isWildcard {
            rule.maxNames = EgressRule.defaultMaxNames
        }
        return rule
    }

    private func checkModes(_ rule: EgressRule, _ fields: [String: ProfileField]) throws(PolicyError) {
        if rule.tls == .intercept, let field = fields["tls"] {
            throw field.error(
                "is intercept, which is not in this version", remedy: "Write sni; what is inside stays unseen.")
        }
        let unclear: String? =
            switch (rule.tls, rule.ports) {
            case (nil, .any): "any port"
            case (nil, .list(let ports)): ports.first { $0 != 443 && $0 != 80 }.map { "port \($0)" }
            case (.sni, .list([80])): "port 80 alone"
            default: nil
            }
        guard let unclear, let ports = fields["ports"] else { return }
        guard rule.tls == nil else {
            throw fields["tls"]?.error(
                "is sni with \(unclear), where plain HTTP is spoken", remedy: "Remove it, or name port 443.")
                ?? ports.error("is port 80 alone", remedy: "Name port 443.")
        }
        throw ports.error(
            "names \(unclear), and nothing says what is spoken there",
            remedy: "Add \"tls: sni\" for TLS, \"tls: none\" for plain HTTP, or \"tls: raw\" for anything else.")
    }

    private func addressRule(
        _ target: ProfileField, _ fields: [String: ProfileField], reason: String
    ) throws(PolicyError) -> EgressRule {
        let block = try target.addressBlock()
        var rule = EgressRule(
            origin: node.place.description, reason: reason, target: .cidr(block),
            ports: try fields["ports"]?.ports() ?? .list([443]), tls: .raw,
            addresses: try fields["addresses"]?.addressBlocks())
        if let field = fields["tls"], try field.choice(EgressRule.TLS.self) != .raw {
            throw field.error(
                "means nothing beside cidr: an address is no name that a server name could be compared with",
                remedy: "Write raw, or remove it.")
        }
        rule.tls = nil
        try checkReach(block, rule, target)
        return rule
    }

    /// A block of special addresses must be named a second time, so that nobody opens one by a slip of the length.
    private func checkReach(_ block: AddressBlock, _ rule: EgressRule, _ target: ProfileField) throws(PolicyError) {
        let (name, range) = AddressClass.range(of: block.base)
        if block.prefixLength == 0 {
            throw target.error("is \"\(block)\", every address there is", remedy: "Name the blocks the task needs.")
        }
        guard name != .public, range?.covers(block) ?? true else { return }
        guard name.canBeNamed else {
            throw target.error(
                "is \"\(block)\", \(name.words), where no connection can go", remedy: "Remove the rule.")
        }
        guard rule.addresses?.contains(where: { $0.covers(block) && range?.covers($0) == true }) == true else {
            throw target.error(
                "is \"\(block)\", \(name.words), which is always refused unless the rule says so twice",
                remedy: "Add \"addresses: [\(block)]\" if that is what the task needs.")
        }
    }
}

extension EgressRule {
    /// Whether a port of the rule is treated this way.
    func carries(_ mode: Mode) -> Bool {
        switch ports {
        case .any: [80, 443].contains { self.mode(for: $0) == mode }
        case .list(let ports): ports.contains { self.mode(for: $0) == mode }
        }
    }
}
