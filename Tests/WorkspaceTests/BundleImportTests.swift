// SPDX-License-Identifier: Apache-2.0
import LinuxSystem
import Testing
import Workspace

@Suite("bundle import")
struct BundleImportTests {
    static let reference = "refs/heads/sallyport/t1/fix"

    /// A source with a base commit, a clone with work on the branch, and the host's repository.
    struct Setting: ~Copyable {
        let scratch: Scratch
        let host: Host
        var base: ObjectID { host.base }

        init() throws {
            let scratch = try Scratch()
            try scratch.makeRepository()
            try self.init(scratch)
        }

        /// - Parameter scratch: Has the repository `source`.
        init(_ scratch: Scratch) throws {
            try scratch.git(".", "clone", "--quiet", "source", "work")
            try scratch.git("work", "checkout", "--quiet", "-b", "sallyport/t1/fix")
            self.init(scratch: scratch, host: try scratch.makeHost())
        }

        private init(scratch: Scratch, host: consuming Host) {
            self.scratch = scratch
            self.host = host
        }

        /// Changes the file and commits.
        @discardableResult
        borrowing func commit(_ text: String = "two\n") throws -> String {
            try scratch.write("work/file", Array(text.utf8))
            return try scratch.commit("work", "second")
        }

        /// The bundle that the runner would write.
        borrowing func bundle() throws -> [UInt8] {
            try scratch.gitBytes(
                "work", ["bundle", "create", "--quiet", "--version=2", "-", "\(base)..\(BundleImportTests.reference)"])
        }

        /// A bundle of chosen objects under a header of one's own.
        borrowing func bundle(tip: String, objects: [String], prerequisite: String? = nil) throws -> [UInt8] {
            let header =
                "# v2 git bundle\n-\(prerequisite ?? base.description)\n\(tip) \(BundleImportTests.reference)\n\n"
            let pack = try scratch.gitBytes(
                "work", ["pack-objects", "--stdout", "--quiet"], input: Array(objects.joined(separator: "\n").utf8))
            return Array(header.utf8) + pack
        }

        @discardableResult
        borrowing func take(_ bytes: [UInt8], budget: Budget = Budget()) throws -> ObjectID {
            try scratch.write("received", bytes)
            return try BundleImport(base: base, reference: BundleImportTests.reference, budget: budget).run(
                try scratch.open("received"), into: host.bare)
        }

        /// Expects a refusal and that the host's repository has no more references than before.
        borrowing func refuses(_ bytes: [UInt8], budget: Budget = Budget(), because part: String) throws {
            do {
                try take(bytes, budget: budget)
                Issue.record("taken, though it should be refused: \(part)")
            } catch let error as GitError {
                #expect(error.code == .refused)
                #expect(error.reason.contains(part), "\(error)")
            }
            #expect(try host.bare.references() == ["refs/heads/base"])
            #expect(!scratch.exists("host.git/incoming"))
            #expect(try scratch.names("host.git/objects/pack").count == 2)
            #expect(try scratch.names("host.git/refs/heads") == ["base"])
        }

        /// A commit whose tree has one entry written by hand; returns the objects from the commit down.
        borrowing func commit(mode: String, name: [UInt8], object: String) throws -> [String] {
            let id = stride(from: 0, to: 40, by: 2).map { at in
                let start = object.index(object.startIndex, offsetBy: at)
                return UInt8(object[start..<object.index(start, offsetBy: 2)], radix: 16) ?? 0
            }
            let tree = try scratch.git(
                "work", "hash-object", "-t", "tree", "-w", "--literally", "--stdin",
                input: Array("\(mode) ".utf8) + name + [0] + id)
            let commit = try scratch.git("work", "commit-tree", "-p", "\(base)", "-m", "x", tree)
            return [commit, tree]
        }

        borrowing func blob(_ text: String) throws -> String {
            try scratch.git("work", "hash-object", "-w", "--stdin", input: Array(text.utf8))
        }
    }

    @Test("an object that no commit of the branch leads to is refused, hidden behind others or not")
    func surplus() throws {
        let setting = try Setting()
        let tip = try setting.commit()
        let wanted = try setting.scratch.git(
            "work", "rev-list", "--objects", "--no-object-names", "\(setting.base)..HEAD"
        )
        .split(separator: "\n").map(String.init)
        let hidden = try setting.blob("a secret\n")
        let lost = try setting.commit(mode: "100644", name: Array("x".utf8), object: hidden)
        for more in [[hidden], [hidden, lost[1]], [hidden] + lost] {
            try setting.refuses(
                try setting.bundle(tip: tip, objects: wanted + more), because: "is no part of the history of \(tip)")
        }
        // One that the repository has is no news.
        let old = try setting.scratch.git("work", "rev-parse", "\(setting.base)^{tree}")
        #expect(try setting.take(try setting.bundle(tip: tip, objects: wanted + [old])).description == tip)
    }

