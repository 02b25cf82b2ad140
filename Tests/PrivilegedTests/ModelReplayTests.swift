// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

extension ModelBrokerSuites {
    @Suite("replays of what was said to models", .requires(.root), .requires(.python))
    struct ModelReplayTests {
        private static let script = """
            for api in PATHS:
                ask(api, "say hello")
                ask(api, "say hello", stream=True)
            """

        /// A record of all three APIs, plain and streamed, and what its session printed.
        private func recorded() throws -> (scene: ModelScene, record: String, lines: [String]) {
            let scene = try ModelScene()
            let outcome = try scene.run(Self.script)
            try #require(outcome.lines.count == 6, "\(outcome.text)\(outcome.errorText)")
            let session = try #require(outcome.session)
            return (scene, "\(scene.sallyport.runtime)/sessions/\(session)/model-record.jsonl", outcome.lines)
        }

        /// Serves a record, and runs a client of it outside any sandbox.
        private func replay(_ record: String, _ scene: ModelScene, _ script: String) throws -> (Finished, Finished) {
            var command = scene.sallyport.command(["model", "replay", record])
            command.deadline = .seconds(60)
            let server = try command.start()
            let line = try #require(try server.line())
            let port = try #require(line.split(separator: ":").last?.split(separator: " ").first)
            try isConfined(server.pid)
            let client = ModelVendor.client.split(separator: "llm.internal").joined(separator: "127.0.0.1:\(port)")
            let asked = try Command("/usr/bin/python3", ["-B", "-c", client + script]).run()
            return (asked, try server.finish())
        }

        /// What the kernel says of a replay that root has started, before anything is asked.
        private func isConfined(_ pid: Int32) throws {
            try #require(text("/proc/\(pid)/comm") == "sallyport-broke\n")
            let status = try #require(text("/proc/\(pid)/status")).split(separator: "\n")
            func field(_ name: String) -> [Substring] {
                let line = status.first { $0.hasPrefix(name + ":") } ?? ""
                return Array(line.split(separator: "\t").dropFirst())
            }
            for name in ["Uid", "Gid"] {
                let ids = Set(field(name))
                #expect(ids.count == 1, "\(name): \(ids)")
                #expect((2_130_194_304..<2_130_456_448).contains(try #require(ids.first.flatMap { Int($0) })))
            }
            #expect(field("Groups").allSatisfy { $0.allSatisfy { $0 == " " } })
            for name in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
                #expect(field(name) == ["0000000000000000"], "\(name)")
            }
            #expect(field("NoNewPrivs") == ["1"] && field("Seccomp") == ["2"] && field("Threads") == ["1"])
            // One that is dumpable has files of its own id's in /proc. proc(5)
            #expect(TestSupport.status("/proc/\(pid)/environ")?.uid == 0)
        }

        @Test(
            "a file that is no record is refused with its line, by a process without rights", .timeLimit(.minutes(25)))
        func noRecord() throws {
            let scratch = try Scratch()
            let file = try scratch.file("record.jsonl", "{}\n", mode: 0o600)
            let done = try Command(Executables.path("sallyport"), ["model", "replay", file]).run()
            #expect(done.code == 125, "\(done.text)")
            #expect(done.errorText.contains("record.jsonl:1: it is no line of a record"), "\(done.errorText)")
        }

        @Test("answer the same in all three shapes, and end with the record", .timeLimit(.minutes(25)))
        func same() throws {
            let (scene, record, lines) = try recorded()
            let (asked, server) = try replay(record, scene, Self.script)
            #expect(asked.lines == lines, "\(asked.text)\(asked.errorText)")
            #expect(server.code == 0 && server.lines.last == "sallyport: every exchange was replayed", "\(server.text)")
        }

        /// What that broker adds to a request is no difference.
        @Test("stand behind a session's broker", .timeLimit(.minutes(25)))
        func behindBroker() throws {
            let (scene, record, lines) = try recorded()
            var command = scene.sallyport.command(["model", "replay", record])
            command.deadline = .seconds(60)
            let server = try command.start()
            let line = try #require(try server.line())
            let port = try #require(line.split(separator: ":").last?.split(separator: " ").first)
            let outcome = try ModelScene(upstream: "http://127.0.0.1:\(port)").run(Self.script)
            #expect(outcome.lines == lines, "\(outcome.text)\(outcome.errorText)")
            let ended = try server.finish()
            #expect(ended.code == 0, "\(ended.text)")
        }

        @Test("pieces come as they came", .timeLimit(.minutes(25)))
        func pieces() throws {
            let (scene, record, _) = try recorded()
            let sizes = try JSON.read(
                Array((text(record) ?? "").split(separator: "\n")[1].utf8), file: record)["sizes"]?.arrayValue
            let (asked, _) = try replay(
                record, scene,
                """
                ask("messages", "say hello")
                c, r = begin("messages", "say hello", stream=True)
                while line := r.fp.readline():
                    size = int(line, 16)
                    r.fp.read(size + 2)
                    if size: print(size)
                    else: break
                # The rest, so that the replay comes to its end.
                for api in ("chat", "responses"):
                    for stream in (False, True): begin(api, "say hello", stream)[1].read()
                """)
            #expect(
                asked.lines.dropFirst().map { Int($0) } == sizes?.map(\.intValue), "\(asked.text)\(asked.errorText)")
            #expect((sizes?.count ?? 0) > 3)
        }

        @Test("name the first place that differs, and end", .timeLimit(.minutes(25)))
        func differs() throws {
            let (scene, record, _) = try recorded()
            let (asked, server) = try replay(
                record, scene, "ask('messages', 'say hello'); ask('messages', 'say goodbye', stream=True)")
            #expect(asked.lines.first?.hasPrefix("200 ") == true && asked.lines.last?.hasPrefix("400 ") == true)
            #expect(server.code == 1, "\(server.text)")
            #expect(
                server.lines.last
                    == #"sallyport: request 2 differs at messages[0].content: recorded "say hello", asked "say goodbye""#,
                "\(server.text)")
            #expect(asked.text.contains("differs at messages[0].content"), "\(asked.text)")
        }
    }
}
