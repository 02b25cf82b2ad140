// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

extension ModelBrokerSuites {
    /// A vendor that counts for itself, and whose answers end anywhere.
    @Suite("llm.internal's ledger beside the vendor's own count", .requires(.root), .requires(.python))
    struct ModelCountTests {
        /// Clients side by side, each of which takes the next order until there is none or `isEnough`.
        private static let workers = """
            import random, threading
            rng, taking, done = random.Random(SEED), threading.Lock(), False
            SHAPES = [(api, stream) for api in [*PATHS, *MORE] for stream in (False, True)]
            def thousandths(most): return rng.randrange(most + 1)
            def work(order, isEnough):
                global done
                while not done:
                    with taking: words = order()
                    if words is None: return
                    api, stream, text = words
                    try:
                        c, r = begin(api, text, stream=stream)
                        body = r.read()
                    except (OSError, http.client.HTTPException): continue
                    with taking:
                        if isEnough(r.status, body): done = True
            def run(count, order, isEnough=lambda status, body: False):
                threads = [threading.Thread(target=work, args=(order, isEnough)) for n in range(count)]
                for thread in threads: thread.start()
                for thread in threads: thread.join()

            """

        /// What the vendor counted, by the number of an order.
        private func counted(_ scene: ModelScene) throws -> [Int: JSON] {
            var found: [Int: JSON] = [:]
            for line in try scene.vendor.stop() where line.contains("\"counted\"") {
                let json = try JSON.read(Array(line.utf8), file: "the vendor")
                found[try #require(json["counted"]?.intValue)] = json
            }
            return found
        }

        /// What the ledger says of each order that went to the vendor; the record knows which request is which.
        private func ledger(_ scene: ModelScene, _ outcome: Outcome) throws -> [Int: JSON] {
            var orders: [Int: Int] = [:]
            for line in try scene.lines("model-record.jsonl", of: outcome) {
                let words = (line["request"]?.stringValue ?? "").split(separator: "\"").first {
                    $0.hasSuffix(" counted")
                }
                let order = try #require(words?.split(separator: " ").first.flatMap { Int($0) }, "\(line)")
                orders[try #require(line["number"]?.intValue)] = order
            }
            var lines: [Int: JSON] = [:]
            for line in try scene.ledger(of: outcome) where line["event"] != "model.refused" {
                let number = try #require(line["number"]?.intValue)
                lines[try #require(orders[number])] = line
            }
            return lines
        }

        @Test(
            "two hundred answers of all shapes that end anywhere: each is charged as the vendor counts it, where it said so",
            .timeLimit(.minutes(25)))
        func cut() throws {
            let count = 216
            let scene = try ModelScene(["turns: 500"], budget: "100", isWide: true)
            let outcome = try scene.run(
                "SEED = 7\n" + Self.workers + """
                    orders = iter(range(\(count)))
                    def order():
                        n = next(orders, None)
                        if n is None: return None
                        api, stream = SHAPES[n % len(SHAPES)]
                        # One of eighteen is whole; the others end at a place of their own.
                        end = 1000 if n // len(SHAPES) % 18 == 0 else thousandths(999)
                        parts = (n, 1 + thousandths(499), thousandths(900), thousandths(1000), end)
                        return api, stream, " ".join(map(str, parts)) + " counted"
                    run(4, order)
                    """)
            #expect(outcome.code == 0, "\(outcome.text)\(outcome.errorText)")
            let vendor = try counted(scene)
            let lines = try ledger(scene, outcome)
            #expect(vendor.count == count && Set(lines.keys) == Set(vendor.keys), "\(lines.count) \(vendor.count)")
            var told = 0
            var spent = 0
            var own = 0
            for (number, answer) in vendor {
                let line = try #require(lines[number])
                let cost = try #require(answer["cost"]?.intValue)
                let settled = try #require(line["settled_microusd"]?.intValue)
                if answer["told"] == true {
                    told += 1
                    #expect(settled == cost, "\(answer) \(line)")
                } else {
                    // What it did not say is charged by estimate, or is what it had said already.
                    #expect(settled >= cost, "\(answer) \(line)")
                    #expect(line["event"] == "model.failed", "\(answer) \(line)")
                }
                #expect((answer["whole"] == true) == (line["event"] == "model.answered"), "\(answer) \(line)")
                spent += settled
                own += cost
            }
            #expect(told >= 12 && vendor.count - told >= 150, "\(told)")
            let shapes = Set(vendor.values.map { "\($0["api"]?.stringValue ?? "") \($0["stream"] == true)" })
            #expect(shapes.count == 12, "\(shapes)")
            let model = try #require(outcome.result?["model"])
            #expect(model["spent_microusd"]?.intValue == spent && own <= spent, "\(model)")
            #expect(model["turns"]?.intValue == count && model["held_microusd"] == 0, "\(model)")
            #expect(outcome.result?["model"]?["lost"] == .null)
        }

        @Test(
            "what the vendor counts is over the budget by one answer at most", .timeLimit(.minutes(25)),
            arguments: 1...3
        )
        func overshoot(_ seed: Int) throws {
            let scene = try ModelScene(["turns: 500"], budget: "0.02", isWide: true)
            let outcome = try scene.run(
                "SEED = \(seed)\n" + Self.workers + """
                    numbers = iter(range(1000))
                    def order():
                        api, stream = rng.choice(SHAPES)
                        # As many tokens as bytes, twice what is thought before: an answer may cost more than its estimate.
                        parts = (next(numbers), 500 + thousandths(500), 0, thousandths(1000), 1000)
                        return api, stream, " ".join(map(str, parts)) + " counted"
                    run(6, order, lambda status, body: status == 403)
                    """)
            #expect(outcome.code == 0, "\(outcome.text)\(outcome.errorText)")
            let costs = try counted(scene).values.map { try #require($0["cost"]?.intValue) }
            let own = costs.reduce(0, +)
            let largest = try #require(costs.max())
            #expect(own <= 20_000 + largest && own > 20_000 - 2 * 1_200, "\(own)")
            let model = try #require(outcome.result?["model"])
            #expect(model["spent_microusd"]?.intValue == own && model["turns"]?.intValue == costs.count, "\(model)")
            let refused = try scene.ledger(of: outcome).filter { $0["event"] == "model.refused" }
            #expect(refused.contains { $0["code"] == "budget" }, "\(refused)")
        }

        @Test("exactly so many turns are answered, however many ask at once", .timeLimit(.minutes(25)))
        func turns() throws {
            let scene = try ModelScene(["turns: 23"], isWide: true)
            let outcome = try scene.run(
                "SEED = 5\n" + Self.workers + """
                    numbers = iter(range(1000))
                    def order():
                        n, (api, stream) = next(numbers), rng.choice(SHAPES)
                        # What the vendor refuses is no turn.
                        if n % 4 == 0: return api, stream, f"{n} 429 status"
                        return api, stream, f"{n} 100 0 100 {rng.choice((300, 1000))} counted"
                    run(8, order, lambda status, body: status == 403)
                    """)
            #expect(outcome.code == 0, "\(outcome.text)\(outcome.errorText)")
            let told = try scene.vendor.stop()
            #expect(told.filter { $0.contains("\"counted\"") }.count == 23)
            #expect(told.contains { $0.contains("429 status") })
            let model = try #require(outcome.result?["model"])
            #expect(model["turns"] == 23 && model["max_turns"] == 23, "\(model)")
            let codes = try scene.ledger(of: outcome).filter { $0["event"] == "model.refused" }.map { $0["code"] }
            #expect(codes.contains("turns") && codes.allSatisfy { $0 == "turns" || $0 == "budget-held" }, "\(codes)")
        }
    }
}
