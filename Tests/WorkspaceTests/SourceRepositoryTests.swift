// SPDX-License-Identifier: Apache-2.0
import Testing
import Workspace

@Suite("source repository")
struct SourceRepositoryTests {
    private func error(_ scratch: Scratch, _ name: String = "source", _ reference: String? = nil) -> GitError? {
        do {
            _ = try scratch.source(name).resolve(reference)
            return nil
        } catch {
            return error as? GitError
        }
    }

    @Test("gives the commit and the name of its branch")
    func branch() throws {
        let scratch = try Scratch()
        let commit = try scratch.makeRepository()
        let base = try scratch.source().resolve(nil)
        #expect(base.id.description == commit)
        #expect(base.name == "refs/heads/main" && !base.isDetached)
        #expect(try scratch.source().resolve("main").id == base.id)
    }

    @Test("takes a detached HEAD and says so")
    func detached() throws {
        let scratch = try Scratch()
        let commit = try scratch.makeRepository()
        try scratch.git("source", "checkout", "--quiet", "--detach")
        let base = try scratch.source().resolve(nil)
        #expect(base.id.description == commit && base.isDetached && base.name == "HEAD")
    }

    @Test("peels an annotated tag")
    func tag() throws {
        let scratch = try Scratch()
        let commit = try scratch.makeRepository()
        try scratch.git("source", "tag", "-a", "-m", "x", "v1")
        #expect(try scratch.source().resolve("v1").id.description == commit)
    }

    @Test("refuses a path that is none")
    func noRepository() throws {
        let scratch = try Scratch()
        try scratch.makeRepository()
        try scratch.makeDirectory("source/below")
        #expect(error(scratch, "absent")?.reason == "No such file or directory (ENOENT)")
        // The repository above it must not be picked up.
        #expect(error(scratch, "source/below")?.reason == "no git repository there (ENOENT)")
        #expect(error(scratch, "source/file")?.reason == "not a directory (ENOTDIR)")
        #expect(error(scratch, "source/file")?.code == .unusableSource)
    }

    @Test("refuses an unborn HEAD")
    func unborn() throws {
        let scratch = try Scratch()
        try scratch.makeDirectory("source")
        try scratch.git("source", "init", "--quiet", "--initial-branch=main")
        #expect(error(scratch)?.reason == "its branch has no commit yet")
    }

    @Test("refuses a reference that names no commit")
    func badReference() throws {
        let scratch = try Scratch()
        try scratch.makeRepository()
        #expect(error(scratch, "source", "absent")?.operation == "resolve")
        #expect(error(scratch, "source", "main:file")?.code == .unusableSource)
    }

    @Test("refuses a submodule, naming its path")
    func submodule() throws {
        let scratch = try Scratch()
        try scratch.makeRepository("inner")
        try scratch.makeRepository()
        try scratch.git("source", "submodule", "--quiet", "add", "\(scratch.path)/inner", "lib/inner")
        try scratch.commit("source", "with a submodule")
        #expect(error(scratch)?.reason == "it has a submodule at \"lib/inner\"")
        #expect(error(scratch, "source", "HEAD~1") == nil)
    }

    @Test("refuses sha256 and shallow repositories")
    func otherFormats() throws {
        let scratch = try Scratch()
        try scratch.makeDirectory("sha256")
        try scratch.git("sha256", "init", "--quiet", "--object-format=sha256")
        try scratch.commit("sha256", "first")
        #expect(error(scratch, "sha256")?.reason.contains("objectformat") == true)
        try scratch.makeRepository()
        try scratch.commit("source", "second")
        try scratch.git(".", "clone", "--quiet", "--depth=1", "file://\(scratch.path)/source", "shallow")
        #expect(error(scratch, "shallow")?.reason == "it is a shallow clone")
    }

    @Test("is read through a linked worktree and through alternates")
    func elsewhere() throws {
        let scratch = try Scratch()
        try scratch.makeRepository()
        try scratch.git("source", "worktree", "add", "--quiet", "\(scratch.path)/linked")
        try scratch.write("linked/file", Array("two\n".utf8))
        let commit = try scratch.commit("linked", "in the worktree")
        #expect(try scratch.source("linked").resolve(nil).id.description == commit)
        let worktree = try RepositoryLayout(path: "\(scratch.path)/linked")
        #expect(worktree.readable.count == 2)
        try scratch.git(".", "clone", "--quiet", "--shared", "source", "shared")
        let shared = try RepositoryLayout(path: "\(scratch.path)/shared")
        #expect(shared.readable.contains("\(scratch.path)/source/.git/objects"))
        #expect(error(scratch, "shared") == nil)
    }

    @Test("ignores what its configuration and hooks would run, and is not changed")
    func configuration() throws {
        let scratch = try Scratch()
        try scratch.makeRepository()
        let marker = "\(scratch.path)/marker"
        for key in ["core.fsmonitor", "diff.external", "core.sshCommand", "core.pager", "credential.helper"] {
            try scratch.git("source", "config", key, "touch \(marker)")
        }
        try scratch.git("source", "config", "filter.x.clean", "touch \(marker)")
        try scratch.write("source/.gitattributes", Array("* filter=x\n".utf8))
        let before = try scratch.listing("source")
        let host = try scratch.makeHost()
        #expect(try host.bare.references() == ["refs/heads/base"])
        #expect(try scratch.git("host.git", "rev-parse", "base") == host.base.description)
        #expect(try scratch.listing("source") == before)
        #expect(!scratch.exists("marker"))
        #expect(try !scratch.git("host.git", "config", "--list").contains("marker"))
    }

    @Test("hands over the base commit's history and no other branch")
    func onlyTheHistory() throws {
        let scratch = try Scratch()
        try scratch.makeRepository()
        try scratch.git("source", "checkout", "--quiet", "-b", "other")
        try scratch.write("source/secret", Array("not for the task\n".utf8))
        let other = try scratch.commit("source", "other work")
        try scratch.git("source", "checkout", "--quiet", "main")
        let host = try scratch.makeHost()
        #expect(try host.bare.references() == ["refs/heads/base"])
        #expect(try scratch.git("host.git", "rev-list", "--all") == host.base.description)
        let objects = try scratch.git("host.git", "cat-file", "--batch-all-objects", "--batch-check")
        #expect(objects.split(separator: "\n").count == 3)
        #expect(!objects.contains(other))
    }

    @Test("hands over names with line feeds, escapes and invalid UTF-8")
    func oddNames() throws {
        let scratch = try Scratch()
        try scratch.makeRepository()
        for name in [Array("a\nb".utf8), Array("\u{1B}[31m".utf8), [0x63, 0xFF]] {
            try scratch.git("source", "update-index", "-z", "--index-info", input: try scratch.indexEntry(name))
        }
        try scratch.git("source", "commit", "--quiet", "-m", "odd names")
        let host = try scratch.makeHost()
        #expect(try host.bare.references() == ["refs/heads/base"])
        let listed = try scratch.gitBytes("host.git", ["ls-tree", "-z", "--name-only", "\(host.base)"])
        #expect(
            Set(listed.split(separator: 0).map(Array.init)) == [
                Array("a\nb".utf8), Array("\u{1B}[31m".utf8), [0x63, 0xFF], Array("file".utf8),
            ])
    }
}
