// SPDX-License-Identifier: Apache-2.0
import Testing

/// The checks of `ImportDirectionTests` are worth what the two readers find; these feed them known text.
@Suite("import scanner")
struct ImportScannerTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let line: String
        let module: String?
        var testDescription: String { line }
    }

    static let lines = [
        Case(line: "import Glibc", module: "Glibc"),
        Case(line: "internal import CLinux", module: "CLinux"),
        Case(line: "    package import Policy // why", module: "Policy"),
        Case(line: "@preconcurrency import Wire", module: "Wire"),
        Case(line: "@_spi(Tests) @testable import Changes;", module: "Changes"),
        Case(line: "import struct Foundation.Data", module: "Foundation"),
        Case(line: "internal import func Glibc.open", module: "Glibc"),
        Case(line: "// import Store", module: nil),
        Case(line: "let important = 1", module: nil),
    ]

    @Test("reads every form of a Swift import", arguments: lines)
    func forms(_ c: Case) {
        #expect(ImportScanner.swiftImports(c.line).map(\.module) == (c.module.map { [$0] } ?? []))
    }

    @Test("finds headers of ours by quotes and by prefix, and leaves the system's alone")
    func headers() {
        let source = "#include <errno.h>\n#include \"sp_child.h\"\n# include <sp_linux.h>\n"
        #expect(
            ImportScanner.ownHeaders(source) == [
                .init(module: "sp_child.h", line: 2), .init(module: "sp_linux.h", line: 3),
            ])
    }

    @Test("reports a row that imports from itself or from below")
    func upward() {
        let table = ModuleTable(
            markdown: "| `A` | first | `B` `Glibc` |\n| `B` | second | `A` |\n| text | no | row |\n")
        #expect(table.rows.map(\.name) == ["A", "B"])
        #expect(table.upwardImports() == ["A imports B"])
        #expect(table.reachable(from: "B") == ["B", "A", "Glibc"])
    }
}