    @Test("another commit than the one that was judged is refused")
    func judged() throws {
        let setting = try Setting()
        try setting.commit()
        let bytes = try setting.bundle()
        try setting.scratch.write("received", bytes)
        var incoming = BundleImport(base: setting.base, reference: Self.reference, budget: Budget())
        incoming.tip = setting.base
        do {
            _ = try incoming.run(try setting.scratch.open("received"), into: setting.host.bare)
            Issue.record("taken")
        } catch let error as GitError {
            #expect(error.code == .refused && error.reason.contains("not \(setting.base)"), "\(error)")
        }
        #expect(try setting.host.bare.references() == ["refs/heads/base"])
        try setting.take(bytes)
    }

    @Test("takes a branch whose pack has deltas against the base commit's objects")
    func thin() throws {
        let scratch = try Scratch()
        try scratch.makeRepository()
        try scratch.write("source/file", Array(Self.lines.utf8))
        try scratch.commit("source", "large")
        let setting = try Setting(scratch)
        let tip = try setting.commit(Self.lines + "\nmore")
        let bundle = try setting.bundle()
        // Without a delta the file alone would be larger than this.
        try #require(bundle.count < 10_000)
        #expect(try setting.take(bundle).description == tip)
        #expect(try setting.scratch.git("host.git", "fsck", "--full", "--strict") == "")
    }

    @Test("takes the branch")
    func accepted() throws {
        let setting = try Setting()
        let tip = try setting.commit()
        #expect(try setting.take(try setting.bundle()).description == tip)
        #expect(try setting.host.bare.references() == ["refs/heads/base", Self.reference])
        #expect(try setting.scratch.git("host.git", "fsck", "--full", "--strict") == "")
        #expect(try setting.scratch.git("host.git", "show", "\(tip):file") == "two")
    }

    @Test("refuses a bundle that brings another reference, or a deletion")
    func references() throws {
        let setting = try Setting()
        let tip = try setting.commit()
        try setting.scratch.git("work", "branch", "extra")
        let two = try setting.scratch.gitBytes(
            "work", ["bundle", "create", "--quiet", "-", "\(setting.base)..extra", Self.reference])
        try setting.refuses(two, because: "it names 2 references, not one")
        let other = try setting.scratch.gitBytes(
            "work", ["bundle", "create", "--quiet", "-", "\(setting.base)..extra"])
        try setting.refuses(other, because: "it brings \"refs/heads/extra\"")
        let zero = String(repeating: "0", count: 40)
        try setting.refuses(try setting.bundle(tip: zero, objects: [tip]), because: "is missing")
    }

    @Test("refuses a prerequisite that is not the base commit")
    func prerequisite() throws {
        let setting = try Setting()
        let first = try setting.commit()
        let second = try setting.commit("three\n")
        try setting.refuses(
            try setting.bundle(tip: second, objects: [second], prerequisite: first), because: "it builds on \(first)")
        let complete = Array("# v2 git bundle\n\(second) \(Self.reference)\n\n".utf8)
        let pack = try setting.scratch.gitBytes(
            "work", ["pack-objects", "--stdout", "--quiet", "--revs"], input: Array(second.utf8))
        try setting.refuses(complete + pack, because: "it builds on no commit, not on \(setting.base)")
    }

    @Test(
        "refuses a bundle cut at any place",
        arguments: [
            (0, "its header has no end"), (10, "its header has no end"), (100, "its header has no end"),
            (160, "missing trailer"), (200, "missing trailer"),
        ])
    func truncated(length: Int, reason: String) throws {
        let setting = try Setting()
        try setting.commit()
        let whole = try setting.bundle()
        try #require(whole.count > length)
        try setting.refuses(Array(whole.prefix(length)), because: reason)
    }

    @Test("refuses every bundle whose last byte is gone, and one with a flipped bit")
    func damaged() throws {
        let setting = try Setting()
        try setting.commit()
        let whole = try setting.bundle()
        try setting.refuses(Array(whole.dropLast()), because: "missing trailer")
        var flipped = whole
        flipped[whole.count - 1] ^= 1
        try setting.refuses(flipped, because: "trailer mismatch")
    }

