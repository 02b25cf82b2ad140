// SPDX-License-Identifier: Apache-2.0

/// What the meter of one answer knows at its end.
package struct MeterReading: Sendable, Equatable {
    /// Why the vendor's count is not taken at its word.
    package enum Flaw: String, Sendable, Hashable, CaseIterable {
        /// No count at all.
        case none
        /// The stream or body ended before the final count.
        case cut
        case negative
        /// Too large to be true, or no whole number.
        case absurd
        /// A running count went down.
        case decreasing
        /// Parts of the count do not fit together.
        case inconsistent
        /// An event, frame or body that is longer than what is held.
        case tooLong = "too-long"
        /// Bytes that are not what this API answers.
        case malformed
        /// Served in a tier that costs more than the one the prices are of.
        case tier
    }

    /// The largest count seen in each category; believed only when ``flaws`` is empty.
    package let usage: TokenUsage
    package let flaws: Set<Flaw>
    /// The model that the vendor says it answered with.
    package let answeredModel: String?
    /// True when that is neither the model asked for nor a dated form of it.
    package let isOtherModel: Bool
    /// The vendor refused the request or failed before it answered; nothing is charged.
    package let isRefusal: Bool

    package var isBelieved: Bool { flaws.isEmpty }
}

extension AdmittedRequest {
    /// How a request ends in the ledger: what the vendor counts where that is believed, and else the estimate, or what
    /// the vendor counted so far if that is more.
    package func outcome(of reading: MeterReading) -> ModelBudget.Outcome {
        guard !reading.isRefusal, let prices else { return .failed }
        let counted = prices.cost(of: reading.usage)
        return .charged(reading.isBelieved ? counted : max(counted, estimate))
    }
}
