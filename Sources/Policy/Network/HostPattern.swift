// SPDX-License-Identifier: Apache-2.0

/// The names that a rule is about: one name, `*.` for exactly one label before it, `**.` for one or more.
///
/// Neither wildcard matches the name behind it.
package struct HostPattern: Hashable, Sendable, CustomStringConvertible {
    /// From the least to the most specific; the more specific one decides.
    package enum Reach: Int, Hashable, Sendable, Comparable {
        case below, oneLabel, exact

        package static func < (first: Reach, second: Reach) -> Bool { first.rawValue < second.rawValue }
    }

    package let reach: Reach
    /// The name itself, or what stands behind the wildcard.
    package let name: HostName

    package init(_ reach: Reach, _ name: HostName) {
        self.reach = reach
        self.name = name
    }

    /// The pattern of a text in canonical form; nil when it is none.
    package init?(_ text: String) {
        let (reach, rest) = Self.split(text)
        guard let name = HostName(String(rest)), name.text == rest else { return nil }
        self.init(reach, name)
    }

    /// A wildcard in front, and what follows it.
    static func split(_ text: String) -> (Reach, Substring) {
        if text.hasPrefix("**.") { return (.below, text.dropFirst(3)) }
        if text.hasPrefix("*.") { return (.oneLabel, text.dropFirst(2)) }
        return (.exact, text[...])
    }

    package func matches(_ candidate: HostName) -> Bool {
        switch reach {
        case .exact: candidate == name
        case .oneLabel: candidate.isBelow(name) && candidate.labelCount == name.labelCount + 1
        case .below: candidate.isBelow(name)
        }
    }

    /// Whether every name that `other` matches is matched here too.
    package func covers(_ other: HostPattern) -> Bool {
        switch (reach, other.reach) {
        case (.exact, .exact), (.oneLabel, .oneLabel): name == other.name
        case (.oneLabel, .exact), (.below, .exact): matches(other.name)
        case (.below, .oneLabel), (.below, .below): name == other.name || other.name.isBelow(name)
        case (.exact, _), (.oneLabel, .below): false
        }
    }

    /// Whether this pattern decides rather than `other` about a name that both match: an exact name before `*.`
    /// before `**.`, and of two of a kind the longer one.
    package func isMoreSpecific(than other: HostPattern) -> Bool {
        reach == other.reach ? name.text.utf8.count > other.name.text.utf8.count : reach > other.reach
    }

    package var isWildcard: Bool { reach != .exact }

    package var text: String {
        switch reach {
        case .exact: name.text
        case .oneLabel: "*." + name.text
        case .below: "**." + name.text
        }
    }

    package var description: String { text }
}
