// SPDX-License-Identifier: Apache-2.0

/// The files that a project's own command left to be looked at, as a sandbox handed them out: every byte of them is claimed.
///
///     "sallyport artifacts 1\n" ( NAME " " SIZE "\n" bytes )* "end\n"
package struct ArtifactPack: Sendable, Hashable {
    package enum Kind: String, Sendable, CaseIterable { case text, png, jpeg, webp }

    package struct File: Sendable, Hashable {
        package let name: String
        package let kind: Kind
        package let bytes: [UInt8]
    }

    package let files: [File]
    /// What stands in the file ``figuresName``.
    package let figures: [Figure]

    package static let figuresName = "figures.tsv"
    /// The whole pack.
    package static let longest = 16 << 20
    static let header = Array("sallyport artifacts 1\n".utf8)
    static let mostFiles = 20
    static let longestFile = 4 << 20
    private static let end = Array("end\n".utf8)
    private static let longestLine = 100

    /// Why a pack is none; holds no byte of it.
    package struct Flaw: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String
    }

    package init(_ bytes: [UInt8]) throws(Flaw) {
        guard bytes.count <= Self.longest else { throw Flaw(description: "it is longer than \(Self.longest) bytes") }
        guard bytes.starts(with: Self.header) else { throw Flaw(description: "it does not begin as one") }
        var rest = bytes[Self.header.count...]
        var files: [File] = []
        while !rest.elementsEqual(Self.end) {
            guard files.count < Self.mostFiles else {
                throw Flaw(description: "it has more than \(Self.mostFiles) files")
            }
            let (name, size) = try Self.entry(&rest)
            guard !files.contains(where: { $0.name == name }) else { throw Flaw(description: "it has a name twice") }
            let content = Array(rest.prefix(size))
            guard content.count == size else { throw Flaw(description: "it ends within a file") }
            guard let kind = Self.kind(content) else {
                throw Flaw(description: "file \(files.count + 1) is neither text nor a picture")
            }
            rest = rest.dropFirst(size)
            files.append(File(name: name, kind: kind, bytes: content))
        }
        self.files = files
        figures =
            try files.first { $0.name == Self.figuresName }.map { (file) throws(Flaw) in
                try Figure.read(file.bytes)
            } ?? []
    }

    private static func entry(_ rest: inout ArraySlice<UInt8>) throws(Flaw) -> (String, Int) {
        guard let line = rest.prefix(longestLine).firstIndex(of: 0x0A) else {
            throw Flaw(description: "a file has no name and size before it")
        }
        let parts = rest[..<line].split(separator: 0x20, omittingEmptySubsequences: false)
        guard parts.count == 2, isName(parts[0]), let size = number(parts[1]), size <= longestFile else {
            throw Flaw(description: "a file has no plain name, or more than \(longestFile) bytes")
        }
        rest = rest[(line + 1)...]
        return (String(decoding: parts[0], as: UTF8.self), size)
    }

    /// Of letters, digits, `.`, `_` and `-`, and not hidden.
    private static func isName(_ text: ArraySlice<UInt8>) -> Bool {
        (1...64).contains(text.count) && text.first != UInt8(ascii: ".") && text.first != UInt8(ascii: "-")
            && text.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || "._-".utf8.contains(byte)
            }
    }

    private static func number(_ text: ArraySlice<UInt8>) -> Int? {
        guard (1...8).contains(text.count), text.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return text.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    /// By how the content begins: a name says nothing.
    private static func kind(_ content: [UInt8]) -> Kind? {
        if content.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { return .png }
        if content.starts(with: [0xFF, 0xD8, 0xFF]) { return .jpeg }
        if content.starts(with: "RIFF".utf8), content.dropFirst(8).starts(with: "WEBP".utf8) { return .webp }
        let isPlain = content.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
        return isPlain && String(validating: content, as: UTF8.self) != nil ? .text : nil
    }

    /// The same pack in its one form.
    package var bytes: [UInt8] {
        var result = Self.header
        for file in files { result += Array("\(file.name) \(file.bytes.count)\n".utf8) + file.bytes }
        return result + Self.end
    }
}

/// A figure that a project's own command measured: `NAME<TAB>NUMBER` or `NAME<TAB>NUMBER<TAB>UNIT` on a line.
package struct Figure: Sendable, Hashable {
    package let name: String
    /// As it was written: digits with at most one point, and a sign.
    package let text: String
    package let unit: String

    static let most = 100

    package var value: Double? { Double(text) }

    static func read(_ bytes: [UInt8]) throws(ArtifactPack.Flaw) -> [Figure] {
        var figures: [Figure] = []
        for line in bytes.split(separator: 0x0A) {
            let parts = line.split(separator: 0x09, omittingEmptySubsequences: false)
                .map { String(decoding: $0, as: UTF8.self) }
            guard (2...3).contains(parts.count), isWord(parts[0], 64), isNumber(parts[1]),
                parts.count == 2 || isWord(parts[2], 16), figures.count < most,
                !figures.contains(where: { $0.name == parts[0] })
            else {
                throw ArtifactPack.Flaw(
                    description: "line \(figures.count + 1) of \(ArtifactPack.figuresName) is no name, number and unit")
            }
            figures.append(Figure(name: parts[0], text: parts[1], unit: parts.count == 3 ? parts[2] : ""))
        }
        return figures
    }

    private static func isWord(_ text: String, _ longest: Int) -> Bool {
        (1...longest).contains(text.utf8.count) && text.utf8.allSatisfy { (0x20..<0x7F).contains($0) }
            && text.utf8.contains { $0 > 0x20 }
    }

    private static func isNumber(_ text: String) -> Bool {
        let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
        let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
        return (1...2).contains(parts.count) && text.utf8.count <= 24
            && parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }
    }

    /// How another differs from this one, in percent with one decimal; nil where there is nothing to compare with.
    package func change(to other: Figure) -> String? {
        guard other.unit == unit, let before = value, let after = other.value, before != 0 else { return nil }
        let tenths = ((after - before) / abs(before) * 1000).rounded()
        guard abs(tenths) < 1e9 else { return nil }
        let whole = Int(abs(tenths))
        return "\(tenths < 0 ? "-" : "+")\(whole / 10).\(whole % 10) %"
    }
}
