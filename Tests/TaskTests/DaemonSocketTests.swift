// SPDX-License-Identifier: Apache-2.0
import CLinux
import Documents
import Glibc
import TestSupport
import Testing

/// The daemon's socket, and who or what comes to it.
@Suite("the daemon's socket", .requires(.root), .requires(.git), .timeLimit(.minutes(25)))
struct DaemonSocketTests {
    private func say(_ scene: DaemonScene, _ bytes: [UInt8], uid: UInt32? = nil) throws -> String {
        try scene.say(bytes, uid: uid)
    }

    struct Message: Sendable, CustomTestStringConvertible {
        let what: String
        let text: String
        let part: String
        var testDescription: String { what }
    }

    static let messages = [
        Message(what: "no JSON", text: "GET / HTTP/1.1\n", part: "it is no JSON"),
        Message(what: "no object", text: "[]\n", part: "is no object"),
        Message(what: "no version", text: "{\"verb\":\"health\"}\n", part: "not of version 1"),
        Message(what: "a later version", text: "{\"version\":2,\"verb\":\"health\"}\n", part: "not of version 1"),
        Message(what: "an unknown verb", text: "{\"version\":1,\"verb\":\"exec\"}\n", part: "no verb"),
        Message(
            what: "an unknown member", text: "{\"version\":1,\"verb\":\"health\",\"as\":\"root\"}\n",
            part: "unknown member"),
        Message(
            what: "an unknown argument", text: "{\"version\":1,\"verb\":\"health\",\"arguments\":{\"x\":1}}\n",
            part: "unknown member"),
        Message(
            what: "a name twice", text: "{\"version\":1,\"version\":1,\"verb\":\"health\"}\n", part: "it is no JSON"),
        Message(
            what: "a task that is none", text: "{\"version\":1,\"verb\":\"submit\",\"arguments\":{\"request\":{}}}\n",
            part: "is missing"),
        Message(
            what: "a task that there is not",
            text: "{\"version\":1,\"verb\":\"status\",\"arguments\":{\"task\":\"../x\"}}\n", part: "TASK_NOT_FOUND"),
        Message(
            what: "depth", text: String(repeating: "[", count: 100) + "\n", part: "it is no JSON"),
    ]

