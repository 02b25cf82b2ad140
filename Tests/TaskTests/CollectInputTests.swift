// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

@Suite("input of collect", .timeLimit(.minutes(25)))
struct CollectInputTests {
    private func expect(_ done: Collected, _ message: String) {
        #expect(done.code == 125 && done.finished.errorText.contains(message), "\(done.finished.errorText)")
        #expect(done.finished.text == "" && access(done.directory, F_OK) != 0)
    }

    @Test("arguments that cannot be meant are refused, and nothing is made", .requires(.root), .requires(.git))
    func arguments() throws {
        let scene = try CollectScene()
        expect(try scene.collect(["more"]), "one word too many")
        expect(try scene.collect(["--no-such"]), "unknown argument")
        expect(try scene.collect(["--json", "--json"]), "given twice")
        expect(try scene.collect(["--base"]), "needs a value")
        expect(try scene.collect(["--base", "main"]), "full id of a commit")
        expect(try scene.collect(["--branch", "a..b"]), "--branch a..b reads as a range")
        expect(try scene.collect(["--branch", "base"]), "keeps the base commit")
        expect(try scene.collect(["--timeout", "0"]), "no number of seconds")
        expect(try scene.collect(["--rules", scene.home.at("none")]), "ENOENT")
        let rules = try scene.home.file("rules.yaml", "version: 1\nbranch: x\n")
        expect(try scene.collect(["--rules", rules]), "rules.yaml:2: unknown key \"branch\"")
        let help = try Command(Executables.sallyport, ["collect", "--help"]).run()
        #expect(help.code == 0 && help.text.hasPrefix("usage: sallyport collect DIR --out OUT"))
        #expect(try Command(Executables.sallyport, ["collect"]).run().code == 125)
    }

    @Test(
        "a directory that is none, or is reached by a symlink, is our error and not the agent's", .requires(.root),
        .requires(.git))
    func directories() throws {
        let scene = try CollectScene()
        func collect(_ path: String) throws -> Finished {
            try Command(Executables.sallyport, ["collect", path, "--out", scene.home.at("out")]).run()
        }
        try scene.home.symlink("link", to: "left")
        for (path, message) in [
            ("absent", "ENOENT"), ("left/file", "ENOTDIR"), ("link", "A part of this path is a symlink"),
            ("link/src", "A part of this path is a symlink"),
        ] {
            let done = try collect(scene.home.at(path))
            #expect(done.code == 125 && done.errorText.contains(message), "\(done.errorText)")
            #expect(access(scene.home.at("out"), F_OK) != 0)
        }
    }

