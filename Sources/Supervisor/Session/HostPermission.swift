// SPDX-License-Identifier: Apache-2.0
internal import Isolation
internal import Policy

/// Which names of a session somebody may be asked about, and what an approval lets through.
///
/// What no answer could open is never asked: a name that a deny rule holds, in force or of the session's own profile, one
/// that the operator's ceiling does not have, and one that is no host of the internet's.
struct HostPermission {
    /// What the session began with.
    let begun: EgressPolicy
    /// Nil where the operator set none.
    let ceiling: EgressPolicy?
    let network: NetworkPlan

    /// Where the rules of approved names come from; no file can write it, since a place in a file ends in a line number.
    static let origin = "approval"

    /// The port that a name would be opened at: TLS where the session listens for it, else plain HTTP. The question for a
    /// name tells none.
    var port: UInt16? {
        if network.transparent { return 443 }
        return [443, 80].first { network.ports.contains($0) }
    }

    /// The policy in force with one more name at one port; nil where nobody may be asked about it.
    func policy(_ current: EgressPolicy, with name: HostName) -> EgressPolicy? {
        guard let port, Self.isOfInternet(name), current.isResolvable(name).denial?.code == .nameNotAllowed,
            begun.isResolvable(name).denial?.code != .denyRule
        else { return nil }
        let rule = EgressRule(
            origin: Self.origin, reason: "Approved while the session ran.", target: .host(HostPattern(.exact, name)),
            ports: .list([port]))
        var wider = current
        wider.setRules(current.rules + [rule])
        // The rest of the policy was held against the ceiling when it came into force.
        let alone = EgressPolicy(directIP: current.directIP, rules: [rule])
        if let ceiling, alone.excess(over: ceiling) != nil { return nil }
        return wider
    }

    /// Names of one label and those beneath names for special use lead nowhere but into somebody's own network. RFC 6761,
    /// RFC 8375, RFC 9476
    private static func isOfInternet(_ name: HostName) -> Bool {
        guard name.labelCount > 1, let last = name.labels.last.map(String.init) else { return false }
        return !special.contains(last)
    }

    private static let special: Set<String> = [
        "alt", "arpa", "home", "internal", "invalid", "lan", "local", "localdomain", "localhost", "onion", "test",
    ]
}
