// SPDX-License-Identifier: Apache-2.0
internal import Blueprints
internal import CLI
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import TaskModel
internal import Workspace

/// `sallyport blueprint step`: one custom step, as a task runs it.
struct StepVerb {
    private static let help = Help(
        usage: "sallyport blueprint step NAME (--blueprint FILE | --snapshot FILE) [options]",
        summary:
            "Runs one custom step in a sandbox of its own, with its time, its retries and its part of the configuration.",
        options: [
            Option("blueprint", "FILE", "the blueprint that declares it"),
            Option("snapshot", "FILE", "instead: the snapshot of a task"),
            Option("task", "ID", "the task that it is given (default: trial)"),
            Option("round", "N", "which attempt of the whole task (default: 1)"),
            Option("attempt", "N", "make this attempt and no other; without it, all that the policy has"),
            Option("results", "FILE", "a checkpoint with the results of earlier steps"),
            Option("tree", "DIR", "what a step with \"workspace: repository\" sees, read-only"),
            Option("out", "DIR", "new directory for its logs and output.json"),
            Option("json", nil, "what was seen of it as one JSON line, and its output as the next"),
            Option("help", nil, "this text"),
        ],
        notes: """
            The step gets a JSON object on standard input and answers with one on standard output:
            {"status": "success|failed|skipped", "metadata": {...}, "error": "..."}. See docs/blueprints.md.

            exit codes: 0 it succeeded or had nothing to do; 1 it failed; 75 this attempt failed and may be repeated (--attempt);
            125 sallyport failed.
            """)

    private let step: CustomStep
    private let snapshot: TaskSnapshot
    private let task: String
    private let round: Int
    private let results: StepResults
    private let sandbox: StepSandbox
    private let json: Bool

    static func run(_ line: [String], environment: [String]) -> Int32 {
        do {
            let arguments = try Arguments(line, options: help.options)
            if arguments.has("help") || line.isEmpty {
                Progress.write(help.text + "\n", to: line.isEmpty ? 2 : 1)
                return line.isEmpty ? 125 : 0
            }
            let directory = try StepDirectory.make(try arguments.value("out"), environment)
            defer { directory.discard() }
            let verb = try StepVerb(arguments, directory: directory.path, environment: environment)
            return try verb.run(only: try number("attempt", arguments))
        } catch {
            Progress.say("sallyport: \(error)")
            return 125
        }
    }

