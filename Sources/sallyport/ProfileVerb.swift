// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import Documents
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Policy
internal import Supervisor

/// `sallyport profile`: what there is, what one says, what is wrong with it, and the filter it makes.
enum ProfileVerb {
    private static let json = Option("json", nil, "print JSON instead of text")
    private static let helpOption = Option("help", nil, "this text")

    private static let overview = """
        usage: sallyport profile list|show|lint|explain|diff|test|filter|schema|simulate|learn [options]

        Profiles say what a sandbox allows; docs/profiles.md has every key.

          list                the profiles that can be named
          show NAME|FILE      the file as written; with --resolved every key and where it was written
          lint NAME|FILE      what its author should know; exit code 1 when no session would start with it
          explain NAME|FILE SUBJECT   what it decides about /path, host:port or a system call, and why
          diff A B            what B grants and A does not, and the other way round
          test NAME|FILE      whether it does what the assertions in its own file say
          filter NAME|FILE    the system call filter it makes, as text or as a compiled program
          simulate NAME|FILE  what a recorded session would have been allowed under it
          learn -- CMD        runs a command with the network open and proposes the profile it would have needed
          schema              the JSON Schema of profiles

        """

    private static let list = Help(
        usage: "sallyport profile list [--json]",
        summary: "Lists the profiles that can be named; the operator's hide shipped ones of the same name.",
        options: [json, helpOption])
    private static let show = Help(
        usage: "sallyport profile show NAME|FILE [--resolved] [--json]", summary: "Shows one profile.",
        options: [
            Option("resolved", nil, "every key with its value and the file:line that wrote it, after all it extends"),
            json,
            helpOption,
        ])
    private static let lint = Help(
        usage: "sallyport profile lint NAME|FILE [--project FILE] [--json]",
        summary: "Judges one profile with all it extends.",
        options: [
            Option("project", "FILE", "a project's own file on top: what it narrows, or why it may not"), json,
            helpOption,
        ],
        notes: "exit codes: 0 nothing, or warnings only; 1 errors, with which no session starts; 125 it cannot be read."
    )
    private static let filter = Help(
        usage: "sallyport profile filter NAME|FILE [--bpf FILE] [--json]",
        summary:
            "Prints the system call filter of one profile, one rule a line; a call without a rule gets the default.",
        options: [
            Option(
                "bpf", "FILE",
                "write the compiled program there instead (struct sock_filter[], as bwrap --seccomp takes it)"),
            json, helpOption,
        ])

    static func run(_ line: [String]) -> Int32 {
        let rest = Array(line.dropFirst())
        do {
            switch line.first {
            case "list": return try run(list, rest, words: 0, list)
            case "show": return try run(show, rest, words: 1, show)
            case "lint": return try run(lint, rest, words: 1, lint)
            case "filter": return try run(filter, rest, words: 1, filter)
            case "simulate": return try SimulateVerb.run(rest)
            case "learn": return try LearnVerb.run(rest)
            case "explain": return try run(ProfileQuestions.explain, rest, words: 2, ProfileQuestions.explain)
            case "diff": return try run(ProfileQuestions.diff, rest, words: 2, ProfileQuestions.diff)
            case "test": return try run(ProfileQuestions.test, rest, words: 1, ProfileQuestions.test)
            case "schema": return try run(ProfileQuestions.schema, rest, words: 0, ProfileQuestions.schema)
            case "--help", "help":
                Output.out(overview)
                return 0
            case nil:
                throw UsageError(
                    "profile needs a verb: list, show, lint, explain, diff, test, filter, schema, simulate or learn; see sallyport profile --help"
                )
            case let word?: throw UsageError("unknown verb \"profile \(word.displayed)\"; see sallyport profile --help")
            }
        } catch {
            Output.error("\(error)")
            return 125
        }
    }

    private static func run(
        _ help: Help, _ line: [String], words: Int, _ body: (Arguments, Context) throws -> Int32
    ) throws -> Int32 {
        let arguments = try Arguments(line, options: help.options)
        if arguments.has("help") {
            Output.out(help.text)
            return 0
        }
        guard arguments.words.count == words, arguments.command == nil else { throw UsageError("usage: \(help.usage)") }
        return try body(arguments, try Context.make())
    }

