// SPDX-License-Identifier: Apache-2.0
internal import CGit2

/// What could not be done with a repository, why, and what the reader can do.
package struct GitError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Kinds that callers treat differently.
    package enum Code: Sendable {
        /// The caller's repository cannot be used as it is.
        case unusableSource
        /// What came out of the sandbox breaks a rule; nothing of it is taken.
        case refused
        /// Somebody else changed what was to be changed.
        case moved
        /// libgit2 or the host failed.
        case failed
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

    /// The remedy of every refusal.
    static let nothingTaken = "Nothing of it was taken; the received bytes are kept beside the evidence."

    package var description: String { "cannot \(operation) \(subject): \(reason). \(remedy)" }
}

/// Calls libgit2 and turns a negative result into an error with libgit2's own words, made printable.
@discardableResult
func git(
    _ operation: String, _ subject: @autoclosure () -> String, code: GitError.Code = .failed,
    remedy: String = "Look at the repository with git fsck.", _ call: () -> Int32
) throws(GitError) -> Int32 {
    let result = call()
    if result >= 0 { return result }
    var words = "libgit2 error \(result)"
    if let last = git_error_last(), let message = last.pointee.message {
        // The message can quote bytes of the repository.
        words = PrintableText.escaped(Array(String(cString: message).utf8))
    }
    throw GitError(code, operation, subject(), words, remedy: remedy)
}

/// An object of libgit2 that is freed when its owner goes away.
struct Handle: ~Copyable {
    let pointer: OpaquePointer
    private let free: (OpaquePointer) -> Void

    init(owning pointer: OpaquePointer, free: @escaping (OpaquePointer) -> Void) {
        self.pointer = pointer
        self.free = free
    }

    /// Calls a constructor of libgit2.
    init(
        _ operation: String, _ subject: @autoclosure () -> String, code: GitError.Code = .failed,
        remedy: String = "Look at the repository with git fsck.", free: @escaping (OpaquePointer) -> Void,
        make: (inout OpaquePointer?) -> Int32
    ) throws(GitError) {
        var made: OpaquePointer?
        try git(operation, subject(), code: code, remedy: remedy) { make(&made) }
        guard let made else {
            throw GitError(.failed, operation, subject(), "libgit2 returned nothing", remedy: "Report this.")
        }
        self.init(owning: made, free: free)
    }

    deinit { free(pointer) }
}

extension Handle {
    /// The next commit of a walk; nil at its end. A commit that cannot be read is a refusal, and not an end.
    borrowing func nextCommit(_ subject: String) throws(GitError) -> ObjectID? {
        var id = git_oid()
        let result = git_revwalk_next(&id, pointer)
        if result == GIT_ITEROVER.rawValue { return nil }
        try git("walk", subject, code: .refused, remedy: GitError.nothingTaken) { result }
        return ObjectID(id)
    }
}
