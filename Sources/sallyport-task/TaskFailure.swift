// SPDX-License-Identifier: Apache-2.0
internal import Delivery
internal import LinuxSystem
internal import TaskModel
internal import Workspace

/// Why a task cannot be run or brought to its end: our failure (125), never the agent's.
struct TaskFailure: Error, CustomStringConvertible {
    let description: String
    /// For programs: which of the causes that a caller can tell apart it was.
    private(set) var code: String?
    /// The same in the words that every task uses, where they have one for it.
    private(set) var blocked: BlockedReason?

    init(
        _ operation: String, _ subject: String, _ reason: String, remedy: String, code: String? = nil,
        blocked: BlockedReason? = nil
    ) {
        description = "cannot \(operation) \(subject): \(reason). \(remedy)"
        self.code = code
        self.blocked = blocked
    }

    init(_ error: SystemError) { description = error.description }
    init(_ error: GitError) { description = error.description }
    init(_ error: EvidenceError) { description = error.description }
    init(_ error: CredentialError) {
        description = error.description
        code = "no_credential"
        blocked = BlockedReason(.missingSecret, error.reason, resource: error.reference)
    }
    init(message: String, code: String? = nil) {
        description = message
        self.code = code
    }
}

/// Runs system calls and gives their error this module's type.
func host<Result: ~Copyable>(_ body: () throws(SystemError) -> Result) throws(TaskFailure) -> Result {
    do throws(SystemError) {
        return try body()
    } catch {
        throw TaskFailure(error)
    }
}
