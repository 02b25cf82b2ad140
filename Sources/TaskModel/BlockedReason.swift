// SPDX-License-Identifier: Apache-2.0

/// Why a task could not go on, in a closed vocabulary that later tools can act on.
package struct BlockedReason: Sendable, Hashable, CustomStringConvertible {
    package enum Kind: String, Sendable, CaseIterable {
        case missingSecret = "missing_secret"
        case egressDenied = "egress_denied"
        case dependencyUnreachable = "dependency_unreachable"
        case policyFailClosed = "policy_fail_closed"
        case authFailure = "auth_failure"
        case unknownEnvironmental = "unknown_environmental"

        /// Whether the same task may succeed later without a change.
        package var isRetryable: Bool { self == .dependencyUnreachable }
    }

    package let kind: Kind
    package let detail: String
    package let resource: String?

    package init(_ kind: Kind, _ detail: String, resource: String? = nil) {
        self.kind = kind
        self.detail = detail
        self.resource = resource
    }

    package var description: String {
        "BLOCKED[\(kind.rawValue)]: \(detail)" + (resource.map { " (resource: \($0))" } ?? "")
    }
}
