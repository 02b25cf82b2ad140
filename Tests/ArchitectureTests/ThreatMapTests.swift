// SPDX-License-Identifier: Apache-2.0
import Testing

/// Holds docs/threats.md against the catalogue's row numbers and against the tests that exist.
@Suite("threat map")
struct ThreatMapTests {
    struct Row {
        let id: String
        let tests: [String]
        let state: String
    }

    let tree = SourceTree()
    let rows: [Row]

    init() throws {
        rows = try tree.text(of: "docs/threats.md").split(separator: "\n").compactMap { line in
            let cells = line.split(separator: "|", omittingEmptySubsequences: false).map { $0.trimmed }
            guard cells.count == 7, cells[1].count == 3, "RKLTEGP".contains(cells[1].prefix(1)) else { return nil }
            let tests = cells[4].split(separator: "`").map(String.init).filter { $0.contains("/") }
            return Row(id: cells[1], tests: tests, state: cells[5])
        }
    }

    /// Rows of the catalogue by section; R01 to R27, K01 to K12, L01 to L09, E01 to E10, all of G and P01 to P12 may not
    /// stay open.
    static let sections: [(letter: String, last: Int, closed: Int)] = [
        ("R", 46, 27), ("K", 30, 12), ("L", 18, 9), ("T", 8, 0), ("E", 39, 10), ("G", 16, 16), ("P", 16, 12),
    ]

    static func ids(_ letter: String, _ numbers: ClosedRange<Int>) -> [String] {
        numbers.map { letter + ($0 < 10 ? "0" : "") + String($0) }
    }

    @Test("every row of the catalogue is there once")
    func complete() {
        let wanted = Self.sections.flatMap { Self.ids($0.letter, 1...$0.last) }
        #expect(rows.map(\.id) == wanted)
    }

    @Test("a state is one of four, all but covered say why, a covered one names a test")
    func states() {
        for row in rows {
            let stated = ["open: ", "residual: ", "does not apply: "].first {
                row.state.hasPrefix($0) && row.state.count > $0.count
            }
            #expect(row.state == "covered" || stated != nil, "\(row.id): \(row.state)")
            if row.state == "covered" { #expect(!row.tests.isEmpty, "\(row.id) is covered by nothing") }
        }
    }

    @Test("at most ten rows are open, and none of those that may not be")
    func open() {
        let open = rows.filter { $0.state.hasPrefix("open") }.map(\.id)
        #expect(open.count <= 10, "\(open)")
        let never = Set(Self.sections.filter { $0.closed > 0 }.flatMap { Self.ids($0.letter, 1...$0.closed) })
        #expect(never.isDisjoint(with: open), "\(open)")
    }

    @Test("every test that is named exists")
    func tests() throws {
        let files = try tree.files(below: "Tests", endings: ["swift"])
        var seen = 0
        for row in rows {
            for test in row.tests {
                let parts = test.split(separator: "/").map(String.init)
                try #require(parts.count == 2, "\(row.id): \(test)")
                let found = files.contains { file in
                    file.text.contains("struct \(parts[0]) ") && file.text.contains("func \(parts[1])(")
                }
                #expect(found, "\(row.id) names \(test)")
                seen += 1
            }
        }
        // Without this, a table that cannot be read would pass.
        #expect(seen > 140)
    }
}

extension Substring {
    /// Without blanks at both ends.
    fileprivate var trimmed: String {
        var text = self
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
