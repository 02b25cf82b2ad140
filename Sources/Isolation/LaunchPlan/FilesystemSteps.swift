// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Policy

/// The part of a launch that builds the tree the workload sees.
enum FilesystemSteps {
    private static let noSuidNoDev = SP_MOUNT_NOSUID | SP_MOUNT_NODEV
    private static let readOnlyTree = SP_MOUNT_RDONLY | SP_MOUNT_NOSUID | SP_MOUNT_NODEV
    private static let openPath: UInt64 = 0o10000000  // O_PATH

    static func add(_ spec: SandboxSpec, _ plan: inout PlanBuilder) {
        plan.add(.privateMounts, "mounts.private")
        fileSystems(spec, &plan)
        workspace(spec, &plan)
        root(spec, &plan)
        attachments(spec, &plan)
        covers(spec, &plan)
        if spec.wantsTerminal {
            plan.add(
                .pty, "terminal", fd: .descriptor(Int32(SandboxSpec.agent)), a: Slot.outerTerminal.rawValue,
                b: Slot.innerTerminal.rawValue)
        }
        plan.add(.pivot, "root.pivot")
        plan.add(.chdir, "workspace.enter", path: "/workspace")
    }

    /// Inside root owns what only the set-up writes, the agent what it may write.
    private static func owner(_ spec: SandboxSpec) -> UInt64 { UInt64(SandboxSpec.agent) }

    /// Inside root where there is one; a rootless session has the agent's id only.
    private static func setUpOwner(_ spec: SandboxSpec) -> UInt64 { spec.mode == .host ? 0 : owner(spec) }

    private static func fileSystems(_ spec: SandboxSpec, _ plan: inout PlanBuilder) {
        // proc while the host's own, unmasked one is still in this namespace: mount_too_revealing in fs/namespace.c
        plan.filesystem(
            "proc", "proc.make", options: [], attributes: noSuidNoDev | SP_MOUNT_NOEXEC, slot: Slot.proc.rawValue)
        let tmpInodes = max(1024, spec.limits.tmpBytes / 4096)
        plan.filesystem(
            "tmpfs", "tmp.make", options: ["size=\(spec.limits.tmpBytes)", "nr_inodes=\(tmpInodes)", "mode=1777"],
            attributes: noSuidNoDev, slot: Slot.tmp.rawValue)
        plan.add(.make, "tmp.home", fd: Slot.tmp.handle, path: "home", a: 0o40700, b: owner(spec))
        plan.filesystem(
            "tmpfs", "shm.make", options: ["size=\(spec.limits.shmBytes)", "nr_inodes=4096", "mode=1777"],
            attributes: noSuidNoDev | SP_MOUNT_NOEXEC, slot: Slot.shm.rawValue)
        // newinstance is implied since 4.7; gid 5 is tty wherever ids are mapped.
        let group = spec.mode == .host ? ["gid=5"] : []
        plan.filesystem(
            "devpts", "pts.make", options: ["ptmxmode=0666", "mode=0620", "max=64"] + group,
            attributes: SP_MOUNT_NOSUID | SP_MOUNT_NOEXEC, slot: Slot.pts.rawValue)
        if !spec.mounts.isEmpty {
            plan.filesystem(
                "tmpfs", "run.make", options: ["size=1m", "nr_inodes=256", "mode=0755"], attributes: noSuidNoDev,
                slot: Slot.run.rawValue)
        }
    }

