// SPDX-License-Identifier: Apache-2.0
package import LinuxSystem

/// Why a bundle cannot be made, or cannot be looked at; never says that a bundle is wrong.
package struct EvidenceError: Error, CustomStringConvertible, Sendable {
    package let description: String

    package init(_ operation: String, _ subject: String, _ reason: String, remedy: String) {
        description = "cannot \(operation) \(subject): \(reason). \(remedy)"
    }

    package init(_ error: SystemError) { description = error.description }
}

/// Runs system calls and gives their error this module's type.
func onHost<Result: ~Copyable>(_ body: () throws(SystemError) -> Result) throws(EvidenceError) -> Result {
    do throws(SystemError) { return try body() } catch { throw EvidenceError(error) }
}
