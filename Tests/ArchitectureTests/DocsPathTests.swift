// SPDX-License-Identifier: Apache-2.0
import Testing

/// Holds the files and tests that prose names against the ones there are.
@Suite("names in the documentation")
struct DocsPathTests {
    static let roots = ["Sources/", "Tests/", "Runner/", "docs/", "profiles/", "scripts/", "rootfs/"]

    let tree = SourceTree()
    let pages: [(path: String, page: Markdown)]

    init() throws {
        pages = try tree.pages()
    }

    @Test("every link within the repository leads to a file")
    func links() throws {
        var seen = 0
        for (path, page) in pages {
            let base = path.split(separator: "/").dropLast().joined(separator: "/")
            for link in page.links {
                let target = (base.isEmpty ? "" : base + "/") + link.text
                #expect(tree.exists(target), "\(path):\(link.line) links to \(target)")
                seen += 1
            }
        }
        #expect(seen > 20)
    }

    @Test("code in prose begins and ends in one line")
    func pairs() {
        #expect(Markdown("a `b\nc` `d`").unpaired == [1, 2])
        for (path, page) in pages { #expect(page.unpaired == [], "\(path)") }
    }

    @Test("every path of the repository that stands in backticks exists")
    func paths() throws {
        var seen = 0
        for (path, page) in pages {
            for span in page.spans where Self.roots.contains(where: { span.text.hasPrefix($0) }) {
                let named = String(span.text.prefix { $0 != " " && $0 != ":" })
                #expect(tree.exists(named), "\(path):\(span.line) names \(named)")
                seen += 1
            }
        }
        #expect(seen > 20)
    }

    @Test("every boundary in SECURITY.md names code and tests, and all of them exist")
    func boundaries() throws {
        let security = try #require(pages.first { $0.path == "SECURITY.md" }).page
        let head = try #require(security.rows.firstIndex { $0.cells == ["boundary", "mechanism", "code", "test"] })
        let tests = try TestNames(tree)
        var seen = 0
        for (line, cells) in security.rows[(head + 2)...].prefix(while: { $0.cells.count == 4 }) {
            let code = Markdown.spans(cells[2])
            let named = Markdown.spans(cells[3])
            #expect(!code.isEmpty && !named.isEmpty, "SECURITY.md:\(line) has no code or no test")
            for path in code { #expect(tree.exists(path), "SECURITY.md:\(line) names \(path)") }
            for test in named { #expect(tests.contains(test), "SECURITY.md:\(line) names \(test)") }
            seen += named.count
        }
        #expect(seen > 40)
    }

    @Test("every test that SECURITY.md names exists, and every claim about egress names one")
    func claims() throws {
        let security = try #require(pages.first { $0.path == "SECURITY.md" }).page
        let tests = try TestNames(tree)
        for span in security.spans where TestNames.isName(span.text) {
            #expect(tests.contains(span.text), "SECURITY.md:\(span.line) names \(span.text)")
        }
        let head = try #require(security.rows.firstIndex { $0.cells == ["claim", "test"] })
        let claims = security.rows[(head + 2)...].prefix(while: { $0.cells.count == 2 })
        #expect(claims.count > 8)
        for (line, cells) in claims {
            #expect(!Markdown.spans(cells[1]).filter(TestNames.isName).isEmpty, "SECURITY.md:\(line) has no test")
        }
    }

    @Test("a test that a decision names exists")
    func decisions() throws {
        let tests = try TestNames(tree)
        var seen = 0
        for (path, page) in pages where path.hasPrefix("docs/decisions/") {
            for span in page.spans where TestNames.isName(span.text) {
                #expect(tests.contains(span.text), "\(path):\(span.line) names \(span.text)")
                seen += 1
            }
        }
        #expect(seen > 10)
    }

    @Test("each row of docs/coverage.md names tests that exist, or says that it is open")
    func coverage() throws {
        let tests = try TestNames(tree)
        let page = try #require(pages.first { $0.path == "docs/coverage.md" }).page
        let head = try #require(page.rows.firstIndex { $0.cells == ["row", "contract", "test"] })
        let rows = page.rows[(head + 2)...].prefix(while: { $0.cells.count == 3 })
        #expect(rows.count > 15)
        for (line, cells) in rows {
            let named = Markdown.spans(cells[2]).filter(TestNames.isName)
            #expect(!named.isEmpty || cells[2].hasPrefix("open"), "docs/coverage.md:\(line) has no test")
            for test in named { #expect(tests.contains(test), "docs/coverage.md:\(line) names \(test)") }
        }
    }

    @Test("README.md lists each module with the sentence of docs/architecture.md")
    func modules() throws {
        let readme = try #require(pages.first { $0.path == "README.md" }).page
        let architecture = try #require(pages.first { $0.path == "docs/architecture.md" }).page
        let sentences = architecture.rows.compactMap { row -> (name: String, sentence: String)? in
            guard row.cells.count == 3, let name = Markdown.spans(row.cells[0]).first else { return nil }
            return (name, row.cells[1])
        }
        #expect(sentences.count > 15)
        // And no other: one that is gone from Sources is gone from here.
        let listed = readme.rows.compactMap { row -> String? in
            guard let cell = row.cells.first, row.cells.count == 2, cell.contains("](Sources/") else { return nil }
            return cell
        }
        #expect(listed.sorted() == sentences.map { "[\($0.name)](Sources/\($0.name))" }.sorted())
        for (name, sentence) in sentences {
            let wanted = ["[\(name)](Sources/\(name))", sentence]
            let shown = wanted.joined(separator: " | ")
            #expect(readme.rows.contains { $0.cells == wanted }, "README.md lacks: | \(shown) |")
        }
    }
}
