// SPDX-License-Identifier: Apache-2.0

/// The transition table as Markdown, for docs/task-states.md.
package enum TransitionDiagram {
    package static let begin = "<!-- generated from TransitionTable: begin -->\n"
    package static let end = "<!-- generated from TransitionTable: end -->\n"

    /// The part of the page between its marks.
    package static var markdown: String {
        var lines = ["", "```mermaid", "stateDiagram-v2"]
        for state in TransitionTable.initial { lines.append("    [*] --> \(state.rawValue)") }
        for (from, to, events) in arrows {
            lines.append("    \(from.rawValue) --> \(to.rawValue): \(events.joined(separator: ", "))")
        }
        for state in TaskState.allCases where state.isTerminal { lines.append("    \(state.rawValue) --> [*]") }
        lines += ["```", "", "| from | event | to | when |", "|---|---|---|---|"]
        for row in TransitionTable.rows {
            lines.append("| \(row.from.rawValue) | `\(row.event.rawValue)` | \(row.to.rawValue) | \(row.note) |")
        }
        return (lines + [""]).map { $0 + "\n" }.joined()
    }

    /// One arrow for all events between two states, in the order of the table.
    private static var arrows: [(TaskState, TaskState, [String])] {
        var arrows: [(TaskState, TaskState, [String])] = []
        for row in TransitionTable.rows {
            if let at = arrows.firstIndex(where: { $0.0 == row.from && $0.1 == row.to }) {
                arrows[at].2.append(row.event.rawValue)
            } else {
                arrows.append((row.from, row.to, [row.event.rawValue]))
            }
        }
        return arrows
    }
}
