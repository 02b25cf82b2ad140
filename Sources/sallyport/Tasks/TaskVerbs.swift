// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import Control
internal import Documents
internal import TaskModel

/// `sallyport status`, `list`, `events`, `watch`, `cancel`, `resume`, `logs`, `backup`: what sallyportd knows.
enum TaskVerbs {
    static let names = ["status", "list", "events", "watch", "cancel", "resume", "hold", "release", "logs", "backup"]

    static func run(_ name: String, _ line: [String]) -> Int32 {
        switch name {
        case "status": status(line)
        case "list": list(line)
        case "events": events(line)
        case "watch": watch(line)
        case "cancel": cancel(line)
        case "resume": resume(line)
        case "hold": hold(line, name)
        case "release": hold(line, name)
        case "logs": logs(line)
        default: backup(line)
        }
    }

    private static let after = Option("after", "N", "only events behind this number (default: 0)")

    private static func status(_ line: [String]) -> Int32 {
        let help = Help(
            usage: "sallyport status TASK [--json]", summary: "Shows where a task stands.",
            options: [DaemonVerb.json, DaemonVerb.help])
        return DaemonVerb.run(line, help) { arguments in
            let task = try DaemonVerb.ask(.status(task: try DaemonVerb.task(arguments)))["task"] ?? .null
            Output.out(arguments.has("json") ? task.compactText : DaemonVerb.lines(task))
            return 0
        }
    }

    private static func list(_ line: [String]) -> Int32 {
        let help = Help(
            usage: """
                sallyport list [--status STATE]... [--repo REPO] [--branch NAME] [--limit N] [--before TASK] [--json]
                """,
            summary: "Lists tasks, newest first.",
            options: [
                Option("status", "STATE", "only tasks that stand so, such as RUNNING; may be given again"),
                Option("repo", "REPO", "only tasks of this repository, as it was given"),
                Option("branch", "NAME", "only the task that handed over this branch"),
                Option("correlation-id", "ID", "only tasks whose records bear it"),
                Option("limit", "N", "at most so many (default: 50, at most \(ControlRequest.mostListed))"),
                Option("before", "TASK", "only tasks that began before this one"), DaemonVerb.json, DaemonVerb.help,
            ])
        return DaemonVerb.run(line, help) { arguments in
            var request = ControlRequest.List()
            for word in arguments.all("status") {
                guard let state = TaskState(rawValue: word) else {
                    let known = TaskState.allCases.map(\.rawValue).joined(separator: ", ")
                    throw UsageError("--status \"\(word.displayed)\" is no state; there are \(known)")
                }
                request.statuses.append(state)
            }
            request.repository = try arguments.value("repo")
            request.branch = try arguments.value("branch")
            request.correlation = try arguments.value("correlation-id").map { text throws(UsageError) in
                guard let id = CorrelationID(text) else {
                    throw UsageError("--correlation-id is \(CorrelationID.form)")
                }
                return id
            }
            request.before = try arguments.value("before")
            request.limit = try DaemonVerb.number(arguments, "limit") ?? request.limit
            let answer = try DaemonVerb.ask(.list(request))
            guard !arguments.has("json") else {
                Output.out(answer.compactText)
                return 0
            }
            for task in answer["tasks"]?.arrayValue ?? [] {
                let title = (task["title"]?.stringValue ?? "").displayed.prefix(60)
                let place = task["queue_position"]?.intValue.map { " (\($0))" } ?? ""
                let state = (task["status"]?.stringValue ?? "?") + place
                Output.out(
                    "\(task["task"]?.stringValue ?? "?")  \(state)\(String(repeating: " ", count: max(0, 18 - state.count)))\(title)"
                )
            }
            if let next = answer["pagination"]?["next"]?.stringValue {
                Output.error("there are more: sallyport list --before \(next)")
            }
            return 0
        }
    }

    private static func events(_ line: [String]) -> Int32 {
        let help = Help(
            usage: "sallyport events TASK [--after N] [--json]", summary: "Shows what happened to a task, in order.",
            options: [after, DaemonVerb.json, DaemonVerb.help])
        return DaemonVerb.run(line, help) { arguments in
            let task = try DaemonVerb.task(arguments)
            var last = try DaemonVerb.number(arguments, "after") ?? 0
            while true {
                let answer = try DaemonVerb.ask(.events(task: task, after: last, limit: ControlRequest.mostListed))
                let events = answer["events"]?.arrayValue ?? []
                for event in events {
                    Output.out(arguments.has("json") ? event.compactText : DaemonVerb.line(event))
                    last = event["seq"]?.intValue ?? last
                }
                // An answer may have room for fewer than were asked for.
                if events.isEmpty { return 0 }
            }
        }
    }

