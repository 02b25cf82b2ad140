// SPDX-License-Identifier: Apache-2.0

/// Makes a text what a person sees of it, and says what else was in it.
///
/// Deterministic, and no judge of meaning: characters that no reader sees, markup that a forge does not show, and phrases
/// by which texts pretend to be somebody else's orders. What is left is data for an agent, with its trust beside it.
package struct SanitizedText: Sendable, Hashable {
    package let text: String
    /// In the order of their places in the text.
    package let findings: [ScreeningFinding]

    /// - Parameter cutsPhrases: Phrases that read as orders are replaced, not only found.
    package init(_ raw: String, cutsPhrases: Bool) {
        var findings: [ScreeningFinding] = []
        let visible = VisibleText(raw, &findings)
        let shown = ShownMarkup(visible.text, &findings)
        let phrases = InjectionPhrases.find(shown.text)
        var text = shown.text
        if cutsPhrases {
            // Backwards, so that the ranges in front stay true.
            for phrase in phrases.reversed() { text.replaceSubrange(phrase.range, with: Self.cut) }
        }
        self.text = text
        self.findings = findings + phrases.map(\.finding)
    }

    /// Stands where a phrase stood.
    package static let cut = "[cut: an order to the reader]"

    /// The worst that was found; nil for a clean text.
    package var severity: ScreeningFinding.Severity? { findings.map(\.severity).max() }
}

/// One thing in a text that a reader of it would not see, or should not obey.
package struct ScreeningFinding: Sendable, Hashable {
    package enum Severity: Int, Sendable, CaseIterable, Comparable {
        /// Removed, and nothing to stop for.
        case low
        case medium
        case high

        package static func < (first: Severity, second: Severity) -> Bool { first.rawValue < second.rawValue }

        package var name: String {
            switch self {
            case .low: "low"
            case .medium: "medium"
            case .high: "high"
            }
        }
    }

    package enum Kind: String, Sendable, CaseIterable {
        case controlCharacters = "control_characters"
        case invisibleCharacters = "invisible_characters"
        /// Text in characters that show nothing.
        case hiddenText = "hidden_text"
        case hiddenMarkup = "hidden_markup"
        case activeMarkup = "active_markup"
        /// Marks that chat models tell their speakers apart by.
        case forgedTurn = "forged_turn"
        case overridesInstructions = "overrides_instructions"
        case asksForSecrets = "asks_for_secrets"
    }

    package let kind: Kind
    package let severity: Severity
    package let count: Int

    package init(_ kind: Kind, _ severity: Severity, count: Int = 1) {
        self.kind = kind
        self.severity = severity
        self.count = count
    }

    /// For a message: never the text itself, which would carry it on.
    package var description: String { "\(kind.rawValue) (\(severity.name), \(count))" }
}

/// The characters that a reader sees.
private struct VisibleText {
    let text: String

    init(_ raw: String, _ findings: inout [ScreeningFinding]) {
        var kept = String.UnicodeScalarView()
        var (controls, hidden, tags) = (0, 0, 0)
        var afterReturn = false
        for scalar in raw.unicodeScalars {
            defer { afterReturn = scalar == "\r" }
            if scalar == "\n", afterReturn { continue }
            if scalar == "\r" {
                kept.append("\n")
                continue
            }
            switch Self.standing(scalar) {
            case .shown: kept.append(scalar)
            case .control: controls += 1
            case .hidden: hidden += 1
            case .carriesText: tags += 1
            }
        }
        text = String(kept)
        if controls > 0 { findings.append(.init(.controlCharacters, .low, count: controls)) }
        if hidden > 0 { findings.append(.init(.invisibleCharacters, .low, count: hidden)) }
        // A flag of a region has five of them; a sentence more.
        if tags > 0 { findings.append(.init(.hiddenText, tags > 12 ? .high : .low, count: tags)) }
    }

    private enum Standing { case shown, control, hidden, carriesText }

    private static func standing(_ scalar: Unicode.Scalar) -> Standing {
        switch scalar.value {
        case 0x09, 0x0A: return .shown
        case 0..<0x20, 0x7F...0x9F: return .control
        // One space is as good as another, and these hide where a word ends.
        case 0xE0000...0xE0FFF: return .carriesText
        // Joins letters of scripts and parts of pictures that people do write.
        case 0x200C, 0x200D, 0xFE0E, 0xFE0F: return .shown
        case 0xFE00...0xFE0D: return .carriesText
        case 0xFFFE, 0xFFFF: return .hidden
        default: break
        }
        if scalar.isASCII { return .shown }
        if scalar.properties.isDefaultIgnorableCodePoint { return .hidden }
        switch scalar.properties.generalCategory {
        case .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse: return .hidden
        default: return .shown
        }
    }
}
