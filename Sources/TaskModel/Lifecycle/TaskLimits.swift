// SPDX-License-Identifier: Apache-2.0

/// Every timer and bound of tasks, in one place.
package enum TaskLimits {
    // MARK: Time
    package static let pollInterval: Duration = .seconds(30)
    package static let pollIntervalRange: ClosedRange<Duration> = .seconds(5)...(.seconds(300))
    /// Times in a row that a session cannot be asked, until it is given up.
    package static let mostPollErrors = 3
    /// Longest life of a session.
    package static let sessionMax: Duration = .seconds(8 * 3600)
    package static let hydrationTimeout: Duration = .seconds(120)
    /// Of each of its checks; they run at the same time.
    package static let preFlightCheck: Duration = .seconds(5)
    package static let preFlightTimeout: Duration = .seconds(60)
    /// What a custom step may take beside the time of its own sandbox.
    package static let stepSetUp: Duration = .seconds(60)
    package static let queueMaxAge: Duration = .seconds(24 * 3600)
    package static let uploadsExpiry: Duration = .seconds(30 * 60)
    package static let approvalTimeout: Duration = .seconds(300)
    package static let approvalTimeoutRange: ClosedRange<Duration> = .seconds(30)...(.seconds(3600))
    package static let planTimeout: Duration = .seconds(24 * 3600)
    package static let customStepTimeout: Duration = .seconds(120)
    package static let backoffBase: Duration = .seconds(1)
    package static let backoffMax: Duration = .seconds(10)
    /// How long a session may take to end itself when it is asked, before it is killed.
    package static let stopGrace: Duration = .seconds(20)

    // MARK: Numbers
    /// Tasks of one owner that hold a slot at a time.
    package static let slotsPerOwner = 3
    /// Tasks of all owners that hold a slot at a time.
    package static let slots = 8
    /// Tasks that one owner may submit within an hour.
    package static let tasksPerHour = 10
    package static let priorities: ClosedRange<Int> = 0...9
    package static let defaultPriority = 5
    package static let customStepRetries = 2
    package static let startRetries = 1
    package static let stopRetries = 5
    package static let previousResults = 5
    package static let turns: ClosedRange<Int> = 1...500
    package static let defaultTurns = 100
    package static let defaultApprovals = 50
    package static let approvalsPerMinute = 20
    /// Seconds of a session's life that no question may take: what is left to go on with.
    package static let approvalReserve = 120

    // MARK: Sizes
    package static let metadataBytes = 10 * 1024
    package static let descriptionBytes = 10_000
    package static let idempotencyKeyBytes = 128
    /// One request over any door.
    package static let requestBytes = 1 << 20
}
