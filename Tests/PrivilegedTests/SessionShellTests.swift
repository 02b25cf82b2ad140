// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// `sallyport session shell`: a fresh sandbox that shows what an ended session left.
@Suite("session shell", .timeLimit(.minutes(25)))
struct SessionShellTests {
    /// Kind, mode, name, target, time and content of what is in the workspace; times of files only, since a directory that
    /// was there before gets that of the last change in it.
    static let census =
        "find . -mindepth 1 ! -type f -printf '%y %m %p %l\\n' | sort; find . -type f -printf '%m %T@ %p\\n' | sort; "
        + "find . -type f | sort | xargs -d '\\n' sha256sum"

    /// What an overlay has a mark for, and what acts on the host when it is opened there.
    static let changes = """
        set -e
        rm -r gone; rm file; mkdir file; echo in > file/in; rm -r tree; echo flat > tree; ln -sfn /etc link
        rm -r again; mkdir again; echo new > again/other
        echo more >> kept; chmod 600 mode; chmod 755 locked; echo 1 > locked/new; rm locked/old; chmod 555 locked
        mkdir -p .git/hooks; printf '#!/bin/sh\\n' > .git/hooks/pre-commit; chmod 755 .git/hooks/pre-commit
        mkdir closed; echo 1 > closed/in; chmod 500 closed; touch -d 2001-02-03T04:05:06.789Z closed/in closed
        """

    private struct Scene {
        let operation: Sallyport
        let work: Scratch

        init() throws {
            operation = try Sallyport()
            work = try Scratch()
            for directory in ["gone", "gone/in", "tree", "tree/deep", "again", "locked"] {
                try work.directory(directory)
            }
            for file in ["gone/in/x", "file", "tree/deep/y", "again/old", "kept", "mode", "untouched", "locked/old"] {
                try work.file(file, file)
            }
            try work.symlink("link", to: "kept")
        }

        func shell(_ session: String, _ options: [String] = [], _ command: [String] = []) throws -> Finished {
            try operation.command(["session", "shell", session] + options + (command.isEmpty ? [] : ["--"] + command))
                .run()
        }

        /// Everything of the caller's tree.
        func tree() throws -> String {
            var command = Command("/bin/sh", ["-c", SessionShellTests.census])
            command.directory = work.path
            return try command.run().text
        }
    }

