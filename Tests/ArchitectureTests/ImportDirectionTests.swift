// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// Holds the `import` lines against the table of docs/architecture.md: siblings see each other's modules at build
/// time, so the compiler does not stop an import that the table forbids.
@Suite("import directions")
struct ImportDirectionTests {
    let tree = SourceTree()
    let table: ModuleTable

    init() throws {
        table = ModuleTable(markdown: try tree.text(of: "docs/architecture.md"))
    }

    @Test("every Swift import is allowed by the module's row")
    func swiftImports() throws {
        var seen = 0
        for module in try tree.directories(in: "Sources") {
            let allowed = try #require(table[module], "Sources/\(module) has no row in docs/architecture.md").mayImport
            for file in try tree.files(below: "Sources/\(module)", endings: ["swift"]) {
                for found in ImportScanner.swiftImports(file.text) {
                    seen += 1
                    #expect(
                        allowed.contains(found.module),
                        "\(file.path):\(found.line) imports \(found.module), which the row of \(module) does not name")
                }
            }
        }
        // Without this, a scanner that finds nothing would pass.
        #expect(seen > 0)
    }

    @Test("a C target includes headers of its own and of the modules in its row")
    func ownHeaders() throws {
        var seen = 0
        for module in try tree.directories(in: "Sources") {
            let row = try #require(table[module], "Sources/\(module) has no row in docs/architecture.md")
            let reachable = try ([module] + row.mayImport).filter { table[$0] != nil }
                .flatMap { try tree.files(below: "Sources/\($0)", endings: ["h"]) }
            let names = Set(reachable.map { URL(filePath: $0.path).lastPathComponent })
            for file in try tree.files(below: "Sources/\(module)", endings: ["c", "h", "S"]) {
                for found in ImportScanner.ownHeaders(file.text) {
                    seen += 1
                    #expect(
                        names.contains(found.module),
                        "\(file.path):\(found.line) includes \(found.module) of a module its row does not name")
                }
            }
        }
        #expect(seen > 0)
    }

    @Test("the table names exactly the modules that exist")
    func completeness() throws {
        #expect(table.rows.map(\.name).sorted() == (try tree.directories(in: "Sources")))
    }

    @Test("a module imports only from rows above its own")
    func order() {
        #expect(table.rows.isEmpty == false)
        #expect(table.upwardImports() == [])
    }

    @Test("nothing that a run starts reaches Foundation", arguments: ["sallyport", "sallyport-gateway"])
    func foundation(_ program: String) {
        let reached = table.reachable(from: program)
        #expect(reached.contains("LinuxSystem"))
        #expect(reached.filter { $0.hasPrefix("Foundation") } == [])
    }

    @Test("the runner's package imports none of our modules")
    func runner() throws {
        let ours = Set(table.rows.map(\.name))
        for module in try tree.directories(in: "Runner/Sources") {
            for file in try tree.files(below: "Runner/Sources/\(module)", endings: ["swift"]) {
                let crossing = ImportScanner.swiftImports(file.text).filter {
                    ours.contains($0.module) || $0.module.hasPrefix("Foundation")
                }
                #expect(crossing == [], "\(file.path) imports from outside its package")
            }
        }
    }
}
