// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import CLinux
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import TaskModel

/// `sallyport agent`: which agents can be named in `task run --agent`, and whether one is there.
struct AgentVerb {
    static let usage = """
        usage: sallyport agent list [--json]
               sallyport agent show NAME|FILE
               sallyport agent check NAME|FILE [--profile NAME] [--json]
               sallyport agent install NAME|FILE

        list      the presets, with the versions that were seen to work; one that never ran here says "untested"
        show      what a preset runs, as the shell in the sandbox gets it
        check     looks for its programs in a sandbox, and says what is missing and how to get it
        install   puts it into a directory of this host, by commands that run in a sandbox and reach nothing but
                  the index that the preset's profile names; task run --agent NAME then shows it read-only

        An agent finds the model at http://llm.internal and a key that is none: see sallyport task run --help.
        A preset of your own is a YAML file like those in profiles/agents.
        Exit status: 0 done or all there, 1 something is missing, 125 sallyport failed.
        """

    let store: AgentStore
    let processes: ChildProcess
    let sallyport: String
    let environment: [String]

    static func run(_ line: [String], environment: [String]) -> Int32 {
        guard let name = line.first, !line.contains("--help"), !["-h", "help"].contains(name) else {
            Progress.write(usage + "\n", to: line.isEmpty ? 2 : 1)
            return line.isEmpty ? 125 : 0
        }
        do {
            let arguments = try Arguments(
                Array(line.dropFirst()), options: [Option("json", nil, ""), Option("profile", "NAME", "")])
            let programs = try Sandbox.ownDirectory()
            let verb = AgentVerb(
                store: try AgentStore(programs: programs, state: try StateDirectory.path(environment)),
                processes: try ChildProcess(), sallyport: programs + "/sallyport", environment: environment)
            if name == "list", arguments.words.isEmpty { return try verb.list(json: arguments.has("json")) }
            guard ["show", "check", "install"].contains(name) else {
                throw UsageError("unknown verb \"agent \(name)\"; see sallyport agent --help")
            }
            guard arguments.words.count == 1, arguments.command == nil else {
                throw UsageError("sallyport agent \(name) takes one agent; see sallyport agent --help")
            }
            let preset = try verb.store.preset(arguments.words[0])
            switch name {
            case "show":
                Progress.write(preset.script() + "\n", to: 1)
                return 0
            case "install": return try verb.install(preset)
            default:
                return try verb.check(
                    preset, profile: try arguments.value("profile") ?? "build", json: arguments.has("json"))
            }
        } catch {
            Progress.say("sallyport: \(error)")
            return 125
        }
    }

    // MARK: List

    private func list(json: Bool) throws(TaskFailure) -> Int32 {
        var presets: [AgentPreset] = []
        for name in try store.names() { presets.append(try store.preset(name)) }
        if json {
            let rows = presets.map { preset -> JSON in
                [
                    "name": .string(preset.name), "title": .string(preset.title), "api": .string(preset.api.rawValue),
                    "model": .string(preset.model), "tested": .array(preset.tested.map { .string($0) }),
                    "note": .optional(preset.note), "installed": .optional(store.files(of: preset)),
                ]
            }
            Progress.write(JSON.array(rows).compactText + "\n", to: 1)
            return 0
        }
        for preset in presets {
            let tested = preset.tested.isEmpty ? "untested" : "tested \(preset.tested.joined(separator: ", "))"
            let state = store.files(of: preset) == nil ? tested : tested + ", installed"
            Progress.write("\(padded(preset.name, 16)) \(padded(state, 28)) \(preset.title)\n", to: 1)
        }
        return 0
    }

    private func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    // MARK: Check

