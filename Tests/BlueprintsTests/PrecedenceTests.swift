// SPDX-License-Identifier: Apache-2.0
import Blueprints
import Documents
import Foundation
import TaskModel
import Testing

@Suite("precedence of a task's figures")
struct PrecedenceTests {
    static func settled(
        _ blueprint: String, _ task: TaskFigures, ceiling: HostCeiling = .none
    ) throws -> SettledFigures {
        SettledFigures(blueprint: try BlueprintFixtures.blueprint(blueprint), task: task, ceiling: ceiling)
    }

    static let turnCases: [(String, Int?, Int, Settled<Int>.Layer, Int?)] = [
        ("", nil, 100, .blueprint, nil),
        ("agent: {max_turns: 50}", nil, 50, .blueprint, nil),
        ("agent: {max_turns: 50}", 25, 25, .task, nil),
        ("agent: {max_turns: 50}", 60, 50, .task, 60),
        ("agent: {max_turns: 50, max_turns_ceiling: 80}", 60, 60, .task, nil),
        ("agent: {max_turns: 50, max_turns_ceiling: 80}", 500, 80, .task, 500),
    ]

    @Test("a task lowers as it likes and raises up to the ceiling, and what is cut is said", arguments: turnCases)
    func turns(_ text: String, _ wanted: Int?, _ value: Int, _ layer: Settled<Int>.Layer, _ cut: Int?) throws {
        let settled = try Self.settled(text, TaskFigures(maxTurns: wanted)).maxTurns
        #expect(settled == Settled(value: value, layer: layer, wanted: cut))
    }

    @Test("the host's ceiling holds for all of them")
    func ceiling() throws {
        var ceiling = HostCeiling()
        ceiling.maxTurns = 30
        ceiling.maxBudget = 2_000_000
        ceiling.approvalCap = 10
        let settled = try Self.settled(
            "agent: {max_turns: 50, max_budget_usd: 5}", TaskFigures(approvalCap: 40), ceiling: ceiling)
        #expect(
            settled.maxTurns.value == 30 && settled.maxBudget?.value == 2_000_000 && settled.approvalCap.value == 10)
        #expect(settled.maxTurns.wanted == 50 && settled.maxBudget?.wanted == 5_000_000)
    }

    static let moneyCases: [(String, UInt64?, UInt64?)] = [
        ("", nil, nil), ("", 9_000_000, 9_000_000), ("agent: {max_budget_usd: 4}", nil, 4_000_000),
        ("agent: {max_budget_usd: 4}", 1_000_000, 1_000_000), ("agent: {max_budget_usd: 4}", 9_000_000, 9_000_000),
        ("agent: {max_budget_usd: 4}\nbudgets: {per_task_usd: 5}", 9_000_000, 5_000_000),
        ("budgets: {per_task_usd: 5}", nil, 5_000_000),
    ]

    @Test(
        "money: blueprint, then task, never over the ceiling, and a ceiling is a budget where nobody names one",
        arguments: moneyCases)
    func money(_ text: String, _ task: UInt64?, _ value: UInt64?) throws {
        #expect(try Self.settled(text, TaskFigures(maxBudget: task)).maxBudget?.value == value)
    }

    @Test("the cap on questions goes down only; the model is whoever's who names one last")
    func others() throws {
        let settled = try Self.settled(
            "approvals: {cap: 20}\nagent: {model: a}", TaskFigures(model: "b", approvalCap: 90))
        #expect(settled.approvalCap == Settled(value: 20, layer: .task, wanted: 90))
        #expect(settled.model?.value == "b" && settled.model?.layer == .task)
    }
}

@Suite("ceiling of a host")
struct HostCeilingTests {
    static func read(_ text: String) throws(BlueprintRefusal) -> HostCeiling {
        try HostCeiling.read(Array(text.utf8), file: "ceiling.yaml")
    }

    @Test("reads its keys, and nothing else")
    func keys() throws {
        let ceiling = try Self.read(
            "version: 1\nmax_turns: 50\nmax_budget_usd: 5\nprofiles: [build, strict]\nstep_timeout: 5m\nstep_programs: [/opt/steps]"
        )
        #expect(ceiling.maxTurns == 50 && ceiling.maxBudget == 5_000_000 && ceiling.profiles == ["build", "strict"])
        for wrong in [
            "max_turns: 50", "version: 2", "version: 1\nturns: 5", "version: 1\nstep_programs: [steps]",
            "version: 1\nmax_turns: 0",
        ] {
            #expect(throws: BlueprintRefusal.self) { _ = try Self.read(wrong) }
        }
    }

    static let excesses: [(String, String, String)] = [
        ("max_turns: 50", "", "agent.max_turns_ceiling is 100"),
        ("max_budget_usd: 2", "agent: {max_budget_usd: 3}", "agent.max_budget_usd is 3.00"),
        ("max_budget_usd: 2", "budgets: {per_task_usd: 3}", "budgets.per_task_usd is 3.00"),
        ("per_day_usd: 2", "budgets: {per_day_usd: 3}", "budgets.per_day_usd is 3.00"),
        ("per_month_usd: 2", "budgets: {per_month_usd: 3}", "budgets.per_month_usd is 3.00"),
        ("approval_cap: 20", "", "approvals.cap is 50"), ("profiles: [strict]", "", "profile \"build\""),
        (
            "step_timeout: 1m", "pipeline: {custom_steps: [{name: a, phase: pre-agent, command: b}]}",
            "custom step \"a\" has 2m"
        ),
        (
            "step_programs: [/opt/steps]",
            "pipeline: {custom_steps: [{name: a, phase: pre-agent, program: /opt/stepsx/b}]}",
            "runs \"/opt/stepsx/b\""
        ),
    ]

