// SPDX-License-Identifier: Apache-2.0
import CLinux
import Documents
import Glibc
import LinuxSystem
import TestSupport
import Testing
import Wire

extension Network {
    /// `sallyport run --attend hosts`: whoever has the other end decides about names while nothing of the sandbox runs.
    @Suite("questions about names", .timeLimit(.minutes(25)), .requires(NetworkLab.need))
    struct HostGateTests {
        /// A run, and the end of its socket at which its questions are answered.
        final class Asked {
            let scene: EgressScene
            let running: Running
            let record: String
            let id: String
            private var socket: Descriptor?

            /// Returns when the script has printed "ready".
            init(_ scene: EgressScene, _ rules: [String], _ script: String, options: [String] = []) throws {
                let pair = try Channel.messages()
                var (command, record) = try scene.command(
                    rules, options: ["--attend", "hosts"] + options,
                    ["/usr/bin/python3", "-B", "-c", EgressScene.prelude + script])
                command.descriptors[3] = pair.second.number
                self.scene = scene
                self.record = record
                running = try command.start()
                socket = pair.closingSecond()
                let first = try running.line()
                if first != "ready" {
                    throw HarnessError("no session: \(first ?? "") \(try running.finish().errorText)")
                }
                id = try #require(names(scene.sallyport.runtime + "/sessions").first)
            }

            private var number: Int32 { socket?.number ?? -1 }
            var isFrozen: Bool { get throws { try SessionGroup(id).isFrozen } }

            /// The next word of the supervisor; nil when it hung up.
            func word() throws -> SessionWord? {
                guard sp_poll_one(number, Int16(POLLIN), 60_000) > 0 else { throw HarnessError("nothing is asked") }
                guard let message = try socket?.receive(limit: SessionWord.longest, subject: "a word") else {
                    return nil
                }
                return try SessionWord(decoding: message.bytes)
            }

            /// Whether nothing is said for a while.
            var isQuiet: Bool { sp_poll_one(number, Int16(POLLIN), 50) == 0 }

            /// The name that is asked about, while nothing of the sandbox runs.
            func question() throws -> String {
                guard case .wanted(let name, let port, let times) = try word() else {
                    throw HarnessError("no question")
                }
                #expect(port == 443 && times >= 1)
                #expect(try isFrozen)
                return name
            }

            func answer(_ answer: HostAnswer) throws { try say(answer.encoded()) }
            func say(_ bytes: [UInt8]) throws { try socket?.send(bytes, descriptors: [], subject: "an answer") }
            func hangUp() { socket = nil }
            /// The script goes on behind its next line of input.
            func goOn() throws { try running.send(Array("go\n".utf8)) }

            func finish() throws -> EgressRun {
                let outcome = try scene.sallyport.outcome(of: try running.finish(), record: record)
                return EgressRun(outcome: outcome, seen: [], audit: try scene.audit(of: outcome))
            }
        }

        /// Wants a name, waits for a word, and wants it again.
        static let twice = """
            print("ready", flush=True)
            attempt("first", lookup, "second-lab.net")
            sys.stdin.readline()
            attempt("second", tls, "second-lab.net", name="second-lab.net")
            attempt("plain", get, "second-lab.net")
            attempt("below", lookup, "www.second-lab.net")
            """

        @Test("a name that is let through is reached at the next attempt, at one port, and the record says so")
        func opened() throws {
            let asked = try Asked(try EgressScene(), [webRule], Self.twice)
            #expect(try asked.question() == "second-lab.net")
            try asked.answer(.open)
            #expect(try asked.word() == .opened(generation: 2))
            try asked.goOn()
            // Below it is another name, and another question.
            #expect(try asked.question() == "www.second-lab.net")
            try asked.answer(.leave)
            let run = try asked.finish()
            #expect(run.outcome.code == 0, "\(run.story)")
            run.expect([
                "first": "EAI_NONAME", "second": "200", "plain": "403 port_not_allowed", "below": "EAI_NONAME",
            ])
            let opened = run.outcome.result?["egress"]?["opened"]?.arrayValue ?? []
            #expect(opened.map(\.compactText) == [#"{"host":"second-lab.net","port":443,"generation":2}"#])
            let denial = try #require(run.denials.first { $0.name == "second-lab.net" }, "\(run.story)")
            let why = try asked.scene.sallyport.command(["why", denial.id ?? ""]).run()
            #expect(why.text.contains("none names it"), "\(why.text)")
            let policy = try asked.scene.sallyport.command(["session", "policy", asked.id]).run()
            #expect(policy.text.contains("host second-lab.net ports 443 (approval)"), "\(policy.text)")
        }

