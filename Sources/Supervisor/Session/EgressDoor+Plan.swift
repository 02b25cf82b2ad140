// SPDX-License-Identifier: Apache-2.0
internal import Isolation
internal import LinuxSystem
internal import Policy

extension EgressDoor {
    /// The sockets that a policy needs inside, and why they are not what it would rather have.
    struct Choice {
        let network: NetworkPlan
        let notes: [String]
    }

    /// One listener for all ports where the policy needs it and the kernel has it; else one for each port it names.
    ///
    /// - Parameter program: never executed; see ``TransparentProxy/probe(ipv6:program:)``.
    static func plan(for policy: EgressPolicy, program: borrowing Descriptor) throws(SystemError) -> Choice {
        var notes: [String] = []
        let availability = try IPv6Availability.ofNewNamespaces()
        if case .off(let reason) = availability { notes.append("no IPv6 inside: \(reason)") }
        let ipv6 = availability == .on
        if policy.needsAnyPort {
            let support: TransparentProxy.Support
            do throws(LaunchError) { support = try TransparentProxy.probe(ipv6: ipv6, program: program) } catch {
                throw SystemError("try", "the transparent proxy at \(error.step)", error.errno, remedy: error.remedy)
            }
            guard case .absent(let errno) = support else {
                return Choice(
                    network: try NetworkPlan(ports: [], ipv6: ipv6, transparent: true, tap: true), notes: notes)
            }
            notes.append(
                "only the ports that rules name are open, and no server inside can have one of them: the kernel has no "
                    + "transparent proxy (\(errno))")
        }
        // The resolver's own port is no rule's.
        let ports = policy.listenerPorts.filter { $0 != 53 }
        return Choice(
            network: try NetworkPlan(ports: ports, ipv6: ipv6, transparent: false, tap: true), notes: notes)
    }
}
