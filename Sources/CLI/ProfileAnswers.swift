// SPDX-License-Identifier: Apache-2.0
internal import Documents
package import Policy

/// What the profile verbs say, as text for people.
package enum ProfileAnswers {
    /// A judgement with the rules that led to it.
    package static func text(_ judgement: Judgement) -> String {
        var lines = ["\(judgement.subject.description): \(judgement.verdict)"]
        let width = judgement.steps.map { $0.effect.count }.max() ?? 0
        for step in judgement.steps {
            lines.append("  \(Columns.padded(step.effect, width))  \(step.rule)  # \(step.origin)")
            if let reason = step.reason { lines.append("  \(Columns.padded("", width))  \(reason)") }
        }
        if let remedy = judgement.remedy { lines.append("  \(remedy)") }
        return lines.map { $0.displayed }.joined(separator: "\n")
    }

    /// The differences of two profiles, one a line.
    package static func text(_ changes: [GrantChange], from first: String, to second: String) -> String {
        if changes.isEmpty { return "\"\(first.displayed)\" and \"\(second.displayed)\" grant the same" }
        return changes.map { $0.text.displayed }.joined(separator: "\n")
    }

    /// The outcome of a profile's own assertions: those that fail with the reason, then the count.
    package static func text(_ results: [AssertionResult]) -> String {
        let lines = results.map { result in
            let mark = result.holds ? "holds " : "FAILS "
            let why =
                result.holds
                ? "" : "\n" + text(result.judgement).split(separator: "\n").map { "    \($0)" }.joined(separator: "\n")
            return "\(mark) \(result.assertion.text.displayed)  # \(result.origin.displayed)" + why
        }
        let failed = results.count { !$0.holds }
        return (lines + ["\(results.count) assertions, \(failed) failed"]).joined(separator: "\n")
    }
}
