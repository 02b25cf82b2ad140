// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import LinuxSystem
import Supervisor
import TestSupport
import Testing
import Wire

/// Sessions of users without root: what they get, and what they are refused.
@Suite("listening supervisor", .requires(.root), .timeLimit(.minutes(10)))
struct ListenerTests {
    @Test("gives a user without root a session in host mode, whose record is the user's")
    func session() throws {
        let scene = try ListenerScene()
        let record = scene.user.home + "/r.json"
        var command = scene.client([
            "run", "--result-file", record, "--record-files", scene.user.home + "/rec", "--env", "GIVEN=1", "--", "sh",
            "-c",
            "id -u; cat; echo $GIVEN >&2; grep -c . /proc/self/uid_map; exit 9",
        ])
        command.input = Array("typed\n".utf8)
        let done = try command.run()
        #expect(done.code == 9 && done.lines == ["1000", "typed", "1"] && done.errorText == "1\n", "\(done)")
        let result = try JSON.read(try #require(contents(record)), file: record)
        #expect(result["mode"]?.stringValue == "host" && result["exit_code"]?.intValue == 9)
        // The same layers as of a session of root's own.
        let own = try scene.sallyport.run(["true"])
        let difference = try #require(own.result?["layers"]?.objectValue?.map(\.name))
        #expect(result["layers"]?.objectValue?.map(\.name) == difference)
        for part in ["no_new_privs", "seccomp", "capabilities"] {
            #expect(result["layers"]?[part] == own.result?["layers"]?[part], "\(part)")
        }
        for name in ["r.json", "rec.plan.json", "rec.profile.yaml"] {
            var status = stat()
            try #require(stat(scene.user.home + "/" + name, &status) == 0)
            #expect(status.st_uid == scene.user.uid && status.st_size > 0, "\(name)")
        }
        // And none of root's own: the session's directory is closed to the user.
        let peek = OrdinaryUser.unprivileged(
            "/bin/ls", [scene.sallyport.runtime + "/sessions/" + (scene.sessions.first ?? "")])
        #expect(try peek.run().code != 0)
        try scene.end(SIGTERM)
    }

    @Test("the user's own tree can be shown, and its changes go nowhere")
    func workspace() throws {
        let scene = try ListenerScene()
        let tree = try scene.user.directory("tree")
        try scene.user.file("tree/mine", "mine\n")
        let inside = "cat mine; echo new > mine; cat mine; stat -c %u mine"
        let done = try scene.run(["--workspace", tree, "--discard"], ["sh", "-c", inside])
        #expect(done.code == 0 && done.lines == ["mine", "new", "1000"], "\(done.errorText)")
        #expect(text(tree + "/mine") == "mine\n")
        let kept = try scene.run(["--workspace", tree], ["true"])
        #expect(kept.code == 125 && kept.errorText.contains("the listening supervisor keeps no changes of a workspace"))
        for option in ["--keep", "--diff", "--apply"] {
            let done = try scene.run(["--workspace", tree, option], ["true"])
            #expect(
                done.code == 125 && done.errorText.contains("\(option) is not to be had of the listening supervisor"))
        }
        try scene.end(SIGTERM)
    }

    // MARK: Who is served