    private static func list(_ arguments: Arguments, _ context: Context) throws -> Int32 {
        var rows: [(name: String, file: String, text: String)] = []
        var items: [JSON] = []
        for (name, file) in try context.profiles.list() {
            var member: [JSON.Member] = [.init("name", .string(name)), .init("file", .string(file))]
            do throws(PolicyError) {
                let (reason, isPart) = try context.profiles.summary(name)
                rows.append((name, file, isPart ? "A part, to be extended. \(reason)" : reason))
                member += [.init("reason", .string(reason)), .init("part", .bool(isPart))]
            } catch {
                // One broken file must not hide the others.
                rows.append((name, file, "broken: \(error)"))
                member.append(.init("error", .string(error.description)))
            }
            items.append(.object(member))
        }
        if arguments.has("json") {
            Output.out(JSON.array(items).compactText)
            return 0
        }
        let width = rows.map { $0.name.displayed.count }.max() ?? 0
        for row in rows {
            Output.out(Columns.padded(row.name.displayed, width + 2) + row.file.displayed)
            for part in Columns.wrapped(row.text.displayed, width: 100) { Output.out("    " + part) }
        }
        return 0
    }

    private static func show(_ arguments: Arguments, _ context: Context) throws -> Int32 {
        let name = arguments.words[0]
        if arguments.has("resolved") {
            let profile = try context.profiles.resolve(name)
            if arguments.has("json") {
                Output.out(profile.json.compactText)
            } else {
                for line in profile.show() { Output.out(line.description) }
            }
            return 0
        }
        let (file, bytes) = try context.profiles.source(name, allowPath: true)
        let text = String(decoding: bytes, as: UTF8.self)
        if arguments.has("json") {
            Output.out(JSON.object([.init("file", .string(file)), .init("text", .string(text))]).compactText)
            return 0
        }
        Output.out("# \(file.displayed)")
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) { Output.out(String(line).displayed) }
        return 0
    }

    private static func lint(_ arguments: Arguments, _ context: Context) throws -> Int32 {
        if let project = try arguments.value("project") { return try lint(arguments, project, context) }
        let profile = try context.profiles.resolve(arguments.words[0])
        let findings = profile.lint() + HostSocket.findings(profile, context.paths)
        if arguments.has("json") {
            Output.out(JSON.array(findings.map { $0.json }).compactText)
        } else {
            for finding in findings { Output.out(finding.description) }
            if findings.isEmpty { Output.out("nothing to say about profile \"\(profile.name.displayed)\"") }
        }
        return findings.contains { $0.severity == .error } ? 1 : 0
    }

    /// A project's own file over the operator's profile: what it takes away, one grant a line.
    private static func lint(_ arguments: Arguments, _ project: String, _ context: Context) throws -> Int32 {
        let base = try context.profiles.load(arguments.words[0]).expandingRegistries(context.registries.expand)
        let (file, bytes) = try context.profiles.source(
            project.contains("/") ? project : "./" + project, allowPath: true)
        let narrowed = try base.narrowed(file: file, bytes: bytes, expand: context.registries.expand)
        let changes = base.changes(to: narrowed)
        let findings = narrowed.lint()
        if arguments.has("json") {
            Output.out(
                JSON.object([
                    .init("narrows", .array(changes.map { $0.json })),
                    .init("findings", .array(findings.map { $0.json })),
                ]).compactText)
        } else {
            Output.out(ProfileAnswers.text(changes, from: arguments.words[0], to: project))
            for finding in findings { Output.out(finding.description) }
        }
        return 0
    }

    private static func filter(_ arguments: Arguments, _ context: Context) throws -> Int32 {
        let profile = try context.profiles.load(arguments.words[0])
        let specification = FilterSpecification(profile.syscalls)
        if let path = try arguments.value("bpf") {
            let program = try FilterCompiler.compile(specification).program
            let file = try Descriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
            try file.writeAll(program, subject: "\"\(path)\"")
            Output.errorRaw("\(program.count / 8) instructions written to \(path.displayed)")
            return 0
        }
        if arguments.has("json") {
            let rules = specification.rules.map { JSON.string($0.text) }
            Output.out(
                JSON.object([
                    .init("profile", .string(profile.name)),
                    .init("default", .string(specification.defaultAction.text)),
                    .init("rules", .array(rules)),
                ]).compactText)
            return 0
        }
        Output.out("default -> \(specification.defaultAction.text)")
        for rule in specification.rules { Output.out(rule.text) }
        return 0
    }
}
