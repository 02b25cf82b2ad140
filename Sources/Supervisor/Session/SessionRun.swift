// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Documents
internal import Glibc
package import Isolation
package import LinuxSystem
internal import Policy
internal import Wire

/// One session from request to record.
///
/// Order of the start: directory and lock, state, ids, groups, plan, clone, verification, and only then the workload.
/// Order of the end: the sandbox is dead, changes kept, groups gone, ids free, outputs drained, record written.
package final class SessionRun {
    private let request: RunRequest
    private let paths: HostPaths
    private let mode: Mode
    private let programs: Programs
    private let fault: FaultPoint
    private let environment: CallerEnvironment
    private let held = DescriptorSet()

    private var cgroup: SessionCgroup?
    private var groups: PendingGroups?
    private var block: IdBlock?
    private var pool: PoolDirectory?
    private var streams: Streams?
    private var gateway: Gateway?
    private var egress: EgressDoor?
    private var records: RecordFiles?
    /// Where the operator asks for a change while the session runs.
    private var control: ControlSocket?
    /// Does beside this one what takes long.
    private let worker: WorkerThread?
    private let network: SessionNetwork?

    private let head: HeadStart

    package init(
        _ request: RunRequest, _ head: consuming HeadStart, paths: HostPaths, programs: Programs, fault: FaultPoint,
        environment: CallerEnvironment
    ) {
        worker = head.worker
        network = head.network
        self.head = head
        self.request = request
        self.paths = paths
        mode = .current
        self.programs = programs
        self.fault = fault
        self.environment = environment
    }

    /// Runs the session to its end.
    ///
    /// Never throws once the session has a name: what failed is in the record. Must be called on the main thread, which
    /// is the child's life line.
    package func run() throws(SystemError) -> SessionResult {
        try paths.prepare()
        // Opened before anything runs: a record that cannot be written is better known now.
        let copy: Descriptor?
        if let file = request.resultFile { copy = try Descriptor.create(file) } else { copy = nil }
        if let prefix = request.recordFiles { records = try RecordFiles(prefix) }
        let directory = try SessionDirectory.create(paths)
        fault.reach("session.directory")
        var result = SessionResult(session: directory.id.text)
        result.startedMilliseconds = sp_clock_ns(CLOCK_REALTIME) / 1_000_000
        let started = sp_clock_ns(CLOCK_MONOTONIC)
        result.mode = mode.rawValue
        result.profileName = request.profile.name
        result.enforcement = request.profile.limits.enforcement.rawValue
        do throws(SystemError) {
            try live(directory, &result)
        } catch {
            result.outcome = .setupFailed
            result.exitCode = result.exitCode ?? 125
            result.error = error.description
        }
        if result.profileDigest.isEmpty { result.profileDigest = profileDigest }
        finish(directory, &result)
        result.durationMilliseconds = (sp_clock_ns(CLOCK_MONOTONIC) - started) / 1_000_000
        if let streams {
            if !streams.isDone {
                // Persisted before the wait: how long that takes is the reader's choice.
                result.add(streams.counts)
                try directory.write("result.json", result.json)
                streams.finish()
            }
            result.add(streams.counts)
        }
        try records?.copyAudit(from: directory.directory)
        try directory.write("result.json", result.json)
        fault.reach("result.written")
        if let copy {
            try copy.writeAll(Array(result.json.prettyText.utf8) + [10], subject: "\"\(request.resultFile ?? "")\"")
        }
        return result
    }

    private var profileDigest: String { Digest.sha256(Array(request.profile.canonicalText.utf8)) }

    // MARK: Start

    private func live(
        _ directory: borrowing SessionDirectory, _ result: inout SessionResult
    ) throws(SystemError) {
        let id = directory.id
        let layout = request.profile.limits.enforcement == .cgroup ? try head.cgroupLayout() : nil
        let start = try processStartTime(getpid())
        let maps = try allocateIds(id, start)
        fault.reach("ids.allocated")
        // After the ids, whose own table names the session, and before anything else that only this file would name.
        try writeState(directory, layout, start, result)
        fault.reach("session.state")
        // After the ids: to a sweep with other directories, a session in the table of ids is one that lives.
        if let layout {
            let limits = request.profile.limits
            groups = .begin(
                on: worker, id.text,
                CgroupLimits(memoryBytes: limits.memoryBytes, pids: limits.pids, cpuMillis: limits.cpuMillis), layout,
                root: mode == .host)
        }
        let preparation = Preparation(mode: mode, paths: paths, held: held, environment: environment)
        let program = try programs.sealed("sp-init")
        let door = try EgressPlan.make(request.profile.egress, program: program)
        var spec = try preparation.specification(request, session: id, network: door?.network)
        if let door { try startEgress(door, &result) }
        try joinGroups(&spec)
        fault.reach("cgroup.created")
        try mapWorkspace(&spec, program)
        try placeChanges(id, &spec, &result)
        let terminal = try CallerTerminal.detect()
        let streams = try Streams(
            logLimit: request.profile.limits.logBytes, terminals: terminal?.covers ?? [false, false, false])
        self.streams = streams
        if terminal != nil || request.frames != nil { try startGateway(terminal) }
        if let export = request.export { try streams.addExport(file: export.file, cap: export.limit) }
        spec.standard = streams.standard
        spec.export = streams.export
        spec.frames = gateway?.innerFrames

        try network?.ready()
        fault.reach("network.made")
        var sandbox = try launch(spec, maps, program, &result)
        fault.reach("sandbox.launched")
        // Two event descriptors below are the group's own; taken before the workload can use any memory.
        var memory: Int32 = -1
        if let event = try cgroup?.memoryEvent() { memory = held.keep(event) }
        let mask = cgroup?.memoryEventMask() ?? 0
        // Needs no word from inside, and sp-init is still on its way.
        streams.begin()
        let workload: Descriptor
        do throws(SystemError) { workload = try verify(sandbox, spec, &result) } catch {
            endNow(sandbox)
            throw error
        }
        let outer = sandbox.terminal.take()
        do throws(SystemError) {
            if let sockets = sandbox.network.take() {
                try beginEgress(sockets, spec, directory, sandbox.pid)
                try openControl(spec, directory)
            }
            try gateway?.begin(outer, options: gatewayOptions(terminal))
        } catch {
            endNow(sandbox)
            throw error
        }
        fault.reach("sandbox.verified")
        try sandbox.status.send([1], descriptors: [], subject: "the word to start")
        fault.reach("workload.released")
        // Written while the workload runs: the plan is a function of the request, and nobody reads it before.
        result.profileDigest = profileDigest
        let plan = PlanDocument(spec)
        result.planDigest = plan.digest
        try directory.write("plan.json", plan.json)
        try records?.write(plan: plan, profile: request.profile, environment: spec.environment)
        if let readBack = try cgroup?.readBack() { result.layers?.cgroup = readBack }
        fault.reach("workload.running")
        var watch = Watch(gateway: gateway, egress: egress, control: control)
        do throws(SystemError) {
            try watch.run(
                sandbox, workload: workload, signals: head.signals, streams: streams, memory: memory, memoryMask: mask,
                wallSeconds: request.profile.limits.wallSeconds, fault: fault)
        } catch {
            // Nobody watches it any more, so it does not go on.
            endNow(sandbox)
            throw error
        }
        try reap(sandbox)
        // What it has to do at its end goes on beside all that follows.
        egress?.close()
        fault.reach("sandbox.reaped")
        try conclude(watch, &result)
        // Before the changes are read: meanwhile the caller has the terminal back, Ctrl-C included.
        gateway?.finish()
        result.limitsHit += sandbox.fullFileSystems() + (pool?.limitsReached() ?? [])
        do throws(SystemError) { try keepChanges(sandbox, spec, directory, &result) } catch {
            // The command did run; that its changes are lost is our failure, and said as such.
            result.error = error.description
            result.changesLost = true
        }
    }

    private func writeState(
        _ directory: borrowing SessionDirectory, _ layout: CgroupLayout?, _ start: String, _ result: SessionResult
    ) throws(SystemError) {
        var state = SessionState(
            id: directory.id.text, supervisor: getpid(), supervisorStart: start,
            startedMilliseconds: result.startedMilliseconds, workspace: request.workspace,
            profile: request.profile.name,
            command: request.argv.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " "))
        state.idBlock = block
        if let layout {
            state.cgroupVersion = layout.version == .v2 ? "v2" : "v1"
            state.cgroup = SessionCgroup.placement(directory.id.text, layout, root: mode == .host)
        }
        try directory.write("state.json", state.json)
    }

    private func allocateIds(_ id: SessionID, _ start: String) throws(SystemError) -> IdMaps {
        guard mode == .host else { return .single(uid: geteuid(), gid: getegid()) }
        let blocks = try IdBlocks.open(HostFile.idRange())
        let block = try blocks.allocate(id.text, start: start)
        self.block = block
        return .session(block)
    }

    private func joinGroups(_ spec: inout SandboxSpec) throws(SystemError) {
        guard let group = try groups?.take() else { return }
        switch group.version {
        case .v1:
            spec.cgroupJoin = try group.joinDescriptors()
            for fd in spec.cgroupJoin { held.keep(Descriptor(owning: fd)) }
            spec.unshareCgroup = true
        case .v2: spec.cgroupInto = held.keep(try group.intoDescriptor())
        }
        cgroup = consume group
    }

    /// Only a session with a terminal or a runner has one.
    private func startGateway(_ terminal: CallerTerminal?) throws(SystemError) {
        gateway = try Gateway(
            programs, paths, identity: block.map { .host(id: $0.last) } ?? .unmappedCaller, terminal: terminal,
            frames: request.frames)
    }

    /// The gateway of the session's network, when its policy lets anything out; it confines itself meanwhile.
    private func startEgress(_ plan: EgressPlan, _ result: inout SessionResult) throws(SystemError) {
        network?.equip(plan.network)
        result.egress = SessionResult.Egress(plan, observed: request.profile.egress.observes)
        egress = try EgressDoor(
            programs, paths, identity: block.map { .host(id: $0.last) } ?? .unmappedCaller)
    }

    private func beginEgress(
        _ sockets: consuming NetworkSockets, _ spec: SandboxSpec, _ directory: borrowing SessionDirectory,
        _ first: Int32
    ) throws(SystemError) {
        guard let egress else { return }
        if let socket = sockets.take(.diagnostics) { egress.find = OwnerSearch(socket, first: first) }
        let policy = request.profile.egress
        let audit = try directory.directory.open(
            "audit.jsonl", O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW, mode: 0o600)
        var options: EgressStart.Options = []
        if spec.network?.ipv6 ?? false { options.insert(.ipv6) }
        if request.profile.landlock != .required { options.insert(.landlockWaived) }
        let configuration = EgressConfiguration(
            session: directory.id.text, generation: 1, hosts: try HostsFile.lines(for: policy),
            policy: policy)
        // What `sallyport why` reads later.
        try directory.write(SessionAudit.policyFile(1), configuration.json)
        try egress.begin(sockets, configuration, audit: audit, options: options)
    }

    /// Before the workload is released: what it finds of the session's own files never changes under it.
    private func openControl(_ spec: SandboxSpec, _ directory: borrowing SessionDirectory) throws(SystemError) {
        guard let egress, let network = spec.network else { return }
        let policy = LivePolicy(
            directory.id, try Directory.open(paths.sessions + "/" + directory.id.text), network, egress)
        let control = try ControlSocket(directory.directory) { request, document in
            switch request {
            case .policy: policy.begin(document)
            }
        }
        egress.concluded = { [weak control] change in control?.answer(LivePolicy.reply(to: change)) }
        self.control = control
    }

    private func gatewayOptions(_ terminal: CallerTerminal?) -> GatewayStart.Options {
        var options: GatewayStart.Options = []
        if request.rawOutput { options.insert(.rawOutput) }
        if let terminal, !terminal.isUTF8({ environment.text($0) }) { options.insert(.asciiTerminal) }
        if request.profile.landlock != .required { options.insert(.landlockWaived) }
        return options
    }

    /// The workspace's owner appears inside as the agent: a map of its own, since the owner's id is any.
    private func mapWorkspace(_ spec: inout SandboxSpec, _ program: borrowing Descriptor) throws(SystemError) {
        guard mode == .host, let block, let path = request.workspace else { return }
        let tree: SandboxSpec.Tree
        switch spec.workspace {
        case .empty: return
        case .overlay(let t, _, _), .readOnly(let t): tree = t
        }
        let owner = try FileStatus.path(path)
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

    /// Chooses where the changes of the workspace are written, by size and by what this kernel can.
    private func placeChanges(_ id: SessionID, _ spec: inout SandboxSpec, _ result: inout SessionResult)
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
        pool = consume made
        fault.reach("pool.created")
    }

    private func launch(
        _ spec: SandboxSpec, _ maps: IdMaps, _ program: borrowing Descriptor, _ result: inout SessionResult
    ) throws(SystemError) -> Sandbox {
        let mapped = mode == .host ? spec.systemTrees + spec.mounts : []
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
    private func verify(_ sandbox: borrowing Sandbox, _ spec: SandboxSpec, _ result: inout SessionResult)
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
        let pid = procFields(try procBytes("/proc/self/fdinfo/\(workload.number)"), ["Pid"])["Pid"].flatMap {
            Int32($0)
        }
        try OpenFilesLimit.set(spec.limits.openFiles, on: pid ?? -1)
        let layers = try Layers.read(workload: pid ?? -1, spec: spec)
        let uid = block.map { $0.base + SandboxSpec.agent } ?? geteuid()
        let gid = block.map { $0.base + SandboxSpec.agent } ?? getegid()
        result.layers = layers
        try layers.verify(uid: uid, gid: gid, hostNamespaces: host)
        return workload
    }

    // MARK: End

    private func endNow(_ sandbox: borrowing Sandbox) {
        _ = sp_pidfd_signal(sandbox.pidfd.number, SIGKILL, 0)
        var code: Int32 = 0
        var status: Int32 = 0
        while sp_wait_pidfd(sandbox.pidfd.number, &code, &status) == -Int(EINTR) {}
    }

    private func reap(_ sandbox: borrowing Sandbox) throws(SystemError) {
        var code: Int32 = 0
        var status: Int32 = 0
        let fd = sandbox.pidfd.number
        try checked("wait for", "the sandbox") { sp_wait_pidfd(fd, &code, &status) }
    }

    private func conclude(_ watch: Watch, _ result: inout SessionResult) throws(SystemError) {
        let counts = try cgroup?.counts() ?? CgroupCounts()
        result.memoryPeakBytes = counts.memoryPeakBytes
        // v1 tells of it before its killer acts: where our own kill was faster, its counter stays at zero.
        let ranOut = counts.oomKills > 0 || watch.cause == .memory
        if ranOut { result.limitsHit.append("memory") }
        if counts.pidsRefused > 0 { result.limitsHit.append("pids") }
        if counts.cpuThrottled > 0 { result.limitsHit.append("cpu") }
        result.denials = watch.refusals.counts.sorted { $0.key < $1.key }.map { (SyscallNames.name($0.key), $0.value) }
        if let error = watch.execError {
            result.outcome = .setupFailed
            result.exitCode = error == ENOENT ? 127 : 126
            let name = request.argv.first.map { String(decoding: $0, as: UTF8.self) } ?? ""
            result.error =
                error == ENOENT
                ? "cannot run \"\(name)\": not found inside the sandbox (ENOENT). Look for it in PATH of the profile's rootfs."
                : "cannot run \"\(name)\": \(Errno(error).explanation) (\(Errno(error)))."
            return
        }
        if let error = watch.initError { throw SystemError("set up", "the workload in sp-init", Errno(error)) }
        if let status = watch.waitStatus {
            if sp_exited(status) != 0 {
                result.exitCode = sp_exit_code(status)
            } else {
                result.signal = sp_term_signal(status)
            }
        } else {
            result.signal = SIGKILL
        }
        result.outcome = result.exitCode != nil ? .exited : .signalled
        switch watch.cause {
        case .deadline:
            result.outcome = .timedOut
            result.limit = "wall"
            result.limitsHit.append("wall")
        case .requested(let signal):
            if watch.killedByUs {
                result.outcome = .killed
            } else if result.signal == signal {
                result.outcome = .killed
            }
        case .gateway:
            result.outcome = .killed
            result.signal = nil
            result.exitCode = 125
        case .memory, .none:
            if ranOut && (result.signal == SIGKILL || watch.cause == .memory) {
                result.outcome = .oom
                result.limit = "memory"
                result.exitCode = nil
                result.signal = SIGKILL
            }
        }
    }

    /// Reads the workspace's upper layer into a sealed set, now that nothing can change it any more.
    private func keepChanges(
        _ sandbox: borrowing Sandbox, _ spec: SandboxSpec, _ directory: borrowing SessionDirectory,
        _ result: inout SessionResult
    ) throws(SystemError) {
        guard request.disposition != .discard, let workspace = request.workspace else { return }
        guard case .overlay(let lower, _, _) = spec.workspace else { return }
        let upper = pool?.directory.fd.number ?? sandbox.upperNumber
        let limits = request.profile.limits
        let kept = try KeptChanges(paths).collect(
            session: directory.id, created: result.startedMilliseconds, workspace: workspace, upper: upper,
            lower: max(lower.descriptor, lower.opened), namespace: sandbox.userNamespace.number, mode: mode,
            bytes: limits.workspaceBytes,
            inodes: limits.workspaceInodes, fault: fault)
        result.keptEntries = kept?.entries ?? 0
        result.keptDigest = kept?.digest
        result.leftOutEntries = kept?.leftOut ?? 0
    }

    /// Gives back everything the session held; what cannot be given back is said, and left to sweep.
    private func finish(_ directory: borrowing SessionDirectory, _ result: inout SessionResult) {
        func note(_ error: SystemError) { result.layers?.notes.append("left for sweep: \(error)") }
        var empty = true
        // A start that failed before it came to them.
        do throws(SystemError) { if let made = try groups?.settle() { cgroup = consume made } } catch { note(error) }
        do throws(SystemError) { try cgroup?.kill(deadline: 10_000) } catch {
            empty = false
            note(error)
        }
        do throws(SystemError) { try pool?.remove() } catch {
            empty = false
            note(error)
        }
        if let gateway {
            gateway.finish()
            result.add(
                gateway, terminal: streams?.standard.contains { $0 == nil } ?? false, frames: request.frames != nil)
        }
        do throws(SystemError) { try cgroup?.remove(deadline: 5000) } catch { note(error) }
        fault.reach("cgroup.removed")
        if let egress {
            egress.finish()
            result.egress?.add(egress)
        }
        if control != nil {
            control = nil
            do throws(SystemError) { try directory.directory.remove(ControlSocket.name) } catch { note(error) }
        }
        // It has the block's last id: whoever gets the block next must never meet it while it can still act.
        egress?.leave()
        // Ids with a process or a file to their name are not given to anybody else.
        if let block, empty {
            do throws(SystemError) { try IdBlocks.open(HostFile.idRange()).release(block, of: directory.id.text) } catch
            { note(error) }
        }
        fault.reach("ids.released")
    }
}

extension SessionRun {
    /// The plan that ``run()`` would execute, without a session: nothing is allocated and nothing started.
    package static func plan(_ request: RunRequest, paths: HostPaths, environment: CallerEnvironment)
        throws(SystemError) -> PlanDocument
    {
        try paths.prepare()
        let held = DescriptorSet()
        let preparation = Preparation(mode: .current, paths: paths, held: held, environment: environment)
        // What is asked for: to find out what this kernel has, something would have to be started.
        let plan = try EgressPlan(request.profile.egress, ipv6: try .ofNewNamespaces()) { _ in .available }
        return PlanDocument(
            try preparation.specification(request, session: try SessionID.random(), network: plan?.network))
    }
}
