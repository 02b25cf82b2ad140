// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

extension Network {
    /// `sallyport profile learn` and `simulate`, over real sessions.
    @Suite("learning a profile", .timeLimit(.minutes(25)))
    struct LearnTests {
        private static let script = """
            attempt("plain", get, "www.allowed-lab.net")
            attempt("tls", tls, "second-lab.net", name="second-lab.net")
            attempt("high", tls, "second-lab.net", 8443, name="second-lab.net")
            attempt("address", get, "23.50.60.99")
            attempt("private name", get, "private.allowed-lab.net")
            attempt("private", get, "10.1.2.3")
            attempt("metadata", get, "169.254.169.254")
            attempt("denied", lookup, "secret.allowed-lab.net")
            attempt("only asked", socket.gethostbyname, "www.denied-lab.org")
            """

        private func learn(_ scene: EgressScene, _ options: [String], _ script: String) throws -> EgressRun {
            let record = scene.sallyport.home.at("result-\(UInt32.random(in: 0...UInt32.max)).json")
            let command = scene.sallyport.command(
                ["profile", "learn"] + options + EgressScene.mount + [
                    "--result-file", record, "--", "/usr/bin/python3", "-B",
                ]
                    + ["-c", EgressScene.prelude + script])
            let (finished, seen) = try scene.lab.watch { try scene.lab.inside(command).run() }
            let outcome = try scene.sallyport.outcome(of: finished, record: record)
            return EgressRun(outcome: outcome, seen: seen, audit: try scene.audit(of: outcome))
        }

        @Test("without the word that opens the network nothing is run", .requires(NetworkLab.need))
        func confirmation() throws {
            let scene = try EgressScene()
            let run = try learn(scene, [], Self.script)
            #expect(run.outcome.code == 125 && run.outcome.errorText.contains("--observe"), "\(run.story)")
            #expect(run.outcome.text.isEmpty && run.outcome.session == nil, "\(run.story)")
            run.expectNothingLeft()
            let asked = try scene.attempts([webRule], "attempt('no', lookup, 'second-lab.net')")
            #expect(asked.results["no"] == "EAI_NONAME")
            let option = try scene.sallyport.command(["run", "--observe", "--", "true"]).run()
            #expect(option.code == 125 && option.errorText.contains("unknown option"), "\(option.errorText)")
        }

        @Test(
            "a command reaches what is public, and its proposal is a profile under which it reaches the same",
            .requires(NetworkLab.need))
        func proposal() throws {
            let scene = try EgressScene()
            let base = try scene.profile(["deny: secret.allowed-lab.net"], name: "base")
            let run = try learn(scene, ["--observe", "--profile", base], Self.script)
            #expect(run.outcome.code == 0, "\(run.story)")
            // The command's own words are on stderr; what is on stdout is a profile.
            let said = run.outcome.errorText.split(separator: "\n").filter { $0.contains("\t") }
            let results = Dictionary(
                said.map { line in
                    let parts = line.split(separator: "\t", maxSplits: 1).map(String.init)
                    return (parts[0], parts[1])
                }, uniquingKeysWith: { $1 })
            #expect(results["plain"] == "200" && results["tls"] == "200" && results["high"] == "200", "\(run.story)")
            #expect(results["address"] == "200", "\(run.story)")
            #expect(results["denied"] == "EAI_NONAME", "\(run.story)")
            for label in ["private name", "private", "metadata"] {
                #expect(results[label] != "200" && results[label] != nil, "\(label)\n\(run.story)")
            }
            #expect(
                !run.seen.contains { ["10.20.0.5", "10.1.2.3", "169.254.169.254"].contains($0.address) }, "\(run.story)"
            )

            let record = run.outcome.result
            #expect(record?["profile"]?["name"]?.stringValue?.hasSuffix("-observed") == true, "\(run.story)")
            #expect(record?["egress"]?["observed"] == true, "\(run.story)")

