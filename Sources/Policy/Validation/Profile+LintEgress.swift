// SPDX-License-Identifier: Apache-2.0

extension Profile {
    func lintEgress() -> [LintFinding] {
        egress.rules.enumerated().flatMap { index, rule in
            [lintRepeat(rule, index), lintDenied(rule, index)].compactMap { $0 } + lintReach(rule, index)
                + lintAddresses(rule, index) + lintSocket(rule, index)
        }
    }

    /// What a rule allows beside what its author may have in mind.
    private func lintReach(_ rule: EgressRule, _ index: Int) -> [LintFinding] {
        guard let pattern = rule.allowedHost, !rule.isFromRegistry else { return [] }
        let key = "egress.rules[\(index)]"
        var findings: [LintFinding] = []
        func warn(_ message: String, _ remedy: String) {
            findings.append(finding(.warning, key, message, remedy: remedy))
        }
        if let kind = SharedTenancy.kind(of: pattern.name) {
            warn("is \"\(pattern)\", \(kind.words)", "Keep it only if the task may send data there.")
        } else if let (name, kind) = SharedTenancy.within(pattern) {
            warn("is \"\(pattern)\", which takes in \(name), \(kind.words)", "Name the hosts the task needs.")
        }
        if !pattern.isWildcard, pattern.name.labelCount == 1 {
            warn(
                "is \"\(pattern)\", a name of one label: this host's search list decides what it leads to",
                "Write the whole name.")
        }
        if rule.ports.contains(443), rule.mode(for: 443) == .raw {
            warn(
                "is raw on port 443, where the server name could be compared and is not",
                "Write \"tls: sni\", unless something else than TLS is spoken there.")
        }
        if rule.ech == .allow {
            warn(
                "allows encrypted client hellos, which can hide another name of the same operator",
                "Keep it only for clients that cannot do without.")
        }
        if case .list(let ports) = rule.ports, let port = ports.first(where: { Self.proxyPorts.contains($0) }) {
            warn(
                "names port \(port), where forward proxies listen: through one everything is reached",
                "Keep it only if no proxy is there.")
        }
        return findings
    }

    private func lintAddresses(_ rule: EgressRule, _ index: Int) -> [LintFinding] {
        (rule.addresses ?? []).compactMap { block in
            let name = AddressClass.range(of: block.base).name
            guard name == .metadata || name == .loopback else { return nil }
            return finding(
                .warning, "egress.rules[\(index)]",
                "names \(block), \(name == .metadata ? "which hands out credentials" : "the host's own services")",
                remedy: "Keep it only if the task is meant to reach that.")
        }
    }

    private func lintSocket(_ rule: EgressRule, _ index: Int) -> [LintFinding] {
        guard let grant = rule.socket else { return [] }
        let key = "egress.rules[\(index)]"
        var findings: [LintFinding] = []
        if let kind = SocketGrant.forbidden(grant.path) {
            findings.append(
                finding(
                    .error, key, "is \"\(grant.path)\", \(kind.words)", remedy: "Remove it; no profile can grant it."))
        }
        let before = egress.rules[..<index].filter { $0.socket != nil }
        if let other = before.first(where: { $0.socket?.name == grant.name && $0.target != rule.target }) {
            findings.append(
                finding(
                    .error, key, "has the name \"\(grant.name)\", which \(other.origin) has given to another socket",
                    remedy: "Give each socket a name of its own."))
        }
        if before.count == SocketGrant.most {
            findings.append(
                finding(
                    .error, key, "is one socket more than the \(SocketGrant.most) that a session may have",
                    remedy: "Grant fewer."))
        }
        return findings
    }

    private static let proxyPorts: Set<UInt16> = [1080, 3128, 8118, 9050]

    /// Two rules about the same target must have no port in common: which of them holds would be a matter of order.
    private func lintRepeat(_ rule: EgressRule, _ index: Int) -> LintFinding? {
        let earlier = egress.rules[..<index].first { other in
            other.target == rule.target
                && (rule.isDeny || rule.isRegistry || rule.socket != nil || rule.ports.overlaps(other.ports))
        }
        guard let earlier else { return nil }
        let same = earlier.text == rule.text
        return finding(
            .error, "egress.rules[\(index)]",
            same
                ? "is \"\(rule.subject)\" a second time, first at \(earlier.origin)"
                : "is \"\(rule.text)\", which contradicts \"\(earlier.text)\" of \(earlier.origin)",
            remedy: same ? "Keep one of the two." : "Keep one of the two, or give them different ports.")
    }

    /// A rule whose every name is denied can never hold.
    private func lintDenied(_ rule: EgressRule, _ index: Int) -> LintFinding? {
        guard let pattern = rule.allowedHost, !rule.isFromRegistry else { return nil }
        let denying = egress.rules.first { $0.isDeny && $0.pattern?.covers(pattern) == true }
        return denying.map {
            finding(
                .error, "egress.rules[\(index)]",
                "is \"\(rule.subject)\" and can never hold: \"\($0.subject)\" of \($0.origin) always wins",
                remedy: "Keep one of the two.")
        }
    }
}

extension EgressRule {
    /// Whether a client's configuration named the host: its hosts may be denied one by one.
    var isFromRegistry: Bool { origin.hasPrefix("registry ") }
}
