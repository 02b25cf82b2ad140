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
    let request: RunRequest
    let paths: HostPaths
    let mode: Mode
    let programs: Programs
    let fault: FaultPoint
    let environment: CallerEnvironment
    let held = DescriptorSet()

    var cgroup: SessionCgroup?
    var groups: PendingGroups?
    /// The same of the git broker, whose work is not the sandbox's but is done for it.
    var brokerCgroup: SessionCgroup?
    var brokerGroups: PendingGroups?
    var block: IdBlock?
    var pool: PoolDirectory?
    var streams: Streams?
    var gateway: Gateway?
    var egress: EgressDoor?
    var git: GitDoor?
    var model: ModelDoor?
    var forge: ForgeDoor?
    var packages: PackageDoor?
    private var records: RecordFiles?
    /// Where the operator asks for a change while the session runs.
    var control: ControlSocket?
    var freezer: SessionFreezer?
    var hosts: HostGate?
    var attendant: Attendant?
    /// Does beside this one what takes long.
    let worker: WorkerThread?
    let network: SessionNetwork?

    let head: HeadStart
    /// Told once the session has a name.
    package var began: ((SessionID) -> Void)?
    /// Who asked for the session, where that is another process: its request to stop, or its end, stops it.
    package var client: ClientEnd?

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
        if let file = request.resultFile { copy = try request.output(.result, file) } else { copy = nil }
        if let prefix = request.recordFiles {
            records = try RecordFiles(
                prefix,
                RecordFiles.wanted(
                    hasAudit: !request.virtualHosts.isEmpty || request.profile.egress.isOpen,
                    brokers: request.virtualHosts)
            ) { (name) throws(SystemError) in try request.output(.record(name), "\(prefix).\(name)") }
        }
        let directory = try SessionDirectory.create(paths)
        fault.reach("session.directory")
        var result = SessionResult(session: directory.id.text)
        result.correlation = request.correlation
        result.startedMilliseconds = sp_clock_ns(CLOCK_REALTIME) / 1_000_000
        let started = sp_clock_ns(CLOCK_MONOTONIC)
        result.mode = mode.rawValue
        result.profileName = request.profile.name
        result.shows = request.shows?.session
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
        do throws(SystemError) { try records?.copyLogs(from: directory.directory) } catch {
            // The command did run, and what is known of it is written all the same.
            result.error = result.error ?? error.description
        }
        try directory.write("result.json", result.json)
        fault.reach("result.written")
        if let copy {
            try copy.writeAll(Array(result.json.prettyText.utf8) + [10], subject: "\"\(request.resultFile ?? "")\"")
        }
        return result
    }

    var profileDigest: String { Digest.sha256(Array(request.profile.canonicalText.utf8)) }

    // MARK: Start

    private func live(
        _ directory: borrowing SessionDirectory, _ result: inout SessionResult
    ) throws(SystemError) {
        let id = directory.id
        let start = try processStartTime(getpid())
        let maps = try allocateIds(id, start)
        fault.reach("ids.allocated")
        let layout = request.profile.limits.enforcement == .cgroup ? try head.cgroupLayout() : nil
        // After the ids, whose own table names the session, and before anything else that only this file would name.
        try writeState(directory, layout, start, result)
        fault.reach("session.state")
        began?(id)
        // After the ids: to a sweep with other directories, a session in the table of ids is one that lives.
        if let layout {
            let limits = request.profile.limits
            groups = .begin(
                on: worker, id.text,
                CgroupLimits(
                    memoryBytes: limits.memoryBytes, pids: limits.pids, cpuMillis: limits.cpuMillis,
                    limitsDevices: try writesToDisk(limits)), layout, root: mode == .host)
            if !request.virtualHosts.isEmpty {
                brokerGroups = .begin(
                    on: worker, SessionCgroup.broker(of: id.text), Self.brokerLimits(cpuMillis: limits.cpuMillis),
                    layout, root: mode == .host)
            }
        }
        let preparation = Preparation(mode: mode, paths: paths, held: held, environment: environment)
        let program = try programs.sealed("sp-init")
        let door = try EgressPlan.make(try egressPolicy(), program: program)
        var spec = try preparation.specification(request, session: id, network: door?.network)
        if let door { try startEgress(door, &spec, directory, &result) }
        try startGit(directory, program, &result)
        if let attendance = request.attendance { attendant = try Attendant(attendance) }
        try startModel(directory, &result)
        try startForge(directory, &result)
        try startPackages(directory, &result)
        try joinGroups(&spec)
        fault.reach("cgroup.created")
        try mapWorkspace(&spec, program)
        try placeChanges(id, &spec, &result)
        let terminal = try CallerTerminal.detect()
        let streams = try Streams(
            logLimit: request.profile.limits.logBytes, terminals: terminal?.covers ?? [false, false, false])
        self.streams = streams
        if terminal != nil || request.frames != nil { try startGateway(terminal) }
        if let export = request.export {
            let file = try request.output(.export, export.file)
            try streams.addExport(file, named: export.file, cap: export.limit)
        }
        spec.standard = streams.standard
        spec.export = streams.export
        spec.frames = gateway?.innerFrames
        try showKept(&spec)

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
        do throws(SystemError) {
            // Its gateway reads its policy and confines itself while sp-init is on its way too.
            if let sockets = sandbox.network.take() { try beginEgress(sockets, spec, directory, sandbox.pid) }
            workload = try verify(sandbox, spec, &result)
        } catch {
            endNow(sandbox)
            throw error
        }
        let outer = sandbox.terminal.take()
        do throws(SystemError) {
            try egress?.ready()
            try git?.ready()
            try model?.ready()
            try forge?.ready()
            try packages?.ready()
            try openControl(spec, directory)
            try gateway?.begin(outer, options: gatewayOptions(terminal))
        } catch {
            endNow(sandbox)
            throw error
        }
        fault.reach("sandbox.verified")
        // Whoever hears that no session of a dead client is left must not find its workload running afterwards.
        if let client, client.heed() != .nothing {
            endNow(sandbox)
            result.outcome = .killed
            result.signal = SIGTERM
            return
        }
        try sandbox.status.send([1], descriptors: [], subject: "the word to start")
        fault.reach("workload.released")
        // Written while the workload runs: the plan is a function of the request, and nobody reads it before.
        result.profileDigest = profileDigest
        let plan = PlanDocument(spec)
        result.planDigest = plan.digest
        try directory.write("plan.json", plan.json)
        try records?.write(plan: plan, profile: request.profile, environment: spec.environment)
        if let readBack = try cgroup?.readBack() { result.layers?.cgroup = readBack }
        if let devices = try cgroup?.deviceLimits() { result.layers?.cgroup += devices }
        fault.reach("workload.running")
        let sockets =
            request.profile.limits.enforcement == .cgroup
            ? SocketMemory(
                first: sandbox.pid, counter: cgroup?.socketCounter(), memory: request.profile.limits.memoryBytes) : nil
        var watch = Watch(
            gateway: gateway, egress: egress, git: git, model: model, forge: forge, packages: packages,
            control: control, freezer: freezer, hosts: hosts, client: client, sockets: sockets)
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
        hosts?.end()
        // What it has to do at its end goes on beside all that follows.
        egress?.close()
        git?.close()
        model?.close()
        forge?.close()
        packages?.close()
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
        let plan = try EgressPlan(
            try request.egressPolicy(), ipv6: try .ofNewNamespaces()
        ) { _ in .available }
        return PlanDocument(
            try preparation.specification(request, session: try SessionID.random(), network: plan?.network))
    }
}
