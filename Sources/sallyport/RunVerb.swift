// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import CLinux
internal import Documents
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Policy
internal import Supervisor

/// `sallyport run`: one command in one fresh sandbox.
enum RunVerb {
    static let help = Help(
        usage: "sallyport run [options] -- CMD [ARG...]",
        summary: "Runs a command in a fresh sandbox and exits with the command's own exit code.",
        options: [
            Option("profile", "NAME|FILE", "what the sandbox allows (default: strict; see `sallyport profile list`)"),
            Option("workspace", "DIR", "show DIR at /workspace; it is never written, changes are kept aside"),
            Option("read-only", nil, "the workspace cannot be written inside either"),
            Option("apply", nil, "afterwards write the changes into DIR"),
            Option("diff", nil, "afterwards show the changes, and keep them"),
            Option(
                "keep", nil,
                "afterwards keep the workspace, changed or not, with --workspace or without (see sallyport session shell)"
            ),
            Option("discard", nil, "afterwards forget the changes"),
            Option(
                "limit", "KEY=VALUE",
                "set one limit, lower or higher than the profile's (repeatable); keys as under limits: of a profile"),
            Option(
                "env", "NAME=VALUE",
                "set a variable inside (repeatable); nothing else is inherited but what the profile passes"),
            Option("mount", "SRC:DST", "show SRC read-only at DST, beneath /run (repeatable)"),
            Option(
                "export", "FILE:BYTES", "what the command writes to descriptor 3 goes unread into FILE, cut at BYTES"),
            Option("frames", "FILE", "descriptor 4 inside takes a runner's frames; checked ones are written to FILE"),
            Option("model", "FILE", "serve the models that FILE describes at http://llm.internal/ inside"),
            Option("max-budget", "USD", "with --model: what the session may spend, in place of the file's budget_usd"),
            Option("max-turns", "N", "with --model: how many answers it may have, in place of the file's turns"),
            Option("git", "FILE", "serve the repository that FILE describes at http://git.internal/ inside"),
            Option(
                "forge", "FILE", "serve what FILE tells of a forge at http://forge.internal/ inside, and take proposals"
            ),
            Option("correlation-id", "ID", "what every record of the session bears, beside its own name"),
            Option(
                "packages", "FILE",
                "serve packages at http://packages.internal/ inside, each from the index that FILE gives its name to"),
            Option("result-file", "FILE", "write the record there as well"),
            Option(
                "attend", "WHAT",
                "not for people: who has the other end of descriptor 3 decides about names (hosts), is told of money (spending)"
            ),
            Option(
                "record-files", "PREFIX",
                "write plan, profile, environment, network audit and the brokers' ledgers as well, each file's name beginning with PREFIX"
            ),
            Option("dry-run", nil, "print the launch plan and run nothing"),
            Option("raw-output", nil, "on a terminal, do not defuse escape sequences"),
            Option("json", nil, "print the record as one JSON line on stderr when the command has ended"),
            Option("help", nil, "this text"),
        ],
        notes: """
            exit codes: the command's own; 125 Sallyport failed; 126 found but not executable; 127 not found; 128+n ended by signal n.

            examples:
              sallyport run -- id
              sallyport run --workspace . -- make test
              sallyport run --workspace . --apply --limit memory=1GiB -- ./generate.sh
            """)

    static func run(_ line: [String]) -> Int32 {
        do {
            let arguments = try Arguments(line, options: help.options)
            if arguments.has("help") {
                Output.out(help.text)
                return 0
            }
            if let socket = environmentValue(SupervisorClient.variable), !socket.isEmpty {
                return try RunClient.run(arguments, socket)
            }
            // What the caller happened to have open is none of a session's business, nor of ours.
            let attendant = try AttendantSocket(arguments)
            try checked("close", "inherited descriptors") {
                sp_close_from(attendant == nil ? 3 : UInt32(AttendantSocket.number) + 1)
            }
            if arguments.has("dry-run") { return try dryRun(arguments) }
            try start(json: arguments.has("json")) { context in
                var request = try request(arguments, context)
                request.attendance = try attendant?.attendance(context)
                return request
            }
        } catch {
            Output.error("\(error)")
            return 125
        }
    }

