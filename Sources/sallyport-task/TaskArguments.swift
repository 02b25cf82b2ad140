// SPDX-License-Identifier: Apache-2.0

/// The command line of `sallyport task run`.
struct TaskArguments {
    private(set) var repository = ""
    private(set) var task = ""
    private(set) var agentCommand = ""
    private(set) var testCommand: String?
    private(set) var base: String?
    private(set) var profile = "build"
    private(set) var deliver: String?
    private(set) var rules: String?
    private(set) var json = false

    static let usage = """
        usage: sallyport task run --repo PATH --task TEXT|@FILE --agent-command CMD [--test-command CMD]
                   [--base REF] [--profile NAME] [--deliver DIR] [--rules FILE] [--json]

        Clones the base commit into a sandbox, runs the agent there, takes the branch it leaves into a repository of
        the host, and runs the test command on the base and on the delivered commit, each in a sandbox of its own.

          --repo PATH           repository to start from: a working tree's top directory or a bare repository
          --task TEXT|@FILE     what the agent is to do; in $SALLYPORT_TASK and in the file $SALLYPORT_PROMPT_FILE
          --agent-command CMD   run by /bin/sh in the clone
          --test-command CMD    decides the outcome: exit status 0 is a pass
          --base REF            commit to start from (default: HEAD)
          --profile NAME        profile of all sandboxes of the task (default: build)
          --deliver DIR         new directory for branch, bundle, patch and evidence
                                (default: $SALLYPORT_STATE_DIR/tasks/<task id>)
          --rules FILE          what the push gate refuses, flags and allows (YAML; see docs/collect.md)
          --json                evidence as JSON on standard output

        Exit status: 0 a commit was delivered and its tests passed (or it is well formed, when there is no test
        command), 1 any other outcome, 125 sallyport failed.
        """

    /// - Parameter arguments: Everything after `task run`.
    init(_ arguments: [String]) throws(TaskFailure) {
        var seen: Set<String> = []
        var rest = arguments[...]
        while let name = rest.popFirst() {
            guard seen.insert(name).inserted else { throw Self.misuse("\(name) is given twice") }
            if name == "--json" {
                json = true
                continue
            }
            guard let field = Self.fields[name] else { throw Self.misuse("unknown argument \"\(name)\"") }
            guard let value = rest.popFirst(), !value.isEmpty else { throw Self.misuse("\(name) needs a value") }
            field(&self, value)
        }
        for required in ["--repo", "--task", "--agent-command"] where !seen.contains(required) {
            throw Self.misuse("\(required) is missing")
        }
    }

    private static let fields: [String: @Sendable (inout TaskArguments, String) -> Void] = [
        "--repo": { $0.repository = $1 },
        "--task": { $0.task = $1 },
        "--agent-command": { $0.agentCommand = $1 },
        "--test-command": { $0.testCommand = $1 },
        "--base": { $0.base = $1 },
        "--profile": { $0.profile = $1 },
        "--deliver": { $0.deliver = $1 },
        "--rules": { $0.rules = $1 },
    ]

    private static func misuse(_ reason: String) -> TaskFailure {
        TaskFailure("read", "the command line", reason, remedy: "See: sallyport task run --help.")
    }
}
