// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import Orchestrator
internal import TaskModel

/// A task, or one of its steps, as a command line: what was asked for, and the blueprint that says all the rest.
enum TaskCommand {
    private static let blueprint = "blueprint.json"
    private static let results = "results.json"
    private static let memory = "memory.json"

    static func arguments(_ start: SessionStart, in directory: borrowing Directory) throws(SystemError) -> [String] {
        var own = ["--out", directory.path + "/delivered"]
        if let hydration = start.hydration {
            // Of the same place: its neighbour.
            let parent = directory.path.prefix(upTo: directory.path.lastIndex(of: "/") ?? directory.path.endIndex)
            own += [
                "--hydration", "\(parent)/\(hydration.process)/\(SessionFile.hydration)", "--hydration-sha256",
                hydration.digest,
            ]
        }
        if !start.memory.isEmpty {
            let items: JSON = ["items": .array(start.memory.map(\.json))]
            try directory.replace(memory, with: JSONWriter().write(items))
            own += ["--memory", "\(directory.path)/\(memory)"]
        }
        if start.attempt > 1, let earlier = earlier(start, beside: directory) { own += ["--continue", earlier] }
        return try command("run", own, start.task, start.request, start.blueprint, in: directory)
    }

    /// Where the newest attempt before this one left something that stood up to the push gate; nil where none did.
    private static func earlier(_ start: SessionStart, beside directory: borrowing Directory) -> String? {
        let parent = directory.path.prefix(upTo: directory.path.lastIndex(of: "/") ?? directory.path.endIndex)
        return (1..<start.attempt).reversed().lazy.map { "\(parent)/\(start.task)-\($0)/delivered" }
            .first { access($0 + "/result.bundle", F_OK) == 0 }
    }

    static func arguments(_ start: StepStart, in directory: borrowing Directory) throws(SystemError) -> [String] {
        var own: [String] = []
        let verb: String
        switch start.work {
        case .preFlight: verb = "pre-flight"
        case .hydrateContext: verb = "hydrate"
        case .custom(let custom):
            verb = "step"
            try directory.replace(results, with: custom.results)
            own = [
                "--step", custom.name, "--attempt", "\(custom.attempt)", "--round", "\(custom.round)", "--results",
                "\(directory.path)/\(results)",
            ]
            if let delivered = custom.delivered {
                own += ["--repository", delivered.repository, "--commit", delivered.commit]
            }
        }
        return try command(verb, own, start.task, start.request, start.blueprint, in: directory)
    }

    /// Documents become files in the directory: no word of a request is ever a path that is opened for it, and none of them
    /// is shown to whoever lists processes.
    private static func command(
        _ verb: String, _ own: [String], _ task: String, _ request: TaskRequest, _ snapshot: StoredBlueprint,
        in directory: borrowing Directory
    ) throws(SystemError) -> [String] {
        try directory.replace(blueprint, with: Array(snapshot.text.utf8))
        var arguments =
            ["sallyport", "task", verb, "--session", directory.path] + own + [
                "--id", task, "--blueprint", "\(directory.path)/\(blueprint)",
            ]
        for field in TaskRequest.Field.allCases {
            guard let value = request[field] else { continue }
            switch field {
            case .type, .issue, .pullRequest, .correlation: arguments += [field.option, value]
            case .task, .criteria:
                let name = "request-" + field.rawValue
                try directory.replace(name, with: Array(value.utf8))
                let path = "\(directory.path)/\(name)"
                // Where text is meant, a file is named so.
                arguments += [field.option, field == .task ? "@" + path : path]
            // The snapshot has them as they were settled, or they are the orchestrator's.
            case .repository, .model, .maxTurns, .maxBudget, .approvalTimeout, .preApprovals, .dependsOn, .priority:
                break
            }
        }
        return arguments
    }
}
