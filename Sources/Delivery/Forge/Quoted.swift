// SPDX-License-Identifier: Apache-2.0
internal import Secrets

/// Text of unknown origin as Markdown that stays what it is: no markup, link, mention or image of its author's works, and a
/// secret of a known form is its kind only. Looked for here, since what is escaped has lost its form.
package enum Quoted {
    /// One line: printable, with everything that Markdown or HTML acts on escaped.
    package static func line(_ text: String, longest: Int = 300) -> String {
        var result = ""
        for scalar in Redactor.redacted(text).unicodeScalars {
            guard result.utf8.count < longest else { return result + "..." }
            // Half of what makes an address a link, without its colon no address.
            if scalar == "/", result.hasSuffix(":") { result = result.dropLast() + "&#58;" }
            append(scalar, to: &result)
        }
        return result
    }

    /// One line of plain text, for a title, which no forge reads as Markdown.
    package static func title(_ text: String, longest: Int = 120) -> String {
        let line = printable(Redactor.redacted(text))
        return line.unicodeScalars.count <= longest
            ? line : String(String.UnicodeScalarView(line.unicodeScalars.prefix(longest))) + "..."
    }

    /// Each line as a quotation.
    package static func lines(_ text: String, longest: Int = 4000) -> String {
        let text = Redactor.redacted(text)
        let cut = text.unicodeScalars.prefix(longest)
        var lines = String(String.UnicodeScalarView(cut)).split(separator: "\n", omittingEmptySubsequences: false)
            .prefix(100).map { "> " + line(String($0), longest: 1000) }
        if cut.count < text.unicodeScalars.count { lines.append("> (cut)") }
        return lines.joined(separator: "\n") + "\n"
    }

    /// A block of literal text; it is indented, so nothing in it can close it.
    package static func block(_ text: String) -> String {
        Redactor.redacted(text).split(separator: "\n", omittingEmptySubsequences: false).map {
            "    " + printable(String($0))
        }
        .joined(separator: "\n") + "\n"
    }

    private static func printable(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { isControl($0) ? "\u{FFFD}" : $0 }))
    }

    private static func append(_ scalar: Unicode.Scalar, to result: inout String) {
        if isControl(scalar) {
            result += "\u{FFFD}"
        } else if scalar == "@" || scalar == "#" || scalar == "<" || scalar == ">" || scalar == "&" {
            // As entities: a backslash does not stop a mention or a reference to another issue.
            result += "&#\(scalar.value);"
        } else {
            if "\\`*_[]|~".unicodeScalars.contains(scalar) { result += "\\" }
            result.unicodeScalars.append(scalar)
        }
    }

    /// Controls, line ends and what reorders text on a screen.
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09: false
        case 0..<0x20, 0x7F...0x9F, 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
        default: false
        }
    }
}
