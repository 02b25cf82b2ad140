// SPDX-License-Identifier: Apache-2.0
import Documents
import Orchestrator
import OrchestratorTesting
import Store
import TaskModel
import Testing

/// Money of a day and of a month, by who and what it is for.
@Suite("budgets")
struct BudgetTests {
    /// 2026-11-22, noon in UTC.
    private static let noon = 1_795_348_800_000
    private static let midnight = noon + 12 * 3_600_000

    private func scene(_ yaml: String) throws -> OrchestratorScene {
        var settings = try DaemonSettings.read(Array("version: 1\nbudgets:\n\(yaml)\n".utf8), file: "d")
        settings.tasksPerHour = 1000
        let scene = try OrchestratorScene(settings: settings)
        scene.host.milliseconds = Self.noon
        return scene
    }

    /// A task that may spend so much.
    private func submit(
        _ scene: OrchestratorScene, _ usd: String?, _ blueprint: String = "", owner: String = "uid:1"
    ) throws -> String {
        try scene.submit(
            owner: owner, budget: usd,
            blueprint: "runner: {command: exec agent, models: /srv/models.yaml}\n" + blueprint)
    }

    private func finish(
        _ scene: OrchestratorScene, _ id: String, spent: Int, of budget: Int = 2_000_000, exhausted: Bool = false
    ) throws {
        var report = OrchestratorScene.success
        report.spending = SessionSpending(
            microDollars: spent, budgetMicroDollars: budget, isExhausted: exhausted, inputTokens: 10, outputTokens: 2)
        if exhausted { (report.outcome, report.isSuccess) = ("no_changes", false) }
        try scene.finish(id, .completed(report))
    }

    private func use(_ scene: OrchestratorScene, _ budget: String, _ period: String = "2026-11-22") throws -> [Int] {
        let use = try scene.store.budgetUse(budget, period)
        return [use.spent, use.reserved]
    }

