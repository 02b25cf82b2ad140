// SPDX-License-Identifier: Apache-2.0

/// The parts of a page that can be wrong: code, links and table rows, each with its line.
struct Markdown {
    struct Piece: Equatable {
        let line: Int
        let text: String
    }

    /// Lines of fenced blocks.
    private(set) var blocks: [Piece] = []
    /// What stands between backticks in a line of prose.
    private(set) var spans: [Piece] = []
    /// Targets of links to places in this repository, without their fragment.
    private(set) var links: [Piece] = []
    /// Lines of prose with a backtick that has no partner: what follows it would be read the wrong way round.
    private(set) var unpaired: [Int] = []
    /// Cells of table rows, trimmed.
    private(set) var rows: [(line: Int, cells: [String])] = []

    init(_ page: String) {
        var isFenced = false
        for (offset, line) in page.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let number = offset + 1
            if line.hasPrefix("```") {
                isFenced.toggle()
                continue
            }
            if isFenced {
                blocks.append(Piece(line: number, text: String(line)))
                continue
            }
            if !line.filter({ $0 == "`" }).count.isMultiple(of: 2) { unpaired.append(number) }
            spans += Self.spans(line).map { Piece(line: number, text: $0) }
            links += Self.links(line).map { Piece(line: number, text: $0) }
            if line.hasPrefix("|") { rows.append((number, Self.cells(line))) }
        }
    }

    /// Every second piece when split at the backticks.
    static func spans(_ text: some StringProtocol) -> [String] {
        text.split(separator: "`", omittingEmptySubsequences: false).enumerated()
            .compactMap { $0.offset.isMultiple(of: 2) ? nil : String($0.element) }
    }

    private static func links(_ line: Substring) -> [String] {
        line.split(separator: "](", omittingEmptySubsequences: false).dropFirst().compactMap { rest in
            guard let end = rest.firstIndex(of: ")") else { return nil }
            let target = rest[..<end].prefix { $0 != "#" }
            return target.isEmpty || target.contains("://") ? nil : String(target)
        }
    }

    private static func cells(_ line: Substring) -> [String] {
        line.split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast().map {
            String($0.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }
    }
}