        @Test("a name that is not stays denied, is asked about once, and the next name is asked about")
        func left() throws {
            let script = """
                print("ready", flush=True)
                for label in ("first", "second", "third"): attempt(label, lookup, "second-lab.net")
                attempt("other", lookup, "www.denied-lab.org")
                """
            let asked = try Asked(try EgressScene(), [webRule], script)
            #expect(try asked.question() == "second-lab.net")
            try asked.answer(.leave)
            #expect(try asked.question() == "www.denied-lab.org")
            try asked.answer(.leave)
            #expect(try asked.word() == nil)
            let run = try asked.finish()
            #expect(
                run.results
                    == Dictionary(
                        uniqueKeysWithValues: ["first", "second", "third", "other"].map { ($0, "EAI_NONAME") }))
            #expect(run.outcome.result?["egress"]?["generation"]?.intValue == 1)
            #expect(run.outcome.result?["egress"]?["opened"]?.arrayValue?.isEmpty == true)
        }

        @Test("one is asked at a time, and nothing runs between two questions")
        func several() throws {
            let script = """
                import threading
                print("ready", flush=True)
                names = [f"n{number}.denied-lab.org" for number in range(5)]
                threads = [threading.Thread(target=attempt, args=(name, lookup, name)) for name in names]
                for one in threads: one.start()
                for one in threads: one.join()
                """
            let asked = try Asked(try EgressScene(), [webRule], script)
            var seen: Set<String> = []
            for _ in 0..<5 {
                seen.insert(try asked.question())
                // Nobody asks again before there is an answer.
                #expect(asked.isQuiet)
                #expect(try asked.isFrozen)
                try asked.answer(.leave)
            }
            #expect(seen.count == 5)
            #expect(try asked.word() == nil)
            #expect(try asked.finish().outcome.code == 0)
        }

