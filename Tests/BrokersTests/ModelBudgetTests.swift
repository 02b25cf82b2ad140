// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

@testable import Brokers

@Suite("a model's budget")
struct ModelBudgetTests {
    private func budget(_ limit: Int = 1000, turns: Int = 10) -> ModelBudget {
        ModelBudget(limit: MicroDollars(limit), turns: turns)
    }

    private func reason(_ body: () throws(ModelRefusal) -> Void) -> ModelRefusal.Reason? {
        do throws(ModelRefusal) { try body() } catch { return error.reason }
        return nil
    }

    @Test("reserves the ceiling, and charges what was used")
    func settles() throws {
        var budget = budget()
        let first = try budget.reserve(estimate: MicroDollars(100), ceiling: MicroDollars(300))
        #expect(budget.held.count == 300 && budget.spent == .zero && first.turn == 1)
        let isSettled = budget.settle(first, .charged(MicroDollars(50)))
        #expect(isSettled)
        #expect(budget.held == .zero && budget.spent.count == 50 && budget.turns == 1)
        // Once is once.
        let isSettledAgain = budget.settle(first, .charged(MicroDollars(50)))
        #expect(!isSettledAgain)
        #expect(budget.spent.count == 50)
    }

    @Test("what failed or was never sent is no turn, but one of so many calls")
    func outcomes() throws {
        var budget = budget(turns: 1)
        for _ in 0..<ModelBudget.spareCallsPerTurn {
            budget.settle(try budget.reserve(estimate: .zero, ceiling: .zero), .failed)
        }
        #expect(budget.turns == 0 && budget.spent == .zero)
        #expect(reason { () throws(ModelRefusal) in _ = try budget.reserve(estimate: .zero, ceiling: .zero) } == .calls)
        #expect(reason { () throws(ModelRefusal) in try budget.call() } == .calls)
    }

    @Test("has so many turns and not one more, those under way included")
    func turns() throws {
        var budget = budget(turns: 3)
        let last = { (budget: inout ModelBudget) throws(ModelRefusal) in
            try budget.reserve(estimate: MicroDollars(1), ceiling: MicroDollars(1))
        }
        let held = [try last(&budget), try last(&budget), try last(&budget)]
        // One of them may give its turn back, and then there is one more.
        #expect(reason { () throws(ModelRefusal) in _ = try last(&budget) } == .budgetHeld)
        budget.settle(held[0], .failed)
        let again = try last(&budget)
        #expect(reason { () throws(ModelRefusal) in _ = try last(&budget) } == .budgetHeld)
        for reservation in [again, held[1], held[2]] { budget.settle(reservation, .charged(MicroDollars(1))) }
        #expect(reason { () throws(ModelRefusal) in _ = try last(&budget) } == .turns)
    }

    @Test("lets the last one go alone on its estimate, and says to the others that they may try again")
    func alone() throws {
        var budget = budget()
        let first = try budget.reserve(estimate: MicroDollars(400), ceiling: MicroDollars(5000))
        #expect(first.amount.count == 1000)
        let other = { (budget: inout ModelBudget) throws(ModelRefusal) in
            _ = try budget.reserve(estimate: MicroDollars(1), ceiling: MicroDollars(1))
        }
        #expect(reason { () throws(ModelRefusal) in try other(&budget) } == .budgetHeld)
        budget.settle(first, .charged(MicroDollars(5000)))
        #expect(budget.spent.count == 5000)
        #expect(reason { () throws(ModelRefusal) in try other(&budget) } == .budget)
    }

    @Test("refuses what the estimate alone is too much for, without taking anything")
    func tooMuch() throws {
        var budget = budget()
        let before = budget
        #expect(
            reason { () throws(ModelRefusal) in
                _ = try budget.reserve(estimate: MicroDollars(1001), ceiling: MicroDollars(1001))
            } == .budget)
        #expect(budget == before)
    }

    /// A vendor that counts for itself answers requests in any order, some cut, some refused, several at a time.
    @Test("equals the vendor's own count, and is overshot by one answer at most", arguments: 1...40)
    func ledger(_ seed: Int) throws {
        var drawn = Drawn(UInt64(seed))
        var budget = ModelBudget(limit: MicroDollars(60_000), turns: 60)
        var running: [(ModelBudget.Reservation, AdmittedRequest, AnswerShape, TokenUsage)] = []
        var vendor = MicroDollars.zero
        var charged = 0
        var largest = MicroDollars.zero
        var refusals: Set<ModelRefusal.Reason> = []
        for _ in 0..<400 {
            if drawn.next(3) > 0 || running.isEmpty {
                let shape = AnswerShape.allCases[drawn.next(AnswerShape.allCases.count)]
                let bound = 1 + drawn.next(500)
                let request = try shape.admitted(
                    text: String(repeating: "a ", count: 1 + drawn.next(400)), bound: bound)
                do throws(ModelRefusal) {
                    let reservation = try budget.reserve(estimate: request.estimate, ceiling: request.ceiling)
                    // Never more than a byte to a token, and never more output than was asked for.
                    let read = drawn.next(request.body.count)
                    let cached = drawn.next(read + 1)
                    let written = drawn.next(read - cached + 1)
                    let output = drawn.next(bound + 1)
                    let use = TokenUsage(
                        input: read - cached - written, output: output, cacheRead: cached, cacheWrite: written,
                        reasoning: drawn.next(output + 1))
                    running.append((reservation, request, shape, use))
                } catch { refusals.insert(error.reason) }
                continue
            }
            let (reservation, request, shape, use) = running.remove(at: drawn.next(running.count))
            var meter = UsageMeter(request, shape.head)
            let body = shape.body(use)
            let isCut = drawn.next(5) == 0
            meter.feed(isCut ? Array(body[..<drawn.next(body.count)]) : body)
            let outcome = request.outcome(of: meter.end(cut: isCut))
            guard case .charged(let cost) = outcome, let prices = request.prices else {
                Issue.record("not charged")
                continue
            }
            let own = prices.cost(of: shape.told(use))
            if !isCut, use.prompt + use.output > 0 { #expect(cost == own) }
            // The meter never charges less than the vendor does, where the vendor says what.
            vendor = vendor + (isCut ? .zero : own)
            if !isCut { charged += 1 }
            largest = max(largest, cost)
            let isSettled = budget.settle(reservation, outcome)
            #expect(isSettled)
        }
        #expect(budget.spent >= vendor && charged > 5)
        #expect(budget.turns <= 60 && budget.turns >= charged)
        #expect(budget.spent <= budget.limit + largest, "\(budget.spent) of \(budget.limit)")
        #expect(!refusals.isEmpty)
    }
}

