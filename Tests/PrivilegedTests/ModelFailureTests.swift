// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

extension ModelBrokerSuites {
    /// What goes wrong between a session and a vendor: told in the vendor's own form, and settled by rule.
    @Suite("llm.internal when the vendor fails", .requires(.root), .requires(.python))
    struct ModelFailureTests {
        struct Case: CustomTestStringConvertible, Sendable {
            let words: String
            var stream = false
            /// What the client is told.
            let status: Int
            let code: String
            /// Charged by estimate, since the vendor may charge for it.
            let isCharged: Bool
            var testDescription: String { "\(words) \(stream)" }
        }

        private static let cases = [
            Case(words: "please cut", stream: true, status: 200, code: "upstream-cut", isCharged: true),
            Case(words: "please drop", status: 502, code: "upstream-cut", isCharged: true),
            Case(words: "please 200 page", status: 502, code: "upstream-format", isCharged: true),
            Case(words: "please 503 page", status: 502, code: "upstream-format", isCharged: false),
            Case(words: "please redirect", status: 502, code: "upstream-redirect", isCharged: false),
            Case(words: "please repeat", status: 200, code: "upstream-leak", isCharged: true),
            Case(words: "please packed", status: 502, code: "upstream-format", isCharged: true),
            Case(words: "please 401 status", status: 502, code: "upstream-credential", isCharged: false),
            Case(words: "please 403 status", status: 502, code: "upstream-credential", isCharged: false),
        ]

        @Test("is told and settled", .timeLimit(.minutes(25)), arguments: cases)
        func failure(_ c: Case) throws {
            let scene = try ModelScene()
            let outcome = try scene.run("ask('messages', '\(c.words)', stream=\(c.stream ? "True" : "False"))")
            #expect(outcome.lines.first?.hasPrefix("\(c.status) ") == true, "\(outcome.text)\(outcome.errorText)")
            if c.status == 200 {
                #expect(outcome.text.contains("<cut>"), "\(outcome.text)")
            } else {
                #expect(outcome.text.contains(#""type":"error""#), "\(outcome.text)")
            }
            // Not even its first letters.
            #expect(!outcome.text.contains(scene.vendor.secret.prefix(12)), "\(outcome.text)")
            let line = try #require(try scene.ledger(of: outcome).first)
            #expect(line["event"] == "model.failed" && line["code"]?.stringValue == c.code, "\(line)")
            let estimate = try #require(line["estimate_microusd"]?.intValue)
            #expect(estimate > 0 && line["settled_microusd"]?.intValue == (c.isCharged ? estimate : 0), "\(line)")
            let model = try #require(outcome.result?["model"])
            #expect(
                model["failed"] == 1 && model["spent_microusd"]?.intValue == (c.isCharged ? estimate : 0), "\(model)")
            #expect(model["estimated_microusd"]?.intValue == (c.isCharged ? estimate : 0), "\(model)")
            // Asked once, whatever came of it.
            let told = try scene.vendor.stop().filter { $0.contains("\"target\"") }
            #expect(told.count == 1, "\(told)")
        }

        @Test("an upstream that nobody answers for costs nothing", .timeLimit(.minutes(25)))
        func unreachable() throws {
            // Nobody listens at port 1 of this machine.
            let scene = try ModelScene(upstream: "http://127.0.0.1:1")
            let outcome = try scene.run("ask('chat', 'say hello')")
            #expect(outcome.lines.first?.hasPrefix("502 ") == true, "\(outcome.text)\(outcome.errorText)")
            #expect(outcome.text.contains("sallyport_upstream-unreachable"), "\(outcome.text)")
            let line = try #require(try scene.ledger(of: outcome).first)
            #expect(line["settled_microusd"] == 0 && line["code"] == "upstream-unreachable", "\(line)")
            #expect(outcome.result?["model"]?["turns"] == 0)
        }

        @Test("a client that goes away is settled by the vendor's own count", .timeLimit(.minutes(25)))
        func gone() throws {
            let scene = try ModelScene()
            let (command, record) = scene.command(
                """
                c, r = begin("messages", "be gated", stream=True)
                r.readline()
                c.sock.close() if c.sock else None
                r.close()
                print("left", flush=True)
                sys.stdin.readline()
                """)
            let session = try command.start()
            #expect(try session.line() == "left")
            #expect(try scene.vendor.heard()["target"] == "/v1/messages")
            try scene.vendor.goOn()
            // The vendor's last byte was taken by somebody.
            #expect(try scene.vendor.heard()["finished"] != nil)
            try session.send(Array("\n".utf8))
            session.closeInput()
            let outcome = try scene.sallyport.outcome(of: try session.finish(), record: record)
            let line = try #require(try scene.ledger(of: outcome).first)
            #expect(line["settled_microusd"] == 300 && line["usage"]?["output"] == 20, "\(line)")
        }

