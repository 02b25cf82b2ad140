// SPDX-License-Identifier: Apache-2.0
package import Documents

/// One thing that a profile gives or takes, in words that can be compared between profiles.
package struct Grant: Sendable, Hashable {
    /// What it is about: `connect api.example.com:443`, `write /workspace`, `limits.pids`.
    package var key: String
    /// How: empty where there is only one way.
    package var value: String
    /// For figures: larger gives more.
    package var size: UInt64?
}

/// One difference between the grants of two profiles.
package struct GrantChange: Sendable, Hashable {
    package enum Kind: String, Sendable, Hashable { case adds, removes, raises, lowers, changes }

    package var kind: Kind
    package var key: String
    package var before: String
    package var after: String

    package init(kind: Kind, key: String, before: String, after: String) {
        self.kind = kind
        self.key = key
        self.before = before
        self.after = after
    }

    package var text: String {
        switch kind {
        case .adds: after.isEmpty ? "adds \(key)" : "adds \(key) (\(after))"
        case .removes: before.isEmpty ? "removes \(key)" : "removes \(key) (\(before))"
        case .raises, .lowers, .changes: "\(kind.rawValue) \(key) from \(before) to \(after)"
        }
    }

    package var json: JSON {
        [
            "change": .string(kind.rawValue), "grant": .string(key), "before": .string(before), "after": .string(after),
        ]
    }
}

extension Profile {
    /// What `other` grants differently, in the order of the profile format.
    package func changes(to other: Profile) -> [GrantChange] {
        let mine = grants
        let theirs = other.grants
        let before = Dictionary(mine.map { ($0.key, $0) }) { first, _ in first }
        let after = Dictionary(theirs.map { ($0.key, $0) }) { first, _ in first }
        let gone = mine.filter { after[$0.key] == nil }.map {
            GrantChange(kind: .removes, key: $0.key, before: $0.value, after: "")
        }
        let rest = theirs.compactMap { grant -> GrantChange? in
            guard let old = before[grant.key] else {
                return GrantChange(kind: .adds, key: grant.key, before: "", after: grant.value)
            }
            guard old.value != grant.value else { return nil }
            let kind: GrantChange.Kind =
                if let from = old.size, let to = grant.size { from < to ? .raises : .lowers } else { .changes }
            return GrantChange(kind: kind, key: grant.key, before: old.value, after: grant.value)
        }
        return gone + rest
    }

    /// Everything the profile gives, and every denial it states.
    package var grants: [Grant] {
        var grants = [Grant(key: "rootfs", value: rootfs)]
        for transition in filesystem.transitions {
            switch transition.access {
            case .denied: grants.append(Grant(key: "deny \(transition.path.text)", value: ""))
            case .readOnly: grants.append(Grant(key: "read \(transition.path.text)", value: ""))
            case .writable: grants.append(Grant(key: "write \(transition.path.text)", value: ""))
            }
        }
        grants += callGrants
        grants += environment.pass.map { Grant(key: "pass \($0)", value: "") }
        grants += environment.set.map { Grant(key: "set \($0.name)", value: JSON.string($0.value).compactText) }
        grants.append(Grant(key: "landlock", value: landlock == .required ? "required" : "waived"))
        grants += LimitKey.allCases.map {
            Grant(key: "limits.\($0.rawValue)", value: limits.text($0), size: limits[$0])
        }
        grants.append(Grant(key: "egress.direct_ip", value: egress.directIP.rawValue))
        return grants + egress.rules.flatMap { $0.grants }
    }

    private var callGrants: [Grant] {
        var rules: [String: [String]] = [:]
        for rule in syscalls.filter.rules where rule.action == .allow {
            rules[rule.name, default: []].append(rule.conditions.map { $0.text }.joined(separator: " and "))
        }
        return rules.sorted { $0.key < $1.key }.map { name, conditions in
            let some = conditions.sorted().joined(separator: " or ")
            return Grant(key: "call \(name)", value: conditions.contains("") ? "" : "if \(some)")
        }
    }
}

extension EgressRule {
    fileprivate var grants: [Grant] {
        switch target {
        case .deny(let pattern): [Grant(key: "deny \(pattern)", value: "")]
        case .registry(let client):
            [Grant(key: "registry \(client.rawValue)", value: conditions.joined(separator: ", "))]
        case .host(let pattern): connections(to: pattern.text)
        case .cidr(let block): connections(to: block.description)
        case .socket(let socket): [Grant(key: "socket \(socket.path)", value: "at \(socket.inside)")]
        }
    }

    private func connections(to subject: String) -> [Grant] {
        switch ports {
        case .any:
            [
                Grant(
                    key: "connect \(subject):any",
                    value: ([mode(for: 443).rawValue] + conditions).joined(separator: ", "))
            ]
        case .list(let ports):
            ports.map { port in
                Grant(
                    key: "connect \(subject):\(port)",
                    value: ([mode(for: port).rawValue] + conditions).joined(separator: ", "))
            }
        }
    }

    private var conditions: [String] {
        var words: [String] = []
        if ech == .allow { words.append("ech") }
        if let methods = http?.methods { words.append("methods \(methods.joined(separator: " "))") }
        if let paths = http?.paths { words.append("paths \(paths.joined(separator: " "))") }
        if let addresses { words.append("addresses \(addresses.map { $0.description }.joined(separator: " "))") }
        if let maxNames { words.append("max_names \(maxNames)") }
        return words
    }
}