    /// Runs one session to its end, reports on it and does with its changes what the request says. Does not return.
    static func start(json: Bool, _ request: (Context) throws -> RunRequest) throws -> Never {
        let head = try HeadStart.begin()
        let context = try Context.make()
        let request = try request(context)
        let session = SessionRun(
            request, head, paths: context.paths, programs: context.programs,
            fault: FaultPoint(environmentValue("SALLYPORT_FAULT_POINT")),
            environment: callerEnvironment)
        let result = try session.run()
        Output.errorRaw(RunReport(result, request, json: json).lines)
        try dispose(result, request, context)
        // The record is written: what is still open goes with the process, all at once.
        withExtendedLifetime(session) { _exit(result.exitStatus()) }
    }

    /// What a command line asks for; options that a verb does not declare are never set.
    static func request(_ arguments: Arguments, _ context: Context) throws -> RunRequest {
        guard arguments.words.isEmpty else {
            throw UsageError("unexpected word \"\(arguments.words[0])\"; the command goes after --")
        }
        guard let command = arguments.command, !command.isEmpty else {
            throw UsageError("no command; write it after --, as in: sallyport run -- id")
        }
        var profile = try ProfileCache(context.profiles, context.paths).load(
            try arguments.value("profile") ?? "strict"
        ).expandingRegistries(context.registries.expand)
        profile = try limited(profile, arguments)
        var request = RunRequest(profile: profile, argv: try words(command.count))
        try fill(&request, arguments)
        request.model = try model(arguments, context)
        request.packages = try arguments.value("packages").map { try PackageAccess(file: try absolute($0)) }
        try requireChanges(request)
        return request
    }

    /// A profile with the limits that the command line sets.
    static func limited(_ profile: Profile, _ arguments: Arguments) throws -> Profile {
        var profile = profile
        for limit in arguments.all("limit") {
            let (key, value) = try pair(limit, "--limit", "=")
            profile = try profile.setting(limit: key, value: value)
        }
        return profile
    }

    /// Everything of a request but its profile and its command.
    static func fill(_ request: inout RunRequest, _ arguments: Arguments) throws {
        request.workspace = try arguments.value("workspace").map { try absolute($0) }
        request.readOnly = arguments.has("read-only")
        request.rawOutput = arguments.has("raw-output")
        request.correlation = try arguments.value("correlation-id").map { text throws(UsageError) in
            guard let id = CorrelationID(text) else {
                throw UsageError("--correlation-id is \(CorrelationID.form); \"\(text.displayed)\" is not that")
            }
            return id
        }
        request.resultFile = try arguments.value("result-file")
        request.recordFiles = try arguments.value("record-files")
        request.frames = try arguments.value("frames")
        request.git = try arguments.value("git").map { try GitAccess(file: try absolute($0)) }
        request.forge = try arguments.value("forge").map { try ForgeAccess(file: try absolute($0)) }
        let choices = [Disposition.apply, .diff, .discard, .keep].filter { arguments.has($0.rawValue) }
        guard choices.count <= 1 else { throw UsageError("choose one of --apply, --diff, --keep and --discard") }
        request.disposition = choices.first ?? request.disposition
        request.keepsAll = choices.first == .keep
        for mount in arguments.all("mount") {
            let (source, target) = try pair(mount, "--mount", ":")
            request.mounts.append(.init(source: try absolute(source), target: target))
        }
        if let export = try arguments.value("export") {
            guard let colon = export.lastIndex(of: ":"), let bytes = UInt64(export[export.index(after: colon)...]),
                bytes > 0
            else {
                throw UsageError("--export is FILE:BYTES, and \"\(export)\" is not")
            }
            request.export = .init(file: String(export[..<colon]), limit: bytes)
        }
        for variable in arguments.all("env") {
            let (name, value) = try pair(variable, "--env", "=")
            guard EnvironmentPolicy.isName(name) else { throw UsageError("--env: \"\(name)\" is no variable name") }
            request.environment.append((name, value))
        }
    }

