// SPDX-License-Identifier: Apache-2.0
internal import CLI
internal import Control
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import TaskModel

/// `sallyport submit`: a task for the daemon.
enum SubmitVerb {
    private static let help = Help(
        usage: "sallyport submit --repo OWNER/NAME (--task TEXT|@FILE | --issue N | --pr N) [options]",
        summary:
            "Gives a task to sallyportd, which sees it through whatever happens meanwhile. The repository's blueprint says all the rest.",
        options: TaskRequest.Field.allCases.map { Option(name($0), value($0), text($0)) } + [
            Option("idempotency-key", "KEY", "the same key gives the same task, however often it is submitted"),
            Option("wait", nil, "show the events, and exit as the task ends"), DaemonVerb.json, DaemonVerb.help,
        ],
        notes: """
            Agent, sandbox, credential, commands and where the result goes are the blueprint's: see docs/blueprints.md. A figure
            above what it allows is cut to that.

            Exit status: 0 taken, or with --wait the task is COMPLETED; with --wait also 1 it ended otherwise, 2 the wait was
            aborted and the task goes on, 130 interrupted and the task goes on. 125 it was not taken.
            """)

    static func run(_ line: [String]) -> Int32 {
        DaemonVerb.run(line, help) { arguments in
            guard arguments.words.isEmpty else { throw UsageError("unknown word \"\(arguments.words[0])\"") }
            let request = try request(arguments)
            let answer = try DaemonVerb.ask(.submit(request, key: try arguments.value("idempotency-key")))
            let task = answer["task"] ?? .null
            let isReplayed = answer["replayed"]?.boolValue == true
            if arguments.has("json") {
                Output.out(answer.compactText)
            } else {
                Output.out("\(task["task"]?.stringValue ?? "?")\(isReplayed ? "  submitted before" : "")")
            }
            guard arguments.has("wait"), let id = task["task"]?.stringValue else { return 0 }
            return try DaemonVerb.watch(id, after: 0, json: arguments.has("json"))
        }
    }

    private static func request(_ arguments: Arguments) throws -> TaskRequest {
        var values: [TaskRequest.Field: String] = [:]
        for field in TaskRequest.Field.allCases {
            if field.kind == .list {
                let lines = arguments.all(name(field))
                guard !lines.contains(where: { $0.contains("\n") }) else {
                    throw UsageError("\(field.option) has a line end in it")
                }
                if !lines.isEmpty { values[field] = lines.joined(separator: "\n") }
            } else if let given = try arguments.value(name(field)) {
                values[field] = try read(field, given)
            }
        }
        return try TaskRequest(values)
    }

    /// What the daemon is told: the daemon opens no file of ours.
    private static func read(_ field: TaskRequest.Field, _ given: String) throws -> String {
        switch field {
        case .task: given.hasPrefix("@") ? try text(of: String(given.dropFirst()), field) : given
        case .criteria: try text(of: given, field)
        case .repository, .type, .issue, .pullRequest, .model, .maxTurns, .maxBudget, .approvalTimeout, .preApprovals,
            .dependsOn, .priority, .correlation:
            given
        }
    }

    private static func text(of path: String, _ field: TaskRequest.Field) throws -> String {
        let bytes = try Descriptor.open(path, O_RDONLY).readAll(
            limit: TaskLimits.requestBytes, subject: "\"\(path)\"")
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw UsageError("\(field.option) \"\(path)\" is no UTF-8 text")
        }
        return text
    }

    private static func name(_ field: TaskRequest.Field) -> String { String(field.option.dropFirst(2)) }

    private static func value(_ field: TaskRequest.Field) -> String {
        switch field {
        case .repository: "OWNER/NAME"
        case .task: "TEXT|@FILE"
        case .criteria: "FILE"
        case .issue, .pullRequest, .maxTurns, .priority: "N"
        case .maxBudget: "USD"
        case .approvalTimeout: "SECONDS"
        case .dependsOn: "TASK"
        case .preApprovals: "SCOPE"
        case .correlation: "ID"
        case .type, .model: "NAME"
        }
    }

    private static func text(_ field: TaskRequest.Field) -> String {
        switch field {
        case .repository: "a repository that has a blueprint"
        case .type: "new_task (default), pr_iteration or pr_review"
        case .task: "what the agent is to do"
        case .issue: "an issue of the forge"
        case .pullRequest: "the pull request of the forge to work on"
        case .criteria: "what must hold at the end"
        case .model: "the model to ask for, of those that the blueprint's list has"
        case .maxTurns: "how many answers of a model it may have"
        case .maxBudget: "what it may spend on them"
        case .approvalTimeout: "how long a question to a person may wait"
        case .preApprovals: "approved beforehand (\(PreApproval.form)); may be given again"
        case .dependsOn: "a task that has to be COMPLETED first; may be given again"
        case .correlation: "what all records of the task bear (default: made of its name)"
        case .priority: "0 to 9, the highest first (default: \(TaskLimits.defaultPriority))"
        }
    }
}
