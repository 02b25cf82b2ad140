// SPDX-License-Identifier: Apache-2.0

/// The calls that a credential was sent with, in order: what each was, and how it was answered.
///
/// Of a target only its form is kept: what stands in its place (a branch, a number) is in the task's record already.
package final class ForgeUses {
    package struct Use: Equatable, Sendable {
        package let method: String
        /// "/repos/{owner}/{repo}/issues/{number}", or "/graphql" with the field that is asked for.
        package let target: String
        /// Nil where no answer came.
        package let status: Int?

        package init(method: String, target: String, status: Int?) {
            self.method = method
            self.target = target
            self.status = status
        }

        /// One line of printable ASCII.
        package var text: String { "\(method) \(target) \(status.map { "\($0)" } ?? "-")" }

        /// Reads what ``text`` gave; nil for anything else.
        package init?(_ text: String) {
            let parts = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 3, ["GET", "POST", "PATCH", "DELETE"].contains(parts[0]), parts[1].hasPrefix("/"),
                parts[1].utf8.count <= 120
            else { return nil }
            if parts[2] == "-" {
                self.init(method: parts[0], target: parts[1], status: nil)
            } else {
                guard let status = Int(parts[2]), (100...999).contains(status) else { return nil }
                self.init(method: parts[0], target: parts[1], status: status)
            }
        }
    }

    package private(set) var all: [Use] = []

    package init() {}

    func add(_ call: GitHubCall, status: Int?) {
        all.append(Use(method: call.method, target: call.form, status: status))
    }
}
