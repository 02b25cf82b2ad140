// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// What lies in the tree or the history itself, through `collect`.
@Suite("hostile contents", .timeLimit(.minutes(25)))
struct CollectContentTests {
    private func flags(_ done: Collected) -> [String] {
        done.record?["flags"]?.arrayValue?.compactMap { flag in
            flag["place"]?.stringValue.map { "\(flag["check"]?.stringValue ?? "") \($0)" }
        } ?? []
    }

    @Test("G08: a submodule is refused, and its names and addresses are flagged", .requires(.root), .requires(.git))
    func g08() throws {
        let scene = try CollectScene()
        let mark = try CollectHostileTests.mark(scene)
        try scene.shell(
            """
            printf '[submodule "../../hooks"]\\n\\tpath = s\\n\\turl = -u./payload\\n\\tupdate = !touch mark\\n' > .gitmodules
            git config submodule.s.update "!touch $1"; git config protocol.ext.allow always
            git remote add evil "ext::sh -c touch% $1"
            """, mark)
        #expect(try scene.git("config", "--file", ".gitmodules", "submodule.../../hooks.update") == "!touch mark")
        // The address is armed: stock git runs it.
        _ = try Command("/bin/sh", ["-c", "cp -a . ../copy && cd ../copy && git fetch evil"]).in(scene.left).run()
        #expect(access(mark, F_OK) == 0)
        unlink(mark)
        let done = try scene.collect(["--base", scene.base])
        #expect(done.code == 0 && flags(done).first == "opened_paths .gitmodules")
        try scene.shell("git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),s && git commit -qm s")
        let refused = try scene.collect(["--base", scene.base], out: "second")
        #expect(refused.code == 1 && refused.refusal.contains("is a submodule"), "\(refused.refusal)")
        #expect(access(mark, F_OK) != 0, "collect sprang the trap")
    }

    @Test(
        "G08: what a recursive clone would spring stays a submodule, and is refused", .requires(.root), .requires(.git))
    func g08Clone() throws {
        // CVE-2024-32002: the link leads a module's checkout into the repository. CVE-2025-48384: the end of line does.
        for plant in [
            """
            printf '[submodule "x"]\\n\\tpath = A/modules/x\\n\\turl = ./y\\n' > .gitmodules; ln -s .git a; git add -A
            git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),A/modules/x
            """,
            """
            printf '[submodule "x"]\\n\\tpath = "s\\r"\\n\\turl = ./y\\n' > .gitmodules; ln -s .git/modules/x/hooks s; git add -A
            git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),"$(printf 's\\r')"
            """,
        ] {
            let scene = try CollectScene()
            try scene.shell(plant + "\ngit commit -qm trap")
            let done = try scene.collect(["--base", scene.base])
            #expect(done.code == 1 && done.refusal.contains("is a submodule"), "\(done.refusal)")
        }
        // Without the submodule it is a link and names that fold: flagged before all else.
        let scene = try CollectScene()
        try scene.shell("ln -s .git a; mkdir A; echo x > A/hooks")
        let done = try scene.collect(["--base", scene.base])
        #expect(done.code == 0 && Set(flags(done)) == ["opened_paths a"], "\(flags(done))\(done.refusal)")
    }