@Suite("prices of models")
struct PriceTableTests {
    private func table(_ text: String) throws(DocumentError) -> PriceTable {
        try PriceTable(try Node.read(Array(text.utf8), file: "t.yaml"))
    }

    @Test("amounts are exact and rounded up once")
    func amounts() {
        #expect(MicroDollars(dollars: "12.5")?.count == 12_500_000)
        #expect(MicroDollars(dollars: "0.000001")?.count == 1 && MicroDollars(dollars: "0")?.count == 0)
        for text in ["", ".", "1.", ".5", "-1", "1e3", "0.0000001", "1,5", "+1", "9999999999"] {
            #expect(MicroDollars(dollars: text) == nil, "\(text)")
        }
        #expect(MicroDollars(1_500_000).description == "1.500000" && MicroDollars(7).description == "0.000007")
        #expect(MicroDollars.most + MicroDollars(1) == .most && MicroDollars(1) - MicroDollars(2) == .zero)
        let prices = ModelPrices(.init(input: 75_000, output: 1, cacheRead: 0, cacheWrite: 0, cacheWriteLong: 0))
        #expect(prices.cost(of: TokenUsage(input: 1)).count == 1)
        #expect(prices.cost(of: TokenUsage(input: 1_000_000, output: 1)).count == 75_001)
        #expect(prices.cost(of: TokenUsage(input: .max)) == .most)
    }

    @Test("a long prompt changes the price of the whole request")
    func long() throws {
        let prices = try #require(ModelScene.prices.prices(of: "long-1"))
        #expect(prices.cost(of: TokenUsage(input: 500, output: 10, cacheRead: 500)).count == 500 + 20 + 250)
        #expect(prices.cost(of: TokenUsage(input: 501, output: 10, cacheRead: 500)).count == 1002 + 40 + 500)
    }

    @Test("the entry that names a model most closely has its price")
    func closest() throws {
        let rates = "output: 1, cache_read: 1, cache_write: 1, cache_write_long: 1}"
        let table = try table(
            """
            version: 1
            date: "2020-01-01"
            source: a test
            models:
              - {models: [ab*], input: 1, \(rates)
              - {models: [abc*], input: 2, \(rates)
              - {models: [abcd], input: 3, \(rates)
            """)
        #expect(table.prices(of: "abx")?.rates.input == 1_000_000 && table.prices(of: "abcx")?.rates.input == 2_000_000)
        #expect(table.prices(of: "abcd")?.rates.input == 3_000_000 && table.prices(of: "a") == nil)
    }

    @Test("the table that comes with this program is read, and has no entry that another hides")
    func shipped() throws {
        let path = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let bytes = try #require(contents("/\(path)/profiles/models.yaml"))
        let table = try PriceTable(try Node.read(bytes, file: "models.yaml"))
        #expect(table.entries.count > 10 && table.date.hasPrefix("20") && !table.source.isEmpty)
        for entry in table.entries {
            let rates = entry.prices.rates
            #expect(rates.cacheRead < rates.input && rates.input < rates.output && rates.cacheWrite >= rates.input)
            #expect(rates.cacheWriteLong >= rates.cacheWrite)
            for model in entry.models { #expect(table.prices(of: model.stem) == entry.prices, "\(model)") }
        }
    }

    @Test(
        "refuses a table with anything unknown, missing, twice or no amount",
        arguments: [
            "version: 2", "date: today", "date: 2026-13-01", "date: 2026-11-2", "date: 22-11-2026", "colour: red",
            "models: []", "models: [{models: [a], input: 1}]",
            "models: [{models: [], input: 1, output: 1, cache_read: 1, cache_write: 1, cache_write_long: 1}]",
            "models: [{models: ['*'], input: 1, output: 1, cache_read: 1, cache_write: 1, cache_write_long: 1}]",
            "models: [{models: [ab, ab], input: 1, output: 1, cache_read: 1, cache_write: 1, cache_write_long: 1}]",
            "models: [{models: [ab], input: -1, output: 1, cache_read: 1, cache_write: 1, cache_write_long: 1}]",
            "models: [{models: [ab], input: 1, output: 1, cache_read: 1, cache_write: 1, cache_write_long: 1, x: 1}]",
        ])
    func refuses(_ line: String) {
        let rest = [
            "version: 1", "date: 2026-11-22", "source: s",
            "models: [{models: [ab], input: 1, output: 1, cache_read: 1, cache_write: 1, cache_write_long: 1}]",
        ]
        let key = line.prefix { $0 != ":" }
        let kept = rest.filter { !$0.hasPrefix("\(key):") }
        #expect(throws: DocumentError.self) { try table((kept + [line]).joined(separator: "\n")) }
        #expect(throws: Never.self) { try table(rest.joined(separator: "\n")) }
    }
}