    @Test("refuses the base commit itself, and a branch without the base commit")
    func history() throws {
        let setting = try Setting()
        try setting.refuses(
            try setting.bundle(tip: "\(setting.base)", objects: ["\(setting.base)"]),
            because: "its branch is the base commit itself")
        try setting.scratch.git("work", "checkout", "--quiet", "--orphan", "rootless")
        let orphan = try setting.commit("other\n")
        let tree = try setting.scratch.git("work", "rev-parse", "\(orphan)^{tree}")
        let blob = try setting.scratch.git("work", "rev-parse", "\(orphan):file")
        try setting.refuses(
            try setting.bundle(tip: orphan, objects: [orphan, tree, blob]),
            because: "its branch does not contain the base commit")
    }

    @Test(
        "refuses tree entries that a checkout could be tricked with",
        arguments: [
            ("40000", Array(".git".utf8), "is named like a repository's own directory"),
            ("100644", Array(".GIT".utf8), "is named like a repository's own directory"),
            ("100644", Array("git~1".utf8), "is named like a repository's own directory"),
            ("100644", Array(".g\u{200C}it".utf8), "is named like a repository's own directory"),
            ("100644", Array("..".utf8), "is named like a directory's own link"),
            ("100644", Array("a/b".utf8), "has a separator in its name"),
            ("120000", Array(".gitmodules".utf8), "is a symlink named .gitmodules"),
            ("104755", Array("setuid".utf8), "has the mode 104755"),
        ] as [(String, [UInt8], String)])
    func entries(_ mode: String, _ name: [UInt8], _ flaw: String) throws {
        let setting = try Setting()
        let object = mode == "40000" ? try setting.scratch.git("work", "write-tree") : try setting.blob("x")
        let objects = try setting.commit(mode: mode, name: name, object: object)
        try setting.refuses(try setting.bundle(tip: objects[0], objects: objects + [object]), because: flaw)
    }

    @Test("takes the same shape of commit with a harmless entry")
    func harmlessEntry() throws {
        let setting = try Setting()
        let blob = try setting.blob("x")
        let objects = try setting.commit(mode: "100644", name: Array("a\nb\u{1B}".utf8) + [0xFF], object: blob)
        #expect(
            try setting.take(try setting.bundle(tip: objects[0], objects: objects + [blob])).description == objects[0])
    }

    @Test("refuses a submodule and a tag object")
    func otherObjects() throws {
        let setting = try Setting()
        let linked = try setting.commit(mode: "160000", name: Array("sub".utf8), object: "\(setting.base)")
        try setting.refuses(try setting.bundle(tip: linked[0], objects: linked), because: "is a submodule")
        let tip = try setting.commit()
        try setting.scratch.git("work", "tag", "-a", "-m", "x", "v1")
        let tag = try setting.scratch.git("work", "rev-parse", "v1")
        let all = try setting.scratch.git("work", "rev-list", "--objects", "\(setting.base)..\(tip)")
        let objects = all.split(separator: "\n").map { String($0.prefix(40)) } + [tag]
        try setting.refuses(
            try setting.bundle(tip: tip, objects: objects), because: "is neither a commit, a tree nor a blob")
    }

    @Test("refuses a pack that names an object nobody has")
    func missing() throws {
        let setting = try Setting()
        let tip = try setting.commit()
        let tree = try setting.scratch.git("work", "rev-parse", "\(tip)^{tree}")
        try setting.refuses(
            try setting.bundle(tip: tip, objects: [tip, tree]), because: "which is missing")
        try setting.refuses(
            try setting.bundle(tip: String(repeating: "d", count: 40), objects: ["\(setting.base)"]),
            because: "object not found")
    }

    @Test(
        "refuses what is over a budget, and takes the same within it",
        arguments: [
            ("objects", "more than 3 objects"), ("objectBytes", "is larger than 100000 bytes"),
            ("inflatedBytes", "is past the 100000 bytes"), ("commits", "it adds more than 1 commits"),
            ("bundleBytes", "more than 10 bytes"),
        ])
    func budgets(_ name: String, reason: String) throws {
        let setting = try Setting()
        try setting.commit(Self.lines)
        try setting.commit("three\n")
        let bundle = try setting.bundle()
        try #require(bundle.count > BundleHeader.longest + 10)
        var budget = Budget()
        switch name {
        case "objects": budget.objects = 3
        case "objectBytes": budget.objectBytes = 100_000
        case "inflatedBytes": budget.inflatedBytes = 100_000
        case "commits": budget.commits = 1
        default: budget.bundleBytes = 10
        }
        try setting.refuses(bundle, budget: budget, because: reason)
        try setting.take(bundle)
        #expect(try setting.host.bare.references().count == 2)
    }

    /// Text that stays large when it is compressed.
    private static let lines: String = {
        var state: UInt32 = 1
        return (0..<20_000).map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return String(state, radix: 36)
        }.joined(separator: "\n")
    }()
}
