// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem
internal import Orchestrator
internal import TaskModel

/// A task as the command line of `sallyport task run`.
enum TaskCommand {
    /// Documents become files in the session's directory: no word of a request is ever a path that is opened for it, and
    /// none of them is shown to whoever lists processes.
    static func arguments(_ start: SessionStart, in directory: borrowing Directory) throws(SystemError) -> [String] {
        var arguments = [
            "sallyport", "task", "run", "--session", directory.path, "--id", start.task, "--out",
            directory.path + "/delivered",
        ]
        for field in TaskRequest.Field.allCases {
            guard let value = start.request[field] else { continue }
            switch field.kind {
            case .word, .text, .number: arguments += [field.option, value]
            case .document:
                let name = "request-" + field.rawValue
                try directory.replace(name, with: Array(value.utf8))
                let path = "\(directory.path)/\(name)"
                // Where text is meant, a file is named so.
                let isText = field == .task || field == .instructions
                arguments += [field.option, isText ? "@" + path : path]
            }
        }
        return arguments
    }
}