    private static func workspace(_ spec: SandboxSpec, _ plan: inout PlanBuilder) {
        let size = ["size=\(spec.limits.workspaceBytes)", "nr_inodes=\(spec.limits.workspaceInodes)"]
        switch spec.workspace {
        case .readOnly: return
        case .empty:
            plan.filesystem(
                "tmpfs", "workspace.make", options: size + ["mode=0755", "uid=\(owner(spec))", "gid=\(owner(spec))"],
                attributes: noSuidNoDev, slot: Slot.workspace.rawValue)
        case .overlay(let tree, let permissions, let upper):
            let upperHandle: Handle
            if let upper {
                upperHandle = source(upper, "upper.clone", slot: .upper, &plan, attributes: noSuidNoDev)
            } else {
                plan.filesystem(
                    "tmpfs", "upper.make", options: size + ["mode=0700"], attributes: noSuidNoDev,
                    slot: Slot.upper.rawValue)
                // The merged top directory shows the upper one's owner and mode.
                plan.add(
                    .make, "upper.directory", fd: Slot.upper.handle, path: "u", a: 0o40000 | UInt64(permissions),
                    b: owner(spec))
                plan.add(.make, "upper.work", fd: Slot.upper.handle, path: "w", a: 0o40700, b: setUpOwner(spec))
                upperHandle = Slot.upper.handle
            }
            let lower = source(tree, "lower.clone", slot: .workspace, &plan)
            plan.add(.attachAt, "lower.attach", fd: lower, path: spec.runtime + "/mnt/lower")
            plan.add(.attachAt, "upper.attach", fd: upperHandle, path: spec.runtime + "/mnt/upper")
            // Mounted by the child, so its file work is done with inside credentials; userxattr because trusted.*
            // is not for them. Documentation/filesystems/overlayfs.rst
            plan.filesystem(
                "overlay", "workspace.make",
                options: [
                    "lowerdir=\(spec.runtime)/mnt/lower", "upperdir=\(spec.runtime)/mnt/upper/u",
                    "workdir=\(spec.runtime)/mnt/upper/w", "userxattr",
                ], attributes: noSuidNoDev, slot: Slot.workspace.rawValue)
        }
    }

    /// A tree as an operand: the supervisor's clone, or one that the child makes and checks by device and inode.
    static func source(
        _ tree: SandboxSpec.Tree, _ label: String, slot: Slot, _ plan: inout PlanBuilder,
        attributes: UInt64? = nil
    ) -> Handle {
        if tree.descriptor >= 0 { return .descriptor(tree.descriptor) }
        var expected: [UInt8] = []
        for word in [tree.device, tree.inode] {
            for shift in 0..<8 { expected.append(UInt8(truncatingIfNeeded: word >> (8 * UInt64(shift)))) }
        }
        plan.add(
            .cloneTree, label, fd2: .descriptor(Int32(slot.rawValue)), path: tree.source, data: expected,
            a: tree.isDirectory ? UInt64(SP_AT_RECURSIVE) : 0, b: attributes ?? readOnlyTree)
        return slot.handle
    }

    private static func root(_ spec: SandboxSpec, _ plan: inout PlanBuilder) {
        let tree = source(spec.root, "root.clone", slot: .null, &plan)
        plan.add(.attachAt, "root.attach", fd: tree, path: spec.runtime + "/mnt/root")
        plan.add(.chdirFd, "root.enter", fd: tree)
    }

    private static func attachments(_ spec: SandboxSpec, _ plan: inout PlanBuilder) {
        for tree in spec.systemTrees {
            let handle = source(tree, "\(tree.target).clone", slot: .null, &plan)
            plan.add(.attach, "\(tree.target).attach", fd: handle, path: tree.target)
        }
        let dev = source(
            spec.dev, "dev.clone", slot: .null, &plan,
            attributes: SP_MOUNT_RDONLY | SP_MOUNT_NOSUID | SP_MOUNT_NOEXEC)
        plan.add(.attach, "dev.attach", fd: dev, path: "dev")
        if spec.mode == .rootless {
            // Only the host's own nodes work here: a user namespace cannot make any. Read-only as a mount, which takes
            // nothing from writing to the device, or their times would be the session's to set.
            for name in ["null", "zero", "full", "random", "urandom", "tty"] {
                plan.add(
                    .cloneTree, "dev.\(name).clone", fd2: .descriptor(Int32(Slot.empty.rawValue)), path: "/dev/\(name)",
                    a: 0, b: SP_MOUNT_RDONLY | SP_MOUNT_NOSUID | SP_MOUNT_NOEXEC)
                plan.add(.attach, "dev.\(name).attach", fd: Slot.empty.handle, path: "dev/\(name)")
            }
        }
        for (slot, target) in [(Slot.pts, "dev/pts"), (.shm, "dev/shm"), (.proc, "proc"), (.tmp, "tmp")] {
            plan.add(.attach, "\(target).attach", fd: slot.handle, path: target)
        }
        if !spec.mounts.isEmpty { mounts(spec, &plan) }
        if case .readOnly(let tree) = spec.workspace {
            let handle = source(tree, "workspace.clone", slot: .workspace, &plan)
            plan.add(.attach, "workspace.attach", fd: handle, path: "workspace")
        } else {
            plan.add(.attach, "workspace.attach", fd: Slot.workspace.handle, path: "workspace")
        }
    }