    @Test("a task reserves the most that it may spend in each of its periods, and what it spent counts in the end")
    func settle() throws {
        let scene = try scene(
            "  each_user: {day_usd: 5, month_usd: 50}\n  teams: {core: {members: [\"uid:1\"], day_usd: 9}}")
        let id = try submit(scene, "2")
        for (budget, period) in [
            ("user:uid:1", "2026-11-22"), ("user:uid:1", "2026-11"), ("team:core", "2026-11-22"),
        ] { #expect(try use(scene, budget, period) == [0, 2_000_000]) }
        #expect(try scene.types(id).contains("budget_reserved"))
        // The day may be over by then: it counts in the one that it began in.
        scene.host.milliseconds = Self.midnight + 1
        try finish(scene, id, spent: 300_000)
        #expect(try scene.status(id) == .completed)
        #expect(try use(scene, "user:uid:1") == [300_000, 0])
        #expect(try use(scene, "user:uid:1", "2026-11-23") == [0, 0])
        #expect(try use(scene, "team:core") == [300_000, 0])
        #expect(try scene.types(id).suffix(2) == ["budget_settled", "task_completed"])
        #expect(try scene.flaws() == [])
    }

    @Test("what does not fit today waits for the end of the period, or for room, and is told which budget it is")
    func wait() throws {
        let scene = try scene("  users: {\"uid:1\": {day_usd: 5}}")
        let first = try submit(scene, "3")
        let second = try submit(scene, "2.5")
        let third = try submit(scene, "2")
        let other = try submit(scene, "4", owner: "uid:2")
        // Who waits for a budget of its own keeps nobody waiting.
        #expect(try [first, second, third, other].map(scene.status) == [.running, .queued, .running, .running])
        let told = try #require(try scene.events(second).last)
        #expect(told.payload["reason"]?.stringValue == "budget")
        #expect(
            told.payload["detail"]?.stringValue
                == "budget user:uid:1 of 2026-11-22: 2.50 USD, and of its 5.00 USD 0.00 are spent and 3.00 reserved")
        #expect(
            try scene.store.timers(of: second)
                == [TaskTimer(task: second, kind: .admission, dueMilliseconds: Self.midnight)])
        try finish(scene, third, spent: 2_000_000)
        try scene.restart()
        #expect(try scene.status(second) == .queued)
        scene.host.milliseconds = Self.midnight
        scene.orchestrator.tick()
        #expect(try scene.status(second) == .running)
        #expect(try use(scene, "user:uid:1", "2026-11-23") == [0, 2_500_000])
        // One that spends less than it might makes room at once.
        let late = try submit(scene, "5")
        #expect(try scene.status(late) == .queued)
        try finish(scene, second, spent: 0)
        #expect(try scene.status(late) == .running)
        #expect(try scene.flaws() == [])
    }

    @Test("what can never fit is refused at admission, by the budget's name")
    func never() throws {
        let scene = try scene("  each_repository: {month_usd: 3}\n  each_user: {day_usd: 10}")
        let id = try submit(scene, "3.01")
        let failure = try #require(try scene.task(id).failure)
        #expect(failure.category == .budget && failure.code == .budgetExhausted)
        #expect(
            failure.message.contains("budget repository:team/library has 3.00 USD for 2026-11 in all"),
            "\(failure.message)")
        #expect(try scene.status(id) == .failed)
        #expect(try use(scene, "user:uid:1") == [0, 0])
        // A bound is needed where something counts it.
        let refusal = #expect(throws: TaskRefusal.self) { try submit(scene, nil) }
        #expect(refusal?.message.contains("Give --max-budget") == true)
        #expect(try scene.flaws() == [])
    }

    @Test("four fifths and all of a budget are told once each, by the task that came so far")
    func marks() throws {
        let scene = try scene("  each_user: {day_usd: 10}")
        func facts(_ id: String) throws -> [String] {
            try scene.events(id).filter {
                [.fact(.budgetWarning), .fact(.budgetExhausted)].contains($0.type)
                    && $0.payload["budget"]?.stringValue == "user:uid:1"
            }.map {
                "\($0.type.text) \($0.payload["percent"]?.intValue ?? 0) \($0.payload["spent_usd"]?.stringValue ?? "")"
            }
        }
        var seen: [[String]] = []
        for spent in [7_900_000, 100_000, 1_000_000, 1_500_000] {
            let id = try submit(scene, "0.1")
            // An answer may cost more than there was; nobody gets it back.
            try finish(scene, id, spent: spent)
            seen.append(try facts(id))
        }
        #expect(seen == [[], ["budget_warning 80 8.00"], [], ["budget_exhausted 100 10.50"]])
        let waiting = try submit(scene, "1")
        #expect(try scene.status(waiting) == .queued)
        scene.host.milliseconds = Self.midnight
        scene.orchestrator.tick()
        try finish(scene, waiting, spent: 11_000_000)
        #expect(try facts(waiting) == ["budget_warning 80 11.00", "budget_exhausted 100 11.00"])
        #expect(try scene.flaws() == [])
    }

    @Test("a session that told nothing counts as if it had spent all, one that never was as nothing")
    func unknown() throws {
        let scene = try scene("  each_user: {day_usd: 10}")
        let lost = try submit(scene, "2")
        try scene.finish(lost, .failed(SessionFailure(.lost, "gone")))
        #expect(try use(scene, "user:uid:1") == [2_000_000, 0])
        try scene.resume(lost, blueprint: "runner: {command: exec agent, models: /srv/models.yaml}")
        #expect(try use(scene, "user:uid:1") == [2_000_000, 2_000_000])
        _ = try scene.orchestrator.cancel(lost, by: "uid:1")
        // The scripted session says what it did until then: nothing of models.
        #expect(try use(scene, "user:uid:1") == [2_000_000, 0])
    }

    @Test(
        "figures that no models can have cost end a task as any other, charged by what it might have spent",
        arguments: [SessionSpending.most, Int.max / 100 + 1, Int.max - 1, Int.max, Int.min])
    func absurd(_ figure: Int) throws {
        let scene = try scene("  each_user: {day_usd: 10}")
        for cancels in [false, true] {
            let id = try submit(scene, "2")
            var report = OrchestratorScene.success
            report.spending = SessionSpending(
                microDollars: figure, budgetMicroDollars: figure, inputTokens: figure, outputTokens: figure)
            if cancels {
                scene.compute.stopAnswers = [.stopping]
                _ = try scene.orchestrator.cancel(id, by: "uid:1")
            }
            try scene.finish(id, .completed(report))
            #expect(try scene.status(id) == (cancels ? .cancelled : .completed))
            try scene.restart()
        }
        #expect(try use(scene, "user:uid:1") == (figure < 0 ? [0, 0] : [4_000_000, 0]))
        // Nobody else is kept from anything.
        #expect(try scene.status(try submit(scene, "2", owner: "uid:2")) == .running)
        #expect(try scene.flaws() == [])
    }

    @Test("a task whose own budget was used up fails by that")
    func own() throws {
        let scene = try scene("  each_user: {day_usd: 10}")
        let id = try submit(scene, "2")
        try finish(scene, id, spent: 1_990_000, exhausted: true)
        let failure = try #require(try scene.task(id).failure)
        #expect(failure.category == .budget && failure.code == .budgetExhausted)
        #expect(failure.message.contains("1.99 of 2.00 USD"))
        let told = try scene.events(id).filter { $0.payload["budget"]?.stringValue == "task" }.map(\.type)
        #expect(told == [.fact(.budgetWarning), .fact(.budgetExhausted)])
    }

    @Test("what the blueprint gives its repository counts beside what the operator gives, the lower of the two")
    func blueprint() throws {
        let scene = try scene("  each_repository: {day_usd: 4, month_usd: 9}")
        let declared = "budgets: {per_day_usd: 3, per_month_usd: 20}\n"
        let id = try submit(scene, "3.5", declared)
        #expect(try scene.task(id).failure?.message.contains("has 3.00 USD for 2026-11-22 in all") == true)
        try finish(scene, try submit(scene, "2", declared), spent: 2_000_000)
        let waiting = try submit(scene, "2", declared)
        #expect(try scene.task(waiting).admission.waits?.detail.contains("of its 3.00 USD 2.00 are spent") == true)
        #expect(try scene.store.budgetUse("repository:team/library", "2026-11").spent == 2_000_000)
    }

    @Test("a process that dies at any point of a task leaves what it reserved right", arguments: JournalPoint.all)
    func crash(_ point: JournalPoint) throws {
        let scene = try scene("  each_user: {day_usd: 10}")
        scene.die(at: point)
        // Which of these is the one that it does not survive depends on the point.
        var id = ""
        do { id = try submit(scene, "2") } catch {}
        scene.compute.firstStatus = .running
        do { try finish(scene, id, spent: 700_000) } catch {}
        try scene.restart()
        if let task = try scene.store.tasks(TaskQuery()).first {
            if !task.status.isTerminal { try finish(scene, task.id, spent: 700_000) }
            #expect(try scene.status(task.id).isTerminal)
            let spent = try scene.task(task.id).status == .completed ? 700_000 : 0
            #expect(try use(scene, "user:uid:1") == [spent, 0])
        }
        #expect(try scene.flaws() == [])
    }
}
