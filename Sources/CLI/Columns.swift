// SPDX-License-Identifier: Apache-2.0

/// Text laid out for a person's eye.
package enum Columns {
    /// The text, followed by blanks up to a width.
    package static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    /// Lines of at most `width` characters, broken at blanks; a longer word stays whole.
    package static func wrapped(_ text: String, width: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty && line.count + 1 + word.count > width {
                lines.append(line)
                line = ""
            }
            line += line.isEmpty ? String(word) : " " + word
        }
        if !line.isEmpty { lines.append(line) }
        return lines
    }
}

/// How sure a reader may be of one line of a report; the colour only repeats the word beside it.
package enum Mark: Sendable {
    case good, weak, bad

    /// The word as it stands in its column, coloured when the reader can see colours.
    package func paint(_ word: String, colour: Bool) -> String {
        guard colour else { return word }
        let code =
            switch self {
            case .good: "32"
            case .weak: "33"
            case .bad: "31"
            }
        return "\u{1b}[\(code)m\(word)\u{1b}[0m"
    }

    /// Colour is for a terminal whose reader has not said NO_COLOR (https://no-color.org: present and not empty).
    package static func wantsColour(isTerminal: Bool, noColour: String?) -> Bool {
        isTerminal && (noColour ?? "").isEmpty
    }
}
