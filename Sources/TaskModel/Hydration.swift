// SPDX-License-Identifier: Apache-2.0

/// Puts together what an agent is told: cleaned by trust, within a budget, the oldest remarks left out first.
///
/// A value of its sources alone: the same sources give the same prompt, whose digest is in the evidence.
package struct Hydration: Sendable {
    /// Something that a prompt is made of, such as the work item or the conversation of a pull request.
    package struct Source: Sendable, Hashable {
        package let label: String
        package let trust: Prompt.Trust
        /// Always there; with it gone the rest says nothing.
        package let lead: String
        /// Behind it, the oldest first.
        package let parts: [String]
        /// What goes first when there is no room; nil is never.
        package let shedding: Shedding?

        package init(
            _ label: String, _ trust: Prompt.Trust, _ lead: String = "", parts: [String] = [], shedding: Shedding? = nil
        ) {
            self.label = label
            self.trust = trust
            self.lead = lead
            self.parts = parts
            self.shedding = shedding
        }
    }

    /// In which order sources lose their oldest parts.
    package enum Shedding: Int, Sendable, CaseIterable, Comparable {
        /// How other pull requests looked: habits, and no part of the work.
        case patterns
        case conversation
        case memory
        case changedFiles
        /// What is asked for in a review, an open thread each.
        case threads

        package static func < (first: Shedding, second: Shedding) -> Bool { first.rawValue < second.rawValue }
    }

    /// What was left out of one source for room.
    package struct Omission: Sendable, Hashable {
        package let label: String
        package let count: Int
    }

    /// What was found in a source, and taken out of it.
    package struct Screened: Sendable, Hashable {
        package let label: String
        package let finding: ScreeningFinding
    }

    package enum Failure: Error, Sendable, Hashable, CustomStringConvertible {
        /// Words of somebody read as orders, and the blueprint does not say to cut them out.
        case blocked([Screened])
        /// What cannot be left out is more than there is room for.
        case tooLong(tokens: Int, budget: Int)

        package var description: String {
            switch self {
            case .blocked(let found):
                let list = found.map { "\($0.label.debugDescription): \($0.finding.description)" }
                return
                    "cannot put the prompt together: it was blocked for what stands in \(list.joined(separator: "; ")). "
                    + "Have it edited there, or write \"screening: strip\" into the blueprint."
            case .tooLong(let tokens, let budget):
                return
                    "cannot put the prompt together: what has to be in it is about \(tokens) tokens, more than \(budget). "
                    + "Shorten the work item, or name fewer paths in it."
            }
        }
    }

    /// Tokens of a prompt, at four characters each.
    package static let budget = 100_000

    package let prompt: Prompt
    package let omitted: [Omission]
    package let screened: [Screened]
    /// About as many as the prompt has.
    package let tokens: Int

    /// - Parameters:
    ///   - sources: In the order in which the agent reads them.
    ///   - cutsOrders: Phrases that read as orders are cut out of what strangers say; without it they block the task.
    ///   - longest: Bytes of the prompt, where the way to the agent has room for no more.
    package init(
        _ sources: [Source], budget: Int = Hydration.budget, cutsOrders: Bool, longest: Int = .max
    ) throws(Failure) {
        var screened: [Screened] = []
        var drafts = sources.map { Draft($0, cutsOrders: cutsOrders, &screened) }
        if !cutsOrders {
            let grave = screened.filter { $0.finding.severity >= .medium }
            guard grave.isEmpty else { throw .blocked(grave) }
        }
        Self.shed(&drafts, budget: budget, longest: longest)
        let size = Self.size(drafts)
        guard size.tokens <= budget, size.bytes <= longest else { throw .tooLong(tokens: size.tokens, budget: budget) }
        prompt = Prompt(segments: drafts.compactMap(\.segment))
        omitted = drafts.filter { $0.omitted > 0 }.map { Omission(label: $0.label, count: $0.omitted) }
        self.screened = screened
        tokens = size.tokens
    }

    /// About as many tokens as a text has.
    package static func tokens(_ text: String) -> Int { (text.unicodeScalars.count + 3) / 4 }

    /// Takes the oldest part of the source that goes first, until there is room or nothing is left to take.
    private static func shed(_ drafts: inout [Draft], budget: Int, longest: Int) {
        var size = size(drafts)
        while size.tokens > budget || size.bytes > longest {
            let waiting = drafts.indices.filter { drafts[$0].canShed }
            let next = waiting.min { first, second in
                (drafts[first].shedding ?? .threads, first) < (drafts[second].shedding ?? .threads, second)
            }
            guard let next else { return }
            let before = drafts[next].size
            drafts[next].shedOldest()
            size.tokens -= before.tokens - drafts[next].size.tokens
            size.bytes -= before.bytes - drafts[next].size.bytes
        }
    }

    private static func size(_ drafts: [Draft]) -> (tokens: Int, bytes: Int) {
        drafts.reduce((0, 0)) { ($0.0 + $1.size.tokens, $0.1 + $1.size.bytes) }
    }
}

/// A source while it is fitted in.
private struct Draft {
    let label: String
    let trust: Prompt.Trust
    let shedding: Hydration.Shedding?
    private let lead: String
    private var parts: [(text: String, tokens: Int)]
    private(set) var omitted = 0
    private(set) var size: (tokens: Int, bytes: Int)

    /// Room for the marks round a segment, and for the line that says what was left out.
    private static let frame = (tokens: 60, bytes: 240)

    init(_ source: Hydration.Source, cutsOrders: Bool, _ screened: inout [Hydration.Screened]) {
        label = source.label
        trust = source.trust
        shedding = source.shedding
        var found: [Hydration.Screened] = []
        func clean(_ text: String) -> String {
            switch source.trust {
            case .operator: return text
            case .repository, .requester, .thirdParty:
                // Files of the base commit are the project's own orders: cleaned of what nobody sees, not judged.
                let isJudged = source.trust != .repository
                let clean = SanitizedText(text, cutsPhrases: isJudged && cutsOrders)
                for finding in clean.findings where isJudged || finding.severity == .low {
                    found.append(.init(label: source.label, finding: finding))
                }
                return clean.text
            }
        }
        lead = clean(source.lead)
        parts = source.parts.map { part in
            let text = clean(part)
            return (text, Hydration.tokens(text))
        }
        screened += found
        size = (
            Hydration.tokens(lead) + parts.reduce(0) { $0 + $1.tokens } + Self.frame.tokens,
            lead.utf8.count + parts.reduce(0) { $0 + $1.text.utf8.count } + Self.frame.bytes
        )
    }

    var canShed: Bool { shedding != nil && !parts.isEmpty }

    mutating func shedOldest() {
        let part = parts.removeFirst()
        size.tokens -= part.tokens
        size.bytes -= part.text.utf8.count
        omitted += 1
    }

    /// Nil where nothing is left to say.
    var segment: Prompt.Segment? {
        guard !lead.isEmpty || !parts.isEmpty || omitted > 0 else { return nil }
        let note = omitted == 0 ? "" : "(\(omitted) earlier left out for length)\n"
        return Prompt.Segment(label, trust, lead + note + parts.map(\.text).joined())
    }
}
