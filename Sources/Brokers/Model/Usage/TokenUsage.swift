// SPDX-License-Identifier: Apache-2.0

/// What one answer used, in the categories that have a price; none of them is counted in another.
package struct TokenUsage: Sendable, Hashable {
    /// Read by the model anew: neither from a cache nor written to one.
    package var input = 0
    /// Written by the model, reasoning included.
    package var output = 0
    package var cacheRead = 0
    /// Written to a cache that lasts minutes.
    package var cacheWrite = 0
    /// Written to a cache that lasts an hour.
    package var cacheWriteLong = 0
    /// Of ``output``, what the vendor says was reasoning: told, not priced apart.
    package var reasoning = 0
    /// Calls of tools that the vendor runs.
    package var toolCalls = 0

    package init(
        input: Int = 0, output: Int = 0, cacheRead: Int = 0, cacheWrite: Int = 0, cacheWriteLong: Int = 0,
        reasoning: Int = 0, toolCalls: Int = 0
    ) {
        self.input = input
        self.output = output
        self.cacheRead = cacheRead
        self.cacheWrite = cacheWrite
        self.cacheWriteLong = cacheWriteLong
        self.reasoning = reasoning
        self.toolCalls = toolCalls
    }

    /// Everything that the model read.
    package var prompt: Int { input + cacheRead + cacheWrite + cacheWriteLong }
}
