// SPDX-License-Identifier: Apache-2.0
internal import Workspace

/// One thing that the push gate has to say about a branch: where, what, and what the reader can do.
package struct Finding: Equatable, Sendable {
    package enum Severity: String, Sendable {
        /// The branch is not handed over.
        case refuse
        /// The branch is handed over, and its reader is told first.
        case flag
    }

    /// Which check speaks. The order is the order in which findings are shown.
    package enum Check: String, Sendable, CaseIterable {
        /// Programs of the host act on the file when the tree is merely opened.
        case opened = "opened_paths"
        case references
        case fastForward = "fast_forward"
        case verifiedTree = "verified_tree"
        case secrets
        case scope
        case workflows
        case authorship
        case size
        /// The file acts once somebody builds, tests or commits.
        case built = "built_paths"
    }

    package let severity: Severity
    package let check: Check
    /// A path, `path:line`, a commit or a reference; printable.
    package let place: String
    package let reason: String
    package let remedy: String

    package init(_ severity: Severity, _ check: Check, at place: String, _ reason: String, remedy: String) {
        self.severity = severity
        self.check = check
        self.place = place
        self.reason = reason
        self.remedy = remedy
    }
}

extension Finding {
    private static let separator = " | "

    /// One printable line; ``init(line:)`` reads it back.
    package var line: String {
        [severity.rawValue, check.rawValue, place, reason, remedy].map(Self.plain).joined(separator: Self.separator)
    }

    /// Nil when a line is not one that ``line`` writes.
    package init?(line: String) {
        let parts = line.split(separator: Self.separator, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 5, let severity = Severity(rawValue: parts[0]), let check = Check(rawValue: parts[1])
        else {
            return nil
        }
        self.init(severity, check, at: parts[2], parts[3], remedy: parts[4])
    }

    /// Without what ends a field: a place is a hostile name.
    private static func plain(_ text: String) -> String {
        PrintableText.escapedOnce(text, longest: 700).split(separator: "|", omittingEmptySubsequences: false)
            .joined(separator: "\\x7c")
    }
}
