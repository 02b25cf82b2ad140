// SPDX-License-Identifier: Apache-2.0
import TaskModel
import Testing

@Suite("files that a project's command left")
struct ArtifactPackTests {
    private static let begin = "sallyport artifacts 1\n"
    private static let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 1, 2]

    private static func pack(_ files: [(String, [UInt8])]) -> [UInt8] {
        Array(begin.utf8) + files.flatMap { Array("\($0.0) \($0.1.count)\n".utf8) + $0.1 } + Array("end\n".utf8)
    }

    @Test("text and pictures come back as they are, and figures are read")
    func whole() throws {
        let figures = Array("parse time\t12.50\tms\nsize\t-3\n".utf8)
        let bytes = Self.pack([("shot.png", Self.png), ("figures.tsv", figures), ("empty", [])])
        let pack = try ArtifactPack(bytes)
        #expect(pack.bytes == bytes)
        #expect(pack.files.map(\.kind) == [.png, .text, .text])
        #expect(pack.figures.map(\.name) == ["parse time", "size"] && pack.figures[0].text == "12.50")
        #expect(pack.figures[0].unit == "ms" && pack.figures[1].unit == "")
        #expect(try ArtifactPack(Self.pack([])).files.isEmpty)
    }

    @Test("what is not in form is refused whole")
    func flawed() {
        let many = (0...20).map { ("f\($0)", [UInt8]()) }
        let wrong: [([UInt8], String)] = [
            ([], "does not begin"), (Array("end\n".utf8), "does not begin"),
            (Array(Self.begin.utf8), "has no name and size"), (Self.pack([]) + [0x0A], "no plain name"),
            (Self.pack([("../x", [])]), "no plain name"), (Self.pack([(".hidden", [])]), "no plain name"),
            (Self.pack([("-rf", [])]), "no plain name"), (Self.pack([("a b", [])]), "no plain name"),
            (Self.pack([("a", []), ("a", [])]), "a name twice"), (Self.pack(many), "more than 20 files"),
            (Array((Self.begin + "a 50\nabcend\n").utf8), "ends within a file"),
            (Array((Self.begin + "a 99999999\nx").utf8), "no plain name, or more"),
            (Array((Self.begin + "a -1\nx").utf8), "no plain name"),
            (Self.pack([("a", [0x1B, 0x5B, 0x41])]), "neither text nor a picture"),
            (Self.pack([("a", [0x7F, 0x45, 0x4C, 0x46])]), "neither text nor a picture"),
            (Self.pack([("a", [0xC3, 0x28])]), "neither text nor a picture"),
            (Self.pack([("figures.tsv", Array("a 1\n".utf8))]), "line 1 of figures.tsv"),
            (Self.pack([("figures.tsv", Array("a\t1e9\n".utf8))]), "line 1 of figures.tsv"),
            (Self.pack([("figures.tsv", Array("a\tNaN\n".utf8))]), "line 1 of figures.tsv"),
            (Self.pack([("figures.tsv", Array("a\t1\na\t2\n".utf8))]), "line 2 of figures.tsv"),
            (Self.pack([("figures.tsv", Array("a\t1\tunit\tmore\n".utf8))]), "line 1 of figures.tsv"),
        ]
        for (bytes, reason) in wrong {
            let flaw = #expect(throws: ArtifactPack.Flaw.self) { try ArtifactPack(bytes) }
            #expect(flaw?.description.contains(reason) == true, "\(flaw?.description ?? "") is not about \(reason)")
        }
    }

    @Test("a figure is compared with the one of the same unit")
    func compared() throws {
        func figure(_ text: String, _ unit: String = "ms") throws -> Figure {
            try #require(
                try ArtifactPack(Self.pack([("figures.tsv", Array("a\t\(text)\t\(unit)\n".utf8))])).figures.first)
        }
        #expect(try figure("100").change(to: try figure("112.5")) == "+12.5 %")
        #expect(try figure("-100").change(to: try figure("-150")) == "-50.0 %")
        #expect(try figure("100").change(to: try figure("100")) == "+0.0 %")
        #expect(try figure("100").change(to: try figure("100", "s")) == nil)
        #expect(try figure("0").change(to: try figure("1")) == nil)
        #expect(try figure("0.0000000000000000001").change(to: try figure("999999999999999999")) == nil)
    }
}
