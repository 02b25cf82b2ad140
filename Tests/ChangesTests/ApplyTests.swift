// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxSystem
import Testing

@testable import Changes

@Suite("applying changes")
struct ApplyTests {
    /// Every kind of change at once.
    static func mixed() throws -> Scratch {
        let s = try Scratch()
        try s.file("\(s.lower)/edited", "before")
        try s.file("\(s.lower)/gone", "x")
        try s.file("\(s.lower)/rm/a/b", "1")
        try s.file("\(s.lower)/rm/c", "2")
        try s.file("\(s.lower)/todir", "was file")
        try s.file("\(s.lower)/tofile/x/y", "was inside")
        try s.file("\(s.lower)/script", "run")
        try s.file("\(s.lower)/untouched", "u")
        try s.link("\(s.lower)/relinked", "untouched")
        try s.file("\(s.upper)/edited", "after")
        try s.whiteout("\(s.upper)/gone")
        try s.whiteout("\(s.upper)/rm")
        try s.file("\(s.upper)/todir/in/side", "new tree")
        try s.file("\(s.upper)/tofile", "file now")
        try s.file("\(s.upper)/script", "run", mode: 0o755)
        try s.file("\(s.upper)/new/deep/file", "n", mode: 0o4777)
        try s.link("\(s.upper)/new/deep/link", "../../untouched")
        try s.link("\(s.upper)/relinked", "edited")
        return s
    }

    static let result = [
        "edited 644 after", "new/ 755", "new/deep/ 755", "new/deep/file 755 n", "new/deep/link -> ../../untouched",
        "relinked -> edited", "script 755 run", "todir/ 755", "todir/in/ 755", "todir/in/side 644 new tree",
        "tofile 644 file now", "untouched 644 u",
    ]

    @Test("brings every kind of change into the tree, and leaves no temporary name")
    func everything() throws {
        let s = try Self.mixed()
        let report = try s.apply(s.collect())
        #expect(report.conflicts == [])
        #expect(report.withheld == [])
        #expect(report.left == [])
        #expect(try s.tree(s.lower) == Self.result)
        #expect(report.applied.count == 18)
    }

    @Test("writes all before it moves any, moves all before it removes any")
    func order() throws {
        let s = try Self.mixed()
        var phases: [Int] = []
        _ = try s.apply(s.collect()) { effect in
            switch effect {
            case .stage: phases.append(0)
            case .publish: phases.append(1)
            case .remove: phases.append(2)
            case .mode: phases.append(3)
            }
        }
        #expect(phases == phases.sorted())
        #expect(Swift.Set(phases) == [0, 1, 2, 3])
    }

