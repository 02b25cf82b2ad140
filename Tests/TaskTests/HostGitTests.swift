// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// git of the host as it talks to servers: how it is confined, and how it is ended.
@Suite("git of the host", .serialized, .timeLimit(.minutes(25)))
struct HostGitTests {
    /// What a program finds out that runs as git's own child, by an alias.
    private static let probe = """
        import ctypes, os, resource, socket
        def told(name, value): print(name, value, flush=True)
        def tried(name, action):
            try:
                action()
                told(name, "ok")
            except OSError as error: told(name, os.strerror(error.errno))
        for family in ["AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK", "AF_PACKET", "AF_VSOCK"]:
            kind = socket.SOCK_RAW if family == "AF_PACKET" else socket.SOCK_DGRAM
            tried(family, lambda: socket.socket(getattr(socket, family), kind))
        for kind in ["STREAM", "DGRAM", "SEQPACKET"]:
            tried("pair-" + kind, lambda: socket.socketpair(socket.AF_UNIX, getattr(socket, "SOCK_" + kind)))
        told("core", resource.getrlimit(resource.RLIMIT_CORE))
        told("file", resource.getrlimit(resource.RLIMIT_FSIZE)[1] >> 30)
        tried("shadow", lambda: open("/etc/shadow").close())
        tried("root", lambda: os.listdir("/root"))
        tried("zero", lambda: open("/dev/zero").close())
        tried("write", lambda: open("/var/tmp/sallyport-probe", "w").close())
        told("uid", os.getuid())
        # PR_GET_SECCOMP, PR_GET_NO_NEW_PRIVS, PR_CAPBSET_READ. prctl(2)
        prctl = ctypes.CDLL(None).prctl
        told("seccomp", prctl(21, 0, 0, 0, 0))
        told("no_new_privs", prctl(39, 0, 0, 0, 0))
        told("bounding", sum(prctl(23, number, 0, 0, 0) == 1 for number in range(64)))
        """

    private func probe(_ arguments: String...) throws -> [String: String] {
        // As text: its id and its rules let it read no file of a test.
        let quoted = Self.probe.replacing("'", with: "'\\''")
        // As the first process of a namespace, as a transfer starts it.
        var command = Command(
            "/usr/bin/unshare",
            ["--pid", "--fork", Executables.path("sallyport-task"), "step-git"] + arguments
                + ["--", "-c", "alias.probe=!/usr/bin/python3 -I -c '\(quoted)'", "probe"])
        command.environment = ["PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": "/nonexistent"]
        let done = try command.run()
        try #require(done.code == 0, "\(done.text)\(done.errorText)")
        return Dictionary(
            done.lines.map { line in
                let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
                return (parts[0], parts.count > 1 ? parts[1] : "")
            }, uniquingKeysWith: { first, _ in first })
    }

    /// One end of a pair of datagram sockets reaches any socket of the host that has a path, one of streams none.
    private func connectedOnly(_ found: [String: String]) {
        #expect(found["pair-STREAM"] == "ok", "\(found)")
        for kind in ["DGRAM", "SEQPACKET"] {
            #expect(found["pair-" + kind] == "Permission denied", "\(kind): \(found)")
        }
    }

    private static let unsupported = "Address family not supported by protocol"

