// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Policy

/// What a session is given before its workload may run, in the order in which it is given.
extension SessionRun {
    func writeState(
        _ directory: borrowing SessionDirectory, _ layout: CgroupLayout?, _ start: String, _ result: SessionResult
    ) throws(SystemError) {
        var state = SessionState(
            id: directory.id.text, supervisor: getpid(), supervisorStart: start,
            startedMilliseconds: result.startedMilliseconds, workspace: request.workspace,
            profile: request.profile.name,
            command: Self.shortened(Array(request.argv.joined(separator: [UInt8(ascii: " ")]))))
        state.idBlock = block
        state.client = request.client
        state.correlation = request.correlation
        if let layout {
            state.cgroupVersion = layout.version == .v2 ? "v2" : "v1"
            state.cgroup = SessionCgroup.placement(
                directory.id.text, layout, root: mode == .host, devices: try writesToDisk(request.profile.limits))
        }
        try directory.write("state.json", state.json)
    }

    /// A command as lists and messages show it: whoever wants all of it finds that in the plan.
    static func shortened(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.prefix(longestCommand), as: UTF8.self) + (bytes.count > longestCommand ? "..." : "")
    }
    private static let longestCommand = 4096

    func allocateIds(_ id: SessionID, _ start: String) throws(SystemError) -> IdMaps {
        guard mode == .host else { return .single(uid: geteuid(), gid: getegid()) }
        let blocks = try IdBlocks.open(HostFile.idRange())
        let block = try blocks.allocate(id.text, start: start)
        self.block = block
        return .session(block)
    }

    func joinGroups(_ spec: inout SandboxSpec) throws(SystemError) {
        guard let groups, let group = try groups.take() else { return }
        switch group.version {
        case .v1:
            spec.cgroupJoin = groups.entrances
            spec.unshareCgroup = true
        case .v2: spec.cgroupInto = groups.entrances[0]
        }
        cgroup = consume group
    }

    /// The workspace's owner appears inside as the agent: a map of its own, since the owner's id is any.
    func mapWorkspace(_ spec: inout SandboxSpec, _ program: borrowing Descriptor) throws(SystemError) {
        try mapHanded(&spec, program)
        guard mode == .host, let block, let path = request.workspace else { return }
        let tree: SandboxSpec.Tree
        switch spec.workspace {
        case .empty: return
        case .overlay(let t, _, _), .readOnly(let t): tree = t
        }
        // Of the tree that was opened: the path may lead to another owner's by now.
        let owner = try FileStatus.at(tree.descriptor, [0], flags: SP_AT_EMPTY_PATH, subject: "workspace \"\(path)\"")
        let map: Descriptor
        do throws(LaunchError) {
            map = try UserNamespace.make(.workspace(owner: owner.uid, group: owner.gid, block), program: program)
        } catch { throw SystemError("map the ids of", "workspace \"\(path)\"", error.errno, remedy: error.remedy) }
        guard try Trees.map(tree, namespace: map.number) else {
            throw SystemError(
                "id-map", "workspace \"\(path)\"", .invalid,
                remedy:
                    "Its file system takes no id map (overlay, 9p, NFS and others do not). Copy the tree to ext4, xfs, btrfs or tmpfs."
            )
        }
    }

    /// A client's own mounts show its files as the agent's, as its workspace does: with the session's map another
    /// person's number on disk could be the agent's inside, and the agent would read what the client may not.
    private func mapHanded(_ spec: inout SandboxSpec, _ program: borrowing Descriptor) throws(SystemError) {
        guard let handed = request.handed, let block, !request.mounts.isEmpty else { return }
        let map: Descriptor
        do throws(LaunchError) {
            map = try UserNamespace.make(
                .workspace(owner: handed.owner, group: handed.group, block), program: program)
        } catch { throw SystemError("map the ids of", "the request's mounts", error.errno, remedy: error.remedy) }
        for index in request.mounts.indices {
            // One that takes no map is used without: its files then belong to nobody inside.
            _ = try Trees.map(spec.mounts[index], namespace: map.number)
            spec.mounts[index].isMapped = true
        }
    }

    /// Chooses where the changes of the workspace are written, by size and by what this kernel can.
    func placeChanges(_ id: SessionID, _ spec: inout SandboxSpec, _ result: inout SessionResult)
        throws(SystemError)
    {
        guard case .overlay(let tree, let permissions, _) = spec.workspace else { return }
        let limits = request.profile.limits
        let place = try UpperPlace.choose(limits, mode: mode, paths: paths)
        result.workspacePlace = "\(place)"
        guard place != .memory else { return }
        let made = try PoolDirectory.make(
            id.text, paths: paths, metered: place == .pool, block: block, permissions: permissions,
            bytes: limits.workspaceBytes, inodes: limits.workspaceInodes)
        let upper = try Trees(mode: mode, held: held).openWritable(made.directory.path)
        spec.workspace = .overlay(tree, permissions: permissions, upper: upper)
        if let rate = limits.ioBytesPerSecond {
            let device = try FileStatus.path(made.directory.path).device
            try cgroup?.limitDevice(device, bytesPerSecond: rate)
        }
        pool = consume made
        fault.reach("pool.created")
    }

    /// Whether a limit on devices has something to hold: what lies in memory reaches no disk.
    func writesToDisk(_ limits: Limits) throws(SystemError) -> Bool {
        guard limits.ioBytesPerSecond != nil else { return false }
        return try UpperPlace.choose(limits, mode: mode, paths: paths) != .memory
    }

    func launch(
        _ spec: SandboxSpec, _ maps: IdMaps, _ program: borrowing Descriptor, _ result: inout SessionResult
    ) throws(SystemError) -> Sandbox {
        let mapped = mode == .host ? (spec.systemTrees + spec.mounts).filter { !$0.isMapped } : []
        do throws(LaunchError) {
            return try Sandbox.start(
                spec, maps: maps, network: network, initProgram: program, fault: fault.childStep
            ) {
                namespace throws(SystemError) in
                // A read-only source that takes no map is used without; its files then belong to nobody inside.
                for tree in mapped { _ = try Trees.map(tree, namespace: namespace) }
            }
        } catch {
            if error.step == "exec" { result.exitCode = error.errno == .noEntry ? 127 : 125 }
            throw SystemError(
                "start", "the sandbox at \(error.step)\(error.subject.map { " (\($0))" } ?? "")", error.errno,
                remedy: error.remedy ?? "Run `sallyport doctor` to see what this host lacks.")
        }
    }

    /// Waits for sp-init's first report and compares what the kernel says with what was planned.
    func verify(_ sandbox: borrowing Sandbox, _ spec: SandboxSpec, _ result: inout SessionResult)
        throws(SystemError) -> Descriptor
    {
        // Before the wait: sp-init is still on its way.
        let host = Layers.ofThisProcess()
        guard let report = try StatusReport.receive(sandbox.status, wait: true) else {
            throw SystemError("start", "sp-init", .io, remedy: "It ended before it reported; see the kernel log.")
        }
        guard report.kind == .started, let fd = report.descriptors.first else {
            throw SystemError("set up", "the workload in sp-init", Errno(report.value))
        }
        let workload = Descriptor(owning: fd)
        let pid = try processID(pidfd: workload.number)
        try OpenFilesLimit.set(spec.limits.openFiles, on: pid, owner: block.map { IdMaps.session($0).owner } ?? 0)
        // A process of the caller's that may not be looked into is no longer the caller's to write to.
        if mode == .host { try FirstToGo.mark([sandbox.pid, pid]) }
        let layers = try Layers.read(workload: pid, spec: spec)
        let uid = block.map { $0.base + SandboxSpec.agent } ?? geteuid()
        let gid = block.map { $0.base + SandboxSpec.agent } ?? getegid()
        result.layers = layers
        try layers.verify(uid: uid, gid: gid, hostNamespaces: host)
        return workload
    }
}
