// SPDX-License-Identifier: Apache-2.0

/// What a task changed, counted from the trees of two commits.
package struct ChangeSummary: Equatable, Sendable {
    package struct File: Equatable, Sendable {
        /// Printable; a rename is one file removed and one added.
        package let path: String
        package let insertions: Int
        package let deletions: Int
    }

    package internal(set) var files: [File] = []
    package internal(set) var fileCount = 0
    package internal(set) var insertions = 0
    package internal(set) var deletions = 0
    package internal(set) var commits = 0

    /// Files that are listed by name; all are counted.
    package static let mostListed = 100
    static let mostCounted = 100_000
}
