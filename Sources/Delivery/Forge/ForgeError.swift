// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem

/// What a forge could not do, why, and what the reader can do.
package struct ForgeError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: String, Sendable {
        case unreachable = "FORGE_UNREACHABLE"
        case malformed = "FORGE_MALFORMED"
        case notFound = "NOT_FOUND"
        case notOpen = "PR_NOT_FOUND_OR_CLOSED"
        case fromFork = "PR_FROM_FORK"
        case exists = "PR_EXISTS"
        case refused = "REFUSED"
        /// The credential is not taken, or not any more.
        case credential = "FORGE_CREDENTIAL"
        /// The credential is taken, and does not allow it.
        case forbidden = "FORGE_FORBIDDEN"
        case protected = "PROTECTED_REF"
        /// It asks to be left alone for longer than anybody waits here.
        case rateLimited = "FORGE_RATE_LIMITED"
        case moved = "FORGE_MOVED"
        /// What was asked for is not as it must be.
        case invalid = "FORGE_INVALID"
        /// It failed by itself, and went on failing.
        case failed = "FORGE_FAILED"
        /// Nobody knows whether it was done: it must not be asked for twice, and no answer came.
        case uncertain = "FORGE_UNCERTAIN"
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

    init(_ error: SystemError) {
        self.init(
            .unreachable, error.operation, error.subject, "\(error.errno.explanation) (\(error.errno))",
            remedy: error.remedy ?? "Check the forge's directory and its owner.")
    }

    package var description: String { "cannot \(operation) \(subject): \(reason) (\(code.rawValue)). \(remedy)" }
}

extension PullRequest {
    var notOpen: ForgeError {
        ForgeError(
            .notOpen, "work on", "pull request \(number)", "it is \(state.rawValue)",
            remedy: "Reopen it, or start a new_task.")
    }

    /// Checks that a task may work on its branch.
    package func requireOwnOpenBranch() throws(ForgeError) {
        guard state == .open else { throw notOpen }
        guard headRepository == nil else {
            throw ForgeError(
                .fromFork, "work on", "pull request \(number)", "its branch lies in another repository",
                remedy: "Ask its author to push the branch here, or start a new_task from it.")
        }
    }
}