        @Test("who hangs up, or says what is no answer, is asked no more, and the sandbox runs", arguments: 0..<4)
        func gone(_ way: Int) throws {
            let asked = try Asked(try EgressScene(), [webRule], Self.twice)
            #expect(try asked.question() == "second-lab.net")
            switch way {
            case 0: asked.hangUp()
            case 1: try asked.say([1, 0x99, 0, 0])
            case 2: try asked.say([UInt8](repeating: 0x41, count: 60_000))
            default:
                // The second is an answer to no question.
                try asked.answer(.leave)
                try asked.answer(.open)
            }
            if way > 0 { #expect(try asked.word() == nil) }
            try asked.goOn()
            let run = try asked.finish()
            #expect(run.outcome.code == 0, "\(run.story)")
            run.expect([
                "first": "EAI_NONAME", "second": "EAI_NONAME", "plain": "EAI_NONAME", "below": "EAI_NONAME",
            ])
        }

        @Test("nobody is asked about a name that is denied by a rule, nor about what is no host of the internet's")
        func never() throws {
            let script = """
                print("ready", flush=True)
                for name in ("www.denied-lab.org", "printer", "a.local", "git.internal", "x.arpa"):
                    attempt(name, lookup, name)
                attempt("last", lookup, "second-lab.net")
                """
            let asked = try Asked(try EgressScene(), [webRule, "deny: www.denied-lab.org"], script)
            // The control is the last one.
            #expect(try asked.question() == "second-lab.net")
            try asked.answer(.leave)
            let run = try asked.finish()
            #expect(run.outcome.code == 0 && run.results.count == 6, "\(run.story)")
        }

        @Test("the operator's own freeze and policy stand above an answer")
        func operators() throws {
            let asked = try Asked(try EgressScene(), [webRule], Self.twice)
            let session = { (words: [String]) in try asked.scene.sallyport.command(["session"] + words).run() }
            #expect(try asked.question() == "second-lab.net")
            let early = try session(["thaw", asked.id])
            #expect(early.code == 1 && early.errorText.contains("a question about a host waits"), "\(early.errorText)")
            #expect(try asked.isFrozen)
            #expect(try session(["freeze", asked.id]).code == 0)
            let file = try asked.scene.profile([webRule, "deny: second-lab.net"], name: "narrower")
            #expect(try session(["policy", asked.id, "--file", file]).code == 0)
            try asked.answer(.open)
            guard case .kept(let reason)? = try asked.word() else { throw HarnessError("it was opened") }
            #expect(reason.contains("speaks of it"))
            #expect(try asked.isFrozen)
            #expect(try session(["thaw", asked.id]).code == 0)
            try asked.goOn()
            // No rule speaks of what is below it.
            #expect(try asked.question() == "www.second-lab.net")
            try asked.answer(.leave)
            let run = try asked.finish()
            #expect(run.results["second"] == "EAI_NONAME", "\(run.story)")
        }

        @Test("the clock goes on: a session is ended at its deadline with its question open")
        func deadline() throws {
            let asked = try Asked(try EgressScene(), [webRule], Self.twice, options: ["--limit", "wall=5s"])
            #expect(try asked.question() == "second-lab.net")
            #expect(try asked.word() == nil)
            let run = try asked.finish()
            #expect(run.outcome.outcome == "timed_out", "\(run.story)")
            #expect(try SessionGroup(asked.id).directories == [])
        }

        @Test("with its gateway gone nothing is asked any more, and the sandbox runs")
        func gatewayGone() throws {
            let asked = try Asked(try EgressScene(), [webRule], Self.twice)
            #expect(try asked.question() == "second-lab.net")
            let gateways = Processes.below(asked.running.pid).filter {
                Processes.arguments($0).first?.contains("sallyport-gateway") == true
            }
            let pid = try #require(gateways.first)
            #expect(gateways.count == 1)
            try #require(kill(pid, SIGKILL) == 0)
            #expect(try asked.word() == nil)
            try asked.goOn()
            let run = try asked.finish()
            #expect(run.outcome.result?["egress"]?["lost"]?.stringValue != nil, "\(run.story)")
        }

        @Test("a supervisor that is killed over a question leaves nothing that a sweep does not thaw and remove")
        func killed() throws {
            let asked = try Asked(try EgressScene(), [webRule], Self.twice)
            #expect(try asked.question() == "second-lab.net")
            try asked.running.signal(SIGKILL)
            #expect(try asked.word() == nil)
            _ = try asked.running.finish()
            let sweep = try asked.scene.sallyport.command(["sweep"]).run()
            #expect(sweep.code == 0, "\(sweep.text)\(sweep.errorText)")
            #expect(try SessionGroup(asked.id).directories == [])
        }

        @Test("without a socket to ask on, or without a group to freeze, there is no session")
        func refused() throws {
            let scene = try EgressScene()
            let (none, _) = try scene.command([webRule], options: ["--attend", "hosts"], ["/bin/true"])
            let without = try none.run()
            #expect(without.code == 125 && without.errorText.contains("ENOTSOCK"), "\(without.errorText)")
            let profile = try scene.sallyport.home.file(
                "loose.yaml",
                "version: 1\nextends: [strict-rlimit]\nreason: A test.\negress:\n  rules:\n    - {\(webRule), reason: a test}\n"
            )
            let pair = try Channel.messages()
            var loose = scene.lab.inside(
                scene.sallyport.runCommand(
                    profile: profile, options: ["--attend", "hosts"], record: scene.sallyport.home.at("loose.json"),
                    ["/bin/true"]))
            loose.descriptors[3] = pair.second.number
            let done = try loose.run()
            #expect(done.code == 125 && done.errorText.contains("could not be kept from running"), "\(done.errorText)")
        }
    }
}