    /// What shows or takes changes is refused where there can be none: silence would look like an unchanged tree.
    static func requireChanges(_ request: RunRequest) throws(UsageError) {
        guard request.disposition == .diff || request.disposition == .apply || request.keepsAll else { return }
        let option = "--\(request.disposition.rawValue)"
        guard request.workspace != nil || request.keepsAll else {
            throw UsageError("\(option) needs --workspace DIR: without one there is no tree that could be changed")
        }
        if request.readOnly {
            throw UsageError(
                "\(option) and --read-only exclude each other: a workspace that is read-only cannot change")
        }
        if request.profile.filesystem.workspace == .readOnly {
            throw UsageError(
                "\(option) has nothing to show: profile \"\(request.profile.name)\" makes the workspace read-only")
        }
    }

    /// The last words of the command line as bytes: a file name in them need not be UTF-8, and `CommandLine` would put
    /// U+FFFD in its place, so that another file would be meant.
    static func words(_ count: Int) throws(UsageError) -> [[UInt8]] {
        let all = (0..<Int(CommandLine.argc)).compactMap { CommandLine.unsafeArgv[$0] }
        for (number, word) in all.dropLast(count).enumerated() where String(validatingCString: word) == nil {
            throw UsageError(
                "word \(number) of the command line is not UTF-8; only the command after -- may be other bytes")
        }
        return all.suffix(count).map { word in
            UnsafeBufferPointer(start: word, count: strlen(word)).map { UInt8(bitPattern: $0) }
        }
    }

    private static func pair(_ text: String, _ option: String, _ separator: Character) throws(UsageError) -> (
        String, String
    ) {
        guard let at = text.firstIndex(of: separator), at != text.startIndex else {
            throw UsageError("\(option) takes two parts joined by \"\(separator)\", and \"\(text)\" is not that")
        }
        return (String(text[..<at]), String(text[text.index(after: at)...]))
    }

    /// A path as the caller means it, without resolving links: those are refused later, by the kernel.
    static func absolute(_ path: String) throws(UsageError) -> String {
        guard !path.isEmpty else { throw UsageError("an empty path") }
        var buffer = [CChar](repeating: 0, count: 4096)
        guard path.hasPrefix("/") || getcwd(&buffer, 4096) != nil else {
            throw UsageError("the current directory is gone")
        }
        let base =
            path.hasPrefix("/")
            ? "" : String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        var parts: [Substring] = []
        for part in (base + "/" + path).split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    private static func dryRun(_ arguments: Arguments) throws -> Int32 {
        let context = try Context.make()
        let plan = try SessionRun.plan(
            try request(arguments, context), paths: context.paths, environment: callerEnvironment)
        if arguments.has("json") {
            Output.out(plan.json.compactText)
        } else {
            Output.out(plan.json.prettyText)
            Output.out("digest \(plan.digest)")
        }
        return 0
    }

    /// What the caller asked to happen with the changes; shown on stderr, since stdout is the command's alone.
    private static func dispose(_ result: SessionResult, _ request: RunRequest, _ context: Context) throws {
        guard let entries = result.keptEntries, entries > 0, let id = SessionID(result.session) else { return }
        switch request.disposition {
        case .keep, .discard: return
        case .diff: _ = try Spawn.again([ChangesVerb.name, "diff", id.text], outputToError: true)
        case .apply:
            let status = try SessionVerb.apply(id, context, [], outputToError: true)
            if status == ChangesVerb.refused || status == ChangesVerb.partial || status == 125 {
                Output.error("the changes were not applied; they are kept as session \(id)")
            }
        }
    }
}
