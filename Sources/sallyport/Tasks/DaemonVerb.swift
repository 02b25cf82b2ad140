// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import CLinux
internal import Control
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import TaskModel

/// What the verbs that speak to sallyportd have in common.
enum DaemonVerb {
    static let json = Option("json", nil, "machine-readable output")
    static let help = Option("help", nil, "this text")

    /// How waiting for a task ended.
    enum Exit {
        static let completed: Int32 = 0
        static let otherEnd: Int32 = 1
        /// The task goes on, and nobody waits for it any more.
        static let aborted: Int32 = 2
        static let interrupted: Int32 = 130
    }

    /// Runs a verb; its errors become text and exit code 125.
    static func run(_ line: [String], _ help: Help, _ body: (Arguments) throws -> Int32) -> Int32 {
        do {
            // The daemon may go away while it is spoken to: that is an error of one write.
            signal(SIGPIPE, SIG_IGN)
            let arguments = try Arguments(line, options: help.options)
            if arguments.has("help") {
                Output.out(help.text)
                return 0
            }
            return try body(arguments)
        } catch {
            Output.error("\(error)")
            if line.contains("--json"), let refusal = error as? TaskRefusal {
                Output.out(
                    JSON.object([
                        .init("error", ["code": .string(refusal.code.rawValue), "message": .string(refusal.message)])
                    ]).compactText)
            }
            return 125
        }
    }

    static func connect(interrupts: Int32 = -1) throws -> ControlClient {
        let own = try OwnDirectories.resolve(asRoot: geteuid() == 0, environment: environmentValue)
        return try ControlClient(runtime: own.runtime, interrupts: interrupts)
    }

    /// Asks one question and gives back the answer.
    static func ask(_ request: ControlRequest) throws -> JSON {
        var client = try connect()
        try client.send(request)
        while true {
            guard case .reply(let reply) = try client.next() else { continue }
            switch reply {
            case .event: continue
            case .data(let data): return data
            case .refused(let refusal): throw refusal
            }
        }
    }

    /// The one word that a verb needs.
    static func task(_ arguments: Arguments) throws(UsageError) -> String {
        guard arguments.words.count == 1 else { throw UsageError("name one task; see: sallyport list") }
        return arguments.words[0]
    }

    static func number(_ arguments: Arguments, _ name: String) throws(UsageError) -> Int? {
        guard let value = try arguments.value(name) else { return nil }
        guard let number = Int(value), number >= 0 else { throw UsageError("--\(name) needs a number from 0 on") }
        return number
    }

    /// Shows a task's events from one on as they come, and returns how the task ended.
    static func watch(_ task: String, after: Int, json: Bool) throws -> Int32 {
        // A signal ends the wait, and never the task.
        let signals = Descriptor(
            owning: Int32(try checked("watch", "signals") { sp_block_signals_and_watch() }))
        do {
            var client = try connect(interrupts: signals.number)
            try client.send(.watch(task: task, after: after))
            while true {
                switch try client.next() {
                case .interrupted:
                    // A window that changes its size is no reason.
                    let number = Int32(sp_next_signal(signals.number))
                    if [SIGINT, SIGTERM, SIGHUP, SIGQUIT].contains(number) { return Exit.interrupted }
                case .reply(.event(let event)):
                    Output.out(json ? event.compactText : line(event))
                    if !json, event["type"]?.stringValue == EventType.Fact.approvalRequested.rawValue {
                        ask(task, event["payload"] ?? .null)
                    }
                case .reply(.data(let data)):
                    let task = data["task"] ?? .null
                    Output.out(json ? task.compactText : lines(task))
                    return task["status"]?.stringValue == TaskState.completed.rawValue
                        ? Exit.completed : Exit.otherEnd
                case .reply(.refused(let refusal)): throw refusal
                }
            }
        } catch let refusal as TaskRefusal where refusal.code == .serviceUnavailable {
            Output.error("\(refusal)")
            return Exit.aborted
        }
    }

    /// A question, for whoever watches: they may be who answers it.
    private static func ask(_ task: String, _ payload: JSON) {
        let request = JSON.object([.init("task", .string(task))] + (payload.objectValue ?? []))
        Output.out(ApprovalVerbs.lines(request).joined(separator: "\n"))
    }

    /// An event on one line.
    static func line(_ event: JSON) -> String {
        let payload = event["payload"]?.objectValue ?? []
        let facts = payload.filter { !$0.value.isNull }.map { member in
            "\(member.name)=\(member.value.stringValue?.displayed ?? member.value.compactText)"
        }
        return ([event["seq"]?.intValue.map { "\($0)" } ?? "?", event["type"]?.stringValue ?? "?"] + facts)
            .joined(separator: "  ")
    }

    /// When a task of the queue may begin, as far as anybody knows.
    private static func start(_ milliseconds: Int?) -> String {
        guard let milliseconds else { return "nobody knows when" }
        let seconds = max(0, milliseconds - Int(sp_clock_ns(CLOCK_REALTIME) / 1_000_000)) / 1000
        return seconds < 60 ? "in less than a minute" : "in about \((seconds + 59) / 60) minutes"
    }

    /// A task on a few lines.
    static func lines(_ task: JSON) -> String {
        var rows = [
            "task        \(task["task"]?.stringValue ?? "?")  \(task["status"]?.stringValue ?? "?")",
            "repository  \((task["repository"]?.stringValue ?? "-").displayed)",
            "title       \((task["title"]?.stringValue ?? "").displayed)",
        ]
        if let position = task["queue_position"]?.intValue {
            let reason = task["waits_for"]
            rows.append(
                "queue       place \(position), priority \(task["priority"]?.intValue ?? 0), begins \(start(task["starts_ms"]?.intValue))"
            )
            rows.append(
                "waits for   \(reason?["reason"]?.stringValue ?? "?"): \((reason?["detail"]?.stringValue ?? "").displayed)"
            )
        }
        if let result = task["result"], !result.isNull {
            rows.append(
                "outcome     \(result["outcome"]?.stringValue ?? "?"), \(result["reason"]?.stringValue ?? "?")")
            if let branch = result["branch"]?.stringValue {
                rows.append("branch      \(branch.displayed)  \(result["commit"]?.stringValue ?? "")")
            }
            if let pull = result["pull_request"]?.intValue { rows.append("pull        \(pull)") }
            if let evidence = result["evidence"]?.stringValue { rows.append("evidence    \(evidence)") }
        }
        for request in task["pending"]?.arrayValue ?? [] { rows += ApprovalVerbs.lines(request) }
        if let error = task["error"]?["message"]?.stringValue { rows.append("error       \(error.displayed)") }
        if let directory = task["directory"]?.stringValue { rows.append("directory   \(directory)") }
        return rows.joined(separator: "\n")
    }
}
