// SPDX-License-Identifier: Apache-2.0

/// The SHA-1 name of an object, as 40 lower-case hexadecimal digits.
package struct ObjectID: Hashable, Sendable, CustomStringConvertible {
    package let description: String

    /// Nil unless the text is exactly 40 of `0-9a-f`.
    package init?(_ text: some StringProtocol) {
        guard text.utf8.count == 40,
            text.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else { return nil }
        description = String(text)
    }

    /// For text that was checked already.
    init(checked text: String) { description = text }
}
