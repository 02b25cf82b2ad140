// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import LinuxSystem
internal import Policy

/// One of our own programs, started without privilege to handle what a sandbox wrote: the gateway, the collector.
package struct ConfinedProgram: ~Copyable {
    /// Whose rights it has.
    package enum Identity: Sendable {
        /// An id of the host that nothing else uses: the last of the session's block.
        case host(id: UInt32)
        /// The agent's id in a session's user namespace, with one capability over that namespace's files only.
        /// `ids` is false where only one id is mapped.
        case session(namespace: Int32, capability: UInt64, ids: Bool)
        /// The caller's own (rootless).
        case caller
        /// The caller's own, in a user and a pid namespace that map nothing (rootless). Only as the first process of
        /// a user namespace may it empty its bounding set; and no other process of the caller has a name there.
        case unmappedCaller
    }

    /// The only files that a program sees, in namespaces of its own: it is the first of its processes, nothing of it
    /// outlives it, and there is no network.
    package struct View: Sendable {
        /// Where the supervisor's mount points lie.
        package let runtime: String
        /// The root, then what is mounted in it.
        package let root: SandboxSpec.Tree
        package let trees: [SandboxSpec.Tree]
        /// Whether a tree may be written, by its target; each other one is read-only.
        package let written: String

        package init(runtime: String, root: SandboxSpec.Tree, trees: [SandboxSpec.Tree], written: String) {
            self.runtime = runtime
            self.root = root
            self.trees = trees
            self.written = written
        }
    }

    /// The control groups that a program joins before anything else, see ``SessionCgroup/entrances(_:)``.
    package struct Groups: Sendable {
        package let version: CgroupLayout.Version
        package let entrances: [Int32]

        package init(version: CgroupLayout.Version, entrances: [Int32]) {
            self.version = version
            self.entrances = entrances
        }
    }

    package let pidfd: Descriptor
    private let lifeLine: Descriptor

    /// Starts a program that ends with this process.
    ///
    /// - Parameters:
    ///   - program: what to execute, opened.
    ///   - descriptors: what the program finds at 0, 1, 2, 3 and so on; everything else is closed.
    ///   - filter: every call it may make, and what becomes of any other.
    ///   - openFiles: how many descriptors it may have.
    ///   - view: nil for a program that opens no file: it has the host's, and what it gives up itself counts.
    ///   - groups: nil leaves it in the caller's.
    package static func start(
        _ program: borrowing Descriptor, argv: [String], environment: [String], identity: Identity,
        descriptors: [Int32],
        filter: CompiledFilter, openFiles: UInt64 = 1024, view: View? = nil, groups: Groups? = nil
    ) throws(LaunchError) -> ConfinedProgram {
        let plumbing: Plumbing
        var plan = PlanBuilder()
        let kept = DescriptorSet()
        do throws(SystemError) {
            plumbing = try Plumbing(program, wantsFault: false)
            for fd in plumbing.wires.parentEnds { plan.add(.close, "descriptors.parent_ends", fd: .descriptor(fd)) }
            if case .unmappedCaller = identity { plan.cloneFlags = SP_CLONE_NEWUSER | SP_CLONE_NEWPID }
            if let groups { join(groups, &plan) }
            // Before the ids: only now has it the rights to mount. mount_namespaces(7)
            if let view { enter(view, &plan) }
            identify(identity, &plan)
            for (resource, value) in [
                (SP_RLIMIT_CORE, 0 as UInt64), (SP_RLIMIT_NOFILE, openFiles), (SP_RLIMIT_MEMLOCK, 0),
            ] {
                plan.add(.rlimit, "rlimit", a: UInt64(resource), b: value)
            }
            plan.add(.setsid, "session")
            plan.add(.noNewPrivileges, "no_new_privs")
            plan.add(.closeFrom, "descriptors.close_on_exec", a: 3)
            plan.add(.deathSignal, "death_signal", fd: .descriptor(plumbing.wires.lifeLine))
            for (number, fd) in descriptors.enumerated() {
                // A copy above the numbers that are being assigned.
                var copy: Int32 = -1
                let result = sp_fdup_above(fd, 64)
                if result < 0 { throw SystemError("duplicate", "descriptor \(fd)", Errno(Int32(-result))) }
                copy = kept.keep(Descriptor(owning: Int32(result)))
                plan.add(.dup, "descriptors.\(number)", fd: .descriptor(copy), a: UInt64(number))
            }
            // Last: what the program may call need not include what brought it here.
            plan.add(.seccomp, "seccomp", data: filter.program, a: 0)
        } catch { throw LaunchError(error, step: "prepare") }
        let steps = plan.steps
        let block = plan.block(
            argv: argv.map { Array($0.utf8) }, environment: environment.map { Array($0.utf8) }, exec: plumbing.exec,
            report: plumbing.report, stop: -1, stopLabel: nil)
        let launched = try Sandbox.run(block, plumbing, steps, serve: nil)
        return ConfinedProgram(pidfd: Descriptor(owning: launched.pidfd), lifeLine: plumbing.takeLifeLine())
    }

    private init(pidfd: consuming Descriptor, lifeLine: consuming Descriptor) {
        self.pidfd = pidfd
        self.lifeLine = lifeLine
    }

    private static func join(_ groups: Groups, _ plan: inout PlanBuilder) {
        switch groups.version {
        case .v1:
            for entrance in groups.entrances {
                plan.add(.write, "cgroup.join", fd: .descriptor(entrance), data: Array("0".utf8))
            }
        case .v2:
            plan.cloneFlags |= SP_CLONE_INTO_CGROUP
            plan.cgroup = groups.entrances[0]
        }
    }

    private static func enter(_ view: View, _ plan: inout PlanBuilder) {
        plan.cloneFlags |=
            SP_CLONE_NEWNS | SP_CLONE_NEWPID | SP_CLONE_NEWNET | SP_CLONE_NEWIPC | SP_CLONE_NEWUTS
        plan.add(.privateMounts, "view.private")
        let root = FilesystemSteps.source(view.root, "view.root", slot: .null, &plan)
        plan.add(.attachAt, "view.root.attach", fd: root, path: view.runtime + "/mnt/root")
        plan.add(.chdirFd, "view.root.enter", fd: root)
        for tree in view.trees {
            let attributes = tree.target == view.written ? SP_MOUNT_NOSUID | SP_MOUNT_NODEV : nil
            let handle = FilesystemSteps.source(
                tree, "view.\(tree.target)", slot: .empty, &plan, attributes: attributes)
            plan.add(.attach, "view.\(tree.target).attach", fd: handle, path: tree.target)
            // Only the host's own node works here: a user namespace cannot make any.
            guard tree.target == "dev", tree.descriptor < 0 else { continue }
            plan.add(
                .cloneTree, "view.null", fd2: .descriptor(Int32(Slot.empty.rawValue)), path: "/dev/null", a: 0,
                b: SP_MOUNT_NOSUID | SP_MOUNT_NOEXEC)
            plan.add(.attach, "view.null.attach", fd: Slot.empty.handle, path: "dev/null")
        }
        plan.add(.pivot, "view.pivot")
    }

    private static func identify(_ identity: Identity, _ plan: inout PlanBuilder) {
        switch identity {
        case .host(let id):
            plan.add(.bounding, "capabilities.bounding", a: 0)
            plan.add(.ids, "ids", a: UInt64(id), b: UInt64(id))
            plan.add(.capabilities, "capabilities.sets", a: 0, b: 0)
        case .session(let namespace, let capability, let ids):
            plan.add(.setns, "user_namespace.enter", fd: .descriptor(namespace), a: SP_CLONE_NEWUSER)
            plan.add(.bounding, "capabilities.bounding", a: capability)
            if ids { plan.add(.ids, "ids", a: UInt64(SandboxSpec.agent), b: UInt64(SandboxSpec.agent)) }
            // Ambient, so that it survives the exec of an ordinary program by an ordinary id. capabilities(7)
            plan.add(.capabilities, "capabilities.sets", a: capability, b: capability)
        case .caller: plan.add(.capabilities, "capabilities.sets", a: 0, b: 0)
        case .unmappedCaller:
            plan.add(.bounding, "capabilities.bounding", a: 0)
            plan.add(.capabilities, "capabilities.sets", a: 0, b: 0)
        }
    }

    /// Waits for its end: nil for exit status 0, else what happened in words.
    package consuming func wait() throws(SystemError) -> String? {
        var code: Int32 = 0
        var status: Int32 = 0
        let fd = pidfd.number
        try checked("wait for", "a helper program") { sp_wait_pidfd(fd, &code, &status) }
        if code == CLD_EXITED && status == 0 { return nil }
        return code == CLD_EXITED ? "exit status \(status)" : "signal \(status)"
    }

    /// Ends it now, without asking.
    package borrowing func kill() { _ = sp_pidfd_signal(pidfd.number, SIGKILL, 0) }
}