    @Test("cut short before any effect, a second call completes it")
    func interrupted() throws {
        var total = 0
        let whole = try Self.mixed()
        _ = try whole.apply(whole.collect()) { _ in total += 1 }
        #expect(total > 20)
        for stop in 0..<total {
            let s = try Self.mixed()
            let set = try s.collect()
            var at = 0
            let error = #expect(throws: ChangeError.self) {
                try s.apply(set) { _ throws(ChangeError) in
                    if at == stop { throw ChangeError(.changed, "stop", "here", "test", remedy: "") }
                    at += 1
                }
            }
            #expect(error?.operation == "stop")
            let report = try s.apply(set)
            #expect(report.conflicts == [], "stopped at \(stop)")
            #expect(try s.tree(s.lower) == Self.result, "stopped at \(stop)")
        }
    }

    @Test("applied twice, the second time changes nothing")
    func twice() throws {
        let s = try Self.mixed()
        let set = try s.collect()
        _ = try s.apply(set)
        let again = try s.apply(set)
        #expect(again.applied == [])
        #expect(again.conflicts == [])
        #expect(try s.tree(s.lower) == Self.result)
    }

    @Test(
        "writes nothing when the caller changed something that the session changed",
        arguments: [
            ("echo other > edited", "edited"), ("rm edited", "edited"), ("rm edited; mkdir edited", "edited"),
            ("echo other > gone", "gone"), ("rm edited; ln -s untouched edited", "edited"), ("echo 1 > new", "new"),
            ("echo extra > rm/extra", "rm/extra"), ("echo extra > tofile/x/z", "tofile/x/z"),
            ("chmod 600 edited", "edited"),
            ("ln -sfn gone relinked", "relinked"), ("mkdir -p new/deep; echo mine > new/deep/file", "new/deep/file"),
        ])
    func conflicts(_ action: String, _ path: String) throws {
        let s = try Self.mixed()
        let set = try s.collect()
        #expect(system("cd '\(s.lower)' && { \(action); }") == 0)
        let before = try s.tree(s.lower)
        let report = try s.apply(set)
        #expect(report.conflicts.map { escapedPath($0.path) }.contains(path))
        #expect(report.applied == [])
        #expect(try s.tree(s.lower) == before)
    }

    @Test("a directory that became a symlink is not written through")
    func symlinkedParent() throws {
        let s = try Scratch()
        try s.file("\(s.lower)/d/f", "1")
        try s.file("\(s.upper)/d/new", "x")
        let set = try s.collect()
        try s.directory("\(s.path)/outside")
        #expect(system("rm -r '\(s.lower)/d' && ln -s ../outside '\(s.lower)/d'") == 0)
        let report = try s.apply(set)
        #expect(report.conflicts.map(\.reason) == ["its directory is now a symlink or a file"])
        #expect(try s.tree("\(s.path)/outside") == [])
    }

    @Test("a directory above that became a symlink is not written through either")
    func symlinkedAncestor() throws {
        let s = try Scratch()
        try s.file("\(s.lower)/d/e/f", "1")
        try s.file("\(s.upper)/d/e/new", "x")
        let set = try s.collect()
        try s.directory("\(s.path)/outside/e")
        #expect(system("rm -r '\(s.lower)/d' && ln -s ../outside '\(s.lower)/d'") == 0)
        let report = try s.apply(set)
        #expect(report.conflicts.map(\.reason) == ["its directory is reached through a symlink"])
        #expect(try s.tree("\(s.path)/outside") == ["e/ 755"])
    }

    @Test("a directory swapped for a symlink during the call stops it with everything staged removed")
    func swapped() throws {
        let s = try Scratch()
        try s.file("\(s.lower)/a/f", "1")
        try s.file("\(s.lower)/b/f", "1")
        try s.file("\(s.upper)/a/new", "x")
        try s.file("\(s.upper)/b/new", "x")
        let set = try s.collect()
        try s.directory("\(s.path)/outside")
        let error = #expect(throws: ChangeError.self) {
            try s.apply(set) { effect in
                if effect == .stage(Array("a/new".utf8)) {
                    _ = system("cd '\(s.lower)' && mv b b.old && ln -s ../outside b")
                }
            }
        }
        #expect(error?.code == .refused(.notDirectory))
        #expect(try s.tree("\(s.path)/outside") == [])
        #expect(try s.tree(s.lower) == ["a/ 755", "a/f 644 1", "b -> ../outside", "b.old/ 755", "b.old/f 644 1"])
    }

    @Test("a file that the caller saves during the call is kept")
    func savedMeanwhile() throws {
        let s = try Scratch()
        try s.file("\(s.lower)/f", "1")
        try s.file("\(s.upper)/f", "session's")
        let set = try s.collect()
        let error = #expect(throws: ChangeError.self) {
            try s.apply(set) { effect in
                if effect == .publish(Array("f".utf8)) { _ = system("echo caller > '\(s.lower)/f'") }
            }
        }
        #expect(error?.code == .changed)
        #expect(try s.tree(s.lower) == ["f 644 caller\n"])
    }

    @Test("a partial set changes nothing until that is accepted, and then all that it holds")
    func partial() throws {
        let s = try Scratch()
        try s.file("\(s.lower)/moved", "content")
        try s.file("\(s.upper)/kept", "1")
        try s.file("\(s.upper)/large", "content")
        try s.whiteout("\(s.upper)/moved")
        let before = try s.tree(s.lower)
        let set = try s.collect(budget: ChangeBudget(bytes: 7))
        #expect(try letters(set) == ["A kept", "! large", "D moved"])
        let refused = try s.apply(set)
        #expect(refused.leftOut.map(\.shown) == ["large: its content did not fit any more"])
        #expect(refused.applied == [])
        #expect(try s.tree(s.lower) == before)
        let taken = try s.apply(set, partial: true)
        #expect(taken.applied.map { escapedPath($0) } == ["kept", "moved"])
        #expect(taken.leftOut == refused.leftOut)
        #expect(try s.tree(s.lower) == ["kept 644 1"])
    }

    @Test("what acts on the host when opened is withheld, and applied when accepted")
    func withheld() throws {
        let flagged = [
            ".envrc", ".vscode/tasks.json", "sub/.idea/x.xml", ".git/config", ".git/hooks/pre-commit",
            ".git/info/attributes",
            ".git/modules/a/config", ".git/hooks/.git/refs/x", ".git/worktrees/w/gitdir",
            ".git/objects/info/alternates", ".git/commondir",
            ".gitmodules", ".mcp.json", ".claude/settings.json", "deep/.cargo/config.toml",
        ]
        let s = try Scratch()
        for path in flagged { try s.file("\(s.upper)/\(path)", "x") }
        try s.file("\(s.upper)/.git/refs/heads/main", "ok")
        try s.file("\(s.upper)/Makefile", "ok")
        let set = try s.collect()
        let report = try s.apply(set)
        #expect(report.conflicts == [])
        for path in flagged { #expect(s.status("\(s.lower)/\(path)") == nil, "\(path)") }
        #expect(s.text("\(s.lower)/.git/refs/heads/main") == "ok")
        #expect(s.text("\(s.lower)/Makefile") == "ok")
        let accepted = try s.apply(set, accept: true)
        #expect(accepted.withheld == [])
        for path in flagged { #expect(s.text("\(s.lower)/\(path)") == "x", "\(path)") }
    }

    @Test(
        "a symlink that could lead outside is withheld, one that stays is not",
        arguments: [
            ("/etc/passwd", true), ("../../x", true), ("a/../b", true), ("../../..", true), ("../.git/hooks", true),
            ("../x", false), ("sibling", false), ("./a/b", false),
        ])
    func symlinks(_ target: String, _ withheld: Bool) throws {
        let s = try Scratch()
        try s.directory("\(s.lower)/d")
        try s.link("\(s.upper)/d/link", target)
        let report = try s.apply(s.collect())
        #expect(report.withheld.isEmpty == !withheld)
        #expect((s.target("\(s.lower)/d/link") == nil) == withheld)
    }

    @Test(
        "a name that some file system reads as .git is never applied",
        arguments: [
            ".GIT", ".Git", "GIT~1", "git~12", ".g\u{200c}it", ".git.", ".git ", ".git::$INDEX_ALLOCATION", "a\\.git",
            ".sallyport-s1-0",
        ])
    func spellings(_ name: String) throws {
        let s = try Scratch()
        try s.file("\(s.upper)/\(name)/config", "x")
        try s.file("\(s.upper)/plain", "ok")
        let report = try s.apply(s.collect(), accept: true)
        #expect(report.withheld.count == 2)
        #expect(try s.tree(s.lower) == ["plain 644 ok"])
    }

    @Test(
        "names that only look alike are applied",
        arguments: [".github", ".gitignore", "git", "dot.git", "git~", "git~x"])
    func alike(_ name: String) throws {
        let s = try Scratch()
        try s.file("\(s.upper)/\(name)", "x")
        #expect(try s.apply(s.collect()).withheld == [])
        #expect(s.text("\(s.lower)/\(name)") == "x")
    }

    @Test("a repository's data is removed whole or not at all")
    func removedRepository() throws {
        let s = try Scratch()
        try s.file("\(s.lower)/sub/.git/config", "x")
        try s.file("\(s.lower)/sub/.git/HEAD", "x")
        try s.file("\(s.lower)/sub/src", "x")
        try s.whiteout("\(s.upper)/sub")
        let before = try s.tree(s.lower)
        let set = try s.collect()
        #expect(try s.apply(set).applied == [])
        #expect(try s.tree(s.lower) == before)
        #expect(try s.apply(set, accept: true).left == [])
        #expect(try s.tree(s.lower) == [])
    }

    @Test("the mask holds for new files, and bits that the base had stay")
    func mask() throws {
        let s = try Scratch()
        try s.file("\(s.lower)/shared", "1", mode: 0o666)
        try s.file("\(s.upper)/shared", "22", mode: 0o666)
        try s.file("\(s.upper)/new", "3", mode: 0o666)
        _ = try s.apply(s.collect())
        #expect(try s.tree(s.lower) == ["new 644 3", "shared 666 22"])
    }

    @Test("another name of a replaced file keeps the old content")
    func hardLink() throws {
        let s = try Scratch()
        try s.file("\(s.lower)/f", "old")
        try s.check(Glibc.link("\(s.lower)/f", "\(s.path)/other"))
        try s.file("\(s.upper)/f", "new")
        _ = try s.apply(s.collect())
        #expect(s.text("\(s.path)/other") == "old")
        #expect(s.text("\(s.lower)/f") == "new")
    }

    @Test("content that changed in the set after it was opened is not put in place")
    func toctou() throws {
        let s = try Scratch()
        try s.file("\(s.upper)/f", "AAAAAAAA")
        let set = try s.collect()
        let entry = try #require(try set.entries().first)
        let fd = open("\(s.path)/sets/set1", O_WRONLY)
        try s.check(fd)
        #expect(pwrite(fd, "B", 1, off_t(entry.contentOffset)) == 1)
        close(fd)
        let error = #expect(throws: ChangeError.self) { try s.apply(set) }
        #expect(error?.code == .malformed)
        #expect(try s.tree(s.lower) == [])
    }

    @Test("what the caller changed while the session ran is a conflict, and stays")
    func changedMeanwhile() throws {
        let s = try Scratch()
        for name in ["edited", "removed", "mode", "same"] {
            try s.file("\(s.lower)/\(name)", "the caller's later text")
        }
        try s.file("\(s.lower)/made", "by the caller, meanwhile")
        try s.file("\(s.upper)/edited", "the task's")
        try s.whiteout("\(s.upper)/removed")
        try s.file("\(s.upper)/mode", "the caller's later text", mode: 0o755)
        try s.file("\(s.upper)/same", "the caller's later text")
        try s.file("\(s.upper)/made", "by the task")
        // The session started before any of these was written.
        let report = try s.apply(try s.collect(started: 1_000_000_000_000))
        #expect(report.applied == [])
        #expect(
            Set(report.conflicts.map { String(decoding: $0.path, as: UTF8.self) }) == [
                "edited", "made", "mode", "removed",
            ])
        #expect(s.text("\(s.lower)/edited") == "the caller's later text")
        #expect(s.text("\(s.lower)/removed") == "the caller's later text")
        #expect(s.text("\(s.lower)/made") == "by the caller, meanwhile")
        // Control: the same tree, in a session that started later.
        let later = try s.apply(try s.collect())
        #expect(later.conflicts == [])
        #expect(s.text("\(s.lower)/edited") == "the task's")
    }

    @Test("a removal that was cut short is completed, and takes no other name")
    func removalCompleted() throws {
        let s = try Scratch()
        let home = try Directory.open(s.path)
        try s.file("\(s.path)/victim/a/b/c", "x")
        try s.file("\(s.path)/.removed-0-victim/left/over", "x")
        try s.file("\(s.path)/.removed-0-victim2/other", "x")
        try home.removeTree(Array("victim".utf8))
        #expect(try !home.contains("victim"))
        #expect(try !home.contains(".removed-0-victim"))
        #expect(try home.contains(".removed-0-victim2"))
    }
}