            let text = run.outcome.text
            for part in [
                "host: \"www.allowed-lab.net\"", "host: \"second-lab.net\"", "ports: [443, 8443]", "tls: sni",
                "cidr: \"23.50.60.99/32\"", "FILL IN: 1 connection by ", "#   www.denied-lab.org",
                "#   private.allowed-lab.net port 80: address_not_public",
            ] { #expect(text.contains(part), "\(part) in\n\(text)\n\(run.story)") }

            // By whom is asked while the client lives; one that closes at once may be gone.
            #expect(text.contains("connection by python3") || text.contains("connection by a program"), "\(text)")

            let proposed = try scene.sallyport.home.file("proposed.yaml", text)
            let lint = try scene.sallyport.command(["profile", "lint", proposed]).run()
            #expect(lint.code == 0, "\(lint.text)\(lint.errorText)")
            #expect(
                lint.lines.allSatisfy { $0.contains("nobody has filled in") } && !lint.lines.isEmpty, "\(lint.text)")
            // The proposal allows what was seen: nothing that was allowed would be denied.
            let session = try #require(run.outcome.session)
            let same = try scene.sallyport.command(["profile", "simulate", proposed, "--audit", session, "--json"])
                .run()
            let rows = try #require(JSON.read(Array(same.text.utf8), file: "rows").arrayValue)
            let lost = rows.filter { $0["then"] == "allowed" && $0["now"] == "denied" }
            // Names that were only asked for, or led to a private address, are not proposed.
            #expect(
                lost.allSatisfy {
                    ["name www.denied-lab.org", "name private.allowed-lab.net"].contains(
                        $0["subject"]?.stringValue ?? "")
                }, "\(same.text)")
            let copy = scene.sallyport.home.at("again.json")
            let command = scene.sallyport.runCommand(
                profile: proposed, options: EgressScene.mount, record: copy,
                ["/usr/bin/python3", "-B", "-c", EgressScene.prelude + Self.script])
            let outcome = try scene.sallyport.outcome(of: try scene.lab.inside(command).run(), record: copy)
            let again = EgressRun(outcome: outcome, seen: [], audit: try scene.audit(of: outcome))
            #expect(again.results["plain"] == "200" && again.results["high"] == "200", "\(again.story)")
            #expect(again.results["only asked"] == "EAI_NONAME", "\(again.story)")
        }

        @Test("a recorded session is judged again under another profile", .requires(NetworkLab.need))
        func simulate() throws {
            let scene = try EgressScene()
            let run = try scene.attempts(
                [webRule],
                """
                attempt("allowed", get, "www.allowed-lab.net")
                for number in range(3): attempt("denied", lookup, "second-lab.net")
                """)
            let session = try #require(run.outcome.session)
            func simulate(_ rules: [String], _ audit: String) throws -> Finished {
                let profile = try scene.profile(rules, name: "other-\(UInt32.random(in: 0...UInt32.max))")
                return try scene.sallyport.command(["profile", "simulate", profile, "--audit", audit]).run()
            }
            let same = try simulate([webRule], session)
            #expect(
                same.code == 0 && same.lines.count == 1 && same.text.hasPrefix("0 of "), "\(same.text)\(same.errorText)"
            )
            let wider = try simulate([webRule, "host: second-lab.net"], session)
            #expect(wider.code == 1, "\(wider.text)")
            #expect(wider.text.contains("denied -> allowed  6x  name second-lab.net"), "\(wider.text)")
            #expect(!wider.text.contains("allowed -> denied"), "\(wider.text)")
            let path = "\(scene.sallyport.runtime)/sessions/\(session)/audit.jsonl"
            let narrower = try simulate([], path)
            #expect(narrower.code == 1, "\(narrower.text)")
            #expect(narrower.text.contains("allowed -> denied  1x  www.allowed-lab.net port 80"), "\(narrower.text)")
            let nowhere = try simulate([], path + ".not")
            #expect(nowhere.code == 125 && nowhere.errorText.contains("ENOENT"), "\(nowhere.errorText)")
            let wrong = try simulate([], try scene.sallyport.home.file("wrong.jsonl", "{\"a\":1}\n{\"a\":\n"))
            #expect(wrong.code == 125 && wrong.errorText.contains("line 2"), "\(wrong.errorText)")
        }
    }
}
