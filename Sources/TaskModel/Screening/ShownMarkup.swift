// SPDX-License-Identifier: Apache-2.0

/// What a forge shows of Markdown with HTML in it: comments and the content of scripts are cut, tags of HTML lose their
/// brackets' insides, everything else, generics of a language among it, stays.
struct ShownMarkup {
    let text: String

    private static let hidden: Set<String> = ["script", "style", "iframe", "object", "embed", "template", "noscript"]
    private static let tags: Set<String> = [
        "a", "abbr", "b", "blockquote", "body", "br", "button", "center", "code", "dd", "del", "details", "div", "dl",
        "dt", "em", "font", "form", "h1", "h2", "h3", "h4", "h5", "h6", "head", "hr", "html", "i", "img", "input",
        "ins", "kbd", "li", "link", "mark", "meta", "ol", "p", "picture", "pre", "q", "s", "samp", "small", "source",
        "span", "strike", "strong", "sub", "summary", "sup", "svg", "table", "tbody", "td", "textarea", "tfoot", "th",
        "thead", "title", "tr", "tt", "u", "ul", "var", "video",
    ]

    /// Works on bytes: every mark that it looks for is ASCII, and a byte of ASCII is never part of another character.
    init(_ raw: String, _ findings: inout [ScreeningFinding]) {
        let bytes = Array(raw.utf8)
        var kept: [UInt8] = []
        kept.reserveCapacity(bytes.count)
        var (comments, active) = (0, 0)
        var position = 0
        var closing = ClosingMarks(bytes)
        var code = MarkdownCode(bytes)
        while position < bytes.count {
            // What is code is shown as it stands.
            if let end = code.end(at: position) {
                kept += bytes[position..<end]
                position = end
                continue
            }
            guard bytes[position] == UInt8(ascii: "<") else {
                kept.append(bytes[position])
                position += 1
                continue
            }
            if bytes[position...].starts(with: "<!--".utf8) {
                comments += 1
                position = closing.comment(after: position + 4)
                continue
            }
            guard let tag = Tag(bytes, at: position), Self.hidden.contains(tag.name) || Self.tags.contains(tag.name)
            else {
                kept.append(bytes[position])
                position += 1
                continue
            }
            if Self.hidden.contains(tag.name) { active += 1 }
            position = tag.end
            if Self.hidden.contains(tag.name), !tag.isClosing {
                position = closing.element(tag.name, after: position)
            }
        }
        text = comments + active == 0 && kept.count == bytes.count ? raw : String(decoding: kept, as: UTF8.self)
        if comments > 0 { findings.append(.init(.hiddenMarkup, .low, count: comments)) }
        if active > 0 { findings.append(.init(.activeMarkup, .low, count: active)) }
    }

    /// `<name ...>` or `</name>`, up to a few thousand bytes.
    private struct Tag {
        let name: String
        let isClosing: Bool
        /// Behind the bracket.
        let end: Int

        private static let longest = 4096

        init?(_ bytes: [UInt8], at start: Int) {
            var position = start + 1
            isClosing = position < bytes.count && bytes[position] == UInt8(ascii: "/")
            if isClosing { position += 1 }
            let nameStart = position
            while position < bytes.count, position - nameStart < 16, Self.isLetter(bytes[position]) { position += 1 }
            guard position > nameStart, position < bytes.count else { return nil }
            name = String(decoding: bytes[nameStart..<position], as: UTF8.self).lowercased()
            // A name of something else only begins so.
            guard " \t\n/>".utf8.contains(bytes[position]) else { return nil }
            var quote: UInt8?
            let limit = min(bytes.count, start + Self.longest)
            while position < limit {
                let byte = bytes[position]
                position += 1
                if let open = quote {
                    if byte == open { quote = nil }
                } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                    quote = byte
                } else if byte == UInt8(ascii: ">") {
                    end = position
                    return
                } else if byte == UInt8(ascii: "<") {
                    return nil
                }
            }
            return nil
        }

        private static func isLetter(_ byte: UInt8) -> Bool {
            (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || (0x31...0x36).contains(byte)
        }
    }

    /// Finds where hidden parts end, each byte looked at once: a text of openings without an end stays linear.
    private struct ClosingMarks {
        private let bytes: [UInt8]
        private var withoutEnd: Set<String> = []

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        /// Without an end the rest of the text is hidden, as a forge has it.
        mutating func comment(after start: Int) -> Int { end(of: Array("-->".utf8), after: start) ?? bytes.count }

        mutating func element(_ name: String, after start: Int) -> Int {
            if withoutEnd.contains(name) { return start }
            guard let found = end(of: Array("</\(name)".utf8), after: start) else {
                withoutEnd.insert(name)
                return start
            }
            return bytes[found...].firstIndex(of: UInt8(ascii: ">")).map { $0 + 1 } ?? bytes.count
        }

        private func end(of mark: [UInt8], after start: Int) -> Int? {
            var position = start
            while position + mark.count <= bytes.count {
                if zip(bytes[position...], mark).allSatisfy({ $0 | 0x20 == $1 | 0x20 }) { return position + mark.count }
                position += 1
            }
            return nil
        }
    }
}
