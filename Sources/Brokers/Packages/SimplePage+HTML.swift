// SPDX-License-Identifier: Apache-2.0
package import Policy

extension SimplePage {
    package static let htmlTypes: Set<String> = ["application/vnd.pypi.simple.v1+html", "text/html"]

    /// Reads the anchors of the HTML form; everything else on the page is passed over. It tells no times of upload.
    package init(html bytes: [UInt8], at page: PackageLocation) throws(Flaw) {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw Flaw(reason: "it is no UTF-8") }
        self.init()
        var scanner = AnchorScanner(text)
        while let anchor = try scanner.next() {
            guard let href = anchor["href"] else { continue }
            let name = anchor.text
            guard PackageRoute.isFile(name), let location = page.resolving(href) else {
                unusable += 1
                continue
            }
            var file = File(name, location)
            let fragment = href.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).dropFirst().first
            if let parts = fragment?.split(separator: "=", maxSplits: 1), parts.count == 2,
                let hash = Hash(parts[0], parts[1])
            {
                file.hashes = [hash]
            }
            file.requiresPython = anchor["data-requires-python"]
            file.yanked = anchor["data-yanked"]
            let metadata = anchor["data-core-metadata"] ?? anchor["data-dist-info-metadata"]
            file.hasMetadata = metadata != nil && metadata != "false"
            try add(file)
        }
    }

    /// The HTML form, with addresses here, for clients that know no other.
    package func html(of name: PackageName) -> [UInt8] {
        var text = "<!DOCTYPE html><html><head><meta name=\"pypi:repository-version\" content=\"1.0\">"
        text += "<title>\(name)</title></head><body>\n"
        for file in files {
            text += "<a href=\"\(file.address(of: name))"
            if let hash = file.hashes.first { text += "#\(hash.algorithm)=\(hash.digits)" }
            text += "\""
            if let python = file.requiresPython { text += " data-requires-python=\"\(Self.escaped(python))\"" }
            if let yanked = file.yanked { text += " data-yanked=\"\(Self.escaped(yanked))\"" }
            if file.hasMetadata { text += " data-core-metadata=\"true\" data-dist-info-metadata=\"true\"" }
            text += ">\(file.name)</a><br>\n"
        }
        return Array((text + "</body></html>\n").utf8)
    }

    private static func escaped(_ text: String) -> String {
        var made = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": made += "&amp;"
            case "<": made += "&lt;"
            case ">": made += "&gt;"
            case "\"": made += "&quot;"
            default: made.unicodeScalars.append(character)
            }
        }
        return made
    }
}

/// Finds `<a attributes>text</a>` in a page, one after the other, in one pass over its bytes.
private struct AnchorScanner {
    struct Anchor {
        var attributes: [String: String] = [:]
        var text = ""
        subscript(name: String) -> String? { attributes[name] }
    }

    private let bytes: [UInt8]
    private var index = 0
    private static let mostAttributes = 32

    init(_ text: String) { bytes = Array(text.utf8) }

    /// - Throws: ``SimplePage/Flaw`` for a page whose references would mean something else, or that ends in a tag.
    mutating func next() throws(SimplePage.Flaw) -> Anchor? {
        while let open = bytes[index...].firstIndex(of: UInt8(ascii: "<")) {
            index = open + 1
            if bytes[index...].starts(with: "!--".utf8) {
                try skipComment()
            } else if isTag("base") {
                throw SimplePage.Flaw(reason: "it moves its references (<base>)")
            } else if isTag("a") {
                index += 1
                var anchor = Anchor()
                try readAttributes(&anchor)
                let end = bytes[index...].firstIndex(of: UInt8(ascii: "<")) ?? bytes.endIndex
                anchor.text = Self.plain(Self.trimmed(bytes[index..<end]))
                index = end
                return anchor
            }
        }
        return nil
    }