    @Test(
        "G10: a tree with a name that leads elsewhere is refused", .requires(.root), .requires(.git),
        arguments: [
            ("100644", "..", "a directory's own link"), ("100644", ".GIT", "a repository's own directory"),
            ("100644", ".git", "a repository's own directory"), ("100644", "git~1", "a repository's own directory"),
            ("100644", ".g\u{200C}it", "a repository's own directory"),
            ("100644", ".git::$INDEX_ALLOCATION", "own directory"),
            ("120000", ".gitmodules", "is a symlink named .gitmodules"), ("100644", "a\\.git\\config", "own directory"),
            ("100644", ".git ", "own directory"), ("100644", ".git.", "own directory"),
            ("100644", "GIT~1", "own directory"),
            ("100644", ".git . .", "own directory"), ("100644", "\u{FEFF}.git", "own directory"),
            ("100644", ".\u{202A}gI\u{206F}t", "own directory"), ("100644", ".", "a directory's own link"),
            ("100644", "", "can't parse filename"), ("100644", "a/b", "a separator in its name"),

            ("120000", ".git", "own directory"), ("100644", String(repeating: "x", count: 300), "more than 255 bytes"),
            ("100600", "x", "has the mode"), ("160000", "x", "is a submodule"),
        ])
    func g10(_ mode: String, _ name: String, _ flaw: String) throws {
        let scene = try CollectScene()
        let blob = try scene.git("rev-parse", "HEAD:file")
        // A tree by hand: git itself makes none like it.
        var bytes = Array("\(mode) \(name)".utf8) + [0]
        let digits = Array(blob)
        for at in stride(from: 0, to: 40, by: 2) {
            bytes.append(try #require(UInt8(String(digits[at...(at + 1)]), radix: 16)))
        }
        let tree = try scene.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", input: bytes)
        let inner = Array("40000 d".utf8) + [0] + (try idBytes(tree))
        let outer = try scene.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", input: inner)
        let commit = try scene.git("commit-tree", "-p", "HEAD", "-m", "x", outer)
        try scene.git("update-ref", "refs/heads/evil", commit)
        let done = try scene.collect(["--base", scene.base, "--from", "evil"])
        #expect(done.code == 1 && done.refusal.contains(flaw), "\(done.refusal)\(done.finished.errorText)")
        #expect(names(done.directory) == ["collect.json"])
    }

    private func idBytes(_ id: String) throws -> [UInt8] {
        let digits = Array(id)
        return try stride(from: 0, to: 40, by: 2).map { try #require(UInt8(String(digits[$0...($0 + 1)]), radix: 16)) }
    }

    @Test("G10: files that some file system takes for .git are left out by name", .requires(.root), .requires(.git))
    func g10Names() throws {
        let scene = try CollectScene()
        try scene.shell(
            "mkdir .GIT '.g\u{200C}it' src/.git; for d in .GIT '.g\u{200C}it' src/.git; do echo x > $d/config; done; echo x > 'git~1'"
        )
        let done = try scene.collect(["--base", scene.base])
        #expect(done.code == 0)
        for path in [".GIT", "git~1", ".g\\xe2\\x80\\x8cit", "src/.git"] {
            #expect(done.leftOut(path) != nil, "\(path)")
        }
        #expect(try done.git("ls-tree", "-r", "--name-only", try #require(done.commit)) == ".gitignore\nfile\nsrc/deep")
    }

    @Test("G11: nothing of Git LFS is honoured", .requires(.root), .requires(.git))
    func g11() throws {
        let scene = try CollectScene()
        let mark = try CollectHostileTests.mark(scene)
        try scene.shell(
            """
            printf '[lfs]\\n\\turl = https://evil.invalid/\\n' > .lfsconfig
            git config lfs.customtransfer.x.path "touch $1"; git config filter.lfs.smudge "touch $1; cat"
            echo '*.bin filter=lfs diff=lfs merge=lfs' > .gitattributes
            s=$(printf 'content\\n' | sha256sum | cut -d' ' -f1)
            printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:%s\\nsize 8\\n' $s > a.bin
            printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:%s\\nsize 999999999999\\n' $s > b.bin
            git config filter.lfs.clean cat; git add -A; git commit -qm lfs; git config filter.lfs.clean "touch $1; cat"
            """, mark)
        // The filters are armed: stock git runs one as it checks out, the other as it adds.
        for springs in ["rm b.bin; git checkout b.bin", "echo other > b.bin; git add b.bin"] {
            try #require(access(mark, F_OK) != 0)
            try scene.shell("rm -rf ../copy; cp -a . ../copy; cd ../copy; \(springs)")
            #expect(access(mark, F_OK) == 0, "\(springs)")
            unlink(mark)
        }
        try scene.home.file("left/a.bin", "content\n")
        let done = try scene.collect(["--base", scene.base])
        #expect(done.code == 0 && flags(done).first == "opened_paths .lfsconfig", "\(done.refusal)")
        // What the pointer stands for is no change, and a pointer stays a pointer.
        #expect(done.record?["delivered"]?["working_tree"]?.boolValue == false)
        #expect(try done.git("show", "\(done.commit ?? ""):b.bin").hasSuffix("size 999999999999"))
        #expect(access(mark, F_OK) != 0)
        try scene.home.file("left/a.bin", "other\n")
        let changed = try scene.collect(["--base", scene.base], out: "second")
        #expect(try changed.git("show", "\(changed.commit ?? ""):a.bin") == "other")
        #expect(changed.record?["notes"]?.arrayValue?.first?.stringValue?.hasPrefix("a.bin: a file of Git LFS") == true)
    }

    @Test("G13: what acts on the host when opened comes first", .requires(.root), .requires(.git))
    func g13() throws {
        let scene = try CollectScene()
        let opened = [
            ".vscode/tasks.json", ".idea/x", ".envrc", ".tool-versions", ".npmrc", ".mcp.json", ".claude/settings.json",
            ".cargo/config.toml", ".bazelrc", ".ripgreprc",
        ]
        let built = [
            "Makefile", "package.json", "pyproject.toml", "conftest.py", "AGENTS.md", "compile_commands.json",
            ".editorconfig",
        ]
        for name in opened + built {
            try scene.shell("mkdir -p \"$(dirname '\(name)')\" && echo x > '\(name)'")
        }
        let done = try scene.collect(["--base", scene.base])
        #expect(done.code == 0)
        #expect(flags(done).prefix(opened.count).sorted() == opened.map { "opened_paths \($0)" }.sorted())
        #expect(flags(done).suffix(built.count).sorted() == built.map { "built_paths \($0)" }.sorted())
        // First on the screen, and first in the record.
        #expect(done.finished.lines[1].hasPrefix("flagged   "))
        let members = done.record?.objectValue?.map(\.name) ?? []
        #expect(members.prefix(3) == ["version", "outcome", "flags"])
        let refused = try scene.collect(
            ["--base", scene.base, "--rules", try scene.home.file("rules.yaml", "version: 1\nopened: refuse\n")],
            out: "second")
        #expect(refused.code == 1 && names(refused.directory) == ["collect.json"])
        #expect(refused.record?["refusals"]?.arrayValue?.count == opened.count)
    }

    @Test(
        "G14: what a tree cannot hold is left out by name, and what is special about a file stays", .requires(.root),
        .requires(.git))
    func g14() throws {
        let scene = try CollectScene()
        try scene.shell(
            """
            mkfifo fifo; mknod device c 1 5; cp /bin/true suid; chmod 6755 suid; truncate -s 200G huge; truncate -s 80M big
            ln src/deep twin; rm file; mkfifo file; setcap cap_net_raw+ep suid || true
            python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
            """)
        let done = try scene.collect(["--base", scene.base])
        #expect(done.code == 0, "\(done.refusal)\(done.finished.errorText)")
        for (path, reason) in [
            ("fifo", "a FIFO"), ("device", "a device"), ("socket", "a socket"), ("huge", "larger than"),
            ("big", "larger than"),
            ("file", "a FIFO"),
        ] { #expect(done.leftOut(path)?.contains(reason) == true, "\(path)") }
        let listing = try done.git("ls-tree", "-r", try #require(done.commit))
        #expect(listing.contains("100755 blob") && listing.contains("\tsuid"))
        #expect(listing.contains("\ttwin"))
        // Left out is not gone: what the last commit has there stays.
        #expect(try done.git("show", "\(done.commit ?? ""):file") == "two")
        // A time that is yet to come is nobody's concern; each look at such a file changes its time of access.
        try scene.shell("touch -d 2200-01-01 future")
        #expect(try scene.collectOnce(["--base", scene.base], out: "future").code == 0)
        let found = try Command(
            "/usr/bin/find", [done.directory, "(", "-perm", "/7022", "-o", "!", "-type", "f", "!", "-type", "d", ")"]
        ).run()
        #expect(found.text == "")
    }

    @Test("G14: a name for somebody else's file does not make it the agent's", .requires(.root), .requires(.git))
    func g14Links() throws {
        let scene = try CollectScene()
        try scene.home.file("secret", "of the host\n", mode: 0o600)
        try scene.shell("ln ../secret stolen; ln -s ../secret pointed")
        // While root owns the directory, its own files are root's to take.
        #expect(
            try scene.collect(["--base", scene.base]).git("show", "sallyport/collected/main:stolen") == "of the host")
        try #require(
            try Command("/bin/sh", ["-c", "chown -R 4242:4242 \(scene.left) && chown 0:0 \(scene.home.at("secret"))"])
                .run().code == 0)
        let done = try scene.collect(["--base", scene.base], out: "second")
        #expect(done.code == 0 && done.leftOut("stolen") == "Permission denied (EACCES)")
        #expect(try done.git("show", "\(done.commit ?? ""):pointed") == "../secret")
        #expect(flags(done) == ["opened_paths pointed"])
        #expect(try !done.git("log", "-p", "--all").contains("of the host"))
    }

    @Test(
        "G15: what was judged is what lies in the result, whatever becomes of the directory", .requires(.root),
        .requires(.git))
    func g15() throws {
        let scene = try CollectScene()
        try scene.home.file("left/file", "judged\n")
        let done = try scene.collect(["--base", scene.base])
        let before = try done.git("rev-parse", "sallyport/collected/main^{tree}")
        try scene.shell(
            "for f in $(find .git/objects -type f); do chmod u+w $f; echo x > $f; done; echo later > file; rm -rf src")
        #expect(try done.git("rev-parse", "sallyport/collected/main^{tree}") == before)
        #expect(try done.git("fsck", "--full", "--strict") == "")
        #expect(try done.git("show", "sallyport/collected/main:file") == "judged")
        for file in ["result.bundle", "result.patch"] {
            let digest = try Command("/usr/bin/sha256sum", [done.directory + "/" + file]).run().text.prefix(64)
            #expect(done.record?["files"]?[file]?.stringValue == String(digest))
        }
    }

    @Test("G15: a directory that changes meanwhile gives a whole result or none", .requires(.root), .requires(.git))
    func g15Live() throws {
        let scene = try CollectScene()
        for number in 0..<300 { try scene.home.file("left/src/f\(number)", "\(number)\n") }
        try scene.shell("git add -A && git commit -qm many")
        var changer = Command(
            "/bin/sh",
            [
                "-c",
                """
                echo ready
                while :; do
                    for n in 1 2 3; do
                        echo $n > src/f$n; rm -f src/f1$n; mkfifo src/f1$n; rm -rf src/d; ln -s /etc src/d; rm src/d; mkdir -p src/d
                        echo .envrc > src/d/.envrc; mv src/f2$n src/g2$n; mv src/g2$n src/f2$n
                    done; echo
                done
                """,
            ])
        changer.directory = scene.left
        let running = try changer.start()
        #expect(try running.line() == "ready")
        for round in 0..<5 {
            running.forgetLines()
            let done = try scene.collectOnce(["--base", scene.base], out: "out\(round)")
            #expect(done.code == 0, "\(done.refusal)\(done.finished.errorText)")
            #expect(try done.git("fsck", "--full", "--strict") == "")
            // The gate judged the very tree that is there.
            let isThere = try done.git("ls-tree", "-r", "--name-only", done.commit ?? "").contains("src/d/.envrc")
            #expect(flags(done).contains("opened_paths src/d/.envrc") == isThere)
            #expect(try !done.git("ls-tree", "-r", "--name-only", done.commit ?? "").contains("passwd"))
            try #require(try running.line() == "", "nothing changes any more")
        }
        try running.signal(SIGKILL)
    }

    @Test(
        "G16: nobody who watches the directory or the receiver sees a file of ours in it", .requires(.root),
        .requires(.git))
    func g16() throws {
        let scene = try CollectScene()
        let receiver = scene.home.at("receiver.git")
        try CollectScene.git(scene.home.path, "init", "--quiet", "--bare", receiver)
        try scene.home.file("left/.envrc", "x\n")
        let rules = try scene.home.file("rules.yaml", "version: 1\nopened: refuse\n")
        let before = try Command("/usr/bin/find", [receiver, "-printf", "%p %T@\\n"]).run().text
        // The fingerprint of the left directory is compared in every collect of these tests, times of access included.
        let done = try scene.collect(["--base", scene.base, "--push", receiver, "--rules", rules])
        #expect(done.code == 1 && done.outcome == "refused")
        #expect(try Command("/usr/bin/find", [receiver, "-printf", "%p %T@\\n"]).run().text == before)
    }
}
