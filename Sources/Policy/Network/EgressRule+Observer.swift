// SPDX-License-Identifier: Apache-2.0

extension EgressRule {
    /// Where the observer comes from; no file can write it, since a place in a file ends in a line number.
    package static let observerOrigin = "profile learn --observe"

    /// Stands in records for the rule that a profile would need: it lets every public address and any port through.
    static func observer(id: Int) -> EgressRule {
        EgressRule(
            id: id, origin: observerOrigin, reason: "Observed: no rule allows it yet.",
            target: .cidr(AddressBlock(v4: 0, 0, 0, 0, length: 0)), ports: .any)
    }

    /// Whether a rule is that one.
    package var isObserver: Bool { origin == Self.observerOrigin }
}
