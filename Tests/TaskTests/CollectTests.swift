// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

@Suite("collect", .timeLimit(.minutes(25)))
struct CollectTests {
    @Test(
        "commits and uncommitted changes arrive as branch, bundle and patch; the directory is untouched",
        .requires(.root), .requires(.git))
    func delivered() throws {
        let scene = try CollectScene()
        try scene.home.file("left/file", "three\n")
        try scene.home.file("left/added", "new\n", mode: 0o755)
        try scene.home.file("left/ignored", "x\n")
        try scene.home.symlink("left/link", to: "src/deep")
        try scene.shell("rm src/deep")
        let done = try scene.collect(["--base", scene.base])
        #expect(done.code == 0 && done.outcome == "delivered", "\(done.finished.errorText)")
        #expect(done.branch == "sallyport/collected/main")
        let commit = try #require(done.commit)
        #expect(try done.git("rev-parse", "sallyport/collected/main") == commit)
        #expect(try done.git("rev-parse", "base") == scene.base)
        #expect(
            try done.git("log", "--format=%s|%an|%cn", "\(scene.base)..\(commit)").split(separator: "\n") == [
                "Collect the changes of the working tree|sallyport collect|sallyport collect", "second|a|c",
            ])
        #expect(try done.git("fsck", "--full", "--strict") == "")
        // The same tree that git itself would make of it.
        try scene.git("add", "--all")
        let wanted = try scene.git("write-tree")
        #expect(try done.git("rev-parse", "\(commit)^{tree}") == wanted)
        try scene.git("fetch", "--quiet", done.directory + "/result.bundle", "sallyport/collected/main:bundled")
        #expect(try scene.git("rev-parse", "bundled") == commit)
        try scene.git("checkout", "--quiet", "--force", "-b", "patched", scene.base)
        try scene.git("apply", "--index", done.directory + "/result.patch")
        #expect(try scene.git("write-tree") == wanted)
        #expect(done.record?["ignored"]?.intValue == 1)
        #expect(done.record?["source"]?["read_as"]?.stringValue == "own")
        for part in ["sallyport/collected/main", commit, "collect.json", "git fetch"] {
            #expect(done.finished.text.contains(part), "\(part) is not in: \(done.finished.text)")
        }
    }
}