    @Test("a user whom no entry names is refused, and one whom one names is not")
    func foreign() throws {
        let scene = try ListenerScene()
        #expect(try scene.run(["true"]).code == 0)
        let done = try scene.run(uid: ListenerScene.other, ["true"])
        #expect(done.code == 125)
        #expect(
            done.errorText.contains(
                "cannot serve uid 4343: Operation not permitted (EPERM). No entry of \"\(scene.ceiling)\" names it."),
            "\(done.errorText)")
        #expect(scene.sessions.count == 1)
        try scene.end(SIGTERM)
    }

    @Test("nobody is served from inside of a sandbox", .requires(.rootless))
    func inside() throws {
        let scene = try ListenerScene()
        var command = scene.client(["session", "list"])
        #expect(try command.run().code == 0)
        // The same user, the same program, the same socket: only the user namespace is another.
        let at = try #require(command.arguments.firstIndex(of: scene.user.sallyport))
        command.arguments.insert(contentsOf: ["/usr/bin/unshare", "--user", "--map-current-user"], at: at)
        let done = try command.run()
        #expect(done.code == 125, "\(done.errorText)")
        #expect(
            done.errorText.contains(
                "cannot serve uid 4242: Operation not permitted (EPERM). Nobody is served from inside of a sandbox."),
            "\(done.errorText)")
        try scene.end(SIGTERM)
    }

    static let beyond: [(options: [String], profile: String?, words: String)] = [
        (["--limit", "wall=3h"], nil, "limits.wall is 3h, more than 30m, and a client may only narrow profile"),
        (["--limit", "pids=100000"], nil, "limits.pids is 100000, more than"),
        (
            [], "egress: {rules: [{host: wide.example.com, reason: a test}]}",
            "egress.rules opens port 443 of wide.example.com"
        ),
        ([], "landlock: waived\nlandlock_reason: a test", "landlock is waived"),
        (["--export", "out:1073741825"], nil, "an export of 1073741825 bytes is more than the 1073741824 of \"4242\""),
        ([], "rootfs: debian", "rootfs \"debian\" is not among those of \"4242\""),
        (["--mount", "/usr/share:/run/x"], nil, "cannot show \"/usr/share\" as file \"mount 0\" of the request"),
    ]

    @Test("what goes beyond the ceiling is refused by its key", arguments: beyond.indices)
    func ceiling(_ index: Int) throws {
        let (options, profile, words) = Self.beyond[index]
        let scene = try ListenerScene()
        var all = options
        if let profile {
            all += [
                "--profile",
                try scene.user.file("own.yaml", "version: 1\nextends: [strict]\nreason: a test\n\(profile)\n"),
            ]
        }
        let done = try scene.run(all, ["true"])
        #expect(done.code == 125 && done.errorText.contains(words), "\(done.errorText)")
        #expect(scene.sessions.isEmpty)
        try scene.end(SIGTERM)
    }

    @Test("a profile of the user's own that only narrows is taken")
    func narrower() throws {
        let scene = try ListenerScene()
        let file = try scene.user.file(
            "own.yaml", "version: 1\nextends: [strict]\nreason: a test\nlimits: {pids: 17}\n")
        func recordedLimit(_ options: [String], _ name: String) throws -> Int? {
            let prefix = scene.user.home + "/" + name
            let done = try scene.run(options + ["--record-files", prefix], ["true"])
            #expect(done.code == 0, "\(done.errorText)")
            let record = prefix + ".profile.yaml"
            return try JSON.read(try #require(contents(record)), file: record)["limits"]?["pids"]?.stringValue.flatMap {
                Int($0)
            }
        }
        #expect(try recordedLimit(["--profile", file], "narrow") == 17)
        // Control: what it narrows has another.
        let wide = try #require(try recordedLimit(["--profile", "strict"], "wide"))
        #expect(wide > 17)
        try scene.end(SIGTERM)
    }

    @Test("as many sessions at a time as the ceiling says, and no more")
    func count() throws {
        let scene = try ListenerScene(sessions: 2)
        let first = try scene.waiting()
        let second = try scene.waiting()
        let third = try scene.run(["true"])
        #expect(third.code == 125, "\(third.errorText)")
        #expect(
            third.errorText.contains("The ceiling lets it have 2 at a time; wait for one to end."), "\(third.errorText)"
        )
        first.closeInput()
        #expect(try first.finish().code == 7)
        // The listener reaps what its client has heard the end of already.
        try waitForRoom(scene)
        second.closeInput()
        #expect(try second.finish().code == 7)
        try scene.end(SIGTERM)
    }

    private func waitForRoom(_ scene: ListenerScene) throws {
        for _ in 0..<100 where try scene.run(["true"]).code == 0 { return }
        Issue.record("an ended session still counts")
    }

    // MARK: Whose files

    @Test("another's tree is refused, though it can be read")
    func another() throws {
        let scene = try ListenerScene()
        let tree = try scene.user.directory("others")
        try scene.user.file("others/public", "public\n")
        try #require(chown(tree, ListenerScene.other, ListenerScene.other) == 0)
        let done = try scene.run(["--workspace", tree, "--read-only"], ["cat", "public"])
        #expect(done.code == 125, "\(done.text)")
        #expect(
            done.errorText.contains(
                "cannot take file \"workspace\" of the request, which belongs to uid 4343 and not to uid 4242"),
            "\(done.errorText)")
        try scene.end(SIGTERM)
    }

    @Test("in a mount the agent reads what its user may, and no file of the one whose number it has")
    func mounts() throws {
        let scene = try ListenerScene()
        let tree = try scene.user.directory("shown")
        for (name, owner, mode) in [("own", scene.user.uid, 0o600), ("public", 1000, 0o644), ("secret", 1000, 0o600)] {
            let file = try scene.user.file("shown/\(name)", "\(name)\n")
            try #require(chown(file, owner, owner) == 0 && chmod(file, mode_t(mode)) == 0)
        }
        let inside = "cd /run/shown; cat own; cat public; cat secret; touch own"
        let done = try scene.run(["--mount", tree + ":/run/shown"], ["sh", "-c", inside])
        #expect(done.lines == ["own", "public"], "\(done)")
        #expect(done.errorText.contains("secret: Permission denied"), "\(done.errorText)")
        #expect(done.errorText.contains("Read-only file system"), "\(done.errorText)")
        // Control: with root's own run of the same tree the number decides.
        let own = try scene.sallyport.run(options: ["--mount", tree + ":/run/shown"], ["cat", "/run/shown/secret"])
        #expect(own.text == "secret\n", "\(own.errorText)")
        try scene.end(SIGTERM)
    }

    // MARK: What is malformed

    @Test("messages that are none are refused, and the next is served")
    func malformed() throws {
        let scene = try ListenerScene(others: ListenerScene.entry(0))
        let null = try Descriptor.open("/dev/null", O_RDWR)
        func sealed(_ text: String) throws -> Descriptor { try SealedDocument.make(Array(text.utf8), name: "t") }
        let plain = try Descriptor.open("/etc/hostname", O_RDONLY)
        let empty = try sealed("{}")
        let long = try sealed(String(repeating: " ", count: ListenerRequest.longestDocument + 1))
        let run = ListenerRequest.run.encoded()
        let cases: [(what: String, bytes: [UInt8], files: [Int32], words: String)] = [
            ("short", [1, 0x71, 0], [], "3 bytes is not the size of its kind"),
            ("long", run + [0], [null.number], "5 bytes is not the size of its kind"),
            ("huge", [UInt8](repeating: 1, count: 100_000), [], "100000 bytes is not the size of its kind"),
            ("another kind", [1, 0x31, 0, 0], [], "kind 49 is unknown"),
            ("no descriptor", run, [], "descriptor"),
            ("a list with one", ListenerRequest.list.encoded(), [null.number], "descriptor"),
            ("no sealed document", run, [plain.number], "It must be a sealed file in memory"),
            ("a device", run, [null.number], "It must be a sealed file in memory"),
            ("too long a document", run, [long.number], "It is larger than 1048576 bytes"),
            ("an empty document", run, [empty.number], "the request has no \"version\""),
            ("no JSON", run, [try sealed("version: 1").release()], "it is no JSON"),
        ]
        for (what, bytes, files, words) in cases {
            guard case .refused(let text)? = try scene.answer(to: bytes, files) else {
                Issue.record("\(what) was answered otherwise")
                continue
            }
            #expect(text.contains(words), "\(what): \(text)")
        }
        #expect(try scene.run(["true"]).code == 0)
        #expect(scene.sessions.count == 1)
        try scene.end(SIGTERM)
    }

    @Test("a request that names other files than come along is refused")
    func files() throws {
        let scene = try ListenerScene(others: ListenerScene.entry(0))
        let null = try Descriptor.open("/dev/null", O_RDWR)
        let document = RunDocument(
            profileName: "strict", profile: .object([]), argv: [Array("true".utf8)], files: [.input, .output, .error])
        let sealed = try SealedDocument.make(document.json, name: "request")
        for count in [0, 2, 4] {
            let files = [sealed.number] + [Int32](repeating: null.number, count: count)
            guard case .refused(let text)? = try scene.answer(to: ListenerRequest.run.encoded(), files) else {
                Issue.record("\(count) files were taken for 3")
                continue
            }
            #expect(text.contains("\(count) files came, and it names 3"), "\(text)")
        }
        try scene.end(SIGTERM)
    }

    @Test("one that does not ask is told so after five seconds, and keeps nobody waiting")
    func slow() throws {
        let scene = try ListenerScene(others: ListenerScene.entry(0))
        let silent = try scene.connect()
        #expect(try scene.run(["true"]).code == 0)
        let reply = try ListenerScene.reply(silent)
        #expect(
            reply == .refused("cannot take the request: it did not come within five seconds (ETIMEDOUT)."),
            "\(reply as Any)")
        try scene.end(SIGTERM)
    }

    @Test("64 clients at once are all served")
    func crowd() throws {
        let scene = try ListenerScene(sessions: 64)
        var running: [Running] = []
        for index in 0..<64 {
            var command = scene.client(["run", "--", "sh", "-c", "exit \(index)"])
            command.deadline = .seconds(200)
            running.append(try command.start())
        }
        for (index, client) in running.enumerated() {
            client.closeInput()
            let done = try client.finish()
            #expect(done.code == Int32(index), "\(done.errorText)")
        }
        #expect(Set(scene.sessions).count == 64)
        try scene.end(SIGTERM)
    }

    // MARK: The ceiling itself

    @Test("a ceiling that others could change, or that a link leads to, is refused at the start")
    func trust() throws {
        let scene = try ListenerScene(starts: false)
        func refusal() throws -> String {
            let done = try scene.command.run()
            #expect(done.code == 125)
            return done.errorText
        }
        try #require(chmod(scene.ceiling, 0o666) == 0)
        #expect(try refusal().contains("Others can write it; run chmod go-w on it."))
        try #require(chmod(scene.ceiling, 0o644) == 0 && chown(scene.ceiling, 4242, 0) == 0)
        #expect(try refusal().contains("It belongs to uid 4242; it must belong to root."))
        try #require(chown(scene.ceiling, 0, 0) == 0 && rename(scene.ceiling, scene.ceiling + ".real") == 0)
        #expect(try refusal().contains("cannot find the ceiling \"\(scene.ceiling)\""))
        try scene.sallyport.home.symlink("ceiling.yaml", to: scene.ceiling + ".real")
        #expect(try refusal().contains("It is a symlink; give the file itself."))
        try #require(unlink(scene.ceiling) == 0)
        // A directory of the way counts as much as the file.
        try scene.sallyport.home.directory("real")
        try #require(rename(scene.ceiling + ".real", scene.sallyport.home.at("real/ceiling.yaml")) == 0)
        try scene.sallyport.home.symlink("link", to: scene.sallyport.home.at("real"))
        var through = scene.command
        through.arguments[3] = scene.sallyport.home.at("link/ceiling.yaml")
        #expect(try through.run().errorText.contains("is a symlink; give the real path."))
        try #require(chmod(scene.sallyport.home.at("real"), 0o777) == 0)
        through.arguments[3] = scene.sallyport.home.at("real/ceiling.yaml")
        #expect(try through.run().errorText.contains("must belong to root, and nobody else may write it."))
        try #require(chmod(scene.sallyport.home.at("real"), 0o755) == 0)
        let running = try through.start()
        #expect(try running.line() == "ready \(scene.socket)")
        try running.signal(SIGTERM)
        running.closeInput()
        #expect(try running.finish().code == 0)
    }

    @Test("only one listens at a place, and without root nobody does")
    func alone() throws {
        let scene = try ListenerScene()
        let second = try scene.command.run()
        #expect(
            second.code == 125 && second.errorText.contains("Another supervisor listens there"), "\(second.errorText)")
        let user = try scene.user.sallyport(["supervise", "--listen", "--ceiling", scene.ceiling]).run()
        #expect(user.code == 125 && user.errorText.contains("Run it as root"), "\(user.errorText)")
        #expect(try scene.run(["true"]).code == 0)
        try scene.end(SIGTERM)
    }
}
