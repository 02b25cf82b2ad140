// SPDX-License-Identifier: Apache-2.0

/// Which items of a repository's memory a task is told, and how.
package struct MemoryRecall: Sendable {
    /// An item with how well its words fit the task's: higher is better, 0 is not at all.
    package struct Candidate: Sendable {
        package let item: MemoryItem
        package let fit: Double

        package init(_ item: MemoryItem, fit: Double) {
            self.item = item
            self.fit = fit
        }
    }

    /// In the order in which they are told.
    package let items: [MemoryItem]

    package init(items: [MemoryItem]) { self.items = items }

    /// Takes the best of them into the budget: rules before everything, then by fit, trust and age.
    ///
    /// - Parameter now: Milliseconds since 1970.
    package init(_ candidates: [Candidate], now: Int, tokens: Int = MemoryLimits.recallTokens) {
        func score(_ candidate: Candidate) -> Double {
            let age = Double(max(0, now - candidate.item.createdMilliseconds))
            let halfLife = Double(MemoryLimits.halfLife.components.seconds * 1000)
            return candidate.fit * candidate.item.trust.weight / (1 + age / halfLife)
        }
        let usable = candidates.filter { $0.item.status == .active && $0.item.expiresMilliseconds > now }
        let rules = usable.filter { $0.item.kind == .reviewRule }
            .sorted { ($0.item.createdMilliseconds, $0.item.id) > ($1.item.createdMilliseconds, $1.item.id) }
        let others = usable.filter { $0.item.kind != .reviewRule && $0.fit > 0 }
            .map { ($0.item, score($0)) }
            .sorted { ($0.1, $0.0.id) > ($1.1, $1.0.id) }
            .map(\.0)
        var taken: [MemoryItem] = []
        var left = tokens
        for item in rules.map(\.item) + others {
            let size = Hydration.tokens(Self.line(item))
            // One that is too long must not keep shorter ones out.
            guard size <= left else { continue }
            left -= size
            taken.append(item)
        }
        items = taken
    }

    /// About as many as a prompt gets by them.
    package static func tokens(of items: [MemoryItem]) -> Int { items.reduce(0) { $0 + Hydration.tokens(line($1)) } }

    private static func line(_ item: MemoryItem) -> String {
        let text = item.text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\n  ")
        return "- [\(item.id), \(item.kind.rawValue), \(item.trust.rawValue)] \(text)\n"
    }

    /// What the prompt gets: accepted rules as part of the repository, all else as somebody's words.
    package var sources: [Hydration.Source] {
        let rules = items.filter { $0.kind == .reviewRule && $0.trust == .operator }
        let rest = items.filter { !($0.kind == .reviewRule && $0.trust == .operator) }
        var sources: [Hydration.Source] = []
        if !rules.isEmpty {
            sources.append(
                .init("review rules of this repository", .repository, parts: rules.map(Self.line), shedding: .memory))
        }
        if !rest.isEmpty {
            sources.append(
                .init("memory of earlier tasks", .thirdParty, parts: rest.reversed().map(Self.line), shedding: .memory))
        }
        return sources
    }
}
