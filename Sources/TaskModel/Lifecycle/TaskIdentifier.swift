// SPDX-License-Identifier: Apache-2.0

/// A name for a task that no other has, sorted by when it was made: `t`, the time, a random part.
package struct TaskIdentifier: Sendable, Hashable, CustomStringConvertible {
    package let description: String

    private static let letters = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)

    /// Whether a word has the form of such a name.
    package static func isValid(_ word: String) -> Bool {
        word.utf8.count == 21 && word.utf8.first == UInt8(ascii: "t")
            && word.utf8.dropFirst().allSatisfy { letters.contains($0) }
    }

    /// Nil for a word that has not the form of one.
    package init?(_ word: String) {
        guard Self.isValid(word) else { return nil }
        description = word
    }

    /// - Parameters:
    ///   - milliseconds: Since 1970.
    ///   - random: 10 bytes.
    package init(milliseconds: UInt64, random: [UInt8]) {
        let digits = Self.letters
        var text: [UInt8] = []
        for shift in stride(from: 45, through: 0, by: -5) {
            text.append(digits[Int(milliseconds >> UInt64(shift)) & 31])
        }
        for byte in random.prefix(10) { text.append(digits[Int(byte & 31)]) }
        description = "t" + String(decoding: text, as: UTF8.self)
    }
}
