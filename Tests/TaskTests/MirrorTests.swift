// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// The host's copies of upstreams, made from directories and from git http-backend behind nginx.
@Suite("mirrors", .serialized, .requires(.git), .timeLimit(.minutes(25)))
struct MirrorTests {
    /// An operator, and an upstream with one commit.
    struct Scene {
        let sallyport: Sallyport
        let upstream: String

        init() throws {
            sallyport = try Sallyport()
            upstream = try sallyport.home.directory("upstream")
            try git("init", "--quiet", "--initial-branch=trunk")
            try commit("one")
        }

        @discardableResult
        func git(_ arguments: String..., at path: String? = nil) throws -> String {
            var command = Command("/usr/bin/git", ["-C", path ?? upstream, "-c", "safe.directory=*"] + arguments)
            command.environment = [
                "PATH": "/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "LC_ALL": "C",
                "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@test.invalid", "GIT_COMMITTER_NAME": "c",
                "GIT_COMMITTER_EMAIL": "c@test.invalid",
            ]
            let done = try command.run()
            try #require(done.code == 0, "git \(arguments): \(done.errorText)")
            return done.text.split(separator: "\n").joined(separator: "\n")
        }

        @discardableResult
        func commit(_ text: String) throws -> String {
            try sallyport.home.file("upstream/file", text + "\n")
            try git("add", "--all")
            try git("commit", "--quiet", "-m", text)
            return try git("rev-parse", "HEAD")
        }

        func run(_ arguments: [String], environment: [String: String] = [:]) throws -> Finished {
            var command = sallyport.command(["task"] + arguments)
            command.environment.merge(environment) { $1 }
            return try command.run()
        }

        /// What a successful call printed.
        func json(_ arguments: [String], environment: [String: String] = [:]) throws -> JSON {
            let done = try run(arguments + ["--json"], environment: environment)
            try #require(done.code == 0, "\(done.errorText)")
            return try JSON.read(done.output, file: "standard output")
        }
    }

    @Test("a directory is copied by its owner's rights, and the second time only what is new")
    func local() throws {
        let scene = try Scene()
        try scene.git("tag", "-a", "v1", "-m", "a tag")
        let first = try scene.json(["mirror", scene.upstream])
        let mirror = try #require(first["mirror"]?.stringValue)
        #expect(mirror.hasPrefix("\(scene.sallyport.state)/mirrors/"))
        #expect(first["references"] == 2)
        #expect((first["bytes_received"]?.intValue ?? 0) > 100)
        #expect(try scene.git("rev-parse", "trunk", at: mirror) == (try scene.git("rev-parse", "trunk")))
        #expect(try scene.git("symbolic-ref", "HEAD", at: mirror) == "refs/heads/trunk")
        #expect(try scene.json(["mirror", scene.upstream])["bytes_received"] == 0)
        let id = try scene.commit("two")
        let third = try scene.json(["mirror", scene.upstream])
        #expect((1..<2000).contains(third["bytes_received"]?.intValue ?? 0))
        #expect(try scene.git("rev-parse", "trunk", at: mirror) == id)
        #expect(try scene.git("fsck", "--full", at: mirror) == "")
        // The upstream's tree is not touched, and nothing of it is run.
        #expect(names(scene.upstream) == [".git", "file"])
    }

    @Test("the copy belongs to an id of its own, below a directory that nobody else enters", .requires(.root))
    func owner() throws {
        let scene = try Scene()
        let mirror = try #require(try scene.json(["mirror", scene.upstream])["mirror"]?.stringValue)
        let owner = try #require(status(mirror)?.uid)
        #expect((2_135_000_000..<2_143_388_608).contains(owner))
        #expect(status("\(scene.sallyport.state)/mirrors")?.mode == 0o040700)
        let strangers = try Command("/usr/bin/find", [mirror, "!", "-uid", "\(owner)"]).run().lines
        #expect(strangers == [])
    }

