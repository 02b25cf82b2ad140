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

    /// What the host saw of one sandbox that can have kept a task from going on.
    package struct Seen: Sendable {
        /// Why the network was shut before the sandbox's end.
        package var networkLost: String?
        /// A name that the profile denies.
        package var denied: String?
        /// A name that the profile allows and nobody answered for, and how that ended.
        package var unreachable: (name: String, reason: String)?
        package init() {}
    }

    /// Nil when nothing was seen. Our own failure comes first, then what only another profile can lift, then what may pass
    /// by itself.
    package init?(_ sandboxes: [Seen]) {
        if let lost = sandboxes.lazy.compactMap(\.networkLost).first {
            self.init(.policyFailClosed, lost)
        } else if let name = sandboxes.lazy.compactMap(\.denied).first {
            self.init(.egressDenied, "the profile denies what was tried", resource: name)
        } else if let found = sandboxes.lazy.compactMap(\.unreachable).first {
            self.init(
                .dependencyUnreachable, "allowed, but nobody answered outside (\(found.reason))", resource: found.name)
        } else {
            return nil
        }
    }

    package var description: String {
        "BLOCKED[\(kind.rawValue)]: \(detail)" + (resource.map { " (resource: \($0))" } ?? "")
    }
}
