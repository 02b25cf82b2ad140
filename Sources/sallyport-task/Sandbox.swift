// SPDX-License-Identifier: Apache-2.0
internal import Delivery
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import TaskModel
internal import Workspace

/// Runs `sallyport-runner` in a sandbox of its own, by `sallyport run`, and keeps the supervisor's record.
struct Sandbox {
    let processes: ChildProcess
    let programs: String
    /// Of all sandboxes; nil is our own choice for each.
    var profile: String?
    /// An installed agent, shown where the agent works and nowhere else.
    var agentFiles: String?
    let environment: [String]
    /// What their records bear.
    var correlation: CorrelationID?
    private let models: [CredentialReference]

    /// What a sandbox gives out besides its log.
    struct Export {
        let name: String
        let mostBytes: Int
    }

    /// What a review leaves, one byte more than it may be.
    static let findings = Export(name: "work.findings", mostBytes: Findings.longestDocument + 1)

    /// What came of the agent's work by git: from descriptor 3, or made of what was pushed.
    static let bundle = "work.bundle"
    static let source = "/run/sallyport/source.git"
    static let prompt = "/run/sallyport/prompt"
    static let task = "/run/sallyport/task"
    static let script = "/run/sallyport/agent"
    static let patch = "/run/sallyport/change.patch"
    /// In the delivery directory: what a pull request changes, for its review.
    static let patchFile = "change.patch"
    static let runner = "/run/sallyport/runner"
    /// The copy of `--agent-script` in the delivery directory.
    static let scriptFile = "agent.script"

    /// - Parameters:
    ///   - environment: Passed on to `sallyport`, which decides itself what a sandbox sees of it.
    ///   - models: Secrets that only the sandbox with models is started with.
    init(
        processes: ChildProcess, profile: String?, environment: [String], models: [CredentialReference] = []
    ) throws(TaskFailure) {
        self.models = models
        self.processes = processes
        self.profile = profile
        self.environment = environment
        programs = try Self.ownDirectory()
        for program in ["sallyport", "sallyport-runner"] where access("\(programs)/\(program)", X_OK) != 0 {
            throw TaskFailure(
                "find", "\"\(programs)/\(program)\"", "it is not there or not executable (ENOENT)",
                remedy: "Run scripts/build, which puts all programs in one directory.")
        }
    }

    /// - Parameters:
    ///   - label: Names the log `<label>.log` and the record `<label>.result.json` in the delivery directory.
    ///   - workspace: A tree to show, which cannot be written; without it the workspace is empty and can.
    ///   - export: Descriptor 3 inside; the bytes are moved unread.
    ///   - git: Describes the repository that it finds at git.internal.
    ///   - forge: The file with what it finds at forge.internal.
    ///   - frames: Name of the file for the runner's checked statements.
    ///   - keeps: Keep what the workspace holds at the end, to be looked at.
    ///   - attendant: Told and asked by the session's supervisor while it runs.
    ///   - options: More for `sallyport run`.
    ///   - other: A command that takes the runner's place, with our own input and output.
    /// - Returns: nil when the caller asked us to stop before there was a record.
    func run(
        _ label: String, runner arguments: [String], in delivery: borrowing DeliveryDirectory, mounts: [String] = [],
        workspace: String? = nil, export: Export? = nil, git: String? = nil, forge: String? = nil,
        frames: String? = nil,
        keeps: Bool = false, attendant: SandboxAttendant? = nil, options: [String] = [], instead other: [String]? = nil
    ) throws(TaskFailure) -> (record: SessionRecord?, end: ChildEnd) {
        let directory = delivery.path
        // A profile for reviews has no workspace that a commit could be checked out into, to be tested.
        let profile = self.profile ?? (workspace == nil ? "build" : "review")
        let record = "\(label).result.json"
        var command = [
            "\(programs)/sallyport", "run", "--profile", profile, keeps ? "--keep" : "--discard", "--mount",
            "\(delivery.repository):\(Self.source)", "--mount", "\(programs)/sallyport-runner:\(Self.runner)",
            "--result-file", "\(directory)/\(record)", "--record-files", "\(directory)/\(label)",
        ]
        // By option as well as by profile: a review in a tree that can be written is not started.
        if let workspace { command += ["--workspace", workspace, "--read-only"] }
        for mount in mounts { command += ["--mount", mount] }
        if let correlation { command += [CorrelationID.option, correlation.description] }
        command += options
        if let export { command += ["--export", "\(directory)/\(export.name):\(export.mostBytes)"] }
        if let git { command += ["--git", git] }
        if let forge { command += ["--forge", forge] }
        if let frames { command += ["--frames", "\(directory)/\(frames)"] }
        for matter in attendant?.matters ?? [] { command += ["--attend", matter] }
        let environment =
            options.contains("--model") ? environment : models.reduce(environment) { $1.withheld(from: $0) }
        if let other {
            let end = try processes.run(command + ["--"] + other, environment: environment, descriptors: [0, 1, 2])
            return (try self.record(record, in: delivery), end)
        }
        command += ["--", Self.runner] + arguments
        // One open file for both streams, so that the log keeps their order. Not O_APPEND: splice(2) refuses it.
        let log = try delivery.create("\(label).log")
        let end = try processes.run(
            command, environment: environment,
            descriptors: [-1, log.number, log.number] + (attendant.map { [$0.innerNumber] } ?? []),
            live: frames.flatMap { LiveView(directory: directory, file: $0) }, attendant: attendant)
        // A client of the listening supervisor makes the file before it knows whether there will be a session.
        guard try delivery.contains(record), try delivery.size(record) > 0 else {
            if case .interrupted = end { return (nil, end) }
            throw TaskFailure(
                "run", "the \(label) sandbox", "sallyport left no record (\(end))",
                remedy: "It said: \(try Self.lastLine(of: "\(label).log", in: delivery))")
        }
        return (try self.record(record, in: delivery), end)
    }

    private func record(_ name: String, in delivery: borrowing DeliveryDirectory) throws(TaskFailure) -> SessionRecord {
        let bytes = try delivery.read(name)
        do throws(Flaw) { return try SessionRecord(bytes) } catch {
            throw TaskFailure(
                "read", "\"\(delivery.path)/\(name)\"", error.reason, remedy: "Use one build of all programs.")
        }
    }

    /// The end of a log, printable: when there is no record, `sallyport` itself wrote it last.
    private static func lastLine(of log: String, in delivery: borrowing DeliveryDirectory) throws(TaskFailure) -> String
    {
        let file = try delivery.open(log)
        let bytes = try host { () throws(SystemError) in
            try file.readAll(limit: 64 << 20, subject: "\"\(delivery.path)/\(log)\"")
        }
        return PrintableText.escaped(bytes.split(separator: 0x0A).last ?? [], longest: 1000)
    }

    /// The directory of the running program, where its siblings are.
    static func ownDirectory() throws(TaskFailure) -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let length = readlink("/proc/self/exe", &buffer, buffer.count)
        guard length > 0, length < buffer.count else {
            throw TaskFailure("find", "our own program", "/proc/self/exe is unreadable", remedy: "Mount /proc.")
        }
        let path = String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)])
    }
}
