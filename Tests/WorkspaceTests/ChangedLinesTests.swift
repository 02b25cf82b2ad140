// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import Workspace

@Suite("changed lines")
struct ChangedLinesTests {
    private static let saved = "Keep edits"

    /// A branch of several commits, as a host's repository has it.
    private func changed() throws -> ChangedLines {
        let scratch = try Scratch()
        try scratch.makeRepository()
        try scratch.write("source/text", Array((1...10).map { "line \($0)\n" }.joined().utf8))
        try scratch.write("source/old name", Array("kept\nas it is\n".utf8))
        try scratch.write("source/gone", Array("a\nb\n".utf8))
        try scratch.write("source/picture", [0, 1, 2])
        let base = try #require(ObjectID(try scratch.commit("source", "base")))
        let text = Array((1...10).map { $0 == 3 ? "three\n" : $0 == 7 ? "" : "line \($0)\n" }.joined().utf8)
        try scratch.write("source/text", text)
        try scratch.write("source/picture", [0, 1, 2, 3])
        try scratch.commit("source", "first")
        try scratch.git("source", "mv", "old name", "new\nname")
        try scratch.git("source", "rm", "--quiet", "gone")
        try scratch.write("source/text", Array("line 0\n".utf8) + text)
        try scratch.commit("source", Self.saved)
        try #require(unlink(scratch.path + "/source/picture") == 0)
        try #require(symlink("text", scratch.path + "/source/picture") == 0)
        try scratch.commit("source", "third")
        let host = try scratch.makeHost()
        return try CommitRange(host.bare, from: base, to: host.base).changedLines(saved: Self.saved)
    }

    @Test("O9: are told by commit, file and range; binary, renamed and deleted files as what they are")
    func ranges() throws {
        let changed = try changed()
        #expect(!changed.isCut && changed.commits.map(\.saysSaved) == [false, true, false])
        let files = changed.commits.map(\.files)
        #expect(
            files[0] == [
                .init(path: "picture", kind: .modified, isBinary: true),
                .init(path: "text", kind: .modified, ranges: [.init(first: 3, count: 1)], removed: 2),
            ])
        #expect(
            files[1] == [
                .init(path: "gone", kind: .deleted, removed: 2),
                .init(path: "new\\x0aname", previous: "old name", kind: .renamed),
                .init(path: "text", kind: .modified, ranges: [.init(first: 1, count: 1)]),
            ])
        #expect(files[2].map(\.kind) == [.retyped] || files[2].map(\.kind) == [.deleted, .added], "\(files[2])")
    }

    @Test("read back from their text, and nothing else does")
    func text() throws {
        let changed = try changed()
        func pairs(_ lines: [String]) -> [(key: String, value: String)] {
            lines.map { line in
                let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
                return (parts[0], parts.count > 1 ? parts[1] : "")
            }
        }
        #expect(ChangedLines(text: pairs(changed.text)) == changed)
        let cut = ChangedLines(commits: changed.commits, isCut: true)
        #expect(ChangedLines(text: pairs(cut.text)) == cut && cut.text != changed.text)
        let commit = changed.text[0]
        for lines in [
            ["changed modified text 0 whole - a"], ["previous a"], ["commit 12 -"], [commit + " more"],
            [commit, "changed moved text 0 whole - a"], [commit, "changed modified text -1 whole - a"],
            [commit, "changed modified text 0 whole 0+1 a"], [commit, "changed modified text 0 whole 1+0 a"],
            [commit, "changed modified text 0 whole 1 a"], [commit, "changed modified text 0 whole -"],
            [commit, "changed renamed text 0 whole - a"], [commit, "changed modified text 0 whole - a", "previous b"],
            ["cut no"], ["cut yes", commit], ["other x"],
        ] { #expect(ChangedLines(text: pairs(lines)) == nil, "\(lines)") }
        let many = Array(repeating: "1+1", count: ChangedLines.mostRanges + 1).joined(separator: ",")
        #expect(ChangedLines(text: pairs([commit, "changed modified text 0 whole \(many) a"])) == nil)
        #expect(ChangedLines(text: pairs(Array(repeating: commit, count: ChangedLines.mostCommits + 1))) == nil)
    }

    @Test("are cut at their bounds, and say so")
    func bounds() throws {
        let scratch = try Scratch()
        try scratch.makeRepository()
        let lines = 2 * ChangedLines.mostRanges + 20
        try scratch.write("source/text", Array((1...lines).map { "line \($0)\n" }.joined().utf8))
        let base = try #require(ObjectID(try scratch.commit("source", "base")))
        // Every second line.
        try scratch.write(
            "source/text", Array((1...lines).map { $0 % 2 == 0 ? "even\n" : "line \($0)\n" }.joined().utf8))
        try scratch.commit("source", "many ranges")
        for number in 0...ChangedLines.mostFiles { try scratch.write("source/f\(number)", [0x61]) }
        try scratch.commit("source", "many files")
        let host = try scratch.makeHost()
        let changed = try CommitRange(host.bare, from: base, to: host.base).changedLines(saved: Self.saved)
        let text = try #require(changed.commits.first?.files.first)
        #expect(text.isCut && text.ranges.count == ChangedLines.mostRanges && text.removed == lines / 2)
        #expect(changed.isCut && changed.commits.map(\.files.count) == [1, ChangedLines.mostFiles - 1])
    }
}
