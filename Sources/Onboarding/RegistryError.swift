// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem

/// Why the applied blueprints of this host cannot be read or changed.
package struct RegistryError: Error, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable, CaseIterable {
        /// Somebody else changed it between plan and apply.
        case moved
        case notFound = "not_found"
        case failed
    }

    package let code: Code
    package let description: String

    init(_ operation: String, _ subject: String, _ reason: String, remedy: String, code: Code = .failed) {
        self.code = code
        description = "cannot \(operation) \(subject): \(reason). \(remedy)"
    }

    init(_ error: SystemError) {
        code = .failed
        description = error.description
    }
}
