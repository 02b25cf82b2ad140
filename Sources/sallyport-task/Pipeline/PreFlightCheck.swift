// SPDX-License-Identifier: Apache-2.0
internal import Blueprints
internal import CLinux
internal import Delivery
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import TaskModel
internal import Workspace

/// One look before a task begins. Run by ``PreFlight`` in a process of its own, which prints one JSON object.
enum PreFlightCheck: String, CaseIterable {
    /// The forge answers, and lets us do what the task will need.
    case forge
    /// The pull request is there, open, and of the repository itself.
    case pull
    /// What the blueprint names as credential is there and can be read.
    case credential
    /// Every layer of the task's profile holds on this host, its root file system and programs included.
    case layers = "host"
    case disk
    /// The agent that is to run is there.
    case agent

    static let verb = "pre-flight-check"
    private static let leastDisk: UInt64 = 1 << 30

    func concerns(_ arguments: TaskArguments) -> Bool {
        switch self {
        case .forge: arguments.forge != nil
        case .pull: arguments.pullRequest != nil
        case .credential: arguments.credential != nil || arguments.appKey != nil
        case .layers, .disk, .agent: true
        }
    }

    /// What it means that nothing is heard of it.
    var silence: ErrorCode {
        switch self {
        case .forge, .pull: .forgeUnreachable
        case .credential: .tokenUnreadable
        case .layers, .disk, .agent: .runtimeUnavailable
        }
    }

    var words: String { "the look at the \(rawValue)" }

    /// - Parameter line: The check, and the task as `task run` takes it.
    static func run(_ line: [String], environment: [String]) -> Int32 {
        do throws(TaskFailure) {
            guard let check = line.first.flatMap(PreFlightCheck.init(rawValue:)) else {
                throw TaskFailure(message: "there is no such check")
            }
            let arguments = try TaskArguments(Array(line.dropFirst()))
            let processes = try ChildProcess()
            do throws(TaskFailure) {
                try check.look(arguments, processes, environment)
                Progress.write("{\"ok\":true}\n", to: 1)
            } catch {
                let code = check.code(error)
                let answer: JSON = [
                    "ok": false, "code": .string(code.rawValue), "error": .string(error.description),
                ]
                Progress.write(answer.compactText + "\n", to: 1)
            }
            return 0
        } catch {
            Progress.fail(error, json: false)
            return 125
        }
    }

    static func answer(_ number: Int32) throws(TaskFailure) -> JSON? {
        let bytes = try host { () throws(SystemError) in
            let copy = Descriptor(owning: Int32(try checked("read", "an answer") { sp_fdup_above(number, 3) }))
            _ = lseek(copy.number, 0, SEEK_SET)
            return try copy.readAll(limit: 1 << 20, subject: "an answer of pre-flight")
        }
        do throws(JSONParser.Failure) { return try JSONParser.parse(bytes) } catch { return nil }
    }

    private func code(_ failure: TaskFailure) -> ErrorCode {
        let code = ErrorCode(forge: failure.code)
        switch self {
        case .pull where code == .repositoryNotFound: return .pullRequestNotOpen
        case .credential: return failure.description.contains("ENOENT") ? .tokenMissing : .tokenUnreadable
        case .layers, .disk, .agent: return .runtimeUnavailable
        case .forge, .pull: return code ?? silence
        }
    }

    private func look(_ arguments: TaskArguments, _ processes: ChildProcess, _ environment: [String])
        throws(TaskFailure)
    {
        switch self {
        case .forge, .pull:
            let forge = try TaskForge.make(arguments, processes, environment: environment)
            defer { forge?.end() }
            guard let forge else { return }
            guard self == .pull, let number = arguments.pullRequest else {
                return try forge.requireAccess(writing: arguments.pushes)
            }
            try reaching { () throws(ForgeError) in try forge.forge.pullRequest(number).requireOwnOpenBranch() }
        case .credential:
            for reference in [arguments.credential, arguments.appKey].compactMap({ $0 }) {
                _ = try HostCredentials(environment: environment).read(
                    reference, asLines: arguments.credential == nil)
            }
        case .layers: try lookAtHost(arguments, processes, environment)
        case .disk: try lookAtDisk(try StateDirectory.path(environment))
        case .agent:
            guard let name = arguments.agent else { return }
            let store = try AgentStore(
                programs: try Sandbox.ownDirectory(), state: try StateDirectory.path(environment))
            _ = try store.preset(name)
        }
    }