    @Test("a repository for a session: nothing of the host's path in it, and a description for sallyport run")
    func session() throws {
        let scene = try Scene()
        let out = scene.sallyport.home.at("session")
        let made = try scene.json(
            ["repository", scene.upstream, "--out", out, "--name", "/o/n.git", "--push", "refs/heads/agent/*"])
        let description = try #require(made["description"]?.stringValue)
        let document = try JSON.read(try #require(contents(description)), file: description)
        #expect(document["repository"] == "/o/n" && document["push"] == "refs/heads/agent/*")
        #expect(document["mirror"] == made["mirror"] && document["quarantine"] == made["quarantine"])
        let quarantine = try #require(made["quarantine"]?.stringValue)
        let places = try Command("/bin/grep", ["-rl", scene.sallyport.state, quarantine]).run().lines
        #expect(places == [])
        if geteuid() == 0 {
            let owner = try #require(status(quarantine)?.uid)
            #expect((2_126_000_000..<2_130_194_304).contains(owner))
        }
        // One that is there already is nobody's to write over.
        let again = try scene.run(["repository", scene.upstream, "--out", out])
        #expect(again.code == 125 && again.errorText.contains("EEXIST"), "\(again.errorText)")
    }

    @Test(
        "a slip on the command line is said, and a password in a URL is not said again",
        arguments: [
            (["mirror"], "name one upstream"), (["mirror", "/nowhere/at/all"], "ENOENT"),
            (["mirror", "ssh://git@forge.example/a"], "only https, http and paths"),
            (["mirror", "https://me:hunter2@forge.example/a"], "it carries a password"),  // not a secret
            (["mirror", "ftp://me:hunter2@forge.example/a"], "only https, http and paths"),  // not a secret
            (["mirror", "https://me:hunter2/x@forge.example/a"], "its port is no number"),
            (["mirror", "me:hunter2@forge.example:a"], "no such directory"),
            (["mirror", "https://forge.example/a", "--timeout", "0"], "no number of seconds"),
            (["mirror", "https://forge.example/a", "--credential", "hunter2"], "--credential is neither"),
            (["mirror", "https://forge.example/a", "--out", "x"], "--out belongs to"),
            (["repository", "https://forge.example/a"], "--out is missing"),
            (["repository", "https://forge.example/a", "--out", "x", "--push", "refs/heads/*"], "--push is neither"),
            (["repository", "https://forge.example/a", "--out", "x", "--name", "../x"], "no plain path"),
            (["mirror", "http://forge.example/a", "--credential", "env:TOKEN"], "it is plain HTTP"),
        ])
    func misuse(_ arguments: [String], _ text: String) throws {
        let scene = try Scene()
        let done = try scene.run(arguments, environment: ["TOKEN": "hunter2"])
        #expect(done.code == 125)
        #expect(done.errorText.contains(text), "\(done.errorText)")
        #expect(!done.errorText.contains("hunter2"))
    }

    // MARK: Over TLS, with a credential

    /// The scene's upstream behind a real server.
    private struct Forge {
        let scene: Scene
        let server: UpstreamServer

        init() throws {
            scene = try Scene()
            server = try UpstreamServer(scene.sallyport.home, cloneOf: scene.upstream)
        }

        /// Brings the copy of one place up to date.
        func mirror(_ place: String, _ options: [String] = []) -> [String] {
            ["mirror", server.url(place)] + server.authority + options
        }

        var credential: [String] { ["--credential", server.credential] }

        func publish() throws {
            try scene.git("push", "--quiet", "--force", server.repository, "trunk")
        }
    }

    @Test("is filled over TLS with a credential by reference, and each use is noted", .requires(.forge))
    func remote() throws {
        let forge = try Forge()
        let arguments = forge.mirror("private/name.git", forge.credential)
        let first = try forge.scene.json(arguments)
        let mirror = try #require(first["mirror"]?.stringValue)
        #expect(try forge.scene.git("rev-parse", "trunk", at: mirror) == (try forge.scene.git("rev-parse", "trunk")))
        #expect(try forge.scene.git("symbolic-ref", "HEAD", at: mirror) == "refs/heads/trunk")
        let id = try forge.scene.commit("two")
        try forge.publish()
        let second = try forge.scene.json(arguments)
        #expect((1..<2000).contains(second["bytes_received"]?.intValue ?? 0), "\(second)")
        #expect(try forge.scene.git("rev-parse", "trunk", at: mirror) == id)
        // Nothing new: a look, and no transfer.
        #expect(try forge.scene.json(arguments)["bytes_received"] == 0)
        let uses = try ledger(mirror)
        #expect(uses.allSatisfy { $0["status"] == 200 && $0["host"] == "localhost" })
        #expect(uses.allSatisfy { $0["credential"]?.stringValue == forge.server.credential })
        let noted = uses.map { "\($0["method"]?.stringValue ?? "") \($0["target"]?.stringValue ?? "")" }
        // The server saw exactly these requests, and no other.
        // Ended, it has written down the last of them.
        try forge.server.stop()
        let seen = forge.server.requests.map { $0.split(separator: " ").prefix(2).joined(separator: " ") }
        #expect(noted == seen, "\(noted)\n\(seen)")
        #expect(noted.contains("POST /private/name.git/git-upload-pack"))
        // What was announced is what was sent, and a pack is as long as what it left in the copy.
        let lengths = forge.server.requests.map { $0.split(separator: " ").last.flatMap { Int($0) } }
        for (use, length) in zip(uses, lengths) where use["method"] == "GET" {
            #expect(use["bytes"]?.intValue == length, "\(use) \(length ?? -1)")
        }
        let packs = uses.filter { $0["method"] == "POST" }.compactMap { $0["bytes"]?.intValue }
        let received = [first, second].compactMap { $0["bytes_received"]?.intValue }
        #expect(packs == received && packs.allSatisfy { $0 > 0 }, "\(packs) \(received)")
    }

    @Test(
        "an ordinary user's copy is filled as well, by git in namespaces of its own", .requires(.forge),
        .requires(.rootless))
    func rootless() throws {
        let forge = try Forge()
        let user = try OrdinaryUser()
        let authority = try #require(forge.server.authority.last)
        let trusted = try user.file("ca.pem", try #require(text(authority)))
        var command = user.sallyport([
            "task", "mirror", forge.server.url("private/name.git"), "--credential", "env:TOKEN", "--ca-file", trusted,
            "--json",
        ])
        command.environment["TOKEN"] = forge.server.secret
        let done = try command.run()
        try #require(done.code == 0, "\(done.errorText)")
        let made = try JSON.read(done.output, file: "standard output")
        let mirror = try #require(made["mirror"]?.stringValue)
        #expect(mirror.hasPrefix(user.home) && status(mirror)?.uid == user.uid)
        #expect(try forge.scene.git("rev-parse", "trunk", at: mirror) == (try forge.scene.git("rev-parse", "trunk")))
        #expect(forge.server.requests.count >= 2)
    }

    private func ledger(_ mirror: String) throws -> [JSON] {
        let path = mirror.replacing("/copy/mirror.git", with: "/uses.jsonl")
        return try (text(path) ?? "").split(separator: "\n").map { try JSON.read(Array($0.utf8), file: path) }
    }

    @Test("a transfer that fails says why, and leaves what was there", .requires(.forge))
    func failures() throws {
        let forge = try Forge()
        let secret = forge.server.secret
        let good = forge.mirror("private/name.git")
        #expect(try forge.scene.run(good + forge.credential).code == 0)
        let wrong = try forge.scene.sallyport.home.file("wrong", "no-such-token", mode: 0o600)
        let open = try forge.scene.sallyport.home.file("open-to-all", secret, mode: 0o644)
        for (arguments, text, blocked) in [
            (good + ["--credential", "file:\(wrong)"], "denied: HTTP 401", "auth_failure"),
            (good, "denied: HTTP 401", "missing_secret"),
            (good + ["--credential", "file:\(open)"], "others than its owner may read it", "missing_secret"),
            (good + ["--credential", "env:NOT_SET"], "the variable is not set", "missing_secret"),
            (forge.mirror("open/none.git"), "not_found: HTTP 404", nil),
            (forge.mirror("gone/name.git"), "not_found: HTTP 410", nil),
            (forge.mirror("moved/name.git"), "moved: HTTP 301", nil),
            (forge.mirror("broken/name.git"), "failed: HTTP 500", nil),
            (["mirror", forge.server.url("open/name.git")], "unreachable: ", "dependency_unreachable"),
            (["mirror", "https://localhost:1/name.git"], "unreachable: ", "dependency_unreachable"),
        ] as [([String], String, String?)] {
            let done = try forge.scene.run(arguments + ["--json"])
            #expect(done.code == 125 && done.errorText.contains(text), "\(arguments): \(done.errorText)")
            let error = try JSON.read(done.output, file: "standard output")["error"]
            let said = error?["blocked"]?.stringValue
            #expect(
                blocked.map { said?.hasPrefix("BLOCKED[\($0)]: ") == true } ?? (said == nil),
                "\(arguments): \(said ?? "-")")
            #expect(!(done.errorText + done.text).contains(secret))
        }
        let shown = try forge.scene.json(good + forge.credential)
        #expect(shown["bytes_received"] == 0)
        // Without one nothing is noted, and nothing is needed.
        let plain = try forge.scene.json(forge.mirror("open/name.git"))
        #expect(try ledger(try #require(plain["mirror"]?.stringValue)).isEmpty)
    }

    @Test(
        "a credential that expires in the middle is said to have, and each request is noted", .requires(.forge),
        arguments: [1, 2, 3])
    func expired(_ answered: Int) throws {
        let forge = try Forge()
        let done = try forge.scene.run(forge.mirror("expired/\(answered)/name.git", forge.credential + ["--json"]))
        #expect(done.code == 125 && done.errorText.contains("expired: HTTP 401"), "\(done.errorText)")
        #expect(done.errorText.contains("renew it"), "\(done.errorText)")
        let error = try JSON.read(done.output, file: "standard output")["error"]
        #expect(
            error?["blocked"]?.stringValue?.hasPrefix("BLOCKED[auth_failure]: HTTP 401") == true, "\(error ?? .null)")
        #expect(error?["code"] == "expired" && error?["message"]?.stringValue?.contains("renew it") == true)
        let statuses = try ledgers(forge.scene).map { $0["status"]?.intValue }
        #expect(statuses == [Int](repeating: 200, count: answered) + [401], "\(statuses)")
        #expect(!(done.text + done.errorText).contains(forge.server.secret))
    }

