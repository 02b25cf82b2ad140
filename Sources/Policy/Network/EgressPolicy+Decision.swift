// SPDX-License-Identifier: Apache-2.0

extension EgressPolicy {
    package enum Decision: Sendable, Hashable {
        case allowed(EgressRule)
        case denied(Denial)

        package var allowedRule: EgressRule? { if case .allowed(let rule) = self { rule } else { nil } }
        package var denial: Denial? { if case .denied(let denial) = self { denial } else { nil } }
    }

    /// The rules that name a host, in the order in which they count: denials, then the most specific first. Of the
    /// allowing ones only those with the target of the first can decide.
    package func chain(for name: HostName) -> [EgressRule] {
        let denying = rules.filter { rule in
            if case .deny(let pattern) = rule.target { pattern.matches(name) } else { false }
        }
        return denying + allowing(name)
    }

    private func allowing(_ name: HostName) -> [EgressRule] {
        let found = rules.compactMap { rule in
            rule.allowedHost.flatMap { $0.matches(name) ? (pattern: $0, rule: rule) : nil }
        }
        return found.sorted { first, second in
            if first.pattern == second.pattern { return first.rule.id < second.rule.id }
            return first.pattern.isMoreSpecific(than: second.pattern)
        }.map { $0.rule }
    }

    /// The rules that decide about a name: all have the same, most specific target, and no port in common.
    func deciding(_ name: HostName) -> [EgressRule] {
        let all = allowing(name)
        return all.filter { $0.target == all[0].target }
    }

    func denyRule(for name: HostName) -> EgressRule? {
        rules.first { rule in if case .deny(let pattern) = rule.target { pattern.matches(name) } else { false } }
    }

    /// Whether a name has an address inside: some rule names it and none denies it. The port decides at connect.
    package func isResolvable(_ name: HostName) -> Decision {
        if let rule = denyRule(for: name) { return .denied(.byRule(rule, name)) }
        if let rule = deciding(name).first ?? observer(of: nil) { return .allowed(rule) }
        return .denied(notNamed(name))
    }

    /// Whether a connection to a port of a name may be made, and by which rule.
    package func decide(name: HostName, port: UInt16) -> Decision {
        if let rule = denyRule(for: name) { return .denied(.byRule(rule, name)) }
        let deciding = deciding(name)
        if let rule = deciding.first(where: { $0.ports.contains(port) }) ?? observer(of: port) { return .allowed(rule) }
        guard let first = deciding.first else { return .denied(notNamed(name)) }
        let wider = allowing(name).first { $0.target != first.target && $0.ports.contains(port) }
        return .denied(.port(port, of: name.text, deciding: deciding, wider: wider))
    }

    /// Whether an address may be dialled as such: the longest cidr rule that holds it decides, and special addresses
    /// must be named by its `addresses` as well.
    package func decide(address: IPAddress, port: UInt16) -> Decision {
        // A block of IPv4 names no IPv6 address that a task dials: behind 2002:a.b.c.d::/48 lie as many hosts as somebody
        // likes, and where a translator leads only its network knows.
        let holding = rules.filter { rule in
            guard case .cidr(let block) = rule.target, block.contains(address) else { return false }
            return block.base.bitCount == address.bitCount || address.isMapped
        }
        guard let longest = holding.map({ $0.prefixLength }).max() else {
            if let observer = observer(of: port) { return judged(address, observer) }
            return .denied(
                Denial(
                    .directIP, "\(address) was dialled as an address, and no cidr rule holds it",
                    remedy: "Dial the host by its name, or add a rule with \"cidr: \(address)/\(address.bitCount)\"."))
        }
        let deciding = holding.filter { $0.prefixLength == longest }
        guard let rule = deciding.first(where: { $0.ports.contains(port) }) ?? observer(of: port) else {
            let wider = holding.first { $0.prefixLength < longest && $0.ports.contains(port) }
            return .denied(.port(port, of: address.description, deciding: deciding, wider: wider))
        }
        return judged(address, rule)
    }

    private func judged(_ address: IPAddress, _ rule: EgressRule) -> Decision {
        switch vet(address, for: rule) {
        case .allowed: return .allowed(rule)
        case .refused(let denial): return .denied(denial)
        }
    }

    /// What lets a port through that no rule has, where the policy observes.
    private func observer(of port: UInt16?) -> EgressRule? {
        let rule = EgressRule.observer(id: rules.count)
        guard observes, port.map({ rule.ports.contains($0) }) ?? true else { return nil }
        return rule
    }

    private func notNamed(_ name: HostName) -> Denial {
        var remedy = "If the task needs it, add a rule with \"host: \(name)\" and a reason to egress.rules."
        // The two slips that wildcards invite.
        let near = rules.compactMap { $0.allowedHost }.first { pattern in
            pattern.isWildcard && (pattern.name == name || name.isBelow(pattern.name))
        }
        if let near {
            remedy +=
                near.name == name
                ? " \"\(near)\" is about the names below it only."
                : " \"\(near)\" stands for exactly one label; \"**.\(near.name)\" for one or more."
        }
        return Denial(.nameNotAllowed, "no rule names \(name)", remedy: remedy)
    }
}

extension EgressRule {
    fileprivate var prefixLength: Int { if case .cidr(let block) = target { block.prefixLength } else { 0 } }
}

extension Denial {
    fileprivate static func byRule(_ rule: EgressRule, _ name: HostName) -> Denial {
        Denial(
            .denyRule, rule: rule, "\(name) is denied by \"\(rule.subject)\" (\(rule.origin))",
            remedy: "A deny rule wins over every other; to allow the name, change it there.")
    }

    fileprivate static func port(
        _ port: UInt16, of subject: String, deciding: [EgressRule], wider: EgressRule?
    ) -> Denial {
        let rule = deciding.first
        let ports = deciding.map { $0.ports.description }.joined(separator: ",")
        let place = rule.map { "\"\($0.subject)\" (\($0.origin))" } ?? "its rule"
        var remedy = "Add \(port) to the ports of that rule if the task needs it."
        if port == 53 { remedy = "Port 53 is the session's own resolver; no rule can open it." }
        if let wider {
            remedy += " \"\(wider.subject)\" (\(wider.origin)) has the port, but the more specific rule decides."
        }
        return Denial(
            .portNotAllowed, rule: rule, "port \(port) of \(subject) is not among those of \(place): \(ports)",
            remedy: remedy)
    }
}
