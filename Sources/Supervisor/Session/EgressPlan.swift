// SPDX-License-Identifier: Apache-2.0
internal import Isolation
internal import LinuxSystem
internal import Policy

/// The network that a session's policy asks for, as this kernel can have it.
struct EgressPlan {
    let network: NetworkPlan
    /// What the session does without because its kernel has not got it, for the record.
    let notes: [String]

    /// Nil for a policy that lets nothing out.
    ///
    /// One listener for every port where a rule names a port of 1024 or above, or any: a task's own servers listen there
    /// too. Without a transparent proxy single ports are what is left, if they are enough.
    ///
    /// - Parameter probe: whether there is such a listener, asked only where it is wanted.
    init?(
        _ policy: EgressPolicy, ipv6 availability: IPv6Availability,
        probe: (_ ipv6: Bool) throws(SystemError) -> TransparentProxy.Support
    ) throws(SystemError) {
        guard policy.isOpen else { return nil }
        var notes: [String] = []
        if case .off(let reason) = availability { notes.append("no IPv6: \(reason)") }
        let ipv6 = availability == .on
        let ports = policy.listenerPorts.filter { $0 != 53 }
        var takesAll = policy.needsAnyPort || ports.count > NetworkPlan.maximumPorts
        if takesAll, case .absent(let errno) = try probe(ipv6) {
            if let rule = policy.rules.first(where: { $0.ports == .any && !$0.isDeny }) {
                throw SystemError(
                    "open", "any port for \"\(rule.subject)\" (\(rule.origin))", errno,
                    remedy: "This kernel has no transparent proxy (nft_tproxy); load the module, or name the ports.")
            }
            takesAll = false
            let list = ports.map { String($0) }.joined(separator: ", ")
            let why = "no transparent proxy (\(errno))"
            notes.append("\(why): a listener each on ports \(list), which the task's own servers cannot use")
        }
        network = try NetworkPlan(
            ports: takesAll ? [] : ports, ipv6: ipv6, transparent: takesAll, tap: true,
            reachable: policy.directIP == .prohibit ? Self.reachable(policy) : nil)
        self.notes = notes
    }

    /// What stands for names, and the blocks that rules let a task dial.
    private static func reachable(_ policy: EgressPolicy) -> [AddressBlock] {
        SessionAddresses.blocks
            + policy.rules.compactMap { rule in if case .cidr(let block) = rule.target { block } else { nil } }
    }
}

extension EgressPlan {
    /// What this kernel can have.
    ///
    /// - Parameter program: never executed; a launch must name one.
    static func make(_ policy: EgressPolicy, program: borrowing Descriptor) throws(SystemError) -> EgressPlan? {
        try EgressPlan(policy, ipv6: try .ofNewNamespaces()) { ipv6 throws(SystemError) in
            do throws(LaunchError) { return try TransparentProxy.probe(ipv6: ipv6, program: program) } catch {
                throw SystemError("try", "the transparent proxy at \(error.step)", error.errno, remedy: error.remedy)
            }
        }
    }
}
