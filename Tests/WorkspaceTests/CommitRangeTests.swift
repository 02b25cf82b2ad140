// SPDX-License-Identifier: Apache-2.0
import Testing
import Workspace

@Suite("commit range")
struct CommitRangeTests {
    private struct Delivered: ~Copyable {
        let scratch: Scratch
        let host: Host
        let tip: ObjectID
    }

    /// The host's repository after a task that changed, added and removed files.
    private func delivered() throws -> Delivered {
        let scratch = try Scratch()
        try scratch.makeRepository()
        try scratch.write("source/gone", Array("a\nb\n".utf8))
        try scratch.commit("source", "more")
        let host = try scratch.makeHost()
        try scratch.git(".", "clone", "--quiet", "source", "work")
        try scratch.git("work", "checkout", "--quiet", "-b", "x")
        try scratch.write("work/file", Array("one\ntwo\n".utf8))
        try scratch.write("work/binary", [0, 1, 2, 255])
        try scratch.write("work/a\nb\u{1B}[31m", Array("odd\n".utf8))
        try scratch.git("work", "rm", "--quiet", "gone")
        let tip = try #require(ObjectID(try scratch.commit("work", "change")))
        let bundle = try scratch.gitBytes("work", ["bundle", "create", "--quiet", "-", "\(host.base)..refs/heads/x"])
        try scratch.write("received", bundle)
        _ = try BundleImport(base: host.base, reference: "refs/heads/x", budget: Budget()).run(
            try scratch.open("received"), into: host.bare)
        return Delivered(scratch: scratch, host: host, tip: tip)
    }

    @Test("tells how the newest changes of a branch's own line were described, the oldest first")
    func recent() throws {
        let scratch = try Scratch()
        try scratch.makeRepository()
        for number in 1...7 {
            try scratch.write("source/file", Array("\(number)\n".utf8))
            try scratch.commit("source", "change \(number)\n\nwhy \(number)\n" + String(repeating: "x", count: 500))
        }
        try scratch.git("source", "checkout", "--quiet", "-b", "side", "HEAD~1")
        try scratch.write("source/other", Array("side\n".utf8))
        try scratch.commit("source", "on the side")
        try scratch.git("source", "checkout", "--quiet", "-")
        try scratch.git("source", "merge", "--quiet", "--no-ff", "-m", "Merge the side", "side")
        let host = try scratch.makeHost()
        let told = try RecentChanges(host.bare, at: host.base).descriptions
        #expect(told.count == 5 && told.last == "- Merge the side\n")
        #expect(told[3].hasPrefix("- change 7\n  why 7\n  xxx") && told[3].utf8.count < 250)
        #expect(!told.joined().contains("on the side"))
    }

    @Test("counts files and lines, names made printable")
    func summary() throws {
        let done = try delivered()
        let summary = try CommitRange(done.host.bare, from: done.host.base, to: done.tip).summary()
        #expect(summary.fileCount == 4 && summary.insertions == 2 && summary.deletions == 2 && summary.commits == 1)
        #expect(Set(summary.files.map(\.path)) == ["file", "binary", "gone", "a\\x0ab\\x1b[31m"])
    }

    @Test("gives a patch that git applies to the base, with the same tree as result")
    func patch() throws {
        let done = try delivered()
        var patch: [UInt8] = []
        let complete = try CommitRange(done.host.bare, from: done.host.base, to: done.tip).writePatch(limit: 1 << 20) {
            patch += $0
            return true
        }
        #expect(complete)
        try done.scratch.write("patch", patch)
        try done.scratch.git("source", "apply", "--index", "\(done.scratch.path)/patch")
        #expect(try done.scratch.git("source", "write-tree") == done.scratch.git("work", "rev-parse", "HEAD^{tree}"))
    }

    @Test("gives up on a patch over its limit")
    func patchLimit() throws {
        let done = try delivered()
        #expect(
            try CommitRange(done.host.bare, from: done.host.base, to: done.tip).writePatch(limit: 20) { _ in true }
                == false)
    }

    @Test("gives a bundle that git takes on top of the base")
    func bundle() throws {
        let done = try delivered()
        var bundle: [UInt8] = []
        try CommitRange(done.host.bare, from: done.host.base, to: done.tip).writeBundle(
            reference: "refs/heads/x", budget: Budget()
        ) {
            bundle += $0
            return true
        }
        try done.scratch.write("bundle", bundle)
        try done.scratch.git("source", "fetch", "--quiet", "\(done.scratch.path)/bundle", "refs/heads/x:refs/heads/y")
        #expect(try done.scratch.git("source", "rev-parse", "y") == done.tip.description)
        #expect(try BundleHeader(bundle).prerequisite == done.host.base)
    }
}