    private init(_ arguments: Arguments, directory: String, environment: [String]) throws {
        guard arguments.words.count == 1, arguments.command == nil else {
            throw UsageError("sallyport blueprint step takes the name of one step; see --help")
        }
        snapshot = try Self.snapshot(arguments)
        let steps = snapshot.blueprint.pipeline.customSteps
        guard let step = steps.first(where: { $0.name == arguments.words[0] }) else {
            let known = steps.isEmpty ? "it declares none" : "known: \(steps.map(\.name).joined(separator: ", "))"
            throw UsageError("the blueprint has no custom step \"\(arguments.words[0].displayed)\"; \(known)")
        }
        self.step = step
        let task = try arguments.value("task") ?? "trial"
        guard (1...64).contains(task.utf8.count), task.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x2F }) else {
            throw UsageError("--task is no name of a task")
        }
        self.task = task
        round = try Self.number("round", arguments) ?? 1
        results =
            try arguments.value("results").map { path in
                try StepResults(checkpoint: try Self.read(path, limit: StepResults.longestCheckpoint + 1))
            } ?? StepResults()
        sandbox = StepSandbox(
            processes: try ChildProcess(), programs: try Sandbox.ownDirectory(), environment: environment,
            directory: directory, tree: try arguments.value("tree"))
        json = arguments.has("json")
    }

    private static func snapshot(_ arguments: Arguments) throws -> TaskSnapshot {
        switch (try arguments.value("blueprint"), try arguments.value("snapshot")) {
        case (let file?, nil):
            let bytes = try host { () throws(SystemError) in
                try TrustedFile.open(file, what: "blueprint ").readAll(limit: 262_144, subject: "\"\(file)\"")
            }
            let blueprint = try Blueprint.read(bytes, file: file)
            return TaskSnapshot(
                blueprint: blueprint, type: blueprint.taskTypes.first ?? .newTask,
                limits: SettledFigures(blueprint: blueprint, task: TaskFigures()))
        case (nil, let file?):
            let bytes = try host { () throws(SystemError) in
                try TrustedFile.open(file, what: "snapshot ").readAll(limit: 1 << 20, subject: "\"\(file)\"")
            }
            return try TaskSnapshot.load(bytes, of: try arguments.value("task") ?? "trial")
        case (nil, nil), (_?, _?): throw UsageError("give one of --blueprint and --snapshot; see --help")
        }
    }

    private func run(only single: Int?) throws(TaskFailure) -> Int32 {
        let policy = RetryPolicy(maxRetries: step.maxRetries)
        var attempts: [JSON] = []
        var number = single ?? 1
        while true {
            let input = snapshot.input(for: step, task: task, round: round, attempt: number, results: results)
            let attempt = try sandbox.run(step, input)
            let next = policy.next(after: number, attempt.result)
            attempts.append(Self.json(attempt, next))
            if !json { Progress.say(text(attempt)) }
            switch next {
            case .again(let wait) where single == nil:
                guard sandbox.processes.pause(wait) else {
                    throw TaskFailure(message: "custom step \"\(step.name)\" was interrupted")
                }
                number += 1
            case .again: return try end(attempt.result.output, attempts, mayRepeat: true)
            case .done(let output), .exhausted(let output): return try end(output, attempts, mayRepeat: false)
            }
        }
    }

    /// Leaves the result where a caller finds it, and says it.
    private func end(_ output: StepOutput, _ attempts: [JSON], mayRepeat: Bool) throws(TaskFailure) -> Int32 {
        let bytes = JSONWriter().write(output.json)
        let path = sandbox.directory + "/output.json"
        try host { () throws(SystemError) in
            let file = try Descriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
            try file.writeAll(bytes, subject: "\"\(path)\"")
        }
        let facts: JSON = [
            "step": .string(step.name), "task": .string(task), "status": .string(output.status),
            "idempotency_key": .string(StepInput.idempotencyKey(task: task, step: step.name, round: round)),
            "attempts": .array(attempts),
        ]
        if json {
            Progress.write(facts.compactText + "\n", to: 1)
            Progress.write(String(decoding: bytes, as: UTF8.self) + "\n", to: 1)
        } else {
            Progress.write(output.json.prettyText + "\n", to: 1)
        }
        if mayRepeat { return Int32(StepFailure.temporaryExit) }
        return output.status == "failed" ? 1 : 0
    }

    private func text(_ attempt: StepSandbox.Attempt) -> String {
        let head = "attempt \(attempt.number) of \(RetryPolicy(maxRetries: step.maxRetries).attempts): "
        switch attempt.result {
        case .said(let output): return head + output.status
        case .broke(let failure):
            return head + "\(failure.cause.rawValue): \(PrintableText.escaped(failure.message.utf8, longest: 500))"
        }
    }

    private static func json(_ attempt: StepSandbox.Attempt, _ next: RetryPolicy.Next) -> JSON {
        var cause: StepFailure?
        if case .broke(let failure) = attempt.result { cause = failure }
        var wait: Int?
        if case .again(let duration) = next { wait = Int(duration.components.seconds) }
        return [
            "attempt": .int(attempt.number), "session": .optional(attempt.session),
            "outcome": .optional(attempt.outcome), "status": .string(attempt.result.output.status),
            "cause": .optional(cause?.cause.rawValue), "retryable": .bool(cause?.cause.isRetryable ?? false),
            "again_after_s": .optional(wait),
        ]
    }

    private static func number(_ name: String, _ arguments: Arguments) throws(UsageError) -> Int? {
        guard let text = try arguments.value(name) else { return nil }
        guard let number = Int(text), (1...1000).contains(number) else {
            throw UsageError("--\(name) is no number from 1 to 1000")
        }
        return number
    }

    private static func read(_ path: String, limit: Int) throws(TaskFailure) -> [UInt8] {
        try host { () throws(SystemError) in
            try Descriptor.open(path, O_RDONLY | O_NONBLOCK).readAll(limit: limit, subject: "\"\(path)\"")
        }
    }
}

/// Where the files of one step lie: a directory that the caller names, or one that goes at the end.
struct StepDirectory {
    let path: String
    private let isTemporary: Bool

    static func make(_ named: String?, _ environment: [String]) throws(TaskFailure) -> StepDirectory {
        if let named {
            let path = try DeliveryDirectory.makeParents(named)
            let entries = try host { () throws(SystemError) in try Directory.open(path).names() }
            guard entries.isEmpty else {
                throw TaskFailure(
                    "use", "directory \"\(named)\"", "it is not empty (ENOTEMPTY)",
                    remedy: "Choose a new one with --out.")
            }
            return StepDirectory(path: path, isTemporary: false)
        }
        let base = try DeliveryDirectory.makeParents(try StateDirectory.path(environment) + "/steps")
        let name = try host { () throws(SystemError) in hexadecimal(try randomBytes(8)) }
        try host { () throws(SystemError) in try Directory.open(base).make(name, mode: 0o700) }
        return StepDirectory(path: "\(base)/\(name)", isTemporary: true)
    }

    func discard() {
        guard isTemporary, let slash = path.lastIndex(of: "/") else { return }
        do throws(SystemError) {
            try Directory.open(String(path[..<slash])).removeTree(Array(path[path.index(after: slash)...].utf8))
        } catch { Progress.say("sallyport: \(error)") }
    }
}
