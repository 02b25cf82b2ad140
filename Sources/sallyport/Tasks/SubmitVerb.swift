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
        usage: "sallyport submit (--repo PATH|URL | --forge FORGE) (--task TEXT|@FILE | --issue N | --pr N) [options]",
        summary:
            "Gives a task to sallyportd, which runs it as `sallyport task run` would, and survives what happens meanwhile.",
        options: TaskRequest.Field.allCases.map { Option(String($0.option.dropFirst(2)), value($0), text($0)) } + [
            Option("idempotency-key", "KEY", "the same key gives the same task, however often it is submitted"),
            Option("priority", "N", "0 to 9, the highest first (default: \(TaskLimits.defaultPriority))"),
            Option("depends-on", "TASK", "begin when this task is COMPLETED; may be given again"),
            Option("wait", nil, "show the events, and exit as the task ends"), DaemonVerb.json, DaemonVerb.help,
        ],
        notes: """
            Exit status: 0 taken, or with --wait the task is COMPLETED; with --wait also 1 it ended otherwise, 2 the wait was
            aborted and the task goes on, 130 interrupted and the task goes on. 125 it was not taken.
            """)

    static func run(_ line: [String]) -> Int32 {
        DaemonVerb.run(line, help) { arguments in
            guard arguments.words.isEmpty else { throw UsageError("unknown word \"\(arguments.words[0])\"") }
            var values: [TaskRequest.Field: String] = [:]
            for field in TaskRequest.Field.allCases {
                if let given = try arguments.value(String(field.option.dropFirst(2))) {
                    values[field] = try read(field, given)
                }
            }
            let request = try TaskRequest(values)
            let terms = SubmissionTerms(
                key: try arguments.value("idempotency-key"),
                priority: try DaemonVerb.number(arguments, "priority") ?? TaskLimits.defaultPriority,
                dependsOn: arguments.all("depends-on"))
            try terms.check()
            let answer = try DaemonVerb.ask(.submit(request, terms))
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

    /// What the daemon is told: the daemon opens no file of ours, and works in another directory.
    private static func read(_ field: TaskRequest.Field, _ given: String) throws -> String {
        switch (field, field.kind) {
        case (.task, _), (.instructions, _):
            return given.hasPrefix("@") ? try text(of: String(given.dropFirst()), field) : given
        case (_, .document): return try text(of: given, field)
        case (.repository, _) where !given.contains("://"), (.model, _): return try absolute(given)
        case (.forge, _) where !given.hasPrefix("github:"): return try absolute(given)
        case (_, .word), (_, .text), (_, .number): return given
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

    private static func absolute(_ path: String) throws -> String {
        guard let real = realpath(path, nil) else {
            throw SystemError("find", "\"\(path)\"", .noEntry, remedy: "Check the path.")
        }
        defer { free(real) }
        return String(cString: real)
    }

    private static func value(_ field: TaskRequest.Field) -> String {
        switch field {
        case .repository: "PATH|URL"
        case .task, .instructions: "TEXT|@FILE"
        case .criteria, .agentScript, .model: "FILE"
        case .agentCommand, .setupCommand, .buildCommand, .lintCommand, .testCommand: "CMD"
        case .issue, .pullRequest, .agentTimeout, .agentTurns, .maxTurns: "N"
        case .maxBudget: "USD"
        case .credential: "REF"
        case .forge: "FORGE"
        case .base: "REF"
        case .type, .agent, .agentModel, .promptBy, .gate, .profile, .deliver, .branch: "NAME"
        }
    }

    private static func text(_ field: TaskRequest.Field) -> String {
        switch field {
        case .type: "new_task (default), pr_iteration or pr_review"
        case .repository: "repository to start from"
        case .forge: "directory of a local forge, or github:OWNER/NAME"
        case .task: "what the agent is to do"
        case .issue: "an issue of the forge"
        case .pullRequest: "the pull request of the forge to work on"
        case .criteria: "what must hold at the end"
        case .instructions: "of the operator, for this task only"
        case .base: "commit to start from"
        case .agent: "a preset: see sallyport agent list"
        case .agentModel: "the model that a preset asks for"
        case .agentCommand: "run by /bin/sh in the clone"
        case .agentScript: "run by /bin/sh, clock and language fixed"
        case .promptBy: "file, stdin or argument"
        case .agentTimeout: "seconds that the agent may take"
        case .agentTurns: "turns that it may take, by its own word"
        case .setupCommand: "run first in every sandbox"
        case .buildCommand: "must not fail where it passed before"
        case .lintCommand: "must not fail where it passed before"
        case .testCommand: "decides the outcome"
        case .gate: "pass (default) or regression"
        case .profile: "profile of all sandboxes of the task"
        case .deliver: "branch, pr or patch"
        case .branch: "name of the result's branch"
        case .credential: "file:/path or credential:NAME, for the upstream or the forge"
        case .model: "the models that the agent finds at http://llm.internal/"
        case .maxBudget: "what it may spend on them"
        case .maxTurns: "how many answers it may have"
        }
    }
}
