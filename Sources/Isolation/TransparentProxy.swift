// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import LinuxSystem

/// Whether this kernel can give connections to every port to one listener: nf_tables with its transparent proxy.
package enum TransparentProxy {
    package enum Support: Sendable, Equatable {
        case available
        /// The kernel's answer; a session then has listeners for single ports only.
        case absent(Errno)
    }

    /// Tries the very rules of a session in a network namespace that is thrown away.
    ///
    /// - Parameter program: never executed; a launch must name one.
    /// - Throws: ``LaunchError`` when there could not even be a namespace.
    package static func probe(ipv6: Bool, program: borrowing Descriptor) throws(LaunchError) -> Support {
        let network: NetworkPlan
        let plumbing: Plumbing
        do throws(SystemError) {
            network = try NetworkPlan(ports: [], ipv6: ipv6, transparent: true, tap: false)
            plumbing = try Plumbing(program, wantsFault: false)
        } catch { throw LaunchError(error, step: "prepare") }
        var plan = PlanBuilder()
        plan.cloneFlags = SP_CLONE_NEWUSER | SP_CLONE_NEWNET
        for fd in plumbing.wires.parentEnds { plan.add(.close, "descriptors.parent_ends", fd: .descriptor(fd)) }
        NetworkSteps.rules(network, &plan)
        plan.add(.exit, "exit")
        let steps = plan.steps
        let block = plan.block(
            argv: [], environment: [], exec: plumbing.exec, report: plumbing.report, stop: -1, stopLabel: nil)
        let pidfd: Descriptor
        do throws(LaunchError) {
            // Nobody writes id maps: the right over the namespace comes with having made it.
            pidfd = Descriptor(owning: try Sandbox.run(block, plumbing, steps, serve: nil).pidfd)
        } catch {
            guard error.step == NetworkSteps.rulesLabel, isAbsence(error.errno) else { throw error }
            return .absent(error.errno)
        }
        var code: Int32 = 0
        var status: Int32 = 0
        while sp_wait_pidfd(pidfd.number, &code, &status) == -Int(EINTR) {}
        return .available
    }

    /// What the kernel says of a part it has not: no such family of netlink or of tables, no such expression.
    static func isAbsence(_ errno: Errno) -> Bool {
        [.noEntry, .notSupported, Errno(EPROTONOSUPPORT), Errno(EAFNOSUPPORT)].contains(errno)
    }
}

extension LaunchError {
    /// The start failed only because this kernel cannot give every port to one listener: the same plan without
    /// ``NetworkPlan/transparent`` can be held.
    package var isTransparentProxyAbsent: Bool {
        step == NetworkSteps.rulesLabel && TransparentProxy.isAbsence(errno)
    }
}
