// SPDX-License-Identifier: Apache-2.0
internal import CChildPath
package import LinuxSystem

/// The sockets of a session's network namespace, held outside of it.
///
/// An open one keeps the namespace alive, so whoever takes them must close them when the session ends; those that
/// nobody took are closed with this value.
package struct NetworkSockets: ~Copyable {
    private var held: [NetworkRole: Int32] = [:]
    /// In the order of the plan.
    package let roles: [NetworkRole]

    /// Takes ownership of one descriptor for each role of the plan, by slot.
    init(_ plan: NetworkPlan, slots: (Int) -> Int32?) throws(SystemError) {
        roles = plan.roles
        for (index, role) in plan.roles.enumerated() {
            guard let number = slots(NetworkPlan.firstSlot + index), number >= 0 else {
                throw SystemError("receive", "the session's socket \(role)", .io)
            }
            held[role] = number
        }
    }

    deinit { for number in held.values { _ = Descriptor(owning: number) } }

    /// The number of a socket that nobody took, to wait on it or to send it.
    package borrowing func number(_ role: NetworkRole) -> Int32? { held[role] }

    /// Gives a socket to the caller; nil for one that the plan has not or that was taken.
    package mutating func take(_ role: NetworkRole) -> Descriptor? {
        held.removeValue(forKey: role).map { Descriptor(owning: $0) }
    }

    /// Closes what nobody took: after all were sent to the process that serves them.
    package consuming func close() {}
}

extension NetworkSockets {
    /// Makes the network of a plan in the network namespace that the calling thread is in: addresses, routes, sockets.
    ///
    /// For a namespace that belongs to the host's user namespace, over which no session's child has a right. It must be
    /// fresh, and the thread needs CAP_NET_ADMIN, CAP_NET_BIND_SERVICE and CAP_NET_RAW over its owner.
    package static func make(_ network: NetworkPlan) throws(LaunchError) -> NetworkSockets {
        var plan = PlanBuilder()
        NetworkSteps.add(network, &plan)
        let steps = plan.steps
        let block = plan.block(argv: [], environment: [], exec: -1, report: -1, stop: -1, stopLabel: nil)
        let (slots, failure) = block.walkHere()
        guard let failure else {
            do throws(SystemError) { return try NetworkSockets(network) { slots[$0] } } catch {
                throw LaunchError(error, step: "net.make")
            }
        }
        for slot in slots where slot >= 0 { _ = Descriptor(owning: slot) }
        let position = Int(failure.label)
        throw LaunchError(
            step: position >= 1 && position <= steps.count ? steps[position - 1].label : "net.make", subject: nil,
            errno: Errno(failure.error), position: position, total: steps.count)
    }
}
