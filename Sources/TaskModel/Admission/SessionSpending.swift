// SPDX-License-Identifier: Apache-2.0
package import Documents

/// What the models of a session cost, as their broker counted.
package struct SessionSpending: Sendable, Hashable {
    package var microDollars: Int
    /// The most that it might have been.
    package var budgetMicroDollars: Int
    /// Requests were refused since the budget had no room for them.
    package var isExhausted: Bool
    package var inputTokens: Int
    package var outputTokens: Int

    package init(
        microDollars: Int, budgetMicroDollars: Int, isExhausted: Bool = false, inputTokens: Int = 0,
        outputTokens: Int = 0
    ) {
        self.microDollars = microDollars
        self.budgetMicroDollars = budgetMicroDollars
        self.isExhausted = isExhausted
        self.inputTokens = inputTokens
        self.outputTokens = outputTokens
    }

    package var json: JSON {
        [
            "spent_microusd": .int(microDollars), "budget_microusd": .int(budgetMicroDollars),
            "exhausted": .bool(isExhausted), "input_tokens": .int(inputTokens), "output_tokens": .int(outputTokens),
        ]
    }

    /// Nil for what ``json`` did not write.
    package init?(json: JSON) {
        guard let spent = json["spent_microusd"]?.intValue, let budget = json["budget_microusd"]?.intValue,
            let isExhausted = json["exhausted"]?.boolValue, let input = json["input_tokens"]?.intValue,
            let output = json["output_tokens"]?.intValue, min(spent, budget, input, output) >= 0
        else { return nil }
        self.init(
            microDollars: spent, budgetMicroDollars: budget, isExhausted: isExhausted, inputTokens: input,
            outputTokens: output)
    }
}