    private mutating func skipComment() throws(SimplePage.Flaw) {
        index += 3
        while index + 2 < bytes.count {
            if bytes[index] == 0x2D, bytes[index + 1] == 0x2D, bytes[index + 2] == 0x3E {
                index += 3
                return
            }
            index += 1
        }
        throw Self.unfinished
    }

    private func isTag(_ name: String) -> Bool {
        let rest = bytes[index...]
        guard rest.count > name.utf8.count, zip(rest, name.utf8).allSatisfy({ $0 | 0x20 == $1 }) else { return false }
        let after = bytes[index + name.utf8.count]
        return Self.isBlank(after) || after == 0x3E || after == 0x2F
    }

    private mutating func readAttributes(_ anchor: inout Anchor) throws(SimplePage.Flaw) {
        while true {
            while index < bytes.count, Self.isBlank(bytes[index]) || bytes[index] == 0x2F { index += 1 }
            guard index < bytes.count else { throw Self.unfinished }
            if bytes[index] == 0x3E {
                index += 1
                return
            }
            let start = index
            while index < bytes.count, !Self.isBlank(bytes[index]), !"=>/".utf8.contains(bytes[index]) { index += 1 }
            let name = String(decoding: bytes[start..<index], as: UTF8.self).lowercased()
            while index < bytes.count, Self.isBlank(bytes[index]) { index += 1 }
            guard index < bytes.count else { throw Self.unfinished }
            var value = ""
            if bytes[index] == UInt8(ascii: "=") {
                index += 1
                value = try readValue()
            } else if index == start {
                throw SimplePage.Flaw(reason: "it has a tag that cannot be read")
            }
            guard anchor.attributes.count < Self.mostAttributes else {
                throw SimplePage.Flaw(reason: "it has a tag with too many attributes")
            }
            // The first one counts. HTML 13.2.5.33
            if anchor.attributes[name] == nil { anchor.attributes[name] = value }
        }
    }

    private mutating func readValue() throws(SimplePage.Flaw) -> String {
        while index < bytes.count, Self.isBlank(bytes[index]) { index += 1 }
        guard index < bytes.count else { throw Self.unfinished }
        let quote = bytes[index]
        let isQuoted = quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'")
        if isQuoted { index += 1 }
        let start = index
        while index < bytes.count,
            isQuoted ? bytes[index] != quote : !Self.isBlank(bytes[index]) && bytes[index] != 0x3E
        {
            index += 1
        }
        guard index < bytes.count else { throw Self.unfinished }
        let value = Self.plain(bytes[start..<index])
        if isQuoted { index += 1 }
        return value
    }

    private static let unfinished = SimplePage.Flaw(reason: "it ends within a tag")

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x09 || byte == 0x0C || byte == 0x0D
    }

    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var rest = bytes.drop { isBlank($0) }
        while let last = rest.last, isBlank(last) { rest = rest.dropLast() }
        return rest
    }

    private static let entities: [(name: String, byte: UInt8)] = [
        ("&amp;", 0x26), ("&lt;", 0x3C), ("&gt;", 0x3E), ("&quot;", 0x22), ("&#34;", 0x22), ("&#39;", 0x27),
        ("&#x27;", 0x27), ("&#43;", 0x2B),
    ]

    /// Text with the references that indexes write; any other stays as it is, and then is part of no name.
    private static func plain(_ bytes: ArraySlice<UInt8>) -> String {
        guard bytes.contains(UInt8(ascii: "&")) else { return String(decoding: bytes, as: UTF8.self) }
        var made: [UInt8] = []
        var rest = bytes
        while let byte = rest.first {
            if byte == UInt8(ascii: "&"), let entity = entities.first(where: { rest.starts(with: $0.name.utf8) }) {
                made.append(entity.byte)
                rest = rest.dropFirst(entity.name.utf8.count)
            } else {
                made.append(byte)
                rest = rest.dropFirst()
            }
        }
        return String(decoding: made, as: UTF8.self)
    }
}
