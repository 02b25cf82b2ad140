// SPDX-License-Identifier: Apache-2.0

/// What a model costs, each in millionths of a dollar for a million tokens.
package struct ModelPrices: Sendable, Hashable {
    package var input: Int
    package var output: Int
    package var cacheRead: Int
    package var cacheWrite: Int
    package var cacheWriteLong: Int
    /// One call of a tool that the vendor runs, in millionths of a dollar; nil where no such tool may be used.
    package var toolCall: Int?
    /// Other prices for a whole request whose prompt is longer than so many tokens.
    package var long: LongPrompt?

    package struct LongPrompt: Sendable, Hashable {
        package var above: Int
        package var input: Int
        package var output: Int
        package var cacheRead: Int
        package var cacheWrite: Int
        package var cacheWriteLong: Int
    }
}

extension ModelPrices {
    /// What a use costs, rounded up to the next millionth.
    package func cost(of usage: TokenUsage) -> MicroDollars { .most }
}
