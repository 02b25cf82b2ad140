// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Policy
internal import Wire

/// The processes that read what the sandbox writes: of its terminal and frames, and of its network.
extension SessionRun {
    /// Only a session with a terminal or a runner has one.
    func startGateway(_ terminal: CallerTerminal?) throws(SystemError) {
        gateway = try Gateway(
            programs, paths, identity: block.map { .host(id: $0.last) } ?? .unmappedCaller, terminal: terminal,
            frames: try framesFile())
    }

    private func framesFile() throws(SystemError) -> Descriptor? {
        guard let path = request.frames else { return nil }
        if let handed = request.handed { return try handed.create(.frames) }
        return try RunRequest.framesFile(path)
    }

    /// The gateway of the session's network, when its policy lets anything out; it confines itself meanwhile.
    func startEgress(
        _ plan: EgressPlan, _ spec: inout SandboxSpec, _ directory: borrowing SessionDirectory,
        _ result: inout SessionResult
    ) throws(SystemError) {
        network?.equip(plan.network)
        let policy = request.profile.egress
        result.egress = SessionResult.Egress(plan, policy)
        let grants = try SocketGrants(policy, directory.directory, paths, identity: block?.last)
        if let grants { spec.mounts.append(try grants.tree(Trees(mode: mode, held: held))) }
        egress = try EgressDoor(
            programs, paths, identity: block.map { .host(id: $0.last) } ?? .unmappedCaller)
        egress?.grants = grants
    }

    func beginEgress(
        _ sockets: consuming NetworkSockets, _ spec: SandboxSpec, _ directory: borrowing SessionDirectory,
        _ first: Int32
    ) throws(SystemError) {
        guard let egress else { return }
        if let socket = sockets.take(.diagnostics) { egress.find = OwnerSearch(socket, first: first) }
        let policy = try egressPolicy()
        let audit = try directory.directory.open(
            "audit.jsonl", O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW, mode: 0o600)
        var options: EgressStart.Options = []
        if spec.network?.ipv6 ?? false { options.insert(.ipv6) }
        if request.profile.landlock != .required { options.insert(.landlockWaived) }
        if request.attendance?.matters.contains(.hosts) ?? false { options.insert(.tellsNames) }
        let configuration = EgressConfiguration(
            session: directory.id.text, correlation: request.correlation, generation: 1,
            hosts: try HostsFile.lines(for: policy), policy: policy,
            mostBytesUp: request.profile.limits.egressBytes)
        // What `sallyport why` reads later.
        try directory.write(SessionAudit.policyFile(1), configuration.json)
        var brokers: [(role: EgressStart.Role, number: Int32)] = []
        if let door = git?.door { brokers.append((.repository, door)) }
        if let door = model?.door { brokers.append((.model, door)) }
        if let door = forge?.door { brokers.append((.forge, door)) }
        if let door = packages?.door { brokers.append((.packages, door)) }
        try egress.begin(sockets, configuration, audit: audit, options: options, brokers: brokers)
        git?.handedOver()
        model?.handedOver()
        forge?.handedOver()
        packages?.handedOver()
    }

    /// What the session's brokers may use together, which pays for them with its own processors: upload-pack and what it
    /// starts for four clients at a time, one push, requests that wait in memory, and the heap of the model broker.
    static func brokerLimits(cpuMillis: Int) -> CgroupLimits {
        CgroupLimits(memoryBytes: 3 << 30, pids: 256, cpuMillis: cpuMillis, endsTogether: false)
    }

    /// Where its brokers run; nil where the session has no groups either.
    private func joinedByBrokers() throws(SystemError) -> ConfinedProgram.Groups? {
        guard let brokerGroups else { return nil }
        if let made = try brokerGroups.take() { brokerCgroup = consume made }
        guard let version = brokerCgroup?.version else { return nil }
        return .init(version: version, entrances: brokerGroups.entrances)
    }

    /// The broker of the session's repository; it confines itself meanwhile.
    func startGit(
        _ directory: borrowing SessionDirectory, _ program: borrowing Descriptor, _ result: inout SessionResult
    ) throws(SystemError) {
        guard let access = request.git else { return }
        result.git = SessionResult.Git(access)
        let door = try GitDoor(
            programs, paths, mode, access, groups: try joinedByBrokers(), handed: handedRepositories(program))
        git = door
        try door.begin(access, request.correlation, directory.directory, options: brokerOptions)
    }

    /// Where this host has no Landlock, and the profile waives it.
    private var brokerOptions: BrokerOptions { request.profile.landlock == .required ? [] : .landlockWaived }

    private func handedRepositories(_ program: borrowing Descriptor) -> HandedRepositories? {
        guard let files = request.handed, let block else { return nil }
        return HandedRepositories(files: files, block: block, program: program.number)
    }