    private static func watch(_ line: [String]) -> Int32 {
        let help = Help(
            usage: "sallyport watch TASK [--after N] [--json]",
            summary: "Shows what happens to a task until it is over.",
            options: [after, DaemonVerb.json, DaemonVerb.help],
            notes: """
                Exit status: 0 the task is COMPLETED, 1 it ended otherwise, 2 the wait was aborted, 130 interrupted; the task
                goes on in both. 125 there is nothing to watch.
                """)
        return DaemonVerb.run(line, help) { arguments in
            try DaemonVerb.watch(
                try DaemonVerb.task(arguments), after: try DaemonVerb.number(arguments, "after") ?? 0,
                json: arguments.has("json"))
        }
    }

    private static func cancel(_ line: [String]) -> Int32 {
        let help = Help(
            usage: "sallyport cancel TASK [--json]",
            summary: "Ends a task. It is CANCELLED once nothing of its session is left; what it pushed stays.",
            options: [DaemonVerb.json, DaemonVerb.help])
        return DaemonVerb.run(line, help) { arguments in
            let task = try DaemonVerb.ask(.cancel(task: try DaemonVerb.task(arguments)))["task"] ?? .null
            Output.out(arguments.has("json") ? task.compactText : DaemonVerb.lines(task))
            return 0
        }
    }

    private static func resume(_ line: [String]) -> Int32 {
        let help = Help(
            usage: "sallyport resume TASK [--json]",
            summary: "Tries a task again that is FAILED or TIMED_OUT; what happened before stays in its events.",
            options: [DaemonVerb.json, DaemonVerb.help])
        return DaemonVerb.run(line, help) { arguments in
            let task = try DaemonVerb.ask(.resume(task: try DaemonVerb.task(arguments)))["task"] ?? .null
            Output.out(arguments.has("json") ? task.compactText : DaemonVerb.lines(task))
            return 0
        }
    }

    private static func hold(_ line: [String], _ name: String) -> Int32 {
        let help = Help(
            usage: "sallyport \(name) TASK [--json]",
            summary: name == "hold"
                ? "Keeps all of a task, however old it becomes and however full the disk is."
                : "Lets a task that was held go when its time comes.",
            options: [DaemonVerb.json, DaemonVerb.help])
        return DaemonVerb.run(line, help) { arguments in
            let task = try DaemonVerb.task(arguments)
            let answer = try DaemonVerb.ask(name == "hold" ? .hold(task: task) : .release(task: task))
            Output.out(
                arguments.has("json")
                    ? (answer["task"] ?? .null).compactText : DaemonVerb.lines(answer["task"] ?? .null))
            return 0
        }
    }

    private static func logs(_ line: [String]) -> Int32 {
        let help = Help(
            usage: "sallyport logs TASK [--json]", summary: "Shows what a task's session said beside its result.",
            options: [DaemonVerb.json, DaemonVerb.help],
            notes: "What ran in its sandboxes is in the logs of its directory; see: sallyport status.")
        return DaemonVerb.run(line, help) { arguments in
            let task = try DaemonVerb.task(arguments)
            var offset = 0
            while true {
                let answer = try DaemonVerb.ask(.logs(task: task, offset: offset))
                let text = answer["text"]?.stringValue ?? ""
                if text.isEmpty { return 0 }
                if arguments.has("json") {
                    Output.out(answer.compactText)
                } else {
                    // Lines of ours, but it costs nothing to be sure.
                    Output.outRaw(
                        text.split(separator: "\n", omittingEmptySubsequences: false).map { String($0).displayed }
                            .joined(separator: "\n"))
                }
                guard let next = answer["next"]?.intValue, next > offset else { return 0 }
                offset = next
            }
        }
    }

    private static func backup(_ line: [String]) -> Int32 {
        let help = Help(
            usage: "sallyport backup FILE [--json]",
            summary: "Copies what sallyportd knows into a file, while it runs. `sallyportd restore FILE` puts it back.",
            options: [DaemonVerb.json, DaemonVerb.help])
        return DaemonVerb.run(line, help) { arguments in
            guard arguments.words.count == 1 else { throw UsageError("name one file") }
            let answer = try DaemonVerb.ask(.backup(path: arguments.words[0]))
            Output.out(arguments.has("json") ? answer.compactText : "written to \(answer["path"]?.stringValue ?? "?")")
            return 0
        }
    }
}
