// SPDX-License-Identifier: Apache-2.0

extension String {
    /// The text on one line, with what acts on a terminal or reorders what is read written as `\u{1b}`.
    ///
    /// For messages that quote a document: a project's own file comes from the repository an agent works on, and
    /// `"\e]0;..."` is a legal YAML string.
    package var displayed: String {
        guard unicodeScalars.contains(where: { $0.isUnsafeToDisplay }) else { return self }
        return unicodeScalars.map { scalar in
            scalar.isUnsafeToDisplay ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
        }.joined()
    }
}

extension Unicode.Scalar {
    /// Controls of both ranges, line and paragraph separators, directional marks, byte order mark, non-characters.
    var isUnsafeToDisplay: Bool {
        switch value {
        case 0..<0x20, 0x7F...0x9F: true
        case 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        case 0xFEFF, 0xFFFE, 0xFFFF: true
        default: false
        }
    }
}
