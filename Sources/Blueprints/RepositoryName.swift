// SPDX-License-Identifier: Apache-2.0

/// The name that a blueprint is for: `owner/name`.
///
/// Forges take `Owner/Name` and `owner/name` for one repository, so ``key`` does too: with two blueprints for one
/// repository whoever submits a task could choose the looser one.
package struct RepositoryName: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let owner: String
    package let name: String

    /// Nil unless both halves are up to 100 letters, digits, `-`, `_` and `.`, and neither begins with a dot: they become
    /// names of directories.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy(Self.isPart) else { return nil }
        owner = String(parts[0])
        name = String(parts[1])
    }

    package static let form = "OWNER/NAME, of letters, digits, hyphens, dots and underscores"

    private static func isPart(_ text: Substring) -> Bool {
        (1...100).contains(text.utf8.count) && text.utf8.first != UInt8(ascii: ".")
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || "-_.".utf8.contains(byte)
            }
    }

    /// What two names of the same repository have in common.
    package var key: String { description.lowercased() }
    package var description: String { "\(owner)/\(name)" }

    package static func == (first: RepositoryName, second: RepositoryName) -> Bool { first.key == second.key }
    package func hash(into hasher: inout Hasher) { hasher.combine(key) }
    package static func < (first: RepositoryName, second: RepositoryName) -> Bool { first.key < second.key }
}
