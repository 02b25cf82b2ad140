// SPDX-License-Identifier: Apache-2.0
import Testing
import Workspace

@Suite("received range")
struct ReceivedRangeTests {
    /// The source's branch as a host's repository has it, and the range since a commit.
    private func changes(_ scratch: Scratch, since base: String?) throws -> TreeComparison {
        let host = try scratch.makeHost()
        let old = try base.map { try #require(ObjectID($0)) }
        return try ReceivedRange(host.bare, from: old, to: host.base).changes(most: 1000)
    }

    private func shown(_ comparison: TreeComparison) -> [String] {
        comparison.changes.map { change in
            let sign = change.old == nil ? "A" : change.new == nil ? "D" : "M"
            return "\(sign) \(String(decoding: change.path, as: UTF8.self))"
        }
    }

    @Test("finds what git's own comparison finds")
    func differential() throws {
        let scratch = try Scratch()
        try scratch.makeRepository()
        try scratch.makeDirectory("source/a/b")
        for name in ["a/one", "a/b/two", "a/b/three", "gone", "turns"] {
            try scratch.write("source/\(name)", [0x78, 0x0A])
        }
        let base = try scratch.commit("source", "second")
        try scratch.write("source/a/b/two", Array("changed\n".utf8))
        try scratch.git("source", "rm", "--quiet", "gone", "turns")
        try scratch.makeDirectory("source/turns")
        try scratch.write("source/turns/into", [0x79])
        try scratch.git("source", "mv", "a/one", "moved")
        try scratch.git("source", "update-index", "--chmod=+x", "a/b/three")
        try scratch.git("source", "add", "--all")
        try scratch.git("source", "update-index", "--chmod=+x", "a/b/three")
        try scratch.git("source", "commit", "--quiet", "-m", "third")
        let wanted = try scratch.git("source", "diff-tree", "-r", "--no-renames", "--name-status", base, "HEAD")
        let lines = wanted.split(separator: "\n").map { String($0.replacing("\t", with: " ")) }
        #expect(shown(try changes(scratch, since: base)).sorted() == lines.sorted())
        #expect(lines.count == 7)
    }

    @Test("without a base everything is new, and a list that is too long is cut")
    func whole() throws {
        let scratch = try Scratch()
        try scratch.makeRepository()
        #expect(shown(try changes(scratch, since: nil)) == ["A file"])
        for number in 0..<5 { try scratch.write("source/f\(number)", [0x78]) }
        try scratch.commit("source", "more")
        let other = try Scratch()
        try other.git(".", "clone", "--quiet", "\(scratch.path)/source", "source")
        let host = try other.makeHost()
        let cut = try ReceivedRange(host.bare, from: nil, to: host.base).changes(most: 3)
        #expect(cut.isCut && cut.changes.count == 3)
        #expect(try ReceivedRange(host.bare, from: nil, to: host.base).commits(most: 1) == nil)
    }

    @Test("a merge brings only what neither parent has")
    func merges() throws {
        let scratch = try Scratch()
        try scratch.makeRepository()
        try scratch.git("source", "checkout", "--quiet", "-b", "side")
        try scratch.write("source/side", [0x78])
        try scratch.commit("source", "side")
        try scratch.git("source", "checkout", "--quiet", "main")
        try scratch.write("source/other", [0x78])
        try scratch.commit("source", "other")
        try scratch.git("source", "merge", "--quiet", "--no-commit", "side")
        try scratch.write("source/evil", [0x79])
        try scratch.commit("source", "merge")
        let host = try scratch.makeHost()
        let range = try ReceivedRange(host.bare, from: nil, to: host.base)
        let commits = try #require(try range.commits(most: 10))
        #expect(commits.count == 4 && commits[0].text?.parents.count == 2)
        #expect(shown(try range.changes(of: commits[0], most: 10)) == ["A evil"])
    }

    @Test("names that are one elsewhere, and directories that git takes for a repository, are told apart")
    func shapes() throws {
        let scratch = try Scratch()
        try scratch.makeRepository()
        try scratch.makeDirectory("source/nest/objects")
        try scratch.makeDirectory("source/nest/refs")
        for name in ["nest/HEAD", "nest/objects/x", "nest/refs/x", "nest/config", "File", "e\u{301}", "\u{E9}"] {
            try scratch.write("source/\(name)", [0x78])
        }
        try scratch.commit("source", "second")
        let comparison = try changes(scratch, since: nil)
        #expect(comparison.repositories.map { String(decoding: $0.path, as: UTF8.self) } == ["nest"])
        #expect(comparison.twins.count == 2)
    }

    @Test("the headers of a commit are git's, in git's order")
    func commits() throws {
        let id = String(repeating: "a", count: 40)
        let plain = "tree \(id)\nparent \(id)\nauthor A <a@b> 1 +0000\ncommitter C <c@d> 2 +0100\n\nmessage\n"
        let text = try #require(CommitText(Array(plain.utf8)))
        #expect(text.author.text == "A <a@b>" && text.committer.text == "C <c@d>" && text.parents.count == 1)
        #expect(text.message == Array("message\n".utf8))
        let signed = plain.replacing("\n\nmessage", with: "\ngpgsig x\n y\n\nmessage")
        #expect(CommitText(Array(signed.utf8))?.message == Array("message\n".utf8))
        for broken in [
            plain.replacing("tree ", with: "tre "), plain.replacing("author A", with: "parent x\nauthor A"),
            plain.replacing("<a@b>", with: "a@b"), plain.replacing("<a@b>", with: "<a@b> <x@y>"),
            plain.replacing("\n\nmessage", with: "\nauthor X <x@y> 1 +0000\n\nmessage"), "",
            plain.replacing("committer", with: "comitter"), "tree \(id)\n",
        ] {
            #expect(CommitText(Array(broken.utf8)) == nil, "\(broken)")
        }
    }
}
