// SPDX-License-Identifier: Apache-2.0

/// Characters that change how others are shown, or that show nothing at all.
enum HiddenScalars {
    /// True for characters that a terminal must not get, however honest the text around them.
    ///
    /// A table of ranges and no property look-up: this runs for every character of a session's output.
    static func containsForTerminal(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x80...0x9F: true  // C1 controls; a UTF-8 terminal obeys U+009B as CSI
        case 0x061C, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: true  // bidi, CVE-2021-42574
        case 0x206A...0x206F: true  // deprecated shaping controls
        case 0x2028, 0x2029: true  // line and paragraph separator
        case 0xFFF9...0xFFFB: true  // interlinear annotation
        case 0xE0000...0xE0FFF: true  // tags and variation selectors that carry text no eye sees
        default: false
        }
    }

    /// True for characters that a line meant to be read and compared must spell out.
    ///
    /// Wider than ``containsForTerminal(_:)``: spaces that look like a space, joiners, everything unassigned.
    static func containsForPlainText(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return scalar.value < 0x20 || scalar.value == 0x7F }
        if scalar.properties.isDefaultIgnorableCodePoint { return true }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
            .spaceSeparator:
            return true
        default:
            return false
        }
    }

    /// True for characters that attach to the one before, which at the start of a text is not part of it.
    static func isMark(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .spacingMark: true
        default: false
        }
    }
}
