// SPDX-License-Identifier: Apache-2.0

/// The module table of docs/architecture.md: what each module may import, in the order of the rows.
struct ModuleTable {
    struct Row: Equatable {
        let name: String
        let mayImport: [String]
    }

    let rows: [Row]

    subscript(name: String) -> Row? { rows.first { $0.name == name } }

    /// Reads every row of the form ``| `Name` | sentence | `A` `B` |`` and nothing else.
    init(markdown: String) {
        rows = markdown.split(separator: "\n").compactMap { line in
            let cells = line.split(separator: "|", omittingEmptySubsequences: false)
            guard cells.count == 5, let name = Self.quotedWords(cells[1]).first else { return nil }
            return Row(name: name, mayImport: Self.quotedWords(cells[3]))
        }
    }

    /// The words between backticks: every second piece when split there.
    private static func quotedWords(_ cell: Substring) -> [String] {
        cell.split(separator: "`", omittingEmptySubsequences: false).enumerated()
            .compactMap { $0.offset.isMultiple(of: 2) ? nil : String($0.element) }
    }

    /// Each import that stands in a row above none of its importers, as "importer imports imported".
    ///
    /// Names without a row (system modules) have no place in the order.
    func upwardImports() -> [String] {
        let place = Dictionary(rows.enumerated().map { ($0.element.name, $0.offset) }, uniquingKeysWith: min)
        return rows.enumerated().flatMap { index, row in
            row.mayImport.filter { place[$0].map { $0 >= index } ?? false }.map { "\(row.name) imports \($0)" }
        }
    }

    /// Everything that `name` reaches through the table, itself included.
    func reachable(from name: String) -> Set<String> {
        var found: Set<String> = []
        var waiting = [name]
        while let next = waiting.popLast() {
            if found.insert(next).inserted { waiting += self[next]?.mayImport ?? [] }
        }
        return found
    }
}
