// SPDX-License-Identifier: Apache-2.0
internal import Documents

/// The counts of one answer as its vendor writes them, the largest of each that was seen.
///
/// Counts that come more than once are running totals in every API: a later one takes the place of an earlier one, and is
/// never added to it.
struct UsageCount: Sendable {
    enum Counter: Sendable, Hashable, CaseIterable {
        case input, output, cacheRead, cacheWrite, cacheWriteShort, cacheWriteLong, toolPrompt
        /// Reasoning that is counted in the output, and reasoning that stands beside it.
        case reasoning, thoughts
        case searches, fetches
    }

    private static let mostTokens = 1_000_000_000

    private var counts: [Counter: Int] = [:]
    /// Sums over the steps of one answer, which the counts beside them leave out in part.
    private var steps: [Counter: Int] = [:]
    private(set) var flaws: Set<MeterReading.Flaw> = []
    private(set) var isThere = false
    var model: String?

    mutating func flaw(_ flaw: MeterReading.Flaw) { flaws.insert(flaw) }

    /// Notes a count; null and a count that is not there say nothing.
    mutating func note(_ counter: Counter, _ value: JSONValue?) {
        guard let value, !value.isNull, let number = believable(value) else { return }
        note(counter, number)
    }

    mutating func note(_ counter: Counter, _ number: Int) {
        isThere = true
        if let old = counts[counter], number < old { return flaw(.decreasing) }
        counts[counter] = number
    }

    /// Notes the steps of an answer: the sum counts where it is more than what stands beside it.
    mutating func noteSteps(_ values: [(Counter, JSONValue?)]) {
        for (counter, value) in values {
            guard let value, !value.isNull, let number = believable(value) else { continue }
            steps[counter, default: 0] = min(Self.mostTokens, steps[counter, default: 0] + number)
        }
    }

    mutating func startSteps() { steps = [:] }

    private mutating func believable(_ value: JSONValue) -> Int? {
        guard let number = value.int else {
            flaw(.absurd)
            return nil
        }
        guard number >= 0 else {
            flaw(.negative)
            return nil
        }
        guard number <= Self.mostTokens else {
            flaw(.absurd)
            return nil
        }
        return number
    }

    private subscript(counter: Counter) -> Int { max(counts[counter] ?? 0, steps[counter] ?? 0) }

    /// What was used, and whether its parts fit together.
    ///
    /// - Parameters:
    ///   - includesCache: The input count has in it what came from a cache or went there.
    ///   - mayCacheLong: What part of a write to a cache is not told goes to the dearer kind.
    func usage(includesCache: Bool, mayCacheLong: Bool) -> (usage: TokenUsage, isConsistent: Bool) {
        let short = self[.cacheWriteShort]
        let long = self[.cacheWriteLong]
        let written = max(self[.cacheWrite], short + long)
        var isConsistent = counts[.cacheWrite].map { max($0, steps[.cacheWrite] ?? 0) >= short + long } ?? true
        let rest = written - short - long
        var usage = TokenUsage(
            input: self[.input], output: self[.output] + self[.thoughts], cacheRead: self[.cacheRead],
            cacheWrite: short + (mayCacheLong ? 0 : rest), cacheWriteLong: long + (mayCacheLong ? rest : 0),
            reasoning: self[.reasoning] + self[.thoughts], toolCalls: self[.searches] + self[.fetches])
        if includesCache {
            isConsistent = isConsistent && usage.cacheRead + written <= usage.input
            usage.input = max(0, usage.input - usage.cacheRead - written)
        }
        usage.input += self[.toolPrompt]
        return (usage, isConsistent)
    }
}
