// SPDX-License-Identifier: Apache-2.0
import Testing
import Workspace

@Suite("bundle header")
struct BundleHeaderTests {
    static let first = String(repeating: "a", count: 40)
    static let second = String(repeating: "b", count: 40)

    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let text: String
        let flaw: BundleHeader.Flaw
    }

    @Test("is read with and without the comment of the prerequisite", arguments: ["", " one", " \u{1B}[31m\u{FFFD}"])
    func accepted(comment: String) throws {
        let text = "# v2 git bundle\n-\(Self.first)\(comment)\n\(Self.second) refs/heads/sallyport/t/x\n\n"
        let header = try BundleHeader(Array((text + "PACK").utf8))
        #expect(header.prerequisite?.description == Self.first)
        #expect(header.tip.description == Self.second)
        #expect(header.reference == "refs/heads/sallyport/t/x")
        #expect(header.length == text.utf8.count)
    }

    @Test("without a prerequisite is a history of its own")
    func complete() throws {
        let header = try BundleHeader(Array("# v2 git bundle\n\(Self.second) refs/heads/x\n\nPACK".utf8))
        #expect(header.prerequisite == nil && header.tip.description == Self.second)
    }

    @Test("that we write is read back")
    func roundTrip() throws {
        let prerequisite = try #require(ObjectID(Self.first))
        let tip = try #require(ObjectID(Self.second))
        let bytes = BundleHeader.encoded(prerequisite: prerequisite, tip: tip, reference: "refs/heads/x")
        let header = try BundleHeader(bytes)
        #expect(header.prerequisite == prerequisite && header.tip == tip && header.reference == "refs/heads/x")
        #expect(header.length == bytes.count)
    }

    static let refused: [Case] = [
        Case(testDescription: "empty", text: "", flaw: .truncated),
        Case(testDescription: "cut signature", text: "# v2 git", flaw: .truncated),
        Case(testDescription: "version 3", text: "# v3 git bundle\n@filter=blob:none\n\n", flaw: .notVersion2),
        Case(testDescription: "no end", text: "# v2 git bundle\n-\(first)\n", flaw: .truncated),
        Case(
            testDescription: "two prerequisites",
            text: "# v2 git bundle\n-\(first)\n-\(second)\n\(second) refs/heads/x\n\n", flaw: .prerequisites(2)),
        Case(testDescription: "no reference", text: "# v2 git bundle\n-\(first)\n\n", flaw: .references(0)),
        Case(
            testDescription: "two references",
            text: "# v2 git bundle\n-\(first)\n\(second) refs/heads/x\n\(second) refs/heads/y\n\n", flaw: .references(2)
        ),
        Case(
            testDescription: "prerequisite after the reference",
            text: "# v2 git bundle\n\(second) refs/heads/x\n-\(first)\n\n", flaw: .malformedLine),
        Case(
            testDescription: "upper-case digits",
            text: "# v2 git bundle\n-\(first.uppercased())\n\(second) refs/heads/x\n\n", flaw: .malformedLine),
        Case(
            testDescription: "sha256 names", text: "# v2 git bundle\n-\(first)\(first.prefix(24))\n\n",
            flaw: .malformedLine),
        Case(
            testDescription: "reference with an escape",
            text: "# v2 git bundle\n-\(first)\n\(second) refs/heads/\u{1B}x\n\n", flaw: .malformedLine),
        Case(
            testDescription: "reference without a name", text: "# v2 git bundle\n-\(first)\n\(second) \n\n",
            flaw: .malformedLine),
        Case(
            testDescription: "header without end",
            text: "# v2 git bundle\n-\(first) " + String(repeating: "x", count: 9000),
            flaw: .tooLong),
    ]

    @Test("with a flaw is refused by name", arguments: refused)
    func refusal(_ c: Case) {
        #expect(throws: c.flaw) { try BundleHeader(Array(c.text.utf8)) }
    }
}
