// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// A kernel error number that prints as its name.
package struct Errno: Error, Equatable, Hashable, Sendable, CustomStringConvertible {
    package let code: Int32
    package init(_ code: Int32) { self.code = code }

    /// `EPERM` and so on; a number that has no name prints as `errno N`.
    package var description: String {
        if code == Self.unsupportedInside { return "ENOTSUPP" }
        guard let name = strerrorname_np(code) else { return "errno \(code)" }
        return String(cString: name)
    }

    /// The kernel's own sentence for it, `Operation not permitted`.
    package var explanation: String {
        if code == Self.unsupportedInside { return "Operation not supported by the kernel" }
        guard let text = strerrordesc_np(code) else { return "unknown error" }
        return String(cString: text)
    }

    /// ENOTSUPP: the kernel's own, for which libc has no name, and which escapes from seccomp(2) all the same.
    private static let unsupportedInside: Int32 = 524

    package static let noEntry = Errno(ENOENT)
    package static let exists = Errno(EEXIST)
    package static let again = Errno(EAGAIN)
    package static let interrupted = Errno(EINTR)
    package static let busy = Errno(EBUSY)
    package static let noSuchProcess = Errno(ESRCH)
    package static let notPermitted = Errno(EPERM)
    package static let accessDenied = Errno(EACCES)
    package static let invalid = Errno(EINVAL)
    package static let io = Errno(EIO)
    package static let notEmpty = Errno(ENOTEMPTY)
    package static let noSpace = Errno(ENOSPC)
    package static let quota = Errno(EDQUOT)
    package static let notSupported = Errno(EOPNOTSUPP)
    package static let notDirectory = Errno(ENOTDIR)
    package static let noSystemCall = Errno(ENOSYS)
    package static let symlinkLoop = Errno(ELOOP)
    package static let stale = Errno(ESTALE)
    package static let noDevice = Errno(ENODEV)
}

/// What was attempted, on what, why it failed, and what the reader can do about it.
package struct SystemError: Error, CustomStringConvertible, Sendable {
    package let operation: String
    package let subject: String
    package let errno: Errno
    package let remedy: String?

    package init(_ operation: String, _ subject: String, _ errno: Errno, remedy: String? = nil) {
        self.operation = operation
        self.subject = subject
        self.errno = errno
        self.remedy = remedy
    }

    package var description: String {
        let reason = "cannot \(operation) \(subject): \(errno.explanation) (\(errno))."
        guard let remedy else { return reason }
        return reason + " " + remedy
    }
}

/// Turns the `-errno` convention of our C functions into a typed error; retries a call that a signal interrupted.
@discardableResult
package func checked(_ operation: String, _ subject: @autoclosure () -> String, _ call: () -> Int) throws(SystemError)
    -> Int
{
    while true {
        let result = call()
        if result >= 0 { return result }
        let errno = Errno(Int32(-result))
        if errno == .interrupted { continue }
        throw SystemError(operation, subject(), errno)
    }
}