    @Test("an upstream that goes away, between two transfers or in one", .requires(.forge))
    func away() throws {
        let forge = try Forge()
        let cut = try forge.scene.run(forge.mirror("cut/name.git", forge.credential + ["--json"]))
        #expect(cut.code == 125 && cut.errorText.contains("cut_short: HTTP 200"), "\(cut.errorText)")
        #expect(try JSON.read(cut.output, file: "standard output")["error"]?["code"] == "cut_short")
        let arguments = forge.mirror("private/name.git", forge.credential)
        let mirror = try #require(try forge.scene.json(arguments)["mirror"]?.stringValue)
        let before = try forge.scene.git("rev-parse", "trunk", at: mirror)
        try forge.server.stop()
        let gone = try forge.scene.run(arguments + ["--json"])
        #expect(gone.code == 125 && gone.errorText.contains("unreachable: "), "\(gone.errorText)")
        #expect(try JSON.read(gone.output, file: "standard output")["error"]?["code"] == "unreachable")
        // What was there is there, and whole.
        #expect(try forge.scene.git("rev-parse", "trunk", at: mirror) == before)
        #expect(try forge.scene.git("fsck", "--full", at: mirror) == "")
    }

    /// The uses of every copy.
    private func ledgers(_ scene: Scene) throws -> [JSON] {
        let mirrors = "\(scene.sallyport.state)/mirrors"
        return try names(mirrors).flatMap { try ledger("\(mirrors)/\($0)/copy/mirror.git") }
    }

