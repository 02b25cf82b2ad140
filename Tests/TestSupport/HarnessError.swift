// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem

/// A test could not be carried out; never the outcome that a test looks for.
package struct HarnessError: Error, CustomStringConvertible, Sendable {
    package let description: String

    package init(_ operation: String, _ subject: String, _ code: Int32) {
        description = "cannot \(operation) \(subject): \(Errno(code).explanation) (\(Errno(code)))"
    }

    package init(_ description: String) { self.description = description }
}
