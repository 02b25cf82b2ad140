// SPDX-License-Identifier: Apache-2.0

/// How often a custom step is tried and how long is waited in between. The numbers of the wait are nobody's to choose.
package struct RetryPolicy: Sendable, Hashable {
    package let maxRetries: Int

    package init(maxRetries: Int) { self.maxRetries = maxRetries }

    package var attempts: Int { 1 + maxRetries }

    package static let base = Duration.seconds(1)
    package static let longest = Duration.seconds(10)

    /// The wait behind an attempt, counted from one: 1, 2, 4, 8, 10, 10 ... seconds.
    package static func wait(after attempt: Int) -> Duration {
        guard attempt < 5 else { return longest }
        return min(longest, base * (1 << max(0, attempt - 1)))
    }

    package enum Next: Sendable, Hashable {
        /// The step is over with this result.
        case done(StepOutput)
        case again(after: Duration)
        /// Every attempt that there is was made; the last one decides.
        case exhausted(StepOutput)
    }

    /// What follows an attempt, counted from one.
    package func next(after attempt: Int, _ result: StepAttempt) -> Next {
        guard case .broke(let failure) = result, failure.cause.isRetryable else { return .done(result.output) }
        return attempt < attempts ? .again(after: Self.wait(after: attempt)) : .exhausted(result.output)
    }
}
