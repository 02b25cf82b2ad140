// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Glibc
internal import TaskModel

/// Short lines for the person who waits, on standard error.
enum Progress {
    static func say(_ text: String) { write(text + "\n", to: 2) }

    /// Says why nothing came of it; for programs also as JSON, where there is a code that tells causes apart.
    static func fail(_ error: TaskFailure, json: Bool) {
        say("sallyport: \(error)")
        guard json, let code = error.code else { return }
        let document: JSON = [
            "error": [
                "code": .string(code), "message": .string(error.description),
                "blocked": .optional(error.blocked?.description),
            ]
        ]
        write(document.compactText + "\n", to: 1)
    }

    /// Writes text to standard output or error; a reader that has gone away is its own loss.
    static func write(_ text: String, to fd: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let done = rest.withUnsafeBytes { Glibc.write(fd, $0.baseAddress, $0.count) }
            guard done > 0 else { return }
            rest = rest.dropFirst(done)
        }
    }
}
