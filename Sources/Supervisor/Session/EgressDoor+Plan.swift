// SPDX-License-Identifier: Apache-2.0
internal import Isolation
internal import LinuxSystem
internal import Policy

extension EgressDoor {
    /// The sockets that a policy needs inside; nil for one that lets nothing out.
    ///
    /// One listener for every port where a rule names a port of 1024 or above, or any: a task's own servers listen there
    /// too. `transparent: false` is for a kernel that has no such thing.
    static func plan(for policy: EgressPolicy, transparent: Bool = true) throws(SystemError) -> NetworkPlan? {
        guard policy.isOpen else { return nil }
        let ports = policy.listenerPorts.filter { $0 != 53 }
        let takesAll = transparent && (policy.needsAnyPort || ports.count > NetworkPlan.maximumPorts)
        return try NetworkPlan(
            ports: takesAll ? [] : ports, ipv6: IPv6Availability.ofNewNamespaces() == .on, transparent: takesAll,
            tap: true, reachable: policy.directIP == .prohibit ? reachable(policy) : nil)
    }

    /// What stands for names, and the blocks that rules let a task dial.
    private static func reachable(_ policy: EgressPolicy) -> [AddressBlock] {
        SessionAddresses.blocks
            + policy.rules.compactMap { rule in if case .cidr(let block) = rule.target { block } else { nil } }
    }

    /// The same for this kernel: without a transparent proxy, single ports are what is left, if they are enough.
    static func plan(for policy: EgressPolicy, _ programs: Programs) throws(SystemError) -> NetworkPlan? {
        guard let wanted = try plan(for: policy), wanted.transparent else { return try plan(for: policy) }
        let program = try programs.sealed("sp-init")
        let support: TransparentProxy.Support
        do throws(LaunchError) {
            support = try TransparentProxy.probe(ipv6: wanted.ipv6, program: program)
        } catch {
            throw SystemError("try", "the transparent proxy at \(error.step)", error.errno, remedy: error.remedy)
        }
        guard case .absent(let errno) = support else { return wanted }
        if let rule = policy.rules.first(where: { $0.ports == .any && !$0.isDeny }) {
            throw SystemError(
                "open", "any port for \"\(rule.subject)\" (\(rule.origin))", errno,
                remedy: "This kernel has no transparent proxy (nft_tproxy); load the module, or name the ports.")
        }
        return try plan(for: policy, transparent: false)
    }
}