    @Test(
        "a result that would lie in the directory, or that is there already, is refused", .requires(.root),
        .requires(.git))
    func out() throws {
        let scene = try CollectScene()
        expect(try scene.collect(out: "left/out"), "it lies inside the repository")
        try scene.home.directory("used")
        try scene.home.file("used/file")
        let used = try scene.collect(out: "used")
        #expect(
            used.code == 125
                && used.finished.errorText.contains("it is not empty (ENOTEMPTY). Choose a new one with --out."))
        #expect(names(scene.home.at("used")) == ["file"])
    }

    @Test(
        "a history of its own, a detached HEAD, a bare repository and another branch are taken", .requires(.root),
        .requires(.git))
    func forms() throws {
        let scene = try CollectScene()
        let whole = try scene.collect()
        #expect(whole.code == 0 && whole.record?["base"]?.isNull == true)
        #expect(whole.record?["delivered"]?["commits"]?.intValue == 2)
        #expect(try whole.git("for-each-ref", "--format=%(refname)") == "refs/heads/sallyport/collected/main")
        try scene.git("branch", "side")
        try scene.shell(
            "git checkout -q side && echo side > side && git add -A && git commit -qm side && git checkout -q main && echo x > untracked"
        )
        let side = try scene.collect(["--base", scene.base, "--from", "side"], out: "side")
        #expect(side.branch == "sallyport/collected/side")
        #expect(try side.commit == scene.git("rev-parse", "side"))
        #expect(side.record?["notes"]?.arrayValue?.first?.stringValue?.contains("belongs to another branch") == true)
        #expect(
            try scene.collect(["--from", "absent"], out: "absent").refusal.contains(
                "branch \"absent\": it is not there"))
        try scene.git("checkout", "--quiet", "--detach")
        let detached = try scene.collect(["--base", scene.base, "--branch", "named"], out: "detached")
        #expect(detached.code == 0 && detached.branch == "named", "\(detached.refusal)")
        try scene.shell("git clone -q --bare . ../bare && mv ../left ../before && mv ../bare ../left")
        let bare = try scene.collect(["--base", scene.base], out: "bare")
        #expect(bare.code == 0 && bare.record?["source"]?["layout"]?.stringValue == "bare")
        #expect(bare.record?["delivered"]?["working_tree"]?.boolValue == false)
    }

    @Test(
        "without a commit the files are a history of their own, and without files there is nothing", .requires(.root),
        .requires(.git))
    func unborn() throws {
        let scene = try CollectScene()
        try scene.shell("rm -rf .git && git init -q -b work")
        let files = try scene.collect()
        #expect(files.code == 0 && files.branch == "sallyport/collected/work")
        #expect(try files.git("log", "--format=%an") == "sallyport collect")
        try scene.shell("rm -rf * .gitignore")
        let nothing = try scene.collect(out: "nothing")
        #expect(nothing.code == 1 && nothing.outcome == "nothing_to_deliver")
        #expect(names(nothing.directory) == ["collect.json"])
    }

    @Test("an agent that did nothing, and one that rewrote history, are told apart", .requires(.root), .requires(.git))
    func base() throws {
        let scene = try CollectScene()
        let head = try scene.git("rev-parse", "HEAD")
        let nothing = try scene.collect(["--base", head])
        #expect(nothing.code == 1 && nothing.outcome == "nothing_to_deliver")
        try scene.shell(
            "git checkout -q --orphan other && git commit -qm other && git branch -qf main && git checkout -q main")
        let rewritten = try scene.collect(["--base", scene.base], out: "rewritten")
        #expect(
            rewritten.code == 1 && rewritten.refusal.contains("does not contain the base commit"),
            "\(rewritten.refusal)")
        // The agent has gone back behind the commit that is named.
        try scene.shell("git reset -q --hard \(scene.base)")
        let older = try scene.collect(["--base", head], out: "older")
        #expect(older.code == 1 && older.refusal.contains("is older than that commit"), "\(older.refusal)")
        let strange = try scene.collect(["--base", String(repeating: "1", count: 40)], out: "strange")
        #expect(strange.code == 1 && strange.refusal.contains("that commit is not among them"), "\(strange.refusal)")
    }

    @Test("what is ignored stays, and what git would take is taken", .requires(.root), .requires(.git))
    func ignored() throws {
        let scene = try CollectScene()
        try scene.shell(
            """
            mkdir -p build/x node_modules; echo x > build/x/out; echo x > node_modules/m; echo x > a.o; echo y > tracked.o
            git add -f tracked.o; git commit -qm tracked; echo z > tracked.o; echo build > .git/info/exclude
            echo node_modules > src/.gitignore; mkdir -p src/node_modules; echo x > src/node_modules/m; chmod +x file
            printf 'a\\nb' > "$(printf 'odd\\nname\\377')"; ln -s nowhere dangling
            """)
        let done = try scene.collect(["--base", scene.base])
        try scene.git("add", "--all")
        #expect(try done.git("rev-parse", "\(done.commit ?? "")^{tree}") == scene.git("write-tree"))
    }

    @Test("files that are not checked out on purpose are no deletion", .requires(.root), .requires(.git))
    func sparse() throws {
        let scene = try CollectScene()
        try scene.git("sparse-checkout", "set", "--no-cone", "/file")
        try scene.home.file("left/file", "three\n")
        #expect(access(scene.left + "/src", F_OK) != 0)
        let done = try scene.collect(["--base", scene.base])
        #expect(try done.git("diff", "--name-only", scene.base, done.commit ?? "") == "file")
    }

    @Test("--json prints the record and nothing else", .requires(.root), .requires(.git))
    func json() throws {
        let scene = try CollectScene()
        let done = try scene.collect(["--base", scene.base, "--json"])
        #expect(
            done.finished.lines.count == 1 && done.finished.text.hasPrefix("{\"version\":1,\"outcome\":\"delivered\","))
    }

    @Test("a secret is refused, and its value stands nowhere in the result", .requires(.root), .requires(.git))
    func secret() throws {
        let scene = try CollectScene()
        let value = "ghp_" + "aZ3kQ9xW5mB7vN2cL8pR4tY6uH0jD1fGsEoa"
        try scene.home.file("left/config.ini", "[auth]\nkey = \(value)\n")
        let done = try scene.collect(["--base", scene.base])
        #expect(done.code == 1 && done.refusal.hasPrefix("config.ini:2: GitHub token, fingerprint "), "\(done.refusal)")
        #expect(names(done.directory) == ["collect.json"])
        for text in [done.finished.text, done.finished.errorText, text(done.directory + "/collect.json") ?? ""] {
            #expect(!text.contains(value.dropFirst(4)))
        }
    }

    @Test("a step that is held is ended at its deadline", .requires(.root), .requires(.git))
    func deadline() throws {
        let scene = try CollectScene()
        // As much to read as it takes: many names for one file that has a size and no bytes on the disk.
        try scene.shell(
            """
            mkdir many; truncate -s 60M many/0; for n in $(seq 400); do ln many/0 many/$n; done
            blob=$(git hash-object -w many/0)
            for n in $(seq 0 400); do printf '100644 %s 0\\tmany/%s\\n' $blob $n; done | git update-index --index-info
            # Not git commit, which would read them all.
            git update-ref HEAD $(git commit-tree -p HEAD -m many $(git write-tree))
            """)
        let done = try scene.collectOnce(["--base", scene.base, "--timeout", "2"])
        #expect(
            done.code == 125 && done.finished.errorText.contains("it still ran after 2 seconds"),
            "\(done.finished.errorText)")
        #expect(access(done.directory, F_OK) != 0)
    }

    @Test("a caller without root collects what is theirs", .requires(.rootless), .requires(.git))
    func unprivileged() throws {
        let scene = try CollectScene()
        let user = try OrdinaryUser()
        let program = user.home + "/sallyport-task"
        try #require(try Command("/bin/cp", [Executables.path("sallyport-task"), program]).run().code == 0)
        try #require(try Command("/bin/cp", ["-a", scene.left, user.home + "/left"]).run().code == 0)
        let owned = try Command("/bin/chown", ["-R", "\(user.uid):\(user.uid)", user.home + "/left"]).run()
        try #require(owned.code == 0)
        let out = user.home + "/out"
        let finished = try user.command(program, ["collect", user.home + "/left", "--out", out, "--base", scene.base])
            .run()
        #expect(finished.code == 0, "\(finished.errorText)")
        let done = try Collected(finished, directory: out)
        #expect(done.record?["source"]?["read_as"]?.stringValue == "caller" && done.commit != nil)
    }
}
