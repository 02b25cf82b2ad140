// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem

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

    /// From 20 bytes, as they stand in a tree's entry and in libgit2.
    package init(bytes: some Collection<UInt8>) {
        description = hexadecimal(bytes)
    }

    /// The 20 bytes that stand in a tree's entry.
    package var bytes: [UInt8] {
        let nibbles = description.utf8.map { $0 < 0x3A ? $0 - 0x30 : $0 - 0x57 }
        return stride(from: 0, to: 40, by: 2).map { nibbles[$0] << 4 | nibbles[$0 + 1] }
    }
}
