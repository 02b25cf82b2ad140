// SPDX-License-Identifier: Apache-2.0
package import Documents
internal import Policy

/// One thing that is wrong with a blueprint, or with what it asks for: where, what, and what its author can do.
package struct BlueprintFlaw: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Severity: String, Sendable, CaseIterable {
        /// The blueprint is refused.
        case error
        /// It is taken, and probably does not do what its author thinks.
        case warning
    }

    package var severity: Severity
    package var place: Place
    package var message: String
    package var remedy: String
    /// The rule of a step sequence that it breaks, such as `S4`.
    package var rule: SequenceRule?

    package init(
        _ severity: Severity = .error, at place: Place, _ message: String, remedy: String, rule: SequenceRule? = nil
    ) {
        self.severity = severity
        self.place = place
        self.message = message.displayed
        self.remedy = remedy.displayed
        self.rule = rule
    }

    /// What the profile's own reader found in a part that is a profile's.
    init(_ cause: PolicyError) {
        self.init(at: Place(file: cause.file, line: cause.line), cause.message, remedy: cause.remedy)
    }

    package var description: String {
        let what = severity == .error ? "cannot load blueprint" : "warning: blueprint"
        let code =
            severity == .error
            ? rule.map { "\(SequenceRule.code) (\($0.rawValue)): " } : rule.map { "\($0.rawValue): " }
        return "\(what) \(place): \(code ?? "")\(message). \(remedy)"
    }

    package var json: JSON {
        var members: [JSON.Member] = [
            .init("severity", .string(severity.rawValue)), .init("file", .string(place.file)),
            .init("line", .int(place.line)), .init("message", .string(message)), .init("remedy", .string(remedy)),
        ]
        if let rule {
            members.append(.init("rule", .string(rule.rawValue)))
            if severity == .error { members.append(.init("code", .string(SequenceRule.code))) }
        }
        return .object(members)
    }
}

/// Everything that is wrong with one blueprint, in the order of its lines: an author mends a file once, not line by line.
package struct BlueprintRefusal: Error, Sendable, Hashable, CustomStringConvertible {
    /// Never empty.
    package let flaws: [BlueprintFlaw]

    init(_ flaws: [BlueprintFlaw]) {
        self.flaws = flaws.filter { $0.severity == .error }.sorted {
            ($0.place.line, $0.place.column, $0.message) < ($1.place.line, $1.place.column, $1.message)
        }
    }

    package var description: String { flaws.map(\.description).joined(separator: "\n") }
}

/// Takes what a reader finds while it goes on reading.
final class FlawCollector {
    private(set) var flaws: [BlueprintFlaw] = []

    func add(_ flaw: BlueprintFlaw) { flaws.append(flaw) }
    var hasErrors: Bool { flaws.contains { $0.severity == .error } }
}