    @Test("what is above it is named", arguments: excesses)
    func excess(_ ceiling: String, _ blueprint: String, _ says: String) throws {
        let blueprint = try BlueprintFixtures.blueprint(blueprint)
        let flaws = try Self.read("version: 1\n\(ceiling)").excesses(of: blueprint)
        #expect(flaws.contains { $0.message.contains(says) }, "\(flaws)")
        #expect(HostCeiling.none.excesses(of: blueprint) == [])
    }
}

@Suite("snapshots of a task")
struct TaskSnapshotTests {
    static func snapshot(_ more: String = "") throws -> TaskSnapshot {
        let blueprint = try BlueprintFixtures.blueprint(more)
        return TaskSnapshot(
            blueprint: blueprint, type: .newTask,
            limits: SettledFigures(blueprint: blueprint, task: TaskFigures(maxTurns: 7, maxBudget: 1_500_000)))
    }

    @Test("equal snapshots have equal bytes, and read back they are the same")
    func round() throws {
        let more =
            "pipeline: {custom_steps: [{name: a, phase: pre-agent, command: b, config: {x: 1}}]}\nresources: {memory: 1GiB}"
        let first = try Self.snapshot(more)
        let second = try TaskSnapshot.load(first.bytes, of: "T1")
        #expect(second.bytes == first.bytes && second.limits == first.limits)
        #expect(try Self.snapshot(more).bytes == first.bytes)
        #expect(try Self.snapshot().bytes != first.bytes)
    }

    static let changes: [(String, String, String)] = [
        ("\"name\":\"finalize\"", "\"name\":\"finalise\"", "INVALID_STEP_SEQUENCE"),
        (
            "{\"type\":\"builtin\",\"name\":\"hydrate-context\"},", "", "not the blueprint's"
        ),
        ("{\"type\":\"builtin\",\"name\":\"admission-control\"},", "", "INVALID_STEP_SEQUENCE"),
        ("\"max_turns\":100", "\"max_turns\":0", "agent.max_turns"),
        ("\"version\":1,\"type\"", "\"version\":2,\"type\"", "version 1"),
        ("\"type\":\"new_task\"", "\"type\":\"deploy\"", "type"),
    ]

    @Test("what was changed in the store is found when the task begins", arguments: changes)
    func changed(_ old: String, _ new: String, _ says: String) throws {
        let text = String(decoding: try Self.snapshot().bytes, as: UTF8.self)
        try #require(text.contains(old), "\(text)")
        let refusal = #expect(throws: BlueprintRefusal.self) {
            // The first one only: the sequence comes behind the blueprint.
            let range = try #require(text.range(of: old))
            _ = try TaskSnapshot.load(Array(text.replacingCharacters(in: range, with: new).utf8), of: "T1")
        }
        #expect(refusal?.description.contains(says) == true, "\(String(describing: refusal))")
    }
}

@Suite("differences between blueprints")
struct BlueprintDiffTests {
    static func diff(_ old: String?, _ new: String?) throws -> [String] {
        BlueprintDiff(
            from: try old.map { try BlueprintFixtures.blueprint($0).document },
            to: try new.map { try BlueprintFixtures.blueprint($0).document }
        ).lines
    }

    @Test("names each changed key, and nothing where nothing changed")
    func keys() throws {
        #expect(try Self.diff("", "") == [])
        #expect(try Self.diff("", "agent: {max_turns: 100, max_turns_ceiling: 100}") == [])
        #expect(
            try Self.diff("agent: {max_turns: 50}", "agent: {max_turns: 60, model: m}") == [
                "- agent.max_turns: 50", "+ agent.max_turns: 60", "- agent.max_turns_ceiling: 50",
                "+ agent.max_turns_ceiling: 60", "+ agent.model: \"m\"",
            ])
    }

    @Test("custom steps go by their names, and another order is another sequence")
    func steps() throws {
        func text(_ steps: String) -> String { "pipeline: {custom_steps: [\(steps)]}" }
        let (a, b) = ("{name: a, phase: pre-agent, command: x}", "{name: b, phase: pre-agent, command: w}")
        #expect(
            try Self.diff(
                text("\(a), \(b)"), text("\(a), \(b.replacingOccurrences(of: "command: w", with: "command: z"))")) == [
                    "- pipeline.custom_steps[b].command: \"w\"", "+ pipeline.custom_steps[b].command: \"z\"",
                ])
        #expect(try Self.diff(text("\(a), \(b)"), text("\(b), \(a)")).count == 2)
        #expect(try Self.diff(text(a), text("\(a), \(b)")).contains { $0.hasPrefix("+ pipeline.custom_steps[b]") })
    }

    @Test("a first blueprint is all new, a removed one all gone")
    func ends() throws {
        #expect(try Self.diff(nil, "").allSatisfy { $0.hasPrefix("+ ") })
        #expect(try Self.diff("", nil).allSatisfy { $0.hasPrefix("- ") })
        #expect(try Self.diff(nil, "").contains("+ repo: \"team/library\""))
    }
}
