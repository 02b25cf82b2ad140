// SPDX-License-Identifier: Apache-2.0
import LinuxSystem
import Testing
import Workspace

@Suite("base commit")
struct BaseCommitTests {
    /// Takes a pack of some objects of `source` as the history of one of its commits.
    private func take(_ objects: [String], as base: String, of scratch: Scratch, into name: String) throws {
        let list = Array((objects.joined(separator: "\n") + "\n").utf8)
        try scratch.write(
            "pack", try scratch.gitBytes("source", ["pack-objects", "--stdout", "--quiet"], input: list))
        let bare = try BareRepository.create(at: "\(scratch.path)/\(name)")
        try bare.takeBase(try #require(ObjectID(base)), from: try scratch.open("pack"), budget: Budget())
    }

    @Test("is taken with its history, and with nothing that does not belong to it")
    func surplus() throws {
        let scratch = try Scratch()
        try scratch.makeRepository()
        try scratch.write("source/file", Array("two\n".utf8))
        let base = try scratch.commit("source", "second")
        try scratch.write("source/file", Array("three\n".utf8))
        try scratch.commit("source", "third")
        let history = try scratch.git("source", "rev-list", "--objects", base).split(separator: "\n").map {
            String($0.prefix(40))
        }
        try #require(history.count == 6)
        try take(history, as: base, of: scratch, into: "whole.git")
        #expect(try scratch.git("whole.git", "rev-parse", "refs/heads/base") == base)
        let later = try scratch.git("source", "rev-parse", "HEAD", "HEAD:file").split(separator: "\n").map(String.init)
        for (number, more) in later.enumerated() {
            let error = #expect(throws: GitError.self) {
                try take(history + [more], as: base, of: scratch, into: "more\(number).git")
            }
            #expect(error?.code == .refused && error?.reason.contains("no part of the history") == true)
            #expect(try scratch.git("more\(number).git", "for-each-ref") == "")
            #expect(try scratch.git("more\(number).git", "count-objects", "-v").contains("in-pack: 0"))
        }
        for number in history.indices {
            var less = history
            less.remove(at: number)
            #expect(throws: GitError.self) { try take(less, as: base, of: scratch, into: "less\(number).git") }
        }
    }
}