    @Test("it shows the workspace as the session left it, and forgets what is done there", .requires(.root))
    func same() throws {
        let scene = try Scene()
        let before = try scene.tree()
        let run = try scene.operation.run(
            profile: "strict", workspace: scene.work.path, options: ["--keep"],
            ["sh", "-c", Self.changes + "\n" + Self.census])
        try #require(run.code == 0, "\(run.errorText)")
        #expect(run.text.contains(" ./.git/hooks/pre-commit") && run.text.contains("d 500 ./closed \n"))
        let session = try #require(run.session)
        #expect(run.errorText.contains("Look around: sallyport session shell \(session)\n"))
        for _ in 0..<2 {
            let look = try scene.shell(session, [], ["sh", "-c", Self.census + "; echo mine > more; rm kept"])
            #expect(look.code == 0, "\(look.errorText)")
            #expect(look.text == run.text)
        }
        #expect(
            try scene.shell(session, [], ["stat", "-c", "%Y", "closed", "closed/in"]).text == "981173106\n981173106\n")
        // Read from standard input where there is no terminal, as a shell does.
        var typed = scene.operation.command(["session", "shell", session])
        typed.input = Array("cat file/in; exit 9\n".utf8)
        let done = try typed.run()
        #expect(done.code == 9 && done.text == "in\n", "\(done.errorText)")
        #expect(try scene.tree() == before)
        #expect(names(scene.operation.state + "/changes").sorted() == ["\(session).json", "\(session).set"])
    }

    @Test("without a tree the workspace is kept only when asked for, and then whatever it holds", .requires(.root))
    func empty() throws {
        let scene = try Scene()
        // Names that only an overlay's own would mean something; tmpfs takes them from Linux 6.6 on.
        let script = """
            import errno, os
            open('f', 'w').write('1')
            os.mkdir('d')
            for name, value in ('opaque', b'x'), ('redirect', b'/etc'):
                try:
                    os.setxattr('d', 'user.overlay.' + name, value)
                except OSError as error:
                    if error.errno != errno.EOPNOTSUPP: raise
            """
        let run = try scene.operation.run(profile: "strict", options: ["--keep"], ["python3", "-c", script])
        try #require(run.code == 0, "\(run.errorText)")
        #expect(run.errorText.contains("2 changes kept.\n") && !run.errorText.contains("Take them"))
        let look = try scene.shell(try #require(run.session), [], ["sh", "-c", "find . | sort; cat f"])
        #expect(look.text == ".\n./d\n./f\n1", "\(look.errorText)")

        let other = try scene.operation.run(profile: "strict", ["sh", "-c", "echo 1 > f"])
        #expect(other.result?["changes"]?["kept"] == .bool(false))
        let refused = try scene.shell(try #require(other.session), [], ["true"])
        #expect(refused.code == 125)
        #expect(
            refused.errorText.hasPrefix("sallyport: cannot find changes of session ")
                && refused.errorText.contains("(ENOENT)") && refused.errorText.contains("--keep"),
            "\(refused.errorText)")
        // Unchanged, and kept all the same.
        let unchanged = try scene.operation.run(
            profile: "strict", workspace: scene.work.path, options: ["--keep"], ["true"])
        #expect(unchanged.result?["changes"]?["entries"]?.intValue == 0)
        #expect(try scene.shell(try #require(unchanged.session), [], ["cat", "untouched"]).text == "untouched")
    }

    @Test("nothing joins a session that runs", .requires(.root))
    func living() throws {
        let scene = try Scene()
        let running = try scene.operation.runCommand(
            profile: "strict", workspace: scene.work.path, record: scene.operation.home.at("record.json"),
            ["sh", "-c", "echo 1 > new; echo up; read word"]
        ).start()
        #expect(try running.line() == "up")
        let session = try #require(names(scene.operation.runtime + "/sessions").first { $0.hasPrefix("s-") })
        let refused = try scene.shell(session, [], ["true"])
        #expect(refused.code == 125)
        #expect(
            refused.errorText.hasPrefix("sallyport: cannot open a shell in session \(session): ")
                && refused.errorText.contains("(EBUSY)") && refused.errorText.contains("session stop \(session)"),
            "\(refused.errorText)")
        // It was not disturbed, and is shown once it has ended.
        try running.send(Array("\n".utf8))
        #expect(try running.finish().code == 0)
        #expect(try scene.shell(session, [], ["cat", "new"]).text == "1\n")
    }

    @Test("it is confined as the session was, and nothing of the caller is in it", .requires(.root))
    func confined() throws {
        let scene = try Scene()
        let status =
            "grep -E '^(Cap|NoNewPrivs|Seccomp|Uid|Gid|Groups)' /proc/self/status; ls /proc/self/fd; env | sort"
        // `ls` has one descriptor of its own, for the directory.
        let run = try scene.operation.run(
            profile: "strict", workspace: scene.work.path, options: ["--keep"], ["sh", "-c", status])
        try #require(run.code == 0 && run.text.contains("CapBnd:\t0000000000000000\n"), "\(run.errorText)")
        #expect(run.text.contains("\n0\n1\n2\n3\n"))
        let session = try #require(run.session)
        let record = scene.operation.home.at("shell.json")
        var command = scene.operation.command(
            ["session", "shell", session, "--result-file", record, "--", "sh", "-c", status])
        command.environment["CANARY"] = "c4n4ry"
        let look = try scene.operation.outcome(of: try command.run(), record: record)
        #expect(look.text == run.text, "\(look.errorText)")
        #expect(look.result?["shows"]?.stringValue == session && run.result?["shows"] == .null)
        let layers = (run.result?["layers"], look.result?["layers"])
        #expect(layers.0?["landlock"] != nil && layers.0?["landlock"] == layers.1?["landlock"])
        // The ids are its own; all else that the kernel says of a process is the same.
        for key in layers.0?["status"]?.objectValue?.map(\.name) ?? [] where !["Uid", "Gid", "NStgid"].contains(key) {
            #expect(layers.0?["status"]?[key] == layers.1?["status"]?[key], "\(key)")
        }
        #expect(look.result?["profile"]?["digest"] == run.result?["profile"]?["digest"])
        // Control: the option does bring a variable in.
        let named = try scene.shell(session, ["--env", "CANARY=c4n4ry"], ["sh", "-c", "echo $CANARY"])
        #expect(named.text == "c4n4ry\n")
    }

    @Test("nothing leaves it but what --egress asks for of the session's own profile", .requires(.root))
    func network() throws {
        let scene = try Scene()
        let profile = try scene.work.file(
            "egress.yaml",
            "version: 1\nextends: [strict]\nreason: a test\negress: {rules: [{host: allowed.test, reason: a name}]}\n")
        let name = ["getent", "ahostsv4", "allowed.test"]
        let run = try scene.operation.run(profile: profile, options: ["--keep"], name)
        try #require(run.code == 0, "\(run.errorText)")
        let session = try #require(run.session)
        let opened = try scene.shell(session, ["--egress"], name)
        #expect(opened.code == 0 && opened.text == run.text, "\(opened.errorText)")
        let closed = try scene.shell(session, ["--json"], name)
        #expect(closed.code == 2 && closed.text == "", "\(closed.errorText)")
        let record = try JSONParser.parse(Array(try #require(closed.errorText.split(separator: "\n").last).utf8))
        #expect(record["egress"] == .null)
    }

    @Test("a tree that is not what the session began from is not shown as if it were", .requires(.root))
    func changed() throws {
        let scene = try Scene()
        let run = try scene.operation.run(
            profile: "strict", workspace: scene.work.path, ["sh", "-c", "echo 1 > kept; echo 2 > new"])
        let session = try #require(run.session)
        #expect(try scene.shell(session, [], ["cat", "new"]).text == "2\n")
        try scene.work.file("kept", "the caller's own, meanwhile")
        let refused = try scene.shell(session, [], ["cat", "new"])
        #expect(refused.code == 125 && refused.text == "")
        #expect(
            refused.errorText.contains(
                "cannot show \"kept\": the tree is not what session \(session) began from. Look at it in a tree that is"
            ),
            "\(refused.errorText)")
    }

    @Test("what is done there can be taken, with what the session did", .requires(.root))
    func taken() throws {
        let scene = try Scene()
        let run = try scene.operation.run(
            profile: "strict", workspace: scene.work.path, ["sh", "-c", "echo 1 > first; rm kept"])
        let session = try #require(run.session)
        let done = try scene.shell(session, ["--apply"], ["sh", "-c", "cat first > second; rm first"])
        #expect(done.code == 0, "\(done.errorText)")
        #expect(text(scene.work.at("second")) == "1\n")
        #expect(!names(scene.work.path).contains("kept") && !names(scene.work.path).contains("first"))
    }

    @Test("a command's exit code is its own, and one that is not there is 127", .requires(.root))
    func codes() throws {
        let scene = try Scene()
        let run = try scene.operation.run(profile: "strict", options: ["--keep"], ["touch", "plain"])
        let session = try #require(run.session)
        #expect(try scene.shell(session, [], ["sh", "-c", "exit 7"]).code == 7)
        let missing = try scene.shell(session, [], ["no-such-program"])
        #expect(missing.code == 127 && missing.errorText.contains("cannot run \"no-such-program\": not found"))
        let plain = try scene.shell(session, [], ["./plain"])
        #expect(plain.code == 126 && plain.errorText.contains("(EACCES)"), "\(plain.errorText)")
        let killed = try scene.shell(session, [], ["sh", "-c", "kill -9 $$"])
        #expect(killed.code == 137)
    }

    @Test("the part that runs inside does nothing anywhere else", .requires(.root))
    func byHand() throws {
        let scene = try Scene()
        let run = try scene.operation.run(profile: "strict", options: ["--keep"], ["touch", "new"])
        let session = try #require(run.session)
        let record = scene.operation.state + "/changes/\(session)"
        let digest = try #require(try JSON.read(contents(record + ".json") ?? [], file: record)["digest"]?.stringValue)
        let words = "exec \"$1\" internal-replay \"$2\" \"$3\" -- echo ran 3<\"$4\""
        let byHand = try Command(
            "/bin/sh", ["-c", words, "sh", Executables.sallyport, session, digest, record + ".set"]
        ).run()
        #expect(byHand.code == 125 && byHand.text == "", "\(byHand.errorText)")
        #expect(byHand.errorText.contains("is started by `sallyport session shell` only"))
    }

    @Test(
        "what the session left gets no further than the session: descriptors, pid 1, our programs", .requires(.root),
        arguments: [
            ("R01", ["R01a": "EACCES"]), ("R02", ["R02a": "ABSENT", "R02b": "ENOENT", "R02c": "ABSENT"]),
            ("R04", ["R04a": "EACCES", "R04b": "EACCES", "R04c": "EPERM"]), ("R13", ["R13a": "EROFS"]),
        ])
    func hostile(_ row: String, _ expected: [String: String]) throws {
        let scene = try Scene()
        // Names that the program which brings this in must not follow, nor find instead of another.
        let run = try scene.operation.run(
            profile: "strict", workspace: scene.work.path,
            [
                "sh", "-c",
                "ln -sfn / kept; ln -s /proc/self/fd/3 three; ln -s /proc/self/fd/4 four; cp /bin/sh sp-probe",
            ])
        let session = try #require(run.session)
        let controls = Attempt.read(try Command(Executables.probe, ["control", row]).run().lines)
        #expect(Set(controls.map(\.id)) == Set(expected.keys))
        #expect(controls.allSatisfy { $0.verdict == "works" }, "\(controls.map(\.line))")
        let inside = try scene.shell(session, Sallyport.probeMount, [Sallyport.probe, "run", row])
        let attempts = Attempt.read(inside.lines)
        #expect(inside.code == 0 && attempts.count == expected.count, "\(inside.errorText)")
        for attempt in attempts {
            #expect(attempt.verdict == "refused" && attempt.word == expected[attempt.id], "\(attempt.line)")
        }
        // The links were brought in as links, and lead where they lead inside: nowhere.
        let links = try scene.shell(session, [], ["sh", "-c", "readlink kept three four; cat three"])
        #expect(links.text == "/\n/proc/self/fd/3\n/proc/self/fd/4\n" && links.code == 1, "\(links.text)")
    }

    @Test("a set that is not the one that was kept is not shown", .requires(.root))
    func exchanged() throws {
        let scene = try Scene()
        var sessions: [String] = []
        for word in ["one", "two"] {
            let run = try scene.operation.run(profile: "strict", options: ["--keep"], ["sh", "-c", "echo \(word) > f"])
            sessions.append(try #require(run.session))
        }
        #expect(try scene.shell(sessions[0], [], ["cat", "f"]).text == "one\n")
        let place = scene.operation.state + "/changes/"
        #expect(rename(place + sessions[1] + ".set", place + sessions[0] + ".set") == 0)
        let other = try scene.shell(sessions[0], [], ["cat", "f"])
        #expect(other.code == 125 && other.text == "", "\(other.text)")
        #expect(
            other.errorText.contains("cannot trust the changes of session \(sessions[0])")
                && other.errorText.contains("(EPERM). Their digest is not the recorded one."), "\(other.errorText)")
    }

    @Test("on a terminal it has one of its own", .requires(.root))
    func terminal() throws {
        let scene = try Scene()
        let run = try scene.operation.run(profile: "strict", options: ["--keep"], ["touch", "new"])
        let terminal = try CallerTerminal(
            scene.operation.command([
                "session", "shell", try #require(run.session), "--", "sh", "-c", "tty; ls; echo end",
            ]))
        try terminal.wait(for: "end")
        _ = try terminal.finish()
        #expect(terminal.text.contains("/dev/pts/0\r\nnew\r\nend"), "\(terminal.text)")
    }
}
