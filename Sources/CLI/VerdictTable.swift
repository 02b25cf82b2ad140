// SPDX-License-Identifier: Apache-2.0
internal import Documents

/// One line of a report with a verdict, and what to do about it beneath.
package struct VerdictLine: Sendable {
    package var mark: Mark
    package var word: String
    package var name: String
    package var text: String
    package var notes: [String]

    package init(_ mark: Mark, _ word: String, name: String, text: String, notes: [String] = []) {
        self.mark = mark
        self.word = word
        self.name = name
        self.text = text
        self.notes = notes
    }
}

/// A list of verdicts in three columns.
package enum VerdictTable {
    package static func text(_ lines: [VerdictLine], colour: Bool) -> String {
        let words = lines.map { $0.word.count }.max() ?? 0
        let names = lines.map { $0.name.count }.max() ?? 0
        let indent = String(repeating: " ", count: words + names + 4)
        return lines.flatMap { line in
            let blanks = String(repeating: " ", count: words - line.word.count + 2)
            let head =
                line.mark.paint(line.word, colour: colour) + blanks + Columns.padded(line.name, names + 2)
                + line.text.displayed
            return [head] + line.notes.map { indent + $0.displayed }
        }.joined(separator: "\n")
    }
}
