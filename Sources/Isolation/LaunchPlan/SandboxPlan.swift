// SPDX-License-Identifier: Apache-2.0
internal import CChildPath
internal import CLinux

/// Descriptors that the launch itself makes: life line, id-map handshake, message socket, status socket.
package struct LaunchWires: Sendable {
    /// The child waits here until id maps are written.
    var mapped: Int32 = -1
    /// Hangs up when the supervisor is gone.
    var lifeLine: Int32 = -1
    /// Where the child sends descriptors that it made.
    var messages: Int32 = -1
    /// sp-init's report socket, its end.
    var status: Int32 = -1
    /// The parent's ends, of which the child must drop its copies or it would never see them hang up.
    var parentEnds: [Int32] = []
    package init() {}
}

/// Slots of the child's own descriptors; the sockets of its network come after these.
enum Slot: UInt64, CaseIterable {
    case proc = 0
    case tmp, shm, pts, run, upper, workspace, null, empty, outerTerminal, innerTerminal, listener
    var handle: Handle { .slot(Int32(rawValue)) }
}

/// The order of a sandbox's start, in one place. Reasons stand at the parts; the kernel's own demands decide the order:
/// mounts need capabilities, pivot ends the host's view, Landlock rules are bound to files of the final tree, no mount
/// works after Landlock, and the filter comes last because it refuses most of the calls before it.
package enum SandboxPlan {
    package static func build(_ spec: SandboxSpec, _ wires: LaunchWires) -> PlanBuilder {
        var plan = PlanBuilder()
        plan.cloneFlags = SP_CLONE_NEWUSER | SP_CLONE_NEWNS | SP_CLONE_NEWPID | SP_CLONE_NEWIPC | SP_CLONE_NEWUTS
        // Host mode: the cloning thread is inside the one that the supervisor made.
        if !spec.networkIsMade { plan.cloneFlags |= SP_CLONE_NEWNET }
        if !spec.unshareCgroup { plan.cloneFlags |= SP_CLONE_NEWCGROUP }
        if spec.cgroupInto >= 0 {
            plan.cloneFlags |= SP_CLONE_INTO_CGROUP
            plan.cgroup = spec.cgroupInto
        }
        identity(spec, wires, &plan)
        FilesystemSteps.add(spec, &plan)
        PrivilegeSteps.add(spec, wires, &plan)
        return plan
    }

    private static func identity(_ spec: SandboxSpec, _ wires: LaunchWires, _ plan: inout PlanBuilder) {
        for fd in wires.parentEnds { plan.add(.close, "descriptors.parent_ends", fd: .descriptor(fd)) }
        // The maps are written while this process joins its groups.
        for fd in spec.cgroupJoin {
            plan.add(.write, "cgroup.join", fd: .descriptor(fd), data: Array("0".utf8))
        }
        // v1: only after the attach is the session's own group the root of the new namespace. cgroup_namespaces(7)
        if spec.unshareCgroup {
            plan.add(.unshare, "cgroup.namespace", a: SP_CLONE_NEWCGROUP)
        }
        plan.add(.waitByte, "maps.wait", fd: .descriptor(wires.mapped))
        // From here files are made as inside root, which is no root of the host.
        if spec.mode == .host { plan.add(.ids, "ids.root", a: 0, b: 0, detail: "uid 0 gid 0 inside") }
        plan.add(.umask, "umask", a: 0o022)
        if !spec.networkIsMade { network(spec, wires, &plan) }
        plan.add(.hostname, "uts.hostname", data: Array("sandbox".utf8), detail: "sandbox")
    }

    private static func network(_ spec: SandboxSpec, _ wires: LaunchWires, _ plan: inout PlanBuilder) {
        guard let network = spec.network else { return plan.add(.loopbackUp, "net.loopback") }
        NetworkSteps.add(network, &plan)
        NetworkSteps.send(network, on: wires.messages, &plan)
    }

    /// What the supervisor does in the namespace that it made, for the printed plan; see ``SessionNetwork``.
    package static func networkSteps(_ spec: SandboxSpec) -> [PlanStep] {
        guard spec.networkIsMade else { return [] }
        var plan = PlanBuilder()
        plan.add(.loopbackUp, "net.loopback")
        if let network = spec.network { NetworkSteps.add(network, &plan) }
        return plan.steps
    }
}
