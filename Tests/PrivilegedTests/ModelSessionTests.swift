// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import TestSupport
import Testing

/// Sessions that were started with models.
enum ModelBrokerSuites {}

extension ModelBrokerSuites {
    @Suite("llm.internal in a session", .requires(.root), .requires(.python))
    struct ModelSessionTests {
        @Test("asks all three APIs, and the key is added outside", .timeLimit(.minutes(25)))
        func whole() throws {
            let scene = try ModelScene()
            let outcome = try scene.run(
                """
                for api in PATHS:
                    ask(api, "say hello")
                    ask(api, "say hello", stream=True)
                """)
            #expect(outcome.code == 0, "\(outcome.text)\(outcome.errorText)")
            #expect(outcome.lines.count == 6 && outcome.lines.allSatisfy { $0.hasPrefix("200 ") }, "\(outcome.text)")
            #expect(outcome.lines.allSatisfy { $0.contains("hello") && !$0.contains("<cut>") }, "\(outcome.text)")
            for path in [
                "/v1/messages", "/v1/messages", "/v1/chat/completions", "/v1/chat/completions", "/v1/responses",
                "/v1/responses",
            ] {
                let request = try scene.vendor.heard()
                #expect(request["target"]?.stringValue == path)
                let field = path == "/v1/messages" ? "x-api-key" : "authorization"
                let value = path == "/v1/messages" ? scene.vendor.secret : "Bearer " + scene.vendor.secret
                #expect(request["fields"]?[field]?.stringValue == value)
                #expect(request["fields"]?["accept-encoding"] == "identity")
                #expect(request.compactText.contains("dummy") == false)
            }
            let model = try #require(outcome.result?["model"])
            #expect(model["turns"] == 6 && model["answered"] == 6 && model["refused"] == 0, "\(model)")
            #expect(model["input_tokens"] == 600 && model["output_tokens"] == 120, "\(model)")
            // 100 tokens read at 1 dollar a million and 20 written at 10, six times.
            #expect(model["spent_microusd"] == 1800 && model["estimated_microusd"] == 0 && model["lost"] == .null)
            let ledger = try scene.ledger(of: outcome)
            #expect(ledger.count == 6 && ledger.allSatisfy { $0["event"] == "model.answered" }, "\(ledger)")
            #expect(ledger.allSatisfy { $0["settled_microusd"] == 300 && $0["model"] == "mock-1" }, "\(ledger)")
            #expect(ledger.compactMap { $0["turn"]?.intValue } == [1, 2, 3, 4, 5, 6])
            #expect(ledger.last?["spent_microusd"] == 1800)
            let audit = try scene.lines("audit.jsonl", of: outcome).filter { $0["event"] == "tcp.allow" }
            // Repeats are counted in one line.
            #expect(audit.map { $0["count"]?.intValue ?? 1 }.reduce(0, +) == 6, "\(audit)")
            #expect(audit.allSatisfy { $0["rule"]?["origin"] == "--model" && $0["name"] == "llm.internal" }, "\(audit)")
        }

        @Test("what passes of an answer's head, and what does not", .timeLimit(.minutes(25)))
        func head() throws {
            let scene = try ModelScene()
            let outcome = try scene.run(
                """
                c, r = begin("messages", "say hello")
                print(sorted(k.lower() for k, v in r.getheaders()))
                """)
            let names = ["cache-control", "connection", "content-type", "request-id", "transfer-encoding"]
            #expect(
                outcome.lines == ["[" + names.map { "'\($0)'" }.joined(separator: ", ") + "]"],
                "\(outcome.text)\(outcome.errorText)")
        }

        @Test("the first piece is inside before the vendor has the second", .timeLimit(.minutes(25)))
        func streaming() throws {
            let scene = try ModelScene()
            let (command, record) = scene.command(
                """
                c, r = begin("messages", "be gated", stream=True)
                print(r.readline().decode().strip(), flush=True)
                rest = r.read().decode()
                print("message_stop" in rest)
                """)
            let session = try command.start()
            session.closeInput()
            // The vendor waits for the word that is given only after the first event was read inside.
            #expect(try session.line() == "event: message_start")
            try scene.vendor.goOn()
            #expect(try session.line() == "True")
            let outcome = try scene.sallyport.outcome(of: try session.finish(), record: record)
            #expect(outcome.code == 0, "\(outcome.errorText)")
            #expect(outcome.result?["model"]?["spent_microusd"] == 300)
        }

        @Test(
            "a vendor's refusals pass as they are and cost nothing", .timeLimit(.minutes(25)),
            arguments: [429, 529, 400])
        func refusals(_ status: Int) throws {
            let scene = try ModelScene()
            let outcome = try scene.run(
                """
                r = ask("messages", "answer with \(status) status")
                print(r.getheader("retry-after"), r.getheader("x-should-retry"))
                """)
            #expect(outcome.lines.first?.hasPrefix("\(status) ") == true, "\(outcome.text)\(outcome.errorText)")
            #expect(outcome.lines.first?.contains("vendor says \(status)") == true, "\(outcome.text)")
            #expect(outcome.lines.last == "7 true", "\(outcome.text)")
            let model = try #require(outcome.result?["model"])
            #expect(model["spent_microusd"] == 0 && model["turns"] == 0 && model["answered"] == 1, "\(model)")
        }

        @Test("a name of the profile's that is the same is refused before anything starts", .timeLimit(.minutes(25)))
        func clash() throws {
            let scene = try ModelScene()
            let profile = try scene.sallyport.home.file(
                "clash.yaml",
                "version: 1\nextends: [strict]\nreason: a test\negress: {rules: [{host: llm.internal, reason: x}]}\n")
            let outcome = try scene.sallyport.run(
                profile: profile, options: ["--model", scene.vendor.file], ["/bin/true"])
            #expect(outcome.code == 125)
            #expect(outcome.errorText.contains("llm.internal"), "\(outcome.errorText)")
        }

        @Test(
            "a ledger or transcript that cannot be kept is known before anything runs", .timeLimit(.minutes(25)),
            arguments: ["model.jsonl", "model-transcript.jsonl"])
        func kept(log: String) throws {
            let scene = try ModelScene()
            let options = ["--record-files", scene.sallyport.home.at("kept")]
            let kept = try scene.run("ask('chat', 'say hello')", options: options)
            #expect(kept.code == 0 && kept.lines.first?.hasPrefix("200 ") == true, "\(kept.text)\(kept.errorText)")
            let place = scene.sallyport.home.at("kept.\(log)")
            #expect(text(place)?.isEmpty == false)
            try #require(unlink(place) == 0)
            try scene.sallyport.home.directory("kept.\(log)")
            let lost = try scene.run("print('it ran')", options: options)
            #expect(lost.code == 125 && lost.lines == [], "\(lost.text)")
            #expect(lost.errorText.contains("kept.\(log)"), "\(lost.errorText)")
        }

        @Test("a session without models has no such name", .timeLimit(.minutes(25)))
        func without() throws {
            let scene = try ModelScene()
            let profile = try scene.sallyport.home.file(
                "web.yaml",
                "version: 1\nextends: [strict]\nreason: a test\negress: {rules: [{host: a.test, reason: a name}]}\n")
            let outcome = try scene.sallyport.run(
                profile: profile,
                [
                    "/usr/bin/python3", "-c",
                    "import socket\ntry: socket.getaddrinfo('llm.internal', 80)\nexcept OSError as e: print(e)",
                ])
            #expect(outcome.text.contains("Name or service not known"), "\(outcome.text)\(outcome.errorText)")
            #expect(outcome.result?["model"] == .null)
        }
    }
}
