// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

@Suite("collect and push", .timeLimit(.minutes(25)))
struct CollectPushTests {
    /// A scene whose receiver has the first commit as its branch main.
    private func receiver(_ scene: CollectScene) throws -> String {
        let path = scene.home.at("receiver.git")
        try CollectScene.git(scene.home.path, "init", "--quiet", "--bare", "--initial-branch=main", path)
        try scene.git("push", "--quiet", path, "\(scene.base):refs/heads/main")
        return path
    }

    @Test("the branch arrives, and the receiver's own commit is the base", .requires(.root), .requires(.git))
    func arrives() throws {
        let scene = try CollectScene()
        let path = try receiver(scene)
        let done = try scene.collect(["--push", path])
        #expect(done.code == 0, "\(done.finished.errorText)")
        #expect(done.record?["base"]?.stringValue == scene.base)
        #expect(
            done.record?["push"]?["remote"]?.stringValue == path && done.record?["push"]?["failure"]?.isNull == true)
        #expect(try CollectScene.git(path, "rev-parse", "sallyport/collected/main") == done.commit)
        #expect(try CollectScene.git(path, "rev-parse", "main") == scene.base)
        #expect(try CollectScene.git(path, "fsck", "--strict") == "")
        // Again, from where it stands now: the same branch goes on.
        try scene.home.file("left/file", "four\n")
        let again = try scene.collect(["--push", path], out: "again")
        #expect(again.code == 0 && again.record?["base"]?.stringValue == done.commit)
        #expect(again.record?["delivered"]?["commits"]?.intValue == 1)
        #expect(try CollectScene.git(path, "rev-parse", "sallyport/collected/main") == again.commit)
    }

    @Test("a receiver that went on is not overwritten", .requires(.root), .requires(.git))
    func movedOn() throws {
        let scene = try CollectScene()
        let path = try receiver(scene)
        try CollectScene.git(scene.home.path, "clone", "--quiet", path, "other")
        try scene.home.file("other/file", "theirs\n")
        try CollectScene.git(scene.home.at("other"), "commit", "--quiet", "--all", "-m", "theirs")
        try CollectScene.git(scene.home.at("other"), "push", "--quiet", "origin", "main")
        let theirs = try CollectScene.git(path, "rev-parse", "main")
        let done = try scene.collect(["--push", path, "--branch", "main", "--base", scene.base])
        #expect(
            done.code == 1 && done.refusal.contains("it does not contain the receiver's branch, \(theirs)"),
            "\(done.refusal)")
        #expect(try CollectScene.git(path, "rev-parse", "main") == theirs)
    }

    @Test("no hook and no configuration of anybody's counts at the receiver", .requires(.root), .requires(.git))
    func hooks() throws {
        let scene = try CollectScene()
        let path = try receiver(scene)
        for hook in ["pre-receive", "update", "post-receive", "post-update", "reference-transaction", "proc-receive"] {
            try scene.home.file(
                "receiver.git/hooks/\(hook)", "#!/bin/sh\ntouch \(scene.home.at("mark"))\n", mode: 0o755)
        }
        // Armed: a plain push runs them.
        try scene.git("push", "--quiet", path, "\(scene.base):refs/heads/probe")
        #expect(unlink(scene.home.at("mark")) == 0)
        let done = try scene.collect(["--push", path])
        #expect(done.code == 0 && access(scene.home.at("mark"), F_OK) != 0, "\(done.finished.errorText)")
    }

    @Test("git that pushes can write the receiver and nothing else", .requires(.root), .requires(.git))
    func confined() throws {
        let scene = try CollectScene()
        let path = try receiver(scene)
        // The receiver's objects live elsewhere: stock git follows, ours may not write there.
        try scene.shell("mv ../receiver.git/objects ../objects && ln -s ../objects ../receiver.git/objects")
        try scene.git("push", "--quiet", path, "HEAD:refs/heads/probe")
        try scene.home.file("left/file", "five\n")
        func objects() throws -> [String] {
            try Command("/usr/bin/find", [scene.home.at("objects"), "-printf", "%p %s %T@\n"]).run().lines.sorted()
        }
        let before = try objects()
        let done = try scene.collect(["--push", path])
        #expect(done.code == 125 && done.outcome == "delivered", "\(done.finished.errorText)")
        let failure = done.record?["push"]?["failure"]?.stringValue ?? ""
        #expect(
            failure.contains("git says: error: remote unpack failed: unable to create temporary object directory /"),
            "\(failure)")
        #expect(try before.count > 5 && objects() == before)
        #expect(try CollectScene.git(path, "for-each-ref", "refs/heads/sallyport") == "")
        #expect(names(done.directory).contains("result.git"))
    }

    @Test("what is no receiver is refused before anything is read", .requires(.root), .requires(.git))
    func remotes() throws {
        let scene = try CollectScene()
        try scene.home.directory("plain")
        try scene.shell("git init -q --bare inside.git")
        let foreign = scene.home.at("foreign.git")
        try CollectScene.git(scene.home.path, "init", "--quiet", "--bare", foreign)
        chown(foreign, 4242, 4242)
        for (remote, reason) in [
            ("https://me:\("pass" + "word")@host.invalid/x", "it has credentials in it"),
            ("ssh://host.invalid/x", "only paths, http and https"),
            ("ftp://me:\("pass" + "word")@host.invalid/x", "only paths, http and https"),
            ("https://me@host.invalid/x", "it has credentials in it"),
            ("https://host.invalid/a/../b", "its path has"), ("https://-x/b", "its host is"),
            ("ext::sh -c touch% mark", "no such directory"), ("file:///x", "only paths"),
            ("git://host.invalid/x", "only paths"),
            (scene.home.at("plain"), "no bare repository"), (scene.left + "/inside.git", "it lies in"),
            (scene.left + "/.git", "it lies in"), (scene.home.path, "it lies in"), (foreign, "it belongs to uid 4242"),
            ("--upload-pack=x", "no such directory"), (scene.home.at("absent"), "ENOENT"),
        ] {
            let done = try scene.collect(["--push", remote])
            #expect(
                done.code == 125 && done.finished.errorText.contains(reason), "\(remote): \(done.finished.errorText)")
            #expect(!done.finished.errorText.contains("pass" + "word"))
            #expect(access(done.directory, F_OK) != 0)
        }
    }

    /// A server on loopback that prints its port, then one line for each request.
    private func server(_ scene: CollectScene, _ handler: String) throws -> (running: Running, port: String) {
        let script = """
            import http.server, os, sys
            \(handler)
            server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
            print(server.server_port, flush=True)
            server.serve_forever()
            """
        let running = try Command("/usr/bin/python3", ["-c", script]).in(scene.home.path).start()
        return (running, try #require(try running.line()))
    }

    @Test("an address of the web gets the branch", .requires(.root), .requires(.git), .requires(.python))
    func web() throws {
        let scene = try CollectScene()
        let path = try receiver(scene)
        try CollectScene.git(path, "config", "http.receivepack", "true")
        try scene.home.directory("cgi-bin")
        // The server's own children run as nobody.
        let backend = """
            #!/bin/sh
            export GIT_PROJECT_ROOT=\(scene.home.path) GIT_HTTP_EXPORT_ALL=1
            export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
            exec git http-backend
            """
        try scene.home.file("cgi-bin/git", backend, mode: 0o755)
        try #require(try Command("/bin/chmod", ["-R", "a+rwX", path]).run().code == 0)
        let (running, port) = try server(
            scene, "class Handler(http.server.CGIHTTPRequestHandler):\n    def log_message(self, *words): pass")
        let remote = "http://127.0.0.1:\(port)/cgi-bin/git/receiver.git"
        let done = try scene.collect(["--push", remote])
        #expect(done.code == 0 && done.record?["base"]?.stringValue == scene.base, "\(done.finished.errorText)")
        try running.signal(SIGKILL)
        let stored = try Command(
            "/usr/bin/git", ["-c", "safe.directory=*", "-C", path, "rev-parse", "sallyport/collected/main"]
        )
        .in(scene.home.path).run().lines.first
        #expect(stored == done.commit)
    }

    @Test(
        "no credential of the host is sent, and nobody is asked for one", .requires(.root), .requires(.git),
        .requires(.python))
    func credentials() throws {
        let scene = try CollectScene()
        let (running, port) = try server(
            scene,
            """
            class Handler(http.server.BaseHTTPRequestHandler):
                def log_message(self, *words): pass
                def do_GET(self):
                    print(self.path.split("/")[1], "Authorization" in self.headers, flush=True)
                    self.send_response(401); self.send_header("WWW-Authenticate", "Basic"); self.end_headers()
            """)
        let remote = "http://127.0.0.1:\(port)/"
        try scene.home.directory("home")
        try scene.home.file("home/.netrc", "machine 127.0.0.1 login me password you\n", mode: 0o600)
        try scene.home.file("ask", "#!/bin/sh\ntouch \(scene.home.at("asked"))\necho me\n", mode: 0o755)
        let environment = [
            "HOME": scene.home.at("home"), "GIT_ASKPASS": scene.home.at("ask"), "PATH": "/usr/bin:/bin",
            "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "credential.helper",
            "GIT_CONFIG_VALUE_0": scene.home.at("ask"),
        ]
        // Stock git sends what it finds.
        var stock = Command("/usr/bin/git", ["ls-remote", remote + "stock"])
        stock.environment = environment
        #expect(try stock.run().code == 128)
        _ = unlink(scene.home.at("asked"))
        var command = Command(
            Executables.sallyport, ["collect", scene.left, "--out", scene.home.at("out"), "--push", remote + "ours"])
        command.environment = environment
        let done = try command.run()
        #expect(done.code == 125 && done.errorText.contains("git says:"), "\(done.errorText)")
        #expect(access(scene.home.at("asked"), F_OK) != 0)
        // One more request, to know that the account is complete.
        _ = try Command("/usr/bin/git", ["-c", "core.askPass=/bin/false", "ls-remote", remote + "last"])
            .in(scene.home.path).run()
        var account: [String] = []
        while account.last?.hasPrefix("last") != true, let line = try running.line() { account.append(line) }
        #expect(account.contains("stock True"), "the trap is not armed: \(account)")
        #expect(account.filter { $0.hasPrefix("ours") } == ["ours False"])
        try running.signal(SIGKILL)
    }
}
