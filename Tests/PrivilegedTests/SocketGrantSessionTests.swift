// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import Isolation
import TestSupport
import Testing

/// Sockets of the host that a profile grants, from inside a session to the service.
@Suite("sockets of the host", .timeLimit(.minutes(25)))
struct SocketGrantSessionTests {
    private struct Scene {
        let sallyport: Sallyport

        init() throws { sallyport = try Sallyport() }

        func at(_ name: String) -> String { sallyport.home.at(name) }

        /// A profile over `strict` that grants these, each `path, name: NAME`.
        func profile(_ sockets: [String], name: String = "p") throws -> String {
            let rules = sockets.map { "    - {socket: \($0), reason: the test needs it}\n" }.joined()
            return try sallyport.home.file(
                "\(name).yaml",
                "version: 1\nextends: [strict]\nreason: A test.\negress:\n  rules:"
                    + (rules.isEmpty ? " []\n" : "\n" + rules))
        }

        func session(_ sockets: [String]) throws -> SocketSession {
            let profile = try profile(sockets)
            return try SocketSession(
                { sallyport.runCommand(profile: profile, record: $0, $1) }, record: at("result.json"))
        }

        func run(_ sockets: [String], options: [String] = []) throws -> Outcome {
            try sallyport.run(profile: try profile(sockets), options: options, ["true"])
        }

        func finish(_ session: SocketSession) throws -> (record: JSON, audit: [JSON], errors: String) {
            try session.finish(below: sallyport.runtime)
        }
    }

    private func events(_ audit: [JSON], _ name: String) -> [JSON] { audit.filter { $0["event"]?.stringValue == name } }