        @Test("an answer without an end is cut when nobody takes it", .timeLimit(.minutes(25)))
        func flood() throws {
            let scene = try ModelScene()
            let (command, record) = scene.command(
                """
                c, r = begin("messages", "please flood", stream=True)
                r.readline()
                c.sock.close() if c.sock else None
                r.close()
                print("left", flush=True)
                sys.stdin.readline()
                """)
            let session = try command.start()
            #expect(try session.line() == "left")
            #expect(try scene.vendor.heard()["target"] == "/v1/messages")
            #expect(try scene.vendor.heard()["flooding"] == true)
            let flooded = try #require(try scene.vendor.heard()["flooded"]?.intValue)
            #expect(flooded > 32 << 20 && flooded < 64 << 20, "\(flooded)")
            try session.send(Array("\n".utf8))
            session.closeInput()
            let outcome = try scene.sallyport.outcome(of: try session.finish(), record: record)
            let line = try #require(try scene.ledger(of: outcome).first)
            #expect(line["code"] == "upstream-too-large" && line["abandoned"] == true, "\(line)")
            #expect(line["settled_microusd"] == line["estimate_microusd"], "\(line)")
        }

        @Test("a client that does not read makes its upstream wait, and nobody else", .timeLimit(.minutes(25)))
        func slow() throws {
            let scene = try ModelScene()
            let outcome = try scene.run(
                """
                c, r = begin("messages", "please flood", stream=True)
                r.readline()
                for n in range(20): ask("chat", "say hello", stream=True)
                r.close()
                """)
            #expect(outcome.lines.count == 20 && outcome.lines.allSatisfy { $0.hasPrefix("200 ") }, "\(outcome.text)")
            let told = try scene.vendor.stop().filter { $0.contains("flooded") }
            let line = try JSON.read(Array(try #require(told.first).utf8), file: "the vendor")
            // What lay in buffers on the way, and what was read on for its count: without the wait it is hundreds.
            #expect((line["flooded"]?.intValue ?? .max) < 64 << 20, "\(line)")
        }

        @Test("a broker that dies leaves what was spent and what may have been", .timeLimit(.minutes(25)))
        func killed() throws {
            let scene = try ModelScene()
            let (command, record) = scene.command(
                """
                ask("messages", "say hello")
                c, r = begin("messages", "be gated", stream=True)
                print(r.readline().decode().strip(), flush=True)
                sys.stdin.readline()
                """)
            let session = try command.start()
            #expect(try session.line()?.hasPrefix("200 ") == true)
            #expect(try session.line() == "event: message_start")
            let broker = try #require(
                MemoryScan.below(session.pid).first { text("/proc/\($0)/comm") == "sallyport-broke\n" })
            try #require(kill(broker, SIGKILL) == 0)
            try session.send(Array("\n".utf8))
            session.closeInput()
            let outcome = try scene.sallyport.outcome(of: try session.finish(), record: record)
            let model = try #require(outcome.result?["model"])
            #expect(model["lost"]?.stringValue?.contains("signal 9") == true, "\(model)")
            #expect(model["turns"] == 2 && model["answered"] == 1, "\(model)")
            // What the second request held is more than it can have come to, and is what nobody can say less than.
            let held = try #require(model["held_microusd"]?.intValue)
            #expect(held >= 300 && model["spent_microusd"]?.intValue == 300 + held, "\(model)")
            #expect(model["estimated_microusd"]?.intValue == held, "\(model)")
        }

        @Test("a session that ends first settles what is under way", .timeLimit(.minutes(25)))
        func ending() throws {
            let scene = try ModelScene()
            let outcome = try scene.run("c, r = begin('messages', 'please stall', stream=True); r.readline()")
            let line = try #require(try scene.ledger(of: outcome).first)
            #expect(line["event"] == "model.failed" && line["code"] == "upstream-ending", "\(line)")
            #expect(line["settled_microusd"] == line["estimate_microusd"], "\(line)")
            let model = try #require(outcome.result?["model"])
            #expect(model["spent_microusd"] == line["settled_microusd"] && model["lost"] == .null, "\(model)")
        }
    }
}