    private static func mounts(_ spec: SandboxSpec, _ plan: inout PlanBuilder) {
        plan.add(.attach, "run.attach", fd: Slot.run.handle, path: "run")
        for tree in spec.mounts {
            let parts = tree.target.split(separator: "/").dropFirst().map(String.init)
            for depth in 1..<max(parts.count, 1) {
                plan.add(
                    .make, "mount.directory", fd: Slot.run.handle, path: parts.prefix(depth).joined(separator: "/"),
                    a: 0o40755, b: setUpOwner(spec))
            }
            plan.add(
                .make, "mount.point", fd: Slot.run.handle, path: parts.joined(separator: "/"),
                a: tree.isDirectory ? 0o40755 : 0o100644, b: setUpOwner(spec))
        }
        // Before the mounts, not after: what makes it read-only is a second mount of it, which would hide them.
        plan.add(.readOnly, "run.read_only", path: "run", a: SP_MOUNT_RDONLY | SP_MOUNT_NOSUID | SP_MOUNT_NODEV)
        for tree in spec.mounts {
            let handle = source(tree, "mount.clone", slot: .null, &plan)
            plan.add(.attach, "mount.attach", fd: handle, path: tree.target)
        }
    }

    /// World-readable files of proc that tell of the host, and places whose writing would reach it. What belongs to
    /// the host's root only is already out of reach: that id is not mapped inside. proc(5), CVE-2025-31133
    private static let masked = [
        "proc/keys", "proc/key-users", "proc/kallsyms", "proc/sched_debug", "proc/latency_stats", "proc/interrupts",
        "proc/schedstat",
        "proc/modules", "proc/cmdline", "proc/config.gz", "proc/acpi", "proc/scsi", "proc/asound",
    ]
    private static let readOnlyParts = [
        "proc/sys", "proc/sysrq-trigger", "proc/irq", "proc/bus", "proc/fs", "proc/driver",
    ]

    private static func covers(_ spec: SandboxSpec, _ plan: inout PlanBuilder) {
        plan.add(.open, "cover.file", path: "dev/null", a: openPath, b: Slot.null.rawValue)
        plan.add(.open, "cover.directory", path: "dev/.empty", a: openPath, b: Slot.empty.rawValue)
        for path in masked {
            plan.add(.mask, "mask", fd: Slot.null.handle, fd2: Slot.empty.handle, path: path)
        }
        for rule in HeldFilesystem.rules(spec.filesystem) {
            let path = String(rule.path.text.dropFirst())
            switch rule.access {
            case .denied: plan.add(.mask, "filesystem.deny", fd: Slot.null.handle, fd2: Slot.empty.handle, path: path)
            case .readOnly: plan.add(.readOnly, "filesystem.read_only", path: path, a: SP_MOUNT_RDONLY | noSuidNoDev)
            case .writable: break
            }
        }
        for path in readOnlyParts { plan.add(.readOnly, "read_only", path: path, a: readOnlyTree | SP_MOUNT_NOEXEC) }
    }
}
