// SPDX-License-Identifier: Apache-2.0
import Documents

/// Why a profile was refused: where, what is wrong, and what its author can do.
package struct PolicyError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What was attempted, as the verb and object of "cannot ...".
    package var operation: String
    /// The file as it was named, or the command-line option that the value came from.
    package var file: String
    /// Zero when the cause has no line, such as a file that is not there.
    package var line: Int
    package var message: String
    package var remedy: String

    package init(
        _ message: String, file: String, line: Int = 0, remedy: String, operation: String = "load profile"
    ) {
        self.operation = operation
        self.file = file
        self.line = line
        self.message = message.displayed
        self.remedy = remedy.displayed
    }

    init(_ message: String, at place: Place, remedy: String) {
        self.init(message, file: place.file, line: place.line, remedy: remedy)
    }

    init(_ cause: DocumentError) {
        self.init(cause.reason, at: cause.place, remedy: cause.remedy)
    }

    package var description: String {
        "cannot \(operation) \(file.displayed)\(line > 0 ? ":\(line)" : ""): \(message). \(remedy)"
    }
}
