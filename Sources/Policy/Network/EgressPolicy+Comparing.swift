// SPDX-License-Identifier: Apache-2.0

extension EgressPolicy {
    /// Something that this policy lets through and another does not, or with fewer conditions.
    package struct Excess: Sendable, Hashable {
        /// The rule of this policy that lets it through.
        package var rule: EgressRule
        /// What it is, such as `port 443 of *.example.com`.
        package var what: String
        /// The other policy allows it too, but with more conditions.
        package var isLooser: Bool
    }

    /// The first thing that this policy lets through beyond `other`; nil when every decision is at most as wide.
    ///
    /// Names and addresses without number fall into few classes that both policies decide alike: one for each name
    /// and each wildcard that stands in either, so one example of each is enough.
    package func excess(over other: EgressPolicy) -> Excess? {
        if observes && !other.observes {
            return Excess(rule: .observer(id: rules.count), what: "every port of every public host", isLooser: false)
        }
        let patterns = (rules + other.rules).compactMap { $0.pattern }
        for (example, described) in Self.examples(patterns) {
            guard denyRule(for: example) == nil else { continue }
            let theirs = other.denyRule(for: example) == nil ? other.deciding(example) : []
            for rule in deciding(example) {
                if let found = Self.excess(of: rule, over: theirs, subject: described) { return found }
            }
        }
        let blocks = (rules + other.rules).compactMap { $0.block }
        for block in Set(blocks).sorted(by: { $0.description < $1.description }) {
            guard let example = Self.example(in: block, outside: blocks) else { continue }
            let theirs = other.deciding(example)
            for rule in deciding(example) {
                if let found = Self.excess(of: rule, over: theirs, subject: block.description) { return found }
            }
        }
        for rule in rules {
            guard let grant = rule.socket, other.rule(for: grant) == nil else { continue }
            return Excess(rule: rule, what: rule.subject, isLooser: false)
        }
        return nil
    }

    /// The cidr rules that decide about an address.
    func deciding(_ address: IPAddress) -> [EgressRule] {
        let holding = rules.filter { $0.block?.contains(address) == true }
        let longest = holding.compactMap { $0.block?.prefixLength }.max()
        return holding.filter { $0.block?.prefixLength == longest }
    }

    private static func excess(of rule: EgressRule, over others: [EgressRule], subject: String) -> Excess? {
        func found(_ ports: String, _ isLooser: Bool) -> Excess {
            Excess(rule: rule, what: "\(ports) of \(subject)", isLooser: isLooser)
        }
        switch rule.ports {
        case .any:
            guard let other = others.first(where: { $0.ports == .any }) else { return found("any port", false) }
            // Port 80 and the others are two ways of treating what comes.
            let same = rule.isAtMost(other, on: 80) && rule.isAtMost(other, on: 443)
            return same ? nil : found("any port", true)
        case .list(let ports):
            for port in ports {
                guard let other = others.first(where: { $0.ports.contains(port) }) else {
                    return found("port \(port)", false)
                }
                if !rule.isAtMost(other, on: port) { return found("port \(port)", true) }
            }
            return nil
        }
    }

    /// One name of each class, with the pattern that describes the class.
    private static func examples(_ patterns: [HostPattern]) -> [(HostName, String)] {
        let used = Set(patterns.flatMap { $0.name.labels.map { String($0) } })
        // A label that no pattern holds; there are more of them than patterns can use up.
        let fresh = (0...used.count).lazy.map { String($0, radix: 36) }.first { !used.contains($0) } ?? "0"
        var found: [(HostName, String)] = []
        for pattern in Set(patterns).sorted(by: { $0.text < $1.text }) {
            found.append((pattern.name, pattern.name.text))
            guard pattern.isWildcard else { continue }
            if let one = HostName("\(fresh).\(pattern.name)") { found.append((one, "*.\(pattern.name)")) }
            if let two = HostName("\(fresh).\(fresh).\(pattern.name)") { found.append((two, "**.\(pattern.name)")) }
        }
        return found
    }

    /// An address of a block that lies in none of the smaller ones; nil when they fill it.
    private static func example(in block: AddressBlock, outside blocks: [AddressBlock]) -> IPAddress? {
        let inner = blocks.filter { $0 != block && block.covers($0) }
        return free(block, inner)
    }

    private static func free(_ block: AddressBlock, _ taken: [AddressBlock]) -> IPAddress? {
        if taken.contains(where: { $0.covers(block) }) { return nil }
        let inside = taken.filter { block.covers($0) }
        guard !inside.isEmpty, let (low, high) = block.halves else { return block.base }
        return free(low, inside) ?? free(high, inside)
    }
}

extension EgressRule {
    /// The names it is about, allowed or denied.
    var pattern: HostPattern? {
        switch target {
        case .host(let pattern), .deny(let pattern): pattern
        case .registry, .cidr, .socket: nil
        }
    }

    var block: AddressBlock? { if case .cidr(let block) = target { block } else { nil } }

    /// Whether it holds on a port everything that `other` holds there, and maybe more.
    func isAtMost(_ other: EgressRule, on port: UInt16) -> Bool {
        let mine = mode(for: port)
        guard mine == other.mode(for: port) || other.mode(for: port) == .raw && other.allowedHost != nil else {
            return false
        }
        if mine == .tls, ech == .allow, other.mode(for: port) == .tls, other.ech == .refuse { return false }
        if let limits = other.http, !limits.covers(http) { return false }
        if let names = other.maxNames, let maxNames, maxNames > names { return false }
        guard let theirs = other.addresses else {
            // Public addresses only: a list of one's own could name others.
            return addresses?.allSatisfy { AddressClass.isPublic($0) } ?? true
        }
        return addresses?.allSatisfy { block in theirs.contains { $0.covers(block) } } ?? false
    }
}

extension AddressClass {
    /// Whether no address of a block is named by it as special: it lies in no special range.
    fileprivate static func isPublic(_ block: AddressBlock) -> Bool {
        let (name, range) = range(of: block.base)
        return name == .public || range.map { !$0.covers(block) } ?? false
    }
}
