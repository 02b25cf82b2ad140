// SPDX-License-Identifier: Apache-2.0
internal import Blueprints
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import TaskModel

/// `sallyport task pre-flight`, `hydrate` and `step`: the steps of a task that take time, each a process of its own that
/// sallyportd starts, finds again and stops as it does with sessions.
struct PipelineVerb {
    static let names: Set<String> = ["pre-flight", "hydrate", "step"]
    private static let own: Set<String> = ["--step", "--attempt", "--round", "--results", "--repository", "--commit"]

    /// Of the step, which begins and ends in it.
    let directory: String
    /// What only steps have.
    let options: [String: String]
    /// The request and its blueprint, as `task run` takes them.
    let line: [String]
    let arguments: TaskArguments
    let settled: TaskBlueprint
    let processes: ChildProcess
    let environment: [String]

    static func run(_ name: String, _ line: [String], environment: [String]) -> Int32 {
        do throws(TaskFailure) {
            guard line.first == "--session", line.count > 1 else {
                throw TaskFailure(
                    "run", "task \(name)", "it is sallyportd's", remedy: "See: sallyport blueprint step --help.")
            }
            // Claimed before anything is looked at: whoever started this is told by the directory what is wrong with it.
            let claim = try SessionClaim(line[1])
            do throws(TaskFailure) {
                let verb = try PipelineVerb(line[1], Array(line.dropFirst(2)), environment: environment)
                try claim.end(try verb.end(name))
                return 0
            } catch {
                try claim.end(error)
                throw error
            }
        } catch {
            Progress.fail(error, json: false)
            return 125
        }
    }

    private init(_ directory: String, _ line: [String], environment: [String]) throws(TaskFailure) {
        var options: [String: String] = [:]
        var rest: [String] = []
        var words = line[...]
        while let word = words.popFirst() {
            if Self.own.contains(word) { options[word] = words.popFirst() } else { rest.append(word) }
        }
        arguments = try TaskArguments(rest)
        guard let settled = arguments.settled else {
            throw TaskFailure(message: "a step of a task needs the task's blueprint")
        }
        self.settled = settled
        self.directory = directory
        self.options = options
        self.line = rest
        self.environment = environment
        processes = try ChildProcess()
    }

    private func end(_ name: String) throws(TaskFailure) -> StepEnd {
        switch name {
        case "pre-flight": try PreFlight(self).run()
        case "hydrate": try hydrate()
        default: try customStep()
        }
    }

    /// Runs something with the task's forge, and lets go of it.
    func withForge<Result>(_ body: (TaskForge?) throws(TaskFailure) -> Result) throws(TaskFailure) -> Result {
        let forge = try TaskForge.make(arguments, processes, environment: environment)
        defer { forge?.end() }
        return try body(forge)
    }
}
