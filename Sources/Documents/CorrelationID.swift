// SPDX-License-Identifier: Apache-2.0

/// What every record of one task has in common, from the command that asked for it to the last broker of its sandboxes.
///
/// It only ever goes from the host into the host's own records: whoever writes one was handed the id by whoever started it,
/// so a sandbox can neither choose nor change it. It names nothing and opens nothing, so it is no secret either.
///
/// 32 hexadecimal digits where Sallyport makes it. A caller's own is whatever they have already, a UUID or any plain token:
/// at most 64 of the lower-case letters, digits, `.`, `_` and `-`, of which the first is a letter or a digit. Lower case
/// alone, so that one id is never written in two ways.
package struct CorrelationID: Sendable, Hashable, CustomStringConvertible {
    package let description: String

    /// Its name in records, and as an option of commands.
    package static let member = "correlation_id"
    package static let option = "--correlation-id"
    package static let longest = 64
    /// What one is, for whoever gave none.
    package static let form =
        "1 to \(longest) of the lower-case letters, digits, \".\", \"_\" and \"-\", beginning with a letter or a digit"

    /// Nil for a text that has not the form of one.
    package init?(_ text: String) {
        guard (1...Self.longest).contains(text.utf8.count), let first = text.utf8.first, Self.isAlphanumeric(first),
            text.utf8.allSatisfy({ Self.isAlphanumeric($0) || [0x2D, 0x2E, 0x5F].contains($0) })
        else { return nil }
        description = text
    }

    /// The id of a task that was given none: it follows from the task's name, so that whoever asks finds the same.
    ///
    /// - Parameter sha256: In hexadecimal.
    package init(task: String, sha256: ([UInt8]) -> String) {
        description = String(sha256(Array(task.utf8)).prefix(32))
    }

    /// The same as a trace has it: 32 hexadecimal digits that are not all zero. Any other form is hashed to them.
    ///
    /// - Parameter sha256: In hexadecimal.
    package func trace(sha256: ([UInt8]) -> String) -> String {
        let isTrace =
            description.utf8.count == 32
            && description.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
            && description.utf8.contains { $0 != 0x30 }
        return isTrace ? description : String(sha256(Array(description.utf8)).prefix(32))
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
    }
}
