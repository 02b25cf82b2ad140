// SPDX-License-Identifier: Apache-2.0
import CLinux
import Documents
import Glibc
import TestSupport
import Testing

/// The daemon's socket, and who or what comes to it.
@Suite("the daemon's socket", .requires(.root), .requires(.git), .timeLimit(.minutes(25)))
struct DaemonSocketTests {
    /// Sends bytes and gives back all that is said until the other side ends.
    private func say(_ scene: DaemonScene, _ bytes: [UInt8], uid: UInt32? = nil) throws -> String {
        let script = """
            import os,socket,sys
            if len(sys.argv) > 2: os.setuid(int(sys.argv[2]))
            s=socket.socket(socket.AF_UNIX); s.settimeout(30); s.connect(sys.argv[1])
            try: s.sendall(sys.stdin.buffer.read())
            except (BrokenPipeError, ConnectionResetError): pass
            while True:
                try: b=s.recv(65536)
                except ConnectionResetError: break
                if not b: break
                sys.stdout.buffer.write(b)
            """
        var command = Command(
            "/usr/bin/python3",
            ["-c", script, scene.sallyport.runtime + "/daemon.sock"] + (uid.map { ["\($0)"] } ?? []))
        command.input = bytes
        command.deadline = .seconds(40)
        return try command.run().text
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

    @Test("another user may answer what they are asked, and is served nothing else", .requires(.python))
    func stranger() throws {
        let scene = try DaemonScene()
        try scene.start()
        #expect(status(scene.sallyport.runtime + "/daemon.sock")?.mode == 0o140666)
        func line(_ verb: String, _ arguments: String = "{}") -> [UInt8] {
            Array("{\"version\":1,\"verb\":\"\(verb)\",\"arguments\":\(arguments)}\n".utf8)
        }
        #expect(try say(scene, line("health")).contains("\"slots\":"))
        let task = "{\"task\":\"t-none\"}"
        for (verb, arguments) in [
            ("health", "{}"), ("list", "{}"), ("status", task), ("events", task), ("watch", task), ("cancel", task),
            ("logs", task), ("backup", "{\"path\":\"/tmp/x\"}"),
        ] {
            let answer = try say(scene, line(verb, arguments), uid: 1234)
            #expect(answer.contains("FORBIDDEN") && answer.contains("uid 1234"), "\(verb): \(answer)")
        }
        #expect(try say(scene, line("pending"), uid: 1234).contains("\"requests\":[]"))
        for verb in ["approve", "deny"] {
            let decide = line(verb, "{\"task\":\"t-none\",\"request\":\"q1\",\"reason\":\"x\"}")
            let answer = try say(scene, decide, uid: 1234)
            #expect(answer.contains("REQUEST_NOT_FOUND"), "\(answer)")
        }
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
