// SPDX-License-Identifier: Apache-2.0
internal import Blueprints
internal import CLI
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import Onboarding
internal import Workspace

/// `sallyport onboard`: looks at a repository and proposes a blueprint for it.
struct OnboardVerb {
    private static let help = Help(
        usage: "sallyport onboard PATH [--repo OWNER/NAME] [options]",
        summary: "Reads the newest commit of a repository, runs nothing of it, and proposes a blueprint.",
        options: [
            Option("repo", "OWNER/NAME", "what the repository is called (default: local/NAME of the directory)"),
            Option("base", "BRANCH", "look at this branch (default: HEAD)"),
            Option("out", "DIR", "new directory for blueprint.yaml and, where one is needed, the profile"),
            Option(
                "learn", nil,
                "run its commands once in a sandbox that reaches every public host, and propose what they needed"),
            Option("refresh", nil, "compare with what was found the last time; nothing is proposed"),
            Option("accept", nil, "with --refresh: what is found now is what later looks are compared with"),
            Option("json", nil, "what was found as JSON"), Option("help", nil, "this text"),
        ],
        notes: """
            Without --out the blueprint goes to standard output, with the profile behind it as a comment. Nothing is applied.
            exit codes: 0 done, or nothing has drifted; 1 --refresh: something has, or there was no look before; 125 sallyport
            failed.
            """)

    private let arguments: Arguments
    private let path: String
    private let repository: RepositoryName
    private let step: ConfinedStep
    private let record: String
    private let environment: [String]

    static func run(_ line: [String], environment: [String]) -> Int32 {
        do {
            let arguments = try Arguments(line, options: help.options)
            if arguments.has("help") || line.isEmpty {
                Progress.write(help.text + "\n", to: line.isEmpty ? 2 : 1)
                return line.isEmpty ? 125 : 0
            }
            return try OnboardVerb(arguments, environment).run()
        } catch {
            Progress.say("sallyport: \(error)")
            return 125
        }
    }

    private init(_ arguments: Arguments, _ environment: [String]) throws {
        guard arguments.words.count == 1, arguments.command == nil else {
            throw UsageError("sallyport onboard takes the path of one repository; see --help")
        }
        let strays = ["out", "learn"].filter { arguments.has($0) || !arguments.all($0).isEmpty }
        if arguments.has("refresh"), let stray = strays.first {
            throw UsageError("--\(stray) is for a proposal: without --refresh")
        }
        if arguments.has("accept"), !arguments.has("refresh") { throw UsageError("--accept is for --refresh") }
        self.arguments = arguments
        self.environment = environment
        path = try DeliveryDirectory.resolved(arguments.words[0])
        let last = path.split(separator: "/").last.map(String.init) ?? ""
        let plain = last.hasSuffix(".git") ? String(last.dropLast(4)) : last
        let name = try arguments.value("repo") ?? "local/\(plain)"
        guard let repository = RepositoryName(name) else {
            throw UsageError("\"\(name.displayed)\" names no repository: give --repo \(RepositoryName.form)")
        }
        self.repository = repository
        step = ConfinedStep(processes: try ChildProcess())
        record = try StateDirectory.path(environment) + "/onboarding"
    }

    private func run() throws -> Int32 {
        let (stack, base) = try look()
        if arguments.has("refresh") { return try refresh(stack) }
        let proposal = BlueprintProposal(
            repository: repository, place: path, base: base, stack: stack, user: Self.user())
        let learned = arguments.has("learn") ? try learn(proposal) : nil
        if let out = try arguments.value("out") {
            try write(proposal, learned, to: out)
        } else if arguments.has("json") {
            Progress.write(
                JSON.object([
                    .init("repo", .string(repository.description)), .init("found", stack),
                    .init("blueprint", .string(proposal.blueprint(profile: learned?.name))),
                    .init("profile", .optional(learned?.text ?? (proposal.needsProfile ? proposal.profile : nil))),
                ]).compactText + "\n", to: 1)
        } else {
            Progress.write(proposal.blueprint(profile: learned?.name), to: 1)
            if let profile = learned?.text ?? (proposal.needsProfile ? proposal.profile : nil) {
                let lines = profile.split(separator: "\n", omittingEmptySubsequences: false)
                Progress.write(lines.map { $0.isEmpty ? "#\n" : "#   \($0)\n" }.joined(), to: 1)
            }
        }
        try remember(stack)
        return 0
    }

