// SPDX-License-Identifier: Apache-2.0

/// What a model costs, each in millionths of a dollar for a million tokens.
package struct ModelPrices: Sendable, Hashable {
    package struct Rates: Sendable, Hashable {
        package var input: Int
        package var output: Int
        package var cacheRead: Int
        package var cacheWrite: Int
        package var cacheWriteLong: Int

        package init(input: Int, output: Int, cacheRead: Int, cacheWrite: Int, cacheWriteLong: Int) {
            self.input = input
            self.output = output
            self.cacheRead = cacheRead
            self.cacheWrite = cacheWrite
            self.cacheWriteLong = cacheWriteLong
        }

        /// The dearest way in which a model can read a token.
        var dearestInput: Int { max(max(input, cacheRead), max(cacheWrite, cacheWriteLong)) }
    }

    /// Other prices for a whole request whose prompt is longer than so many tokens.
    package struct LongPrompt: Sendable, Hashable {
        package var above: Int
        package var rates: Rates

        package init(above: Int, rates: Rates) {
            self.above = above
            self.rates = rates
        }
    }

    package var rates: Rates
    package var long: LongPrompt?
    /// One call of a tool that the vendor runs, in millionths of a dollar; nil where no such tool has a price.
    package var toolCall: Int?

    package init(_ rates: Rates, long: LongPrompt? = nil, toolCall: Int? = nil) {
        self.rates = rates
        self.long = long
        self.toolCall = toolCall
    }

    /// What a use costs, rounded up to the next millionth.
    package func cost(of usage: TokenUsage) -> MicroDollars {
        let rates = rates(forPrompt: usage.prompt)
        return MicroDollars.cost([
            (usage.input, rates.input), (usage.output, rates.output), (usage.cacheRead, rates.cacheRead),
            (usage.cacheWrite, rates.cacheWrite), (usage.cacheWriteLong, rates.cacheWriteLong),
        ]) + MicroDollars.product(usage.toolCalls, toolCall ?? 0)
    }

    func rates(forPrompt tokens: Int) -> Rates {
        if let long, tokens > long.above { long.rates } else { rates }
    }
}

extension MicroDollars {
    /// Tokens at prices for a million of them, the sum rounded up.
    static func cost(_ parts: [(tokens: Int, price: Int)]) -> MicroDollars {
        let sum = parts.reduce(MicroDollars.zero) { $0 + product($1.tokens, $1.price) }
        guard sum < .most else { return .most }
        return MicroDollars(sum.count / 1_000_000 + (sum.count % 1_000_000 == 0 ? 0 : 1))
    }

    static func product(_ left: Int, _ right: Int) -> MicroDollars {
        let (product, overflows) = max(0, left).multipliedReportingOverflow(by: max(0, right))
        return overflows ? .most : MicroDollars(product)
    }
}
