// SPDX-License-Identifier: Apache-2.0

/// What a task hears when it dials an address instead of a name.
package enum DirectAddress: String, Sendable, Hashable, CaseIterable {
    case prohibit
    /// The connection is accepted outside, told why it goes nowhere, and closed.
    case explain
}

/// What may leave a session. Everything that no rule allows is denied.
package struct EgressPolicy: Sendable, Hashable {
    package var directIP: DirectAddress
    /// Each rule's ``EgressRule/id`` is its index here.
    package private(set) var rules: [EgressRule]
    /// Everything public that no rule speaks of is let through and recorded, to find out what a task needs.
    ///
    /// Only `sallyport profile learn` sets it; no profile can say it.
    package let observes: Bool

    package init(directIP: DirectAddress, rules: [EgressRule], observes: Bool = false) {
        self.directIP = directIP
        self.rules = rules
        self.observes = observes
        number()
    }

    /// The same rules, with everything public let through beside them.
    package var observing: EgressPolicy { EgressPolicy(directIP: directIP, rules: rules, observes: true) }

    /// Replaces the rules and numbers them anew.
    package mutating func setRules(_ rules: [EgressRule]) {
        self.rules = rules
        number()
    }

    private mutating func number() {
        for index in rules.indices { rules[index].id = index }
    }

    /// Whether anything at all can leave.
    package var isOpen: Bool {
        observes || rules.contains { $0.allowedHost != nil || $0.isCIDR || $0.socket != nil }
    }

    /// The ports to listen on, sorted: those that rules name, and with `direct_ip: explain` the two on which a
    /// refusal can be explained to a client.
    package var listenerPorts: [UInt16] {
        var ports: Set<UInt16> = directIP == .explain ? [80, 443] : []
        // Where this kernel has no listener for all ports.
        if observes { ports.formUnion([22, 80, 443]) }
        for rule in rules where rule.allowedHost != nil || rule.isCIDR {
            if case .list(let list) = rule.ports { ports.formUnion(list) }
        }
        return ports.sorted()
    }

    /// Whether listening port by port is not enough: a rule names any port, or one of 1024 and above, where a task's
    /// own servers listen too.
    package var needsAnyPort: Bool {
        observes
            || rules.contains { rule in
                guard rule.allowedHost != nil || rule.isCIDR else { return false }
                switch rule.ports {
                case .any: return true
                case .list(let ports): return ports.contains { $0 >= 1024 }
                }
            }
    }
}

extension EgressRule {
    var isCIDR: Bool { if case .cidr = target { true } else { false } }
}
