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

    /// From the twenty bytes that it is within other objects.
    init(octets: ArraySlice<UInt8>) {
        let digits = Array("0123456789abcdef".utf8)
        description = String(decoding: octets.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