    @Test("the secret is in no argument, variable, file, log or answer", .requires(.forge), .requires(.root))
    func canary() throws {
        let forge = try Forge()
        let out = forge.scene.sallyport.home.at("session")
        var command = forge.scene.sallyport.command(
            ["task", "repository", forge.server.url("private/name.git"), "--out", out, "--name", "/o/n"]
                + forge.credential + forge.server.authority)
        command.deadline = .seconds(60)
        // Every process of the transfer, while it runs, as /proc shows it to root.
        let watcher = try Command("/usr/bin/python3", ["-c", Self.watcher, forge.server.secret]).start()
        #expect(try watcher.line() == "watching")
        let done = try command.run()
        watcher.closeInput()
        let seen = try watcher.finish()
        #expect(done.code == 0, "\(done.errorText)")
        // The control: the transfer's own processes were looked at, and one of them had the file in memory.
        #expect(seen.lines.contains("saw git") && seen.lines.contains("saw sealed"), "\(seen.text)\(seen.errorText)")
        #expect(!seen.lines.contains("saw unsealed"))
        #expect(!seen.lines.contains { $0.hasPrefix("found") }, "\(seen.text)")
        #expect(!(done.text + done.errorText).contains(forge.server.secret))
        let home = forge.scene.sallyport.home.path
        for text in try forge.server.forms {
            let found = try Command("/bin/grep", ["-rlaF", "--exclude=token", text, home]).run().lines
            #expect(found == [], "\(text.prefix(6))")
        }
        // The control of that: the operator's own file has it.
        #expect(try Command("/bin/grep", ["-rlaF", forge.server.secret, home]).run().lines == ["\(home)/token"])
    }

    /// Looks at the arguments and variables of every process again and again, until its input ends.
    private static let watcher = """
        import base64, fcntl, glob, os, select, sys
        secrets = [sys.argv[1].encode(), base64.b64encode(b"x-access-token:" + sys.argv[1].encode())]
        own = str(os.getpid())
        print("watching", flush=True)
        said = set()
        def say(text):
            if text not in said:
                said.add(text)
                print(text, flush=True)
        while not select.select([sys.stdin], [], [], 0)[0]:
            for place in glob.glob("/proc/[0-9]*"):
                if os.path.basename(place) == own: continue
                try:
                    line = open(place + "/cmdline", "rb").read()
                    variables = open(place + "/environ", "rb").read()
                    if line.startswith(b"/usr/bin/git\\0") or b"/git-core/" in line:
                        say("saw git")
                        for fd in glob.glob(place + "/fd/*"):
                            if not os.readlink(fd).startswith("/memfd:configuration"): continue
                            file = os.open(fd, os.O_RDONLY)
                            # F_GET_SEALS: F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW and F_SEAL_WRITE. fcntl(2)
                            say("saw sealed" if fcntl.fcntl(file, 1034) & 15 == 15 else "saw unsealed")
                            os.close(file)
                    for secret in secrets:
                        if secret in line or secret in variables: say("found in " + place + repr(line[:80]))
                except OSError: pass
        """
}
