// SPDX-License-Identifier: Apache-2.0
internal import Policy

/// What one session may still send beyond this host, all its connections together (`limits.egress_bytes`).
///
/// Counted is what is taken from the session to be sent on, so that connections that send at the same time cannot pass
/// the figure together. What goes to its repository and its forge stays on the host, is judged there, and does not count.
final class Allowance {
    private let most: UInt64?
    private var used: UInt64 = 0
    /// Connections that were cut or refused for want of it.
    private(set) var refusals: UInt64 = 0

    /// - Parameter most: Nil for no bound.
    init(_ most: UInt64?) { self.most = most }

    var left: UInt64 { most.map { $0 - used } ?? .max }

    var isUsedUp: Bool { left == 0 }

    /// Counts bytes that were taken; no more than ``left``.
    func take(_ count: Int) { used += UInt64(count) }

    /// Counts bytes that were read already, all of them or none.
    func takes(_ count: Int) -> Bool {
        guard UInt64(count) <= left else { return false }
        take(count)
        return true
    }

    /// Why a connection is cut or refused.
    func refusal(_ rule: EgressRule) -> Refusal {
        refusals += 1
        return Refusal(
            "egress_bytes", rule, "the session may send \(Units.text(bytes: most ?? 0)) beyond this host, and has",
            remedy: "Raise limits.egress_bytes of its profile if the task needs to send more.", isMalformed: false)
    }
}

extension EgressRule {
    /// Whether what is sent under this rule leaves the host, or goes to a part of it that is beyond this session's reach.
    var leavesHost: Bool {
        switch virtualHost {
        case .repository, .forge: false
        case .model, .packages, nil: true
        }
    }
}
