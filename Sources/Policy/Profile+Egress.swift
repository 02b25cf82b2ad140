// SPDX-License-Identifier: Apache-2.0
import Documents

extension Profile {
    /// Takes the rules of a project's own file in place of the profile's; the profile's denials stay.
    mutating func narrowEgress(_ list: SourcedList<EgressRule>) {
        let kept = sourcedEgress.filter { item in
            item.value.isDeny && !list.values.contains { $0.target == item.value.target }
        }
        setEgress(list.items + kept, place: list.place)
    }

    /// Refuses rules that let through what `self`, the operator's profile, does not.
    func refuseWiderEgress(_ narrowed: Profile) throws(PolicyError) {
        guard let excess = narrowed.egress.excess(over: egress) else { return }
        let place = narrowed.origins["egress.rules[\(excess.rule.id)]"] ?? narrowed.origins["reason"]
        throw widening(
            "egress.rules", place ?? Place(file: name, line: 0),
            excess.isLooser
                ? "opens \(excess.what) with fewer conditions (\(excess.rule.text))" : "opens \(excess.what)")
    }

    /// The egress rules with their places.
    var sourcedEgress: [Sourced<EgressRule>] {
        egress.rules.enumerated().map { index, rule in
            Sourced(rule, origins["egress.rules[\(index)]"] ?? Place(file: rule.origin, line: 0))
        }
    }

    /// Replaces the egress rules and where they were written.
    mutating func setEgress(_ items: [Sourced<EgressRule>], place: Place?) {
        for index in egress.rules.indices { origins["egress.rules[\(index)]"] = nil }
        egress.setRules(items.map { $0.value })
        if let place { origins["egress.rules"] = place }
        for (index, item) in items.enumerated() { origins["egress.rules[\(index)]"] = item.place }
    }

    /// The profile with every `registry:` rule replaced by the rules that `expand` finds for it.
    ///
    /// A host that two clients use, or that the profile itself opens at least as far, is one rule: the first.
    /// Rules that say different things about a host and port are an error of the profile, as if written by hand.
    package func expandingRegistries(
        _ expand: (RegistryClient, EgressRule) throws(PolicyError) -> [EgressRule]
    ) throws(PolicyError) -> Profile {
        guard egress.rules.contains(where: { $0.isRegistry }) else { return self }
        var written = sourcedEgress.filter { !$0.value.isRegistry }
        for item in sourcedEgress {
            guard case .registry(let client) = item.value.target else { continue }
            for rule in try expand(client, item.value)
            where !written.contains(where: { rule.isImplied(by: $0.value) }) {
                written.append(Sourced(rule, item.place))
            }
        }
        var result = self
        result.setEgress(written, place: nil)
        try result.refuseLintErrors()
        return result
    }
}

extension EgressRule {
    var isRegistry: Bool { if case .registry = target { true } else { false } }

    /// Whether another rule for the same target lets through at least as much.
    func isImplied(by other: EgressRule) -> Bool {
        guard target == other.target, case .list(let ports) = ports else { return false }
        return ports.allSatisfy { other.ports.contains($0) && isAtMost(other, on: $0) }
    }
}