    @Test(
        "a granted socket is talked to through the gateway, by bytes alone, and each connection is recorded",
        .requires(.root), .requires(.python))
    func granted() throws {
        let scene = try Scene()
        let service = try SocketService(scene.at("service.sock"))
        let session = try scene.session(["\(service.path), name: db.sock"])
        #expect(try session.tell("ask('db.sock', 3000000, True)") == "3000001 bytes")
        let served = try #require(try service.served())
        #expect(served.hasPrefix("3000001 bytes, 0 descriptors, process "), "\(served)")
        // No process of root's: a service that looks there finds that one gone.
        let process = try #require(served.split(separator: " ").dropLast(2).last.flatMap { Int32($0.dropLast()) })
        #expect(process > 0 && process != session.running.pid && access("/proc/\(process)", F_OK) != 0, "\(served)")
        // Neither root nor anybody else's: the gateway's.
        let user = try #require(served.split(separator: " ").last.flatMap { UInt32($0) })
        #expect(user >= IdRange.standard.first && (user - IdRange.standard.first) % IdBlock.size == IdBlock.size - 1)

        // It is a socket of the session's own, and nothing of the host's place is there.
        let own = try #require(try session.tell("os.stat('/run/sockets/db.sock').st_ino"))
        var host = stat()
        #expect(lstat(service.path, &host) == 0)
        #expect(own != "\(host.st_ino)")
        #expect(try session.tell("os.listdir('/run/sockets')") == "['db.sock']")
        #expect(try session.tell("shown('\(service.path)')") == "False")
        #expect(try session.tell("os.unlink('/run/sockets/db.sock')") == "EROFS")

        let (record, audit, errors) = try scene.finish(session)
        let allowed = events(audit, "socket.allow")
        #expect(allowed.count == 1 && events(audit, "socket.close").count == 1, "\(audit)\(errors)")
        #expect(allowed.first?["socket"]?.stringValue == service.path)
        #expect(allowed.first?["inside"]?.stringValue == "/run/sockets/db.sock")
        #expect(allowed.first?["rule"]?["origin"]?.stringValue?.hasSuffix("p.yaml:6") == true)
        let closed = try #require(events(audit, "socket.close").first)
        #expect(closed["bytes_up"]?.intValue == 3_000_001 && closed["bytes_down"]?.intValue == 13)
        #expect(record["egress"]?["sockets"] == ["db.sock": .string(service.path)])
        #expect(record["egress"]?["allowed"]?.intValue == 1 && record["egress"]?["denied"]?.intValue == 0)
        let why = try scene.sallyport.command(["why", try #require(allowed.first?["id"]?.stringValue)]).run()
        #expect(why.code == 0 && why.text.contains("socket \(service.path) as db.sock"), "\(why.text)\(why.errorText)")
    }

    @Test(
        "twenty connections are twenty in the audit, and what a service sends first arrives", .requires(.root),
        .requires(.python))
    func several() throws {
        let scene = try Scene()
        let service = try SocketService(scene.at("service.sock"))
        let session = try scene.session(["\(service.path), name: a"])
        #expect(try session.tell("[ask('a', n) for n in range(20)] == ['%d bytes' % n for n in range(20)]") == "True")
        let audit = try scene.finish(session).audit
        for event in ["socket.allow", "socket.close"] {
            let count = events(audit, event).reduce(0) { $0 + ($1["count"]?.intValue ?? 0) }
            #expect(count == 20, "\(event): \(audit)")
        }
        #expect(events(audit, "socket.close").reduce(0) { $0 + ($1["bytes_up"]?.intValue ?? 0) } == 190)
    }

    @Test("without a rule there is neither the socket nor a place for one", .requires(.root), .requires(.python))
    func absent() throws {
        let scene = try Scene()
        let service = try SocketService(scene.at("service.sock"))
        let session = try scene.session([])
        #expect(try session.tell("ask('a')") == "ENOENT")
        #expect(try session.tell("shown('/run/sockets')") == "False")
        #expect(try session.tell("socket.socket(socket.AF_UNIX).connect('\(service.path)')") == "ENOENT")
        session.running.closeInput()
        #expect(try session.running.finish().ending == .exited(0))
    }

    @Test(
        "a service may end and come back, and one that lets nobody else in refuses", .requires(.root),
        .requires(.python))
    func comesAndGoes() throws {
        let scene = try Scene()
        var service = try SocketService(scene.at("service.sock"))
        let session = try scene.session(["\(service.path), name: a"])
        #expect(try session.tell("ask('a')") == "5 bytes")
        try service.stop()
        // Connected to the session's own side, and then told that there is nobody: the end of the stream.
        #expect(["", "ECONNRESET", "EPIPE"].contains(try session.tell("ask('a')")))
        service = try SocketService(scene.at("service.sock"))
        #expect(try session.tell("ask('a')") == "5 bytes")
        #expect(chmod(service.path, 0o600) == 0)
        #expect(["", "ECONNRESET", "EPIPE"].contains(try session.tell("ask('a')")))
        let audit = try scene.finish(session).audit
        #expect(events(audit, "socket.fail").compactMap { $0["reason"]?.stringValue } == ["ECONNREFUSED", "EACCES"])
    }

    @Test(
        "what is not there, is no socket, or is Sallyport's own stops the start, and lint says it", .requires(.root),
        .requires(.python))
    func unusable() throws {
        let scene = try Scene()
        try scene.sallyport.home.file("file")
        _ = try SocketService(scene.sallyport.runtime + "/own.sock").stop()
        try scene.sallyport.home.symlink("link.sock", to: scene.sallyport.runtime + "/own.sock")
        for (path, errno, words) in [
            (scene.at("absent"), "ENOENT", "must run before the session"),
            (scene.at("file"), "EINVAL", "It is no socket."),
            (scene.sallyport.runtime + "/own.sock", "EPERM", "Sallyport keeps its own files"),
            (scene.at("link.sock"), "EPERM", "Sallyport keeps its own files"),
        ] {
            let run = try scene.run(["\(path), name: a"])
            #expect(run.code == 125 && run.outcome == "setup_failed", "\(run.errorText)")
            #expect(run.errorText.contains("(\(errno))") && run.errorText.contains(words), "\(run.errorText)")
            let lint = try scene.sallyport.command(["profile", "lint", scene.at("p.yaml")]).run()
            #expect(lint.code == (errno == "ENOENT" ? 0 : 1) && lint.text.contains(words), "\(lint.text)")
            #expect(lint.text.hasPrefix(errno == "ENOENT" ? "warning: " : "error: "))
        }
        let mount = try scene.run([], options: ["--mount", "\(Executables.directory):/run/sockets"])
        #expect(mount.code == 125 && mount.errorText.contains("where the sockets stand"), "\(mount.errorText)")
    }

    @Test(
        "a container engine's socket is refused by its path, behind links, and when it takes another's place",
        .requires(.root), .requires(.python))
    func engines() throws {
        let scene = try Scene()
        try scene.sallyport.home.directory("engine")
        let engine = try SocketService(scene.at("engine/docker.sock"))
        let honest = try SocketService(scene.at("honest.sock"))
        try scene.sallyport.home.symlink("innocent.sock", to: "engine/docker.sock")
        try scene.sallyport.home.symlink("again.sock", to: "innocent.sock")
        for path in [engine.path, scene.at("innocent.sock"), scene.at("again.sock")] {
            let run = try scene.run(["\(path), name: a"])
            #expect(run.code == 125 && run.errorText.contains("the socket of a container engine"), "\(run.errorText)")
            let lint = try scene.sallyport.command(["profile", "lint", scene.at("p.yaml")]).run()
            #expect(lint.code == 1 && lint.text.contains("the socket of a container engine"), "\(lint.text)")
        }
        let session = try scene.session(["\(honest.path), name: a"])
        #expect(try session.tell("ask('a')") == "5 bytes")
        #expect(unlink(honest.path) == 0)
        #expect(symlink(engine.path, honest.path) == 0)
        #expect(["", "ECONNRESET", "EPIPE"].contains(try session.tell("ask('a')")))
        let audit = try scene.finish(session).audit
        #expect(events(audit, "socket.fail").first?["reason"]?.stringValue == "EPERM", "\(audit)")
    }

    @Test(
        "a change of policy takes a socket away and gives it back, cuts what it does not allow, and grants no other",
        .requires(.root), .requires(.python))
    func changed() throws {
        let scene = try Scene()
        let service = try SocketService(scene.at("service.sock"))
        let session = try scene.session(["\(service.path), name: a", "\(service.path), name: b"])
        #expect(try session.tell("hold('a')") == "held")
        #expect(try session.tell("hold('b')") == "held")
        // Both have come through: their records are written when they have.
        #expect(try session.tell("ask('a')") == "5 bytes")
        let id = try #require(names(scene.sallyport.runtime + "/sessions").first)
        func change(_ sockets: [String]) throws -> Finished {
            let file = try scene.profile(sockets, name: "change-\(UInt32.random(in: 0...UInt32.max))")
            return try scene.sallyport.command(["session", "policy", id, "--file", file]).run()
        }
        let narrower = try change(["\(service.path), name: b"])
        #expect(
            narrower.code == 0 && narrower.text.contains("1 connection was cut"),
            "\(narrower.text)\(narrower.errorText)")
        #expect(try session.tell("ended('a')") == "True")
        #expect(["", "ECONNRESET", "EPIPE"].contains(try session.tell("ask('a')")))
        #expect(try session.tell("ask('b')") == "5 bytes")
        let other = try change(["\(service.path), name: c"])
        #expect(other.code == 1 && other.errorText.contains("was not started with it"), "\(other.errorText)")
        #expect(try change(["\(service.path), name: a"]).code == 0)
        #expect(try session.tell("ask('a')") == "5 bytes")
        let (record, audit, errors) = try scene.finish(session)
        #expect(events(audit, "socket.deny").map { $0["reason"]?.stringValue } == ["socket_not_granted"])
        #expect(errors.contains("1x socket:a: socket_not_granted"), "\(errors)")
        #expect(record["egress"]?["generation"]?.intValue == 3)
    }

    @Test("with its gateway gone a session's sockets refuse", .requires(.root), .requires(.python))
    func gatewayGone() throws {
        let scene = try Scene()
        let service = try SocketService(scene.at("service.sock"))
        let session = try scene.session(["\(service.path), name: a"])
        #expect(try session.tell("ask('a')") == "5 bytes")
        let gateway = try #require(
            descendants(of: session.running.pid).first {
                text("/proc/\($0.pid)/cmdline")?.contains("egress") == true
            })
        let watch = try ProcessWatch(gateway.pid)
        #expect(kill(gateway.pid, SIGKILL) == 0)
        try watch.waitForEnd(.seconds(20))
        #expect(try session.tell("ask('a')") == "ECONNREFUSED")
        let record = try scene.finish(session).record
        #expect(record["egress"]?["lost"]?.stringValue?.contains("ended early") == true)
    }

    @Test("a user's session reaches what the user may, as the user", .requires(.rootless), .requires(.python))
    func rootless() throws {
        let user = try OrdinaryUser()
        let service = try SocketService(user.home + "/service.sock", mode: "0600") { user.command($0, $1) }
        let profile = try user.file(
            "p.yaml",
            "version: 1\nextends: [strict-rlimit]\nreason: A test.\negress:\n  rules:\n"
                + "    - {socket: \(service.path), name: agent, reason: the test needs it}\n")
        let record = user.home + "/result.json"
        let session = try SocketSession(
            { user.sallyport(["run", "--profile", profile, "--result-file", $0, "--"] + $1) }, record: record)
        #expect(try session.tell("ask('agent', 7)") == "7 bytes")
        let served = try #require(try service.served())
        #expect(served.hasPrefix("7 bytes, 0 descriptors, ") && served.hasSuffix(", user \(user.uid)"), "\(served)")
        #expect(try session.tell("shown('\(service.path)')") == "False")
        let (_, audit, errors) = try session.finish(below: user.home + "/run/sallyport")
        #expect(events(audit, "socket.allow").count == 1, "\(audit)\(errors)")
    }
}
