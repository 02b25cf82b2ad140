// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem
internal import Orchestrator
internal import TaskModel

/// A task as the command line of `sallyport task run`: what was asked for, and the blueprint that says all the rest.
enum TaskCommand {
    static let blueprint = "blueprint.json"

    /// Documents become files in the session's directory: no word of a request is ever a path that is opened for it, and
    /// none of them is shown to whoever lists processes.
    static func arguments(_ start: SessionStart, in directory: borrowing Directory) throws(SystemError) -> [String] {
        try directory.replace(blueprint, with: Array(start.blueprint.text.utf8))
        var arguments = [
            "sallyport", "task", "run", "--session", directory.path, "--id", start.task, "--out",
            directory.path + "/delivered", "--blueprint", "\(directory.path)/\(blueprint)",
        ]
        for field in TaskRequest.Field.allCases {
            guard let value = start.request[field] else { continue }
            switch field {
            case .type, .issue, .pullRequest: arguments += [field.option, value]
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
