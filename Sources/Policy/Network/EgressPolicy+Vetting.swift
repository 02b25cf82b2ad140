// SPDX-License-Identifier: Apache-2.0

/// Whether a real address may be dialled for a rule.
package enum AddressVerdict: Sendable, Hashable {
    /// `named` says that the rule's own `addresses` hold it, and not only that it is public.
    case allowed(named: Bool)
    case refused(Denial)
}

extension EgressPolicy {
    /// Judges an address that a name resolved to, on which no second look-up may follow (threats E18, E19).
    ///
    /// Without `addresses` only public ones pass. With them the address must lie in one of them, and a special one in
    /// a block that lies whole inside its special range: `0.0.0.0/0` names no private address, and a metadata service
    /// is named only by its own address. Addresses of the host itself are not known here; the caller asks the kernel.
    package func vet(_ address: IPAddress, for rule: EgressRule) -> AddressVerdict {
        let (name, range) = AddressClass.range(of: address)
        let holding = (rule.addresses ?? []).filter { $0.contains(address) }
        if rule.addresses != nil, holding.isEmpty {
            return .refused(
                Denial(
                    .addressOutsideRule, rule: rule,
                    "\(address) is not among the addresses of \"\(rule.subject)\" (\(rule.origin))",
                    remedy: "Add its block to the rule's addresses if the host really moved there."))
        }
        // Mirrors of closed networks are given addresses that documentation uses (RFC 5737). The host's own client is
        // configured for such a one, and no service of a host lies there; its routing is asked all the same.
        if name == .documentation, rule.madeFrom != nil, rule.addresses == nil { return .allowed(named: false) }
        if name == .public { return .allowed(named: !holding.isEmpty) }
        if name.canBeNamed, let range, holding.contains(where: { range.covers($0) }) { return .allowed(named: true) }
        let inside = address.isWrapping ? " (which is \(address.unwrapped))" : ""
        return .refused(
            Denial(
                .addressNotPublic, rule: rule,
                "\(address)\(inside) is \(name.words), and \"\(rule.subject)\" (\(rule.origin)) does not name it",
                remedy: name.canBeNamed
                    ? "If the host belongs there, add \"addresses: [\(AddressClass.suggestion(address))]\" to that rule."
                    : "Nothing can allow it: no connection goes to such an address."))
    }
}

extension AddressClass {
    /// The narrowest block that names an address.
    fileprivate static func suggestion(_ address: IPAddress) -> AddressBlock {
        let real = localTranslation.contains(address) ? address : address.unwrapped
        return AddressBlock(containing: real, prefixLength: real.bitCount)
    }
}