    /// Has the repository read by a process that can do nothing else; what it says are words of a closed set, and paths.
    private func look() throws(TaskFailure) -> (stack: JSON, base: String?) {
        var command = ["step-onboard", "--repo", path, "--become", try ConfinedStep.owner(of: path)]
        let branch: String?
        do throws(UsageError) { branch = try arguments.value("base") } catch {
            throw TaskFailure(message: error.message)
        }
        if let branch { command += ["--base", branch] }
        let report = try step.run(command)
        func list(_ key: String) -> JSON { .array(report.all(key).map { .string($0) }) }
        let name = report["name"] ?? ""
        let prefix = "refs/heads/"
        return (
            [
                "languages": list("language"), "setup": .optional(report["setup"]), "build": .optional(report["build"]),
                "lint": .optional(report["lint"]), "test": .optional(report["test"]),
                "registries": list("registry"), "rules": list("rule"), "notes": list("note"),
            ], name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : nil
        )
    }

    /// Runs what would be run in tasks, over a copy of the tree, and takes the profile that it would have needed.
    private func learn(_ proposal: BlueprintProposal) throws(TaskFailure) -> (name: String, text: String) {
        let commands = ["setup", "build", "lint", "test"].compactMap { proposal.stack[$0]?.stringValue }
        guard !commands.isEmpty else {
            throw TaskFailure(
                "learn", "what \(repository) needs", "nothing says how it is built",
                remedy: "Run sallyport profile learn --observe with its commands.")
        }
        Progress.say(
            "running \(commands.count) commands with the network open, in a sandbox: \(commands.joined(separator: "; "))"
        )
        let name = proposal.needsProfile ? proposal.profileName : BlueprintProposal.plain(repository.key)
        let pipe = try host { () throws(SystemError) in try Channel.pipe() }
        let child = try step.processes.start(
            [
                try Sandbox.ownDirectory() + "/sallyport", "profile", "learn", "--observe", "--profile", "build",
                "--workspace", path, "--discard", "--", "/bin/sh", "-c", commands.joined(separator: "\n"),
            ], environment: environment, descriptors: [-1, pipe.second.number, 2])
        var said: [UInt8] = []
        let sink = PipeSink(pipe.closingSecond()) { said += $0.prefix(Self.longestProfile - said.count) }
        let end = try step.processes.wait(child, name: "sallyport profile learn", sinks: [sink])
        // Commands may fail; what they reached until then is what they need until then.
        guard case .exited(let code) = end, code != 125, let text = String(validating: said, as: UTF8.self),
            !said.isEmpty
        else {
            throw TaskFailure(
                "learn", "what \(repository) needs", "the run ended with \(end) and proposed nothing",
                remedy: "See the lines above.")
        }
        if code != 0 {
            Progress.say("note: the commands ended with \(code): what would come behind is not in the profile")
        }
        return (name, text)
    }

    private static let longestProfile = 262_144