    @Test(
        "with a server it has sockets of the network alone, and no file of the host's", .requires(.root),
        .requires(.git), .requires(.python))
    func network() throws {
        let found = try probe("--become", "2134000001:2134000001", "--reach", "network", "--in", "-")
        for family in ["AF_INET", "AF_INET6", "AF_NETLINK"] { #expect(found[family] == "ok", "\(family): \(found)") }
        for family in ["AF_UNIX", "AF_PACKET", "AF_VSOCK"] { #expect(found[family] == Self.unsupported, "\(family)") }
        for name in ["root", "shadow", "zero", "write"] { #expect(found[name] == "Permission denied", "\(name)") }
        #expect(found["uid"] == "2134000001")
        connectedOnly(found)
        confined(found)
        // With root's id it is not the mode that keeps it out. Below /etc, which it reads for names and certificates,
        // nothing but the mode does.
        let root = try probe("--become", "-", "--reach", "network", "--in", "-")
        for name in ["root", "zero", "write"] { #expect(root[name] == "Permission denied", "\(name)") }
        #expect(root["uid"] == "0" && root["shadow"] == "ok")
    }

    @Test(
        "between repositories of the host it has no socket at all, and writes nothing beside", .requires(.root),
        .requires(.git), .requires(.python))
    func host() throws {
        let found = try probe("--become", "-", "--reach", "host", "--in", "-")
        for family in ["AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK", "AF_PACKET"] {
            #expect(found[family] == Self.unsupported, "\(family): \(found)")
        }
        connectedOnly(found)
        // It may read what its caller may, and that is root.
        #expect(found["root"] == "ok" && found["shadow"] == "ok" && found["uid"] == "0")
        #expect(found["write"] == "Permission denied")
        confined(found)
    }

    /// Leaves the group and the session, and everything by which a parent finds it, and waits for ever.
    private static let daemon = """
        import os, sys, time
        if os.fork(): os._exit(0)
        os.setsid()
        if os.fork(): os._exit(0)
        null = os.open("/dev/null", os.O_RDWR)
        for number in range(3): os.dup2(null, number)
        time.sleep(1000)
        """

    @Test(
        "nothing of it outlives it, whatever a server made of it", .requires(.root), .requires(.git),
        .requires(.python))
    func outlived() throws {
        let mark = "left-\(UInt32.random(in: 0...UInt32.max))"
        // As the first process of a namespace, as a transfer starts it.
        var command = Command(
            "/usr/bin/unshare",
            [
                "--pid", "--fork", Executables.path("sallyport-task"), "step-git", "--become", "2134000001:2134000001",
                "--reach", "network", "--in", "-", "--", "-c",
                "alias.probe=!/usr/bin/python3 -I -c '\(Self.daemon)' \(mark); echo done", "probe",
            ])
        command.environment = ["PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": "/nonexistent"]
        let done = try command.run()
        #expect(done.code == 0 && done.lines == ["done"], "\(done.errorText)")
        #expect(Processes.having(mark).isEmpty)
    }

    @Test(
        "git that talks to a server is alone in its namespace, and dies with who started it", .requires(.root),
        .requires(.git), .requires(.python))
    func namespace() throws {
        let scene = try MirrorTests.Scene()
        let server = try SilentServer(in: scene.sallyport.home.path)
        let running = try scene.sallyport.command(["task", "mirror", "http://127.0.0.1:\(server.port)/x.git"]).start()
        running.closeInput()
        try server.connected()
        let below = Processes.below(running.pid)
        #expect(below.count >= 2)
        for id in below { #expect(linkTarget("/proc/\(id)/ns/pid") != linkTarget("/proc/self/ns/pid")) }
        // The lock on the copy is none of git's: only the first of them has it.
        let holders = below.filter { id in
            names("/proc/\(id)/fd").contains { linkTarget("/proc/\(id)/fd/\($0)").hasSuffix("/lock") }
        }
        #expect(holders.count == 1, "\(holders)")
        try running.signal(SIGKILL)
        _ = try running.finish()
        try Processes.waitUntilGone(having: "127.0.0.1:\(server.port)")
    }

    private func confined(_ found: [String: String]) {
        // Of one byte: with 0 a kernel whose core_pattern names a program still hands it the memory.
        #expect(found["core"] == "(1, 1)" || found["core"] == "(0, 0)", "\(found)")
        #expect(found["file"] == "64")
        #expect(found["seccomp"] == "2" && found["no_new_privs"] == "1" && found["bounding"] == "0", "\(found)")
    }

    // MARK: Servers that hold it up

    /// A collect that pushes to a server.
    private func collect(_ scene: CollectScene, _ server: SilentServer) -> Command {
        var command = Command(
            Executables.sallyport,
            [
                "collect", scene.left, "--out", scene.home.at("out"), "--base", scene.base, "--timeout", "10", "--push",
                "http://127.0.0.1:\(server.port)/x.git",
            ])
        command.environment = ["PATH": "/usr/bin:/bin", "HOME": "/root"]
        return command
    }

    @Test(
        "a server that never answers does not hold up a push, and nothing that waits for it stays", .requires(.root),
        .requires(.git), .requires(.python))
    func silent() throws {
        let scene = try CollectScene()
        let server = try SilentServer(in: scene.home.path)
        let running = try collect(scene, server).start()
        running.closeInput()
        try server.connected()
        let waiting = Processes.having("127.0.0.1:\(server.port)").filter { $0 != running.pid }
        #expect(waiting.count >= 2, "git and its helper wait: \(waiting)")
        for id in waiting {
            let identity = try #require(statusField(id, "Uid").flatMap { Int($0.split(separator: " ")[0]) })
            let ids = Array(repeating: "\(identity)", count: 4).joined(separator: " ")
            #expect(identity >= 2_130_706_432 && statusField(id, "Uid") == ids && statusField(id, "Gid") == ids)
        }
        let done = try running.finish()
        #expect(done.code == 125 && done.errorText.contains("still ran after 10 seconds"), "\(done.errorText)")
        try Processes.waitUntilGone(having: "127.0.0.1:\(server.port)")
    }

    @Test(
        "a request to stop is not lost when git does not heed it, and its deadline still counts", .requires(.root),
        .requires(.git), .requires(.python))
    func stopped() throws {
        let scene = try CollectScene()
        let server = try SilentServer(in: scene.home.path)
        let running = try collect(scene, server).start()
        running.closeInput()
        try server.connected()
        // Held by the kernel: no signal but the last reaches it.
        for id in Processes.below(running.pid) { try #require(kill(id, SIGSTOP) == 0) }
        try running.signal(SIGTERM)
        let done = try running.finish()
        #expect(done.code == 125 && done.errorText.contains("it was interrupted"), "\(done.errorText)")
        try Processes.waitUntilGone(having: "127.0.0.1:\(server.port)")
    }

    @Test(
        "an upstream that says nothing, or never comes to an end, is given up", .requires(.git), .requires(.python),
        arguments: [false, true])
    func endless(_ talks: Bool) throws {
        let scene = try MirrorTests.Scene()
        let server = try SilentServer(in: scene.sallyport.home.path, endless: talks)
        let done = try scene.run(["mirror", "http://127.0.0.1:\(server.port)/x.git", "--timeout", "2", "--json"])
        #expect(done.code == 125 && done.errorText.contains("too_slow: "), "\(done.errorText)")
        #expect(try JSON.read(done.output, file: "standard output")["error"]?["code"] == "too_slow")
        try Processes.waitUntilGone(having: "127.0.0.1:\(server.port)")
    }
}
