// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import Documents
internal import Isolation
internal import LinuxSystem
internal import Supervisor

/// `sallyport session`: what ran, what it changed, and what becomes of that.
enum SessionVerb {
    private static let json = Option("json", nil, "machine-readable output")
    private static let help = Help(
        usage:
            "sallyport session list | show ID | diff ID | apply ID | discard ID | shell ID | stop ID | freeze ID | thaw ID | policy ID  [options]",
        summary: "Shows sessions and decides about their changes.",
        options: [
            json, Option("stat", nil, "diff: names and sizes only"),
            Option(
                "accept-flagged", nil,
                "apply: also what acts on the host when opened (.git/hooks, .vscode/tasks.json, ...)"),
            Option("accept-partial", nil, "apply: what the set holds, though it had no room for all"),
            Option("to", "DIR", "diff and apply: this directory instead of the session's own, as when it was moved"),
            Option("kill", nil, "stop: do not wait for the command to end by itself"),
            Option(
                "file", "FILE",
                "policy: from now on what this profile lets out, or a file with nothing but egress:, instead of showing"
            ),
            Option("help", nil, "this text"),
        ],
        notes: """
            apply exits with 0 when all is applied, 3 when something was withheld. Nothing was written where it exits with 1,
            because the workspace changed meanwhile, or with 4, because the set is partial: more was changed than
            limits.workspace_bytes has room for. diff and apply run confined, with the rights of the workspace's owner.
            shell looks around in what an ended session left; see sallyport session shell --help.
            freeze keeps every process of a session with egress from running until thaw, or until it is ended; its clock goes
            on. Both exit with 1 when it was refused.
            policy exits with 0 when the new policy is in force, 1 when it was refused and nothing has changed.
            """)

    static func run(_ line: [String]) -> Int32 {
        do {
            if line.first == "shell" { return try ShellVerb.run(Array(line.dropFirst())) }
            let arguments = try Arguments(line, options: help.options)
            if arguments.has("help") || arguments.words.isEmpty {
                Output.out(help.text)
                return arguments.has("help") ? 0 : 125
            }
            if let socket = environmentValue(SupervisorClient.variable), !socket.isEmpty {
                return try elsewhere(arguments, socket)
            }
            let context = try Context.make()
            try context.paths.prepare()
            let asJSON = arguments.has("json")
            if arguments.words == ["list"] { return try list(context, asJSON) }
            guard arguments.words.count == 2 else {
                throw UsageError("give a verb and a session; see sallyport session --help")
            }
            guard let id = SessionID(arguments.words[1]) else {
                throw UsageError(
                    "\"\(arguments.words[1].displayed)\" is no session; `sallyport session list` shows them")
            }
            switch arguments.words[0] {
            case "show": return try show(id, context, asJSON)
            case "diff":
                return try Spawn.again(
                    [ChangesVerb.name, "diff", id.text] + flags(arguments, ["json", "stat"]) + place(arguments))
            case "apply":
                let flags = flags(arguments, ["json", "accept-flagged", "accept-partial"])
                return try apply(id, context, flags + place(arguments))
            case "discard":
                _ = try KeptChanges(context.paths).sessions().contains(id) ? () : missing(id)
                try KeptChanges(context.paths).discard(id)
                return 0
            case "policy":
                return try policy(id, context, file: try arguments.value("file"), asJSON)
            case "freeze", "thaw":
                let frozen = arguments.words[0] == "freeze"
                guard let refusal = try SessionControl(id, context.paths).hold(frozen) else { return 0 }
                Output.error(refusal.displayed)
                return 1
            case "stop":
                try SessionList(context.paths).stop(id, kill: arguments.has("kill"))
                return 0
            case let verb: throw UsageError("unknown verb \"session \(verb.displayed)\"; see sallyport session --help")
            }
        } catch {
            Output.error("\(error)")
            return 125
        }
    }

    /// The sessions that the listening supervisor made for this user.
    private static func elsewhere(_ arguments: Arguments, _ socket: String) throws -> Int32 {
        let words = arguments.words
        if words == ["list"] {
            let list = try SupervisorClient(socket).list()
            if arguments.has("json") {
                Output.out(list.compactText)
                return 0
            }
            for item in list.arrayValue ?? [] {
                func field(_ name: String) -> String? { item[name]?.stringValue?.displayed }
                Output.out(
                    "\(field("session") ?? "")  \(pad(field("outcome") ?? field("phase") ?? "", 12))  \((field("command") ?? "").prefix(60))"
                )
            }
            return 0
        }
        if words.count == 2, words[0] == "stop" {
            try SupervisorClient(socket).stop(words[1], kill: arguments.has("kill"))
            return 0
        }
        throw UsageError(
            "of sessions that the listening supervisor made there is list and stop; the others need \(SupervisorClient.variable) unset"
        )
    }

    private static func missing(_ id: SessionID) throws(SystemError) {
        throw SystemError(
            "find", "changes of session \(id)", .noEntry,
            remedy: "`sallyport session list` shows which sessions have some.")
    }

    private static func flags(_ arguments: Arguments, _ names: [String]) -> [String] {
        names.filter { arguments.has($0) }.map { "--" + $0 }
    }

    private static func place(_ arguments: Arguments) throws(UsageError) -> [String] {
        guard let path = try arguments.value("to") else { return [] }
        return ["--to", try RunVerb.absolute(path)]
    }

    /// Applies, and forgets the set once nothing of it is left to decide.
    static func apply(_ id: SessionID, _ context: Context, _ flags: [String], outputToError: Bool = false) throws
        -> Int32
    {
        let status = try Spawn.again([ChangesVerb.name, "apply", id.text] + flags, outputToError: outputToError)
        if status == 0 { try KeptChanges(context.paths).discard(id) }
        return status
    }

    private static func list(_ context: Context, _ asJSON: Bool) throws(SystemError) -> Int32 {
        let items = try SessionList(context.paths).all { id, error in
            Output.error("session \(id) is left out: \(error)")
        }
        if asJSON {
            Output.out(JSON.array(items.map { $0.json }).compactText)
            return 0
        }
        if items.isEmpty { Output.out("no sessions") }
        for item in items {
            let outcome = item.result?["outcome"]?.stringValue ?? item.phase.rawValue
            let command = (item.state?["command"]?.stringValue ?? "").displayed
            let changes = item.changes.map { "\($0) changes" + (item.leftOut > 0 ? ", partial" : "") } ?? "-"
            Output.out("\(item.id)  \(pad(outcome, 12))  \(pad(changes, 14))  \(command.prefix(60))")
        }
        return 0
    }

    private static func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private static func show(_ id: SessionID, _ context: Context, _ asJSON: Bool) throws(SystemError) -> Int32 {
        guard let item = try SessionList(context.paths).item(id) else {
            throw SystemError(
                "find", "session \(id)", .noEntry, remedy: "`sallyport session list` shows the known ones.")
        }
        Output.out(asJSON ? item.json.compactText : item.json.prettyText)
        return 0
    }
}