    @Test("nobody hands it a descriptor, which it would have to close", .requires(.python))
    func descriptors() throws {
        let scene = try DaemonScene()
        try scene.start()
        let script = """
            import array, errno, socket, sys
            s = socket.socket(socket.AF_UNIX)
            s.connect(sys.argv[1])
            try:
                s.sendmsg([b'{'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [0]))])
                print('sent')
            except OSError as error: print(errno.errorcode[error.errno])
            """
        let answer = try Command("/usr/bin/python3", ["-c", script, scene.sallyport.runtime + "/daemon.sock"]).run()
        var system = utsname()
        try #require(uname(&system) == 0)
        let release = withUnsafeBytes(of: &system.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let numbers = release.split(whereSeparator: { !$0.isNumber }).prefix(2).compactMap { Int($0) }
        // SO_PASSRIGHTS is of Linux 6.16.
        let isRefused = numbers.count == 2 && (numbers[0], numbers[1]) >= (6, 16)
        #expect(answer.text == (isRefused ? "EPERM\n" : "sent\n"), "\(answer.errorText)")
        #expect(try say(scene, line("health")).contains("\"slots\":"))
        try scene.end(SIGTERM)
    }

    @Test("what is no request is refused, and the daemon serves on", .requires(.python))
    func messages() throws {
        let scene = try DaemonScene()
        try scene.start()
        for message in Self.messages {
            let answer = try say(scene, Array(message.text.utf8))
            #expect(answer.contains(message.part), "\(message.what): \(answer)")
            #expect(answer.hasPrefix("{\"version\":1,\"error\":"))
        }
        let large = [UInt8](repeating: 0x20, count: (1 << 20) + 4096)
        #expect(try say(scene, large + [0x0A]).contains("more than 1048576 bytes"))
        // A second request on one connection is not heard.
        let twice = "{\"version\":1,\"verb\":\"health\"}\n{\"version\":1,\"verb\":\"health\"}\n"
        #expect(try say(scene, Array(twice.utf8)).split(separator: "\n").count == 1)
        #expect(try scene.ask("list").code == 0)
        try scene.end(SIGTERM)
    }

    @Test("who says nothing is let go, while others are served", .requires(.python))
    func slow() throws {
        let scene = try DaemonScene()
        try scene.start()
        let begun = ContinuousClock.now
        let answer = try say(scene, Array("{\"version\":1".utf8))
        #expect(answer == "")
        #expect(ContinuousClock.now - begun >= .seconds(4))
        #expect(try scene.ask("list").code == 0)
        try scene.end(SIGTERM)
    }

    private func line(_ verb: String, _ arguments: JSON = [:]) -> [UInt8] { DaemonScene.line(verb, arguments) }

    @Test("another user is served as far as a blueprint names them, and sees nobody else's task", .requires(.python))
    func stranger() throws {
        let scene = try DaemonScene()
        try scene.start()
        #expect(status(scene.sallyport.runtime + "/daemon.sock")?.mode == 0o140666)
        #expect(try say(scene, line("health"), uid: 1234).contains("\"slots\":"))
        #expect(try say(scene, line("backup", ["path": "/tmp/x"]), uid: 1234).contains("FORBIDDEN"))
        let wanted = line("submit", ["request": ["repo": .string(DaemonScene.repository), "issue": 1]])
        #expect(try say(scene, wanted, uid: 1234).contains("REPO_NOT_ONBOARDED"))
        try scene.onboard(agent: DaemonScene.waiting)
        #expect(try say(scene, wanted, uid: 1234).contains("FORBIDDEN"))
        #expect(try scene.json(try scene.ask("list", "--json"))["tasks"]?.arrayValue == [])
        let id = try scene.submit(agent: DaemonScene.waiting)
        for verb in ["status", "events", "watch", "cancel", "logs"] {
            #expect(try say(scene, line(verb, ["task": .string(id)]), uid: 1234).contains("FORBIDDEN"), "\(verb)")
        }
        #expect(try say(scene, line("list"), uid: 1234).contains("\"tasks\":[]"))
        // Named, they have tasks of their own; who decides about one sees it and cannot end it.
        try scene.onboard(
            agent: DaemonScene.waiting, submitters: "[\"uid:1234\"]", "approvals: {approvers: [\"uid:1235\"]}")
        let urgent = line(
            "submit", ["request": ["repo": .string(DaemonScene.repository), "issue": 1, "priority": 6]])
        #expect(try say(scene, urgent, uid: 1234).contains("priority 6 is the operator's"))
        let answer = try say(scene, wanted, uid: 1234)
        let reply = try JSON.read(Array(answer.utf8), file: "answer")
        let own = try #require(reply["data"]?["task"]?["task"]?.stringValue, "\(answer)")
        #expect(reply["data"]?["task"]?["owner"]?.stringValue == "uid:1234")
        let status = line("status", ["task": .string(own)])
        #expect(try say(scene, status, uid: 1234).contains(own))
        #expect(try say(scene, status, uid: 1235).contains("\"status\":"))
        #expect(try say(scene, status, uid: 1236).contains("FORBIDDEN"))
        #expect(try say(scene, line("cancel", ["task": .string(own)]), uid: 1235).contains("FORBIDDEN"))
        try holds(scene, own)
        // Root is no submitter by being root.
        #expect(try scene.request(["--issue", "1"]).run().errorText.contains("FORBIDDEN"))
        for task in [id, own] {
            _ = try scene.ask("cancel", task)
            #expect(try scene.ask("watch", task).code == 1)
        }
        try scene.end(SIGTERM)
    }

    /// Whether it stays is for whoever owns it, and for whoever said that it does; what goes is the operator's to say.
    private func holds(_ scene: DaemonScene, _ own: String) throws {
        let (hold, release) = (line("hold", ["task": .string(own)]), line("release", ["task": .string(own)]))
        #expect(try say(scene, hold, uid: 1235).contains("FORBIDDEN"))
        #expect(try say(scene, hold, uid: 1234).contains("\"held_by\":\"uid:1234\""))
        #expect(try say(scene, release, uid: 1235).contains("FORBIDDEN"))
        #expect(try say(scene, release, uid: 1234).contains("\"held_by\":null"))
        #expect(try say(scene, hold, uid: 0).contains("\"held_by\":\"uid:0\""))
        #expect(try say(scene, release, uid: 1234).contains("uid:0 holds it"))
        #expect(try say(scene, release, uid: 0).contains("\"held_by\":null"))
        for isDry in [true, false] {
            let collect = line("collect", ["dry_run": .bool(isDry)])
            #expect(try say(scene, collect, uid: 1234).contains("FORBIDDEN"))
            #expect(try say(scene, collect, uid: 0).contains("\"items\":["))
        }
    }

    @Test("one user cannot keep the others out", .requires(.python))
    func crowd() throws {
        let scene = try DaemonScene()
        try scene.start()
        let script = """
            import os,socket,sys
            os.setuid(1234)
            held=[]
            for n in range(24):
                s=socket.socket(socket.AF_UNIX); s.settimeout(4); s.connect(sys.argv[1]); held.append(s)
            refused=0
            for s in held[16:]:
                if b"RATE_LIMIT_EXCEEDED" in s.recv(4096): refused+=1
            print(refused, flush=True)
            sys.stdin.read()
            """
        var command = Command("/usr/bin/python3", ["-c", script, scene.sallyport.runtime + "/daemon.sock"])
        command.deadline = .seconds(40)
        let crowd = try command.start()
        let refused = try crowd.line()
        #expect(refused == "8")
        #expect(try say(scene, line("health"), uid: 1235).contains("\"slots\":"))
        #expect(try scene.ask("list").code == 0)
        crowd.closeInput()
        _ = try crowd.finish()
        try scene.end(SIGTERM)
    }

    @Test("a second daemon on the same store does not start, and the first one serves on")
    func second() throws {
        let scene = try DaemonScene()
        try scene.start()
        var command = Command(Executables.path("sallyportd"), ["serve"])
        command.environment = scene.sallyport.environment
        let refused = try command.run()
        #expect(refused.code == 125 && refused.errorText.contains("Another sallyportd has it"), "\(refused.errorText)")
        command.arguments = ["restore", "/dev/null"]
        #expect(try command.run().code == 125)
        #expect(try scene.ask("list").code == 0)
        // The lock is the kernel's: a killed daemon holds nobody up.
        try scene.end(SIGKILL)
        try scene.start()
        #expect(try scene.ask("list").code == 0)
        try scene.end(SIGTERM)
    }

    @Test("without a daemon the verbs say how to start it")
    func absent() throws {
        let scene = try DaemonScene()
        let refused = try scene.ask("list", "--json")
        #expect(refused.code == 125 && refused.errorText.contains("sallyportd serve"), "\(refused.errorText)")
        #expect(try scene.json(refused)["error"]?["code"]?.stringValue == "SERVICE_UNAVAILABLE")
    }

    @Test("a backup of a daemon at work can be put back, and a store that is damaged is not served")
    func backup() throws {
        let scene = try DaemonScene()
        try scene.start()
        let file = scene.sallyport.home.at("backup")
        #expect(try scene.ask("backup", file).code == 0)
        #expect(try scene.ask("backup", "relative").code == 125)
        try scene.end(SIGTERM)
        let store = scene.directory + "/store.sqlite"
        try #require(
            Command("/bin/sh", ["-c", "printf 'no database' > \"$0\"; rm -f \"$0\"-*", store]).run().code == 0)
        var command = Command(Executables.path("sallyportd"), ["serve"])
        command.environment = scene.sallyport.environment
        let refused = try command.run()
        #expect(refused.code == 125 && refused.errorText.contains("sallyportd restore"), "\(refused.errorText)")
        command.arguments = ["restore", file]
        #expect(try command.run().code == 0)
        try scene.start()
        #expect(try scene.ask("list").code == 0)
        try scene.end(SIGTERM)
    }
}
