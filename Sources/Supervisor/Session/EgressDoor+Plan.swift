// SPDX-License-Identifier: Apache-2.0
internal import Isolation
internal import LinuxSystem
internal import Policy

extension EgressDoor {
    /// The sockets that a policy needs inside.
    static func plan(for policy: EgressPolicy) throws(SystemError) -> NetworkPlan {
        try NetworkPlan(
            ports: policy.listenerPorts.filter { $0 != 53 }, ipv6: IPv6Availability.ofNewNamespaces() == .on,
            transparent: false,
            tap: true)
    }
}
