// SPDX-License-Identifier: Apache-2.0

/// Lines of the plain formats that package clients are configured in.
enum ConfigurationText {
    struct Setting: Hashable {
        /// The section's name in small letters; empty before the first one.
        var section: String
        /// In small letters, with hyphens for underscores.
        var key: String
        var value: String
        var line: Int
    }

    static func trimmed(_ text: some StringProtocol) -> String {
        let blanks: Set<UInt8> = [0x20, 0x09, 0x0D]
        let bytes = text.utf8.drop { blanks.contains($0) }.reversed().drop { blanks.contains($0) }
        return String(decoding: Array(bytes.reversed()), as: UTF8.self)
    }

    static func unquoted(_ text: String) -> String {
        guard text.utf8.count >= 2, let first = text.utf8.first, first == text.utf8.last,
            first == UInt8(ascii: "\"") || first == UInt8(ascii: "'")
        else { return text }
        return String(text.dropFirst().dropLast())
    }

    static func words(_ text: some StringProtocol) -> [String] {
        text.split { $0 == " " || $0 == "\t" || $0 == "\n" || $0 == "\r" || $0 == "\r\n" }.map { String($0) }
    }

    static func lines(_ text: String) -> [(number: Int, text: Substring)] {
        // A line end of two characters is one Character, so the split goes by bytes.
        text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated()
            .map { ($0 + 1, Substring($1)) }
    }

    /// Sections in brackets, `key = value` or `key: value`, comments, and values that go on in indented lines:
    /// Python's configparser, and npm's files, which have neither sections nor continuation.
    static func ini(_ text: String) -> [Setting] {
        var section = ""
        var found: [Setting] = []
        for (number, raw) in lines(text) {
            let line = trimmed(raw)
            if line.isEmpty || line.hasPrefix("#") || line.hasPrefix(";") { continue }
            let isIndented = raw.first == " " || raw.first == "\t"
            if isIndented, !found.isEmpty, found[found.count - 1].section == section {
                found[found.count - 1].value += "\n" + line
            } else if line.hasPrefix("["), line.hasSuffix("]") {
                section = String(line.dropFirst().dropLast()).lowercased()
            } else if let mark = line.firstIndex(where: { marks(line).contains($0) }) {
                found.append(setting(section, line, mark, number))
            }
        }
        return found
    }

    /// npm's keys hold colons themselves: `@scope:registry=`, `//host/:_authToken=`.
    private static func marks(_ line: String) -> Set<Character> {
        line.hasPrefix("@") || line.hasPrefix("//") ? ["="] : ["=", ":"]
    }

    private static func setting(_ section: String, _ line: String, _ mark: String.Index, _ number: Int) -> Setting {
        let key = trimmed(line[..<mark]).lowercased().map { $0 == "_" ? "-" : $0 }
        return Setting(
            section: section, key: String(key), value: trimmed(line[line.index(after: mark)...]), line: number)
    }

    /// The tables of a TOML file as dotted keys with string values; whatever else stands there is passed over.
    static func toml(_ text: String) -> [Setting] {
        var section = ""
        var found: [Setting] = []
        for (number, raw) in lines(text) {
            let line = trimmed(raw)
            if line.isEmpty || line.hasPrefix("#") { continue }
            if line.hasPrefix("[") {
                section = dotted(line.drop { $0 == "[" }.prefix { $0 != "]" })
            } else if let mark = line.firstIndex(of: "=") {
                let key = dotted(line[..<mark])
                guard let value = string(trimmed(line[line.index(after: mark)...])) else { continue }
                found.append(Setting(section: section, key: key, value: value, line: number))
            }
        }
        return found
    }

    private static func dotted(_ text: Substring) -> String {
        text.split(separator: ".").map { unquoted(trimmed($0)) }.joined(separator: ".")
    }

    /// A string in either kind of quotes at the beginning of a value; escapes do not occur in URLs.
    private static func string(_ text: String) -> String? {
        guard let quote = text.first, quote == "\"" || quote == "'" else { return nil }
        let rest = text.dropFirst()
        guard let end = rest.firstIndex(of: quote) else { return nil }
        return String(rest[..<end])
    }
}
