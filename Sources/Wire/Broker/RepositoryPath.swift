// SPDX-License-Identifier: Apache-2.0

/// The path by which a session names its repository: begins with "/", and has no ".git" at its end, which clients may add.
///
/// One to four parts of letters, digits, "-", "_" and dots between others, so that it has one spelling only and is a
/// file name nowhere.
package struct RepositoryPath: Equatable, Sendable, CustomStringConvertible {
    package let description: String

    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        guard text.hasPrefix("/"), (1...4).contains(parts.count), text.utf8.count <= 256, !text.hasSuffix(".git"),
            parts.allSatisfy({ Self.isPlain($0) })
        else { return nil }
        description = text
    }

    private static func isPlain(_ part: Substring) -> Bool {
        guard let first = part.utf8.first, first != UInt8(ascii: "."), first != UInt8(ascii: "-"),
            part.utf8.last != UInt8(ascii: "."), !part.contains("..")
        else { return false }
        return part.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }
}
