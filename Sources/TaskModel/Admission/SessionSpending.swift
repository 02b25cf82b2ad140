// SPDX-License-Identifier: Apache-2.0
package import Documents

/// What the models of a session cost, as their broker counted.
///
/// No figure is below 0 or above ``most``, whoever counted it: what is added up or multiplied later cannot overflow.
package struct SessionSpending: Sendable, Hashable {
    /// Of money in micro-dollars, and of tokens.
    package static let most = DollarText.most

    package let microDollars: Int
    /// The most that it might have been.
    package let budgetMicroDollars: Int
    /// Requests were refused since the budget had no room for them.
    package let isExhausted: Bool
    package let inputTokens: Int
    package let outputTokens: Int

    /// Takes what is out of bounds for the nearest bound.
    package init(
        microDollars: Int, budgetMicroDollars: Int, isExhausted: Bool = false, inputTokens: Int = 0,
        outputTokens: Int = 0
    ) {
        func bounded(_ figure: Int) -> Int { min(max(0, figure), Self.most) }
        self.microDollars = bounded(microDollars)
        self.budgetMicroDollars = bounded(budgetMicroDollars)
        self.isExhausted = isExhausted
        self.inputTokens = bounded(inputTokens)
        self.outputTokens = bounded(outputTokens)
    }

    /// Whether it can be what models cost: nobody is charged by a figure that stands for any that is too large.
    package var isCredible: Bool { microDollars < Self.most }

    /// A figure that somebody counted: 0 where there is none, and ``most`` for one that is too large to be written as a
    /// number, or is none.
    package static func figure(_ json: JSON?) -> Int {
        guard let json, !json.isNull else { return 0 }
        guard let figure = json.intValue, figure >= 0 else { return most }
        return min(figure, most)
    }

    /// Of two sessions of one task.
    package static func + (a: SessionSpending, b: SessionSpending) -> SessionSpending {
        SessionSpending(
            microDollars: a.microDollars + b.microDollars,
            budgetMicroDollars: a.budgetMicroDollars + b.budgetMicroDollars,
            isExhausted: a.isExhausted || b.isExhausted, inputTokens: a.inputTokens + b.inputTokens,
            outputTokens: a.outputTokens + b.outputTokens)
    }

    package var json: JSON {
        [
            "spent_microusd": .int(microDollars), "budget_microusd": .int(budgetMicroDollars),
            "exhausted": .bool(isExhausted), "input_tokens": .int(inputTokens), "output_tokens": .int(outputTokens),
        ]
    }

    /// Nil for what ``json`` did not write; a figure out of bounds is one all the same.
    package init?(json: JSON) {
        let figures = [
            json["spent_microusd"], json["budget_microusd"], json["input_tokens"], json["output_tokens"],
        ]
        guard !figures.contains(nil), let isExhausted = json["exhausted"]?.boolValue else { return nil }
        let read = figures.map { Self.figure($0) }
        self.init(
            microDollars: read[0], budgetMicroDollars: read[1], isExhausted: isExhausted, inputTokens: read[2],
            outputTokens: read[3])
    }
}
