// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

extension ModelBrokerSuites {
    @Suite("llm.internal's budget", .requires(.root), .requires(.python))
    struct ModelSpendingTests {
        @Test("is spent to the last request that fits, and exactly accounted for", .timeLimit(.minutes(25)))
        func exact() throws {
            let scene = try ModelScene(["turns: 500"], budget: "0.01")
            let outcome = try scene.run(
                """
                for n in range(200):
                    r = ask("messages", "say hello")
                    if r.status != 200: break
                print(r.getheader("x-should-retry"))
                """)
            #expect(outcome.code == 0, "\(outcome.errorText)")
            #expect(outcome.lines.last == "false")
            let refused = try #require(outcome.lines.dropLast().last)
            #expect(refused.hasPrefix("403 ") && refused.contains("permission_error"), "\(refused)")
            let ledger = try scene.ledger(of: outcome)
            let answered = ledger.filter { $0["event"] == "model.answered" }
            let last = try #require(ledger.last)
            #expect(last["event"] == "model.refused" && last["code"] == "budget", "\(last)")
            #expect(ledger.count == answered.count + 1)
            var spent = 0
            for line in answered {
                // What was free before it had room for it.
                let estimate = try #require(line["estimate_microusd"]?.intValue)
                #expect(spent + estimate <= 10_000, "\(line)")
                #expect(line["settled_microusd"] == 300, "\(line)")
                spent += 300
                #expect(line["spent_microusd"]?.intValue == spent, "\(line)")
            }
            let estimate = try #require(answered.last?["estimate_microusd"]?.intValue)
            #expect(spent + estimate > 10_000 && spent <= 10_000, "\(spent)")
            let model = try #require(outcome.result?["model"])
            #expect(
                model["spent_microusd"]?.intValue == spent && model["turns"]?.intValue == answered.count, "\(model)")
            #expect(model["refused"] == 1 && model["budget_microusd"] == 10_000, "\(model)")
            // The vendor heard of no other.
            #expect(try scene.vendor.stop().count == answered.count)
        }

        @Test("turns end as well, and options stand in for the file's limits", .timeLimit(.minutes(25)))
        func turns() throws {
            let scene = try ModelScene()
            let outcome = try scene.run(
                "for n in range(3): ask('chat', 'say hello')", options: ["--max-turns", "2", "--max-budget", "0.50"])
            #expect(
                outcome.lines.map { $0.prefix(4) } == ["200 ", "200 ", "403 "], "\(outcome.text)\(outcome.errorText)")
            #expect(outcome.lines.last?.contains("sallyport_turns") == true, "\(outcome.text)")
            let model = try #require(outcome.result?["model"])
            #expect(model["max_turns"] == 2 && model["budget_microusd"] == 500_000 && model["turns"] == 2, "\(model)")
        }

        @Test("a model without a price is refused, with the table's date and the remedy", .timeLimit(.minutes(25)))
        func price() throws {
            let scene = try ModelScene(["models: [\"unpriced-*\"]"])
            let outcome = try scene.run("ask('messages', 'say hello', model='unpriced-1')")
            let line = try #require(outcome.lines.first)
            #expect(line.hasPrefix("403 "), "\(outcome.text)\(outcome.errorText)")
            #expect(
                line.contains("no price is known for the model \\\"unpriced-1\\\" in the table of 2026-11-22"),
                "\(line)")
            #expect(line.contains("name a table with it as prices in the model file"), "\(line)")
            #expect(try scene.ledger(of: outcome).map { $0["code"] } == ["price"])
            #expect(try scene.vendor.stop() == [])
        }

        @Test(
            "wrong limits and files are refused before anything starts", .timeLimit(.minutes(25)),
            arguments: [
                (["--max-budget", "many"], "--max-budget takes an amount"),
                (["--max-budget", "1000"], "--max-budget takes an amount"),
                (["--max-turns", "0"], "--max-turns takes a number"),
            ])
        func wrong(_ options: [String], _ words: String) throws {
            let scene = try ModelScene()
            let outcome = try scene.sallyport.run(
                profile: scene.profile, options: ["--model", scene.vendor.file] + options, ["/bin/true"])
            #expect(outcome.code == 125 && outcome.errorText.contains(words), "\(outcome.errorText)")
            let alone = try scene.sallyport.run(profile: scene.profile, options: options, ["/bin/true"])
            #expect(alone.code == 125 && alone.errorText.contains("needs --model"), "\(alone.errorText)")
        }

        @Test(
            "a broken file names its line, a missing secret its place", .timeLimit(.minutes(25)),
            arguments: [
                (["colour: blue"], "model.yaml:", "unknown key \"colour\""),
                (["turns: none"], "model.yaml:", "turns is no whole number from 1 to 500"),
            ])
        func broken(_ lines: [String], _ place: String, _ words: String) throws {
            let scene = try ModelScene(lines)
            let outcome = try scene.run("print('ran')")
            #expect(outcome.code == 125 && outcome.text == "", "\(outcome.text)")
            #expect(outcome.errorText.contains(place) && outcome.errorText.contains(words), "\(outcome.errorText)")
        }

        @Test("a secret that others may read is refused", .timeLimit(.minutes(25)))
        func loose() throws {
            let scene = try ModelScene()
            let changed = try Command("/bin/chmod", ["644", scene.sallyport.home.at("model-key")]).run()
            try #require(changed.code == 0)
            let outcome = try scene.run("print('ran')")
            #expect(outcome.code == 125 && outcome.text == "", "\(outcome.text)")
            #expect(outcome.errorText.contains("others than its owner may read it"), "\(outcome.errorText)")
            #expect(!outcome.errorText.contains(scene.vendor.secret))
        }
    }
}