    /// The broker of the session's models, which gets its secrets here and nowhere else.
    func startModel(_ directory: borrowing SessionDirectory, _ result: inout SessionResult) throws(SystemError) {
        guard let access = request.model else { return }
        result.model = SessionResult.Model(access)
        let door = try ModelDoor(
            .model, programs, paths, identity: block.map { .host(id: $0.broker) } ?? .unmappedCaller,
            groups: try joinedByBrokers())
        model = door
        if request.attendance?.matters.contains(.spending) ?? false {
            var marks = SpendingMarks(budget: access.service.budget)
            door.told = { [weak attendant] totals in
                for word in marks.reached(totals) { attendant?.tell(word) }
            }
        }
        let hosts = try HostsFile.lines(for: access.service.policy)
        try door.begin(
            access, session: directory.id.text, request.correlation, directory.directory, hosts: hosts,
            environment: environment, options: brokerOptions)
    }

    /// The broker of what the task is about at its forge, which has no secret.
    func startForge(_ directory: borrowing SessionDirectory, _ result: inout SessionResult) throws(SystemError) {
        guard let access = request.forge else { return }
        result.forge = SessionResult.Forge()
        let door = try ForgeDoor(
            .forge, programs, paths, identity: block.map { .host(id: $0.forge) } ?? .unmappedCaller,
            groups: try joinedByBrokers())
        forge = door
        try door.begin(access, request.correlation, directory.directory, options: brokerOptions)
    }

    /// The broker of the session's packages, which gets the secrets of their indexes here and nowhere else.
    func startPackages(_ directory: borrowing SessionDirectory, _ result: inout SessionResult) throws(SystemError) {
        guard let access = request.packages else { return }
        result.packages = SessionResult.Packages(access)
        let door = try PackageDoor(
            .packages, programs, paths, identity: block.map { .host(id: $0.packages) } ?? .unmappedCaller,
            groups: try joinedByBrokers())
        packages = door
        let hosts = try HostsFile.lines(for: access.service.policy)
        try door.begin(
            access, session: directory.id.text, request.correlation, directory.directory, hosts: hosts,
            environment: environment,
            options: brokerOptions)
    }

    func egressPolicy() throws(SystemError) -> EgressPolicy { try request.egressPolicy() }

    /// Before the workload is released: what it finds of the session's own files never changes under it.
    func openControl(_ spec: SandboxSpec, _ directory: borrowing SessionDirectory) throws(SystemError) {
        guard let egress, let network = spec.network else { return }
        let policy = LivePolicy(
            directory.id, try Directory.open(paths.sessions + "/" + directory.id.text), network, egress,
            begun: try egressPolicy(), serves: request.virtualHosts, packages: request.packages?.service,
            mostBytesUp: request.profile.limits.egressBytes)
        let freezer = SessionFreezer(directory.id) { [unowned self] (frozen) throws(SystemError) in
            guard cgroup != nil else {
                throw SystemError(
                    "freeze", "the session", .notSupported,
                    remedy: "It has no cgroup of its own: its profile has `limits.enforcement: rlimit`.")
            }
            try cgroup?.freeze(frozen)
            if frozen { try cgroup?.waitUntilFrozen(deadline: 1000) }
        }
        let control = try ControlSocket(directory.directory) { document in
            policy.begin(document)
        } hold: { frozen in
            freezer.change(to: frozen)
        }
        self.freezer = freezer
        self.control = control
        try openHosts(policy, freezer, network)
        let hosts = self.hosts
        egress.wanted = { [weak hosts] name, times in hosts?.want(name, times: times) }
        egress.concluded = { [weak control, weak hosts, weak policy] change in
            let asker = policy?.conclude(change)
            if asker != .host { control?.answer(LivePolicy.reply(to: change)) }
            hosts?.changed(change, by: asker)
        }
    }

    /// Whoever started the session may be asked about names that its policy does not have.
    private func openHosts(_ policy: LivePolicy, _ freezer: SessionFreezer, _ network: NetworkPlan) throws(SystemError)
    {
        guard let attendant, let attendance = request.attendance, attendance.matters.contains(.hosts) else { return }
        guard cgroup != nil else {
            throw SystemError(
                "ask", "about names that the policy does not have", .notSupported,
                remedy:
                    "The session could not be kept from running meanwhile: its profile has `limits.enforcement: rlimit`."
            )
        }
        let permission = HostPermission(begun: policy.current, ceiling: attendance.ceiling, network: network)
        hosts = HostGate(attendant, permission, policy, freezer)
    }

    func gatewayOptions(_ terminal: CallerTerminal?) -> GatewayStart.Options {
        var options: GatewayStart.Options = []
        if request.rawOutput { options.insert(.rawOutput) }
        if let terminal, !terminal.isUTF8({ environment.text($0) }) { options.insert(.asciiTerminal) }
        if request.profile.landlock != .required { options.insert(.landlockWaived) }
        return options
    }
}
