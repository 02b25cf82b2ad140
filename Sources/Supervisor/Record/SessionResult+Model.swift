// SPDX-License-Identifier: Apache-2.0
package import Documents
internal import LinuxSystem
internal import Policy
internal import Wire

extension SessionResult {
    /// What was asked of models, as their broker counted it.
    package struct Model: Sendable {
        package var apis: [String]
        /// Micro-dollars, like every amount here.
        package var budget: UInt64
        package var mostTurns: UInt64
        package var answered: UInt64 = 0
        package var turns: UInt64 = 0
        package var refused: UInt64 = 0
        package var failed: UInt64 = 0
        package var inputTokens: UInt64 = 0
        package var outputTokens: UInt64 = 0
        package var cachedTokens: UInt64 = 0
        /// With what requests under way held when the broker was lost: nobody can say what they came to.
        package var spent: UInt64 = 0
        /// What they held.
        package var held: UInt64 = 0
        /// Of ``spent``, what was charged by estimate because no believable count came.
        package var estimated: UInt64 = 0
        package var bytesUp: UInt64 = 0
        package var bytesDown: UInt64 = 0
        package var linesLost: UInt64 = 0
        /// The broker ended before its session.
        package var lost: String?

        init(_ access: ModelAccess) {
            apis = access.service.upstreams.map { $0.api.rawValue }
            budget = access.service.budget
            mostTurns = access.service.turns
        }

        mutating func add(_ door: ModelDoor) {
            let totals = door.totals
            answered = totals.answered
            turns = totals.turns
            refused = totals.refused
            failed = totals.failed
            inputTokens = totals.inputTokens
            outputTokens = totals.outputTokens
            cachedTokens = totals.cachedTokens
            held = totals.held
            spent = totals.spent + totals.held
            estimated = totals.estimated + totals.held
            bytesUp = totals.bytesUp
            bytesDown = totals.bytesDown
            linesLost = totals.linesLost
            lost = door.failure?.description
        }

        package var json: JSON {
            .object([
                .init("apis", .array(apis.map { .string($0) })), .init("turns", .number(turns)),
                .init("max_turns", .number(mostTurns)), .init("spent_microusd", .number(spent)),
                .init("estimated_microusd", .number(estimated)), .init("held_microusd", .number(held)),
                .init("budget_microusd", .number(budget)),
                .init("spent_usd", .string(Money.text(spent))), .init("answered", .number(answered)),
                .init("refused", .number(refused)), .init("failed", .number(failed)),
                .init("input_tokens", .number(inputTokens)), .init("cached_tokens", .number(cachedTokens)),
                .init("output_tokens", .number(outputTokens)), .init("bytes_up", .number(bytesUp)),
                .init("bytes_down", .number(bytesDown)), .init("lines_lost", .number(linesLost)),
                .init("lost", .optional(lost)),
            ])
        }
    }
}
