// SPDX-License-Identifier: Apache-2.0

/// A name, or the beginning of names behind which a star stands.
package struct NamePattern: Sendable, Hashable, CustomStringConvertible {
    package let stem: String
    package let isPrefix: Bool

    /// Reads "name" or "name*"; nil for an empty text, a star elsewhere, and characters that no model's name has.
    package init?(_ text: String) {
        isPrefix = text.hasSuffix("*")
        stem = isPrefix ? String(text.dropLast()) : text
        guard !text.isEmpty, text.utf8.count <= 256, stem.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x2A })
        else { return nil }
    }

    package func matches(_ name: String) -> Bool { isPrefix ? name.hasPrefix(stem) : name == stem }

    package var description: String { isPrefix ? stem + "*" : stem }
}

/// What a session may ask of a model, and how much of it.
package struct ModelPolicy: Sendable, Equatable {
    /// What reaches beyond the one request; each of them off unless a policy says so.
    package struct Grants: OptionSet, Sendable, Hashable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        /// Addresses in content that the vendor would fetch.
        package static let addresses = Grants(rawValue: 1)
        /// What the vendor keeps between requests: files, stored answers, conversations, containers.
        package static let storedState = Grants(rawValue: 2)
    }

    package static let budgets = MicroDollars(10_000)...MicroDollars(100_000_000)
    package static let turnCounts = 1...500
    package static let outputBounds = 1...1_000_000

    package let apis: Set<ModelAPI>
    package let models: [NamePattern]
    /// The most that one answer may be asked to have.
    package let maximumOutputTokens: Int
    /// Tools that the vendor runs, by the name their type has.
    package let vendorTools: [NamePattern]
    package let grants: Grants
    /// Keys of a request's body, beyond those known here, that somebody has looked at.
    package let vettedKeys: Set<String>
    package let budget: MicroDollars
    package let turns: Int
    package let maximumBody: Int

    /// - Returns: nil when no API or model is named, or a number is outside of its range.
    package init?(
        apis: Set<ModelAPI>, models: [NamePattern], maximumOutputTokens: Int = 32_000, vendorTools: [NamePattern] = [],
        grants: Grants = [], vettedKeys: Set<String> = [], budget: MicroDollars, turns: Int = 100,
        maximumBody: Int = 10 << 20
    ) {
        guard !apis.isEmpty, !models.isEmpty, Self.outputBounds.contains(maximumOutputTokens),
            Self.budgets.contains(budget), Self.turnCounts.contains(turns), (1024...(64 << 20)).contains(maximumBody)
        else { return nil }
        self.apis = apis
        self.models = models
        self.maximumOutputTokens = maximumOutputTokens
        self.vendorTools = vendorTools
        self.grants = grants
        self.vettedKeys = vettedKeys
        self.budget = budget
        self.turns = turns
        self.maximumBody = maximumBody
    }
}