    /// As `sallyport doctor` looks, by the profile that the task's sandboxes will get: it starts one.
    private func lookAtHost(_ arguments: TaskArguments, _ processes: ChildProcess, _ environment: [String])
        throws(TaskFailure)
    {
        guard let settled = arguments.settled else { return }
        let base = try DeliveryDirectory.makeParents(try StateDirectory.path(environment) + "/steps")
        let name = try host { () throws(SystemError) in "profile-" + hexadecimal(try randomBytes(8)) }
        let place = try DeliveryDirectory.make("\(base)/\(name)", notInside: nil)
        defer { Self.discard(place) }
        let profile = try settled.writeProfile(into: place, by: processes, environment: environment)
        if environment.contains(where: { $0.hasPrefix(Self.supervisor) }) {
            return try lookThroughSupervisor(settled, profile, processes, environment)
        }
        let report = try MemoryFile.make(name: "doctor")
        let number = report.number
        let end = try processes.run(
            ["\(try Sandbox.ownDirectory())/sallyport", "doctor", "--profile", profile, "--json"],
            environment: environment, descriptors: [-1, number, 2])
        guard end != .exited(0) else { return }
        let layers = try Self.answer(number)?["layers"]?.arrayValue ?? []
        let missing = layers.filter { $0["required"]?.boolValue == true && $0["status"]?.stringValue != "ok" }
        let told = missing.prefix(5).map { layer in
            "\(layer["layer"]?.stringValue ?? "?"): \(layer["found"]?.stringValue ?? "?")"
        }
        throw TaskFailure(
            "hold", "profile \"\(settled.snapshot.blueprint.profile)\" on this host",
            told.isEmpty
                ? "sallyport doctor ended with \(end)" : PrintableText.escapedOnce(told.joined(separator: "; ")),
            remedy: "See: sallyport doctor.")
    }

    private static let supervisor = "SALLYPORT_SUPERVISOR="

    /// What the host can hold is not ours to see where a listening supervisor makes the sandboxes: it is asked for one.
    private func lookThroughSupervisor(
        _ settled: TaskBlueprint, _ profile: String, _ processes: ChildProcess, _ environment: [String]
    ) throws(TaskFailure) {
        let log = try MemoryFile.make(name: "supervisor")
        let end = try processes.run(
            ["\(try Sandbox.ownDirectory())/sallyport", "run", "--profile", profile, "--", "/usr/bin/true"],
            environment: environment, descriptors: [-1, -1, log.number])
        guard end != .exited(0) else { return }
        MemoryFile.rewind(log)
        let said = try host { () throws(SystemError) in
            try log.readAll(limit: 1 << 20, subject: "what sallyport said")
        }
        throw TaskFailure(
            "hold", "profile \"\(settled.snapshot.blueprint.profile)\" through the listening supervisor",
            PrintableText.escaped(said.split(separator: 0x0A).last ?? [], longest: 1000),
            remedy: "See its ceiling, and that it runs.")
    }

    private static func discard(_ place: borrowing DeliveryDirectory) {
        do throws(TaskFailure) { try place.discard() } catch { Progress.say("sallyport: \(error)") }
    }

    private func lookAtDisk(_ state: String) throws(TaskFailure) {
        var status = statvfs()
        guard statvfs(state, &status) == 0 else {
            throw TaskFailure("look at", "\"\(state)\"", "its file system does not answer", remedy: "Check the mount.")
        }
        let free = UInt64(status.f_bavail) * UInt64(status.f_frsize)
        guard free >= Self.leastDisk, status.f_files == 0 || status.f_favail > 10_000 else {
            throw TaskFailure(
                "keep", "a task in \"\(state)\"",
                "\(free >> 20) MiB and \(status.f_favail) files are left, and 1024 MiB and 10000 are the least",
                remedy: "Free space; see sallyport sweep.")
        }
    }
}
