// SPDX-License-Identifier: Apache-2.0

/// Why bytes are not what they should be, in words without an end, and with no byte of theirs in it.
package struct Flaw: Error, Equatable, Sendable {
    package let reason: String
    package init(_ reason: String) { self.reason = reason }
}