    private func check(_ preset: AgentPreset, profile: String, json: Bool) throws(TaskFailure) -> Int32 {
        let script = """
            PATH=\(AgentPreset.place)/bin:$PATH
            for program in \(preset.programs.joined(separator: " ")); do
                command -v "$program" >/dev/null || echo "$program"
            done
            echo .
            """
        var command = [sallyport, "run", "--profile", profile, "--discard"]
        if let files = store.files(of: preset) { command += ["--mount", "\(files):\(AgentPreset.place)"] }
        let pipe = try host { () throws(SystemError) in try Channel.pipe() }
        let child = try processes.start(
            command + ["--", "/bin/sh", "-c", script], environment: environment,
            descriptors: [-1, pipe.second.number, 2])
        var said: [UInt8] = []
        let sink = PipeSink(pipe.closingSecond()) { said += $0.prefix(65_536 - said.count) }
        let end = try processes.wait(child, name: "the sandbox", sinks: [sink], seconds: 600)
        var lines = said.split(separator: 0x0A).map { String(decoding: $0, as: UTF8.self) }
        guard end == .exited(0), lines.popLast() == "." else {
            throw TaskFailure(
                "look for", "agent \"\(preset.name)\"", "its sandbox ended with \(end)", remedy: "See the lines above.")
        }
        let missing = preset.programs.filter { lines.contains($0) }
        let remedy = Self.remedy(preset)
        if json {
            let document: JSON = [
                "name": .string(preset.name), "profile": .string(profile),
                "programs": .array(preset.programs.map { .string($0) }),
                "missing": .array(missing.map { .string($0) }), "installed": .optional(store.files(of: preset)),
                "remedy": missing.isEmpty ? .null : .string(remedy),
            ]
            Progress.write(document.compactText + "\n", to: 1)
        } else if missing.isEmpty {
            Progress.write("\(preset.name): \(preset.programs.joined(separator: ", ")) found\n", to: 1)
        } else {
            Progress.write("\(preset.name): \(missing.joined(separator: ", ")) not found. \(remedy)\n", to: 1)
        }
        return missing.isEmpty ? 0 : 1
    }

    private static func remedy(_ preset: AgentPreset) -> String {
        guard preset.install != nil else {
            return "Build a root file system that has them (rootfs/), and name it in a profile of your own."
        }
        return
            "Get it with: sallyport agent install \(preset.name). What remains missing belongs to the root file system."
    }

    // MARK: Install

    /// Installs into a new directory, which takes the place of the old one only when all of it is there.
    private func install(_ preset: AgentPreset) throws(TaskFailure) -> Int32 {
        guard let commands = preset.install else {
            throw TaskFailure(
                "install", "agent \"\(preset.name)\"", "its preset does not say how", remedy: Self.remedy(preset))
        }
        let new = ".\(preset.name).\(getpid())"
        let directory = try prepared(new)
        let end = try processes.run(
            [
                sallyport, "run", "--profile", preset.installProfile, "--workspace", "\(store.installed)/\(new)",
                "--apply", "--", "/bin/sh", "-ec", commands,
            ], environment: environment, descriptors: [-1, 2, 2])
        let programs = preset.programs.prefix(1)
        let isThere = programs.allSatisfy { access("\(store.installed)/\(new)/bin/\($0)", F_OK) == 0 }
        guard end == .exited(0), isThere else {
            try host { () throws(SystemError) in try directory.removeTree(Array(new.utf8)) }
            throw TaskFailure(
                "install", "agent \"\(preset.name)\"",
                end == .exited(0)
                    ? "there is no bin/\(programs.first ?? "") afterwards" : "its commands ended with \(end)",
                remedy: "See the lines above.")
        }
        let old = new + ".old"
        try host { () throws(SystemError) in
            if try directory.contains(preset.name) {
                try checked("move", "\"\(directory.path)/\(preset.name)\"") {
                    sp_renameat2(directory.fd.number, preset.name, directory.fd.number, old, 1)
                }
            }
            try checked("move", "\"\(directory.path)/\(new)\"") {
                sp_renameat2(directory.fd.number, new, directory.fd.number, preset.name, 1)
            }
            if try directory.contains(old) { try directory.removeTree(Array(old.utf8)) }
        }
        Progress.write("\(preset.name): installed in \(store.installed)/\(preset.name)\n", to: 1)
        return 0
    }

    private func prepared(_ name: String) throws(TaskFailure) -> Directory {
        _ = try DeliveryDirectory.makeParents(store.installed)
        return try host { () throws(SystemError) in
            let directory = try Directory.open(store.installed)
            // Open to all: a sandbox reads it under an id of its own. What is above it is closed.
            try directory.make(name, mode: 0o755)
            return directory
        }
    }
}
