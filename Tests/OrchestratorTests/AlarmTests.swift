// SPDX-License-Identifier: Apache-2.0
import Orchestrator
import OrchestratorTesting
import Store
import TaskModel
import TestSupport
import Testing

/// Alarms over the rows that an orchestrator leaves, by the test's clock.
@Suite("alarms")
struct AlarmTests {
    private static let hour = AlarmLimits.hour

    /// The scene's rows as another connection to its store sees them.
    private final class Watch {
        let scene: OrchestratorScene
        let store: SQLiteStore
        var limits = AlarmLimits()
        var disk = (free: 50, size: 100)

        init(_ scene: OrchestratorScene) throws {
            self.scene = scene
            store = try SQLiteStore(scene.scratch.at("store.sqlite"))
        }

        /// What is raised and cleared now: `+stuck t0...`, `-disk`.
        func look() throws -> [String] {
            let changes = try store.watchAlarms(limits, disk: disk, at: scene.host.now)
            func text(_ sign: String, _ alarm: Alarm) -> String {
                "\(sign)\(alarm.kind.rawValue)" + (alarm.task.map { " \($0)" } ?? "")
            }
            return changes.raised.map { text("+", $0) } + changes.cleared.map { text("-", $0) }
        }

        var holding: [Alarm.Kind] { get throws { try store.alarms(onlyHolding: true).map(\.alarm.kind) } }
    }

    @Test(
        "O4: a task without progress is stuck, told once, and well again with its next event; the telling is no progress"
    )
    func stuck() throws {
        let scene = try OrchestratorScene()
        let watch = try Watch(scene)
        let id = try scene.submit()
        #expect(try watch.look() == [])
        scene.host.milliseconds += 9 * Self.hour - 1
        #expect(try watch.look() == [])
        scene.host.milliseconds += 1
        #expect(try watch.look() == ["+stuck \(id)"])
        for _ in 0..<3 {
            scene.host.milliseconds += Self.hour
            #expect(try watch.look() == [])
        }
        #expect(try scene.types(id).count { $0 == "alarm_raised" } == 1)
        #expect(
            try watch.store.alarms(onlyHolding: true).first?.alarm.detail == "RUNNING, and nothing happened for 9 hours"
        )
        try scene.finish(id)
        #expect(try watch.look() == ["-stuck \(id)"])
        #expect(try watch.look() == [])
        #expect(try scene.types(id).suffix(2) == ["task_completed", "alarm_cleared"])
        #expect(try watch.store.alarms(onlyHolding: false).map(\.clearedMilliseconds) == [scene.host.milliseconds])
        #expect(try scene.flaws() == [])
    }

    @Test("a task that waits for a person is not stuck")
    func waiting() throws {
        let scene = try OrchestratorScene()
        let watch = try Watch(scene)
        watch.limits.stuckAfter = 60_000
        let id = try scene.submit(blueprint: ApprovalTests.asksAtPush)
        scene.compute.ask("\(id)-1", ApprovalTests.push)
        scene.orchestrator.sessionChanged(id)
        try #require(try scene.status(id) == .awaitingApproval)
        scene.host.milliseconds += 120_000
        #expect(try watch.look() == [])
    }

    @Test("a stop that could not be confirmed holds until the task is over, of this attempt alone")
    func unconfirmed() throws {
        let scene = try OrchestratorScene()
        let watch = try Watch(scene)
        let id = try scene.submit()
        scene.compute.stopAnswers = [.failed(ComputeError(.permission, "cannot end it: EPERM."))]
        _ = try scene.orchestrator.cancel(id, by: "uid:1")
        #expect(try watch.look() == ["+stop_unconfirmed \(id)"])
        #expect(try watch.store.alarms(onlyHolding: true).first?.alarm.detail == "cannot end it: EPERM.")
        #expect(try watch.look() == [])
        scene.host.milliseconds += 30_000
        scene.orchestrator.tick()
        try #require(try scene.status(id) == .cancelled)
        #expect(try watch.look() == ["-stop_unconfirmed \(id)"])
    }

    @Test("a backlog is of its length or of its age, and of tasks that wait for this host")
    func backlog() throws {
        let scene = try OrchestratorScene(caps: SlotCaps(perOwner: 1, total: 1, perHour: 1000))
        let watch = try Watch(scene)
        watch.limits.queueLength = 3
        let first = try scene.submit()
        for _ in 0..<2 { try scene.submit() }
        // What waits for another task is no backlog of this host.
        try scene.submit(dependsOn: [first])
        #expect(try watch.look() == [])
        let last = try scene.submit()
        #expect(try watch.look() == ["+backlog"])
        _ = try scene.orchestrator.cancel(last, by: "uid:1")
        #expect(try watch.look() == ["-backlog"])
        watch.limits.stuckAfter = 1000 * Self.hour
        scene.host.milliseconds += 12 * Self.hour
        #expect(try watch.look() == ["+backlog"])
        #expect(
            try watch.store.alarms(onlyHolding: true).map(\.alarm.detail) == [
                "2 tasks wait, the first of them for 12 hours"
            ])
    }

    @Test("a share of failures counts what ended within the window, without who was cancelled, from a number on")
    func failures() throws {
        let scene = try OrchestratorScene(caps: SlotCaps(perOwner: 9, total: 9, perHour: 1000))
        let watch = try Watch(scene)
        watch.limits.failedLeast = 4
        func end(_ isSuccess: Bool) throws {
            let id = try scene.submit()
            try scene.finish(
                id,
                .completed(
                    SessionReport(outcome: isSuccess ? "verified" : "test_failed", isSuccess: isSuccess, reason: "x")))
        }
        for isSuccess in [false, false, true] { try end(isSuccess) }
        _ = try scene.orchestrator.cancel(try scene.submit(), by: "uid:1")
        #expect(try watch.look() == [])
        try end(true)
        #expect(try watch.look() == ["+failures"])
        try end(true)
        #expect(try watch.look() == ["-failures"])
        scene.host.milliseconds += 24 * Self.hour
        for _ in 0..<4 { try end(false) }
        #expect(try watch.look() == ["+failures"])
        #expect(
            try watch.store.alarms(onlyHolding: true).first?.alarm.detail
                == "4 of 4 tasks that ended within 24 hours did not succeed")
        // By the passing of time alone.
        scene.host.milliseconds += 24 * Self.hour
        #expect(try watch.look() == ["-failures"])
    }

    @Test("a full disk is well again only with some more room than the limit")
    func disk() throws {
        let watch = try Watch(try OrchestratorScene())
        for (free, said) in [(10, []), (9, ["+disk"]), (10, []), (11, []), (12, ["-disk"]), (10, [])] {
            watch.disk = (free: free * 1_000_000, size: 100_000_000)
            #expect(try watch.look() == said, "\(free)")
        }
    }

    @Test("they are rows: the next daemon raises none again, and clears what was well meanwhile")
    func restart() throws {
        let scene = try OrchestratorScene()
        let first = try Watch(scene)
        first.disk = (free: 1, size: 100)
        #expect(try first.look() == ["+disk"])
        let second = try Watch(scene)
        second.disk = first.disk
        #expect(try second.look() == [])
        #expect(try second.holding == [.disk])
        let third = try Watch(scene)
        #expect(try third.look() == ["-disk"])
        #expect(try third.holding == [])
        #expect(try third.store.alarms(onlyHolding: false).count == 1)
        try third.store.forgetAlarms(before: scene.host.milliseconds + 1)
        #expect(try third.store.alarms(onlyHolding: false).isEmpty)
    }
}