    private func write(_ proposal: BlueprintProposal, _ learned: (name: String, text: String)?, to out: String)
        throws(TaskFailure)
    {
        let place = try DeliveryDirectory.makeParents(out)
        try host { () throws(SystemError) in
            let directory = try Directory.open(place)
            guard try directory.names().isEmpty else {
                throw SystemError("use", "directory \"\(place)\"", .exists, remedy: "Choose a new one with --out.")
            }
            try directory.replace(
                "blueprint.yaml", with: Array(proposal.blueprint(profile: learned?.name).utf8), mode: 0o644)
            if let profile = learned?.text ?? (proposal.needsProfile ? proposal.profile : nil) {
                let name = learned?.name ?? proposal.profileName
                try directory.replace("\(name).yaml", with: Array(profile.utf8), mode: 0o644)
            }
        }
        Progress.say("\(place)/blueprint.yaml: read it, change it, then sallyport blueprint apply")
    }

    // MARK: Drift

    private var recordName: String { repository.key.split(separator: "/").joined(separator: "_") + ".json" }

    /// Beside the other things that this operator keeps; it decides nothing.
    private func remember(_ stack: JSON) throws(TaskFailure) {
        let place = try DeliveryDirectory.makeParents(record)
        try host { () throws(SystemError) in
            try Directory.open(place).replace(recordName, with: JSONWriter(pretty: true).write(stack) + [0x0A])
        }
    }

    private func remembered() throws(TaskFailure) -> JSON? {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try Descriptor.open("\(record)/\(recordName)", O_RDONLY).readAll(
                limit: 1 << 20, subject: recordName)
        } catch {
            if error.errno == .noEntry { return nil }
            throw TaskFailure(error)
        }
        do throws(JSONParser.Failure) { return try JSONParser.parse(bytes) } catch {
            throw TaskFailure(
                "read", "\"\(record)/\(recordName)\"", "it is no JSON: \(error.reason)",
                remedy: "Remove it and onboard anew.")
        }
    }

    private func refresh(_ stack: JSON) throws(TaskFailure) -> Int32 {
        let before = try remembered()
        let diff = BlueprintDiff(from: before, to: stack)
        if arguments.has("json") {
            let document: JSON = [
                "repo": .string(repository.description), "known": .bool(before != nil), "drift": diff.json,
                "found": stack,
            ]
            Progress.write(document.compactText + "\n", to: 1)
        } else if before == nil {
            Progress.write("\(repository): there was no look before\n", to: 1)
        } else if diff.isEmpty {
            Progress.write("\(repository): nothing has drifted\n", to: 1)
        } else {
            Progress.write("\(repository): has drifted; see sallyport blueprint show \(repository)\n", to: 1)
            for line in diff.lines { Progress.write("  \(line.displayed)\n", to: 1) }
        }
        if arguments.has("accept") { try remember(stack) }
        return before != nil && diff.isEmpty ? 0 : 1
    }

    /// Who asks, as the daemon will know them.
    private static func user() -> String {
        guard let entry = getpwuid(getuid()) else { return "nobody" }
        let name = String(cString: entry.pointee.pw_name)
        return Principal("user:\(name)") == nil ? "nobody" : name
    }
}

extension StepProcess {
    /// Looks at the newest commit of a caller's repository, under the id that owns it.
    func onboard(_ report: inout StepReport) throws {
        let path = try required("--repo")
        let layout = try RepositoryLayout(path: path)
        try Confinement(readable: layout.readable, identity: try identity()).enter()
        let source = try SourceRepository(layout: layout, path: path)
        let base = try source.resolve(optional("--base"))
        let glance = try RepositoryGlance(source, at: base.id, reading: DetectedStack.files)
        let stack = DetectedStack(paths: glance.paths, text: glance.files)
        report.add("name", base.name)
        for language in stack.languages { report.add("language", language.rawValue) }
        let commands = [("setup", stack.setup), ("build", stack.build), ("lint", stack.lint), ("test", stack.test)]
        for (key, command) in commands { if let command { report.add(key, command) } }
        for registry in stack.registries { report.add("registry", registry) }
        for rule in stack.ruleFiles.prefix(100) { report.add("rule", rule) }
        for note in stack.notes { report.add("note", note) }
        if glance.isCut { report.add("note", "the repository has more files than were looked at") }
    }
}
