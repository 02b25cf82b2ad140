// SPDX-License-Identifier: Apache-2.0

/// Who works on a task that writes, and in what order.
package enum Workflow: Sendable, Hashable {
    /// One agent, in one session.
    case direct
    /// A plan, which whoever decides about plans lets pass; then work and review in turn, until the review blocks no more.
    ///
    /// - Parameter rounds: Reviews at most; see ``rounds``.
    case planBuildReview(rounds: Int)

    package enum Kind: String, Sendable, CaseIterable {
        case direct
        case planBuildReview = "plan-build-review"
    }

    package static let rounds = 1...5
    package static let defaultRounds = 3
    /// Plans that are made anew because a person sent the one before back.
    package static let plans = 3

    /// - Parameter rounds: Nil for the usual number; of no meaning where nobody reviews.
    package init(_ kind: Kind, rounds: Int?) {
        self =
            switch kind {
            case .direct: .direct
            case .planBuildReview: .planBuildReview(rounds: rounds ?? Self.defaultRounds)
            }
    }

    package var reviewRounds: Int? { if case .planBuildReview(let rounds) = self { rounds } else { nil } }

    package var kind: Kind {
        switch self {
        case .direct: .direct
        case .planBuildReview: .planBuildReview
        }
    }
}

/// What an agent is in a sandbox for; names its sandbox.
package enum AgentRole: String, Sendable, CaseIterable {
    case plan
    /// Builds; of a review of a pull request: reviews.
    case work
    /// Reviews what another agent built.
    case review

    /// - Parameter round: From 1.
    package func label(_ round: Int) -> String { round == 1 ? rawValue : "\(rawValue)-\(round)" }

    /// The role of a sandbox; nil for one that no agent is in.
    package init?(label: String) {
        let parts = label.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard let role = parts.first.flatMap({ AgentRole(rawValue: String($0)) }) else { return nil }
        if parts.count == 2 {
            guard let round = Int(parts[1]), round > 1, "\(round)" == parts[1] else { return nil }
        }
        self = role
    }
}
