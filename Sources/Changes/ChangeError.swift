// SPDX-License-Identifier: Apache-2.0
package import LinuxSystem

/// Why changes could not be collected, read or applied.
package struct ChangeError: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Code: Equatable, Sendable {
        /// The kernel's answer to a call.
        case refused(Errno)
        /// The change set is not one that our collector wrote.
        case malformed
        /// The upper layer holds an attribute that the overlay was mounted not to write.
        case unexpectedAttribute
        /// The file changed between two looks at it.
        case changed
        /// The process cannot be confined.
        case confinement
    }

    package let code: Code
    package let operation: String
    package let subject: String
    package let reason: String
    package let remedy: String

    package init(_ code: Code, _ operation: String, _ subject: String, _ reason: String, remedy: String) {
        self.code = code
        self.operation = operation
        self.subject = subject
        self.reason = reason
        self.remedy = remedy
    }

    package init(_ error: SystemError) {
        self.init(
            .refused(error.errno), error.operation, error.subject, "\(error.errno.explanation) (\(error.errno))",
            remedy: error.remedy ?? "")
    }

    package var description: String {
        "cannot \(operation) \(subject): \(reason)." + (remedy.isEmpty ? "" : " \(remedy)")
    }

    static func malformed(_ subject: String, _ reason: String) -> ChangeError {
        ChangeError(
            .malformed, "read", subject, reason, remedy: "It was damaged or not written by this program; discard it.")
    }
}
