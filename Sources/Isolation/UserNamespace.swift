// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import LinuxSystem

/// A user namespace that exists only as an id map, for mounts.
package enum UserNamespace {
    /// Makes a namespace with the given maps; its descriptor keeps it alive after the helper child has ended.
    package static func make(_ maps: IdMaps, program: borrowing Descriptor) throws(LaunchError) -> Descriptor {
        let plumbing: Plumbing
        do throws(SystemError) { plumbing = try Plumbing(program, wantsFault: false) } catch {
            throw LaunchError(error, step: "prepare")
        }
        var plan = PlanBuilder()
        plan.cloneFlags = SP_CLONE_NEWUSER
        for fd in plumbing.wires.parentEnds { plan.add(.close, "descriptors.parent_ends", fd: .descriptor(fd)) }
        plan.add(.waitByte, "maps.wait", fd: .descriptor(plumbing.wires.mapped))
        plan.add(.exit, "exit")
        let steps = plan.steps
        let block = plan.block(
            argv: [], environment: [], exec: plumbing.exec, report: plumbing.report, stop: -1, stopLabel: nil)
        let launched = try Sandbox.run(block, plumbing, steps) { pid throws(SystemError) in
            try maps.write(to: pid).release()
        }
        let pidfd = Descriptor(owning: launched.pidfd)
        var code: Int32 = 0
        var status: Int32 = 0
        while sp_wait_pidfd(pidfd.number, &code, &status) == -Int(EINTR) {}
        return Descriptor(owning: launched.namespace)
    }
}
