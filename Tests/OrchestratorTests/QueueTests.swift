// SPDX-License-Identifier: Apache-2.0
import Documents
import Orchestrator
import OrchestratorTesting
import Store
import TaskModel
import Testing

/// Slots, and the queue for them.
@Suite("admission")
struct QueueTests {
    @Test("twenty tasks for one slot run in the order in which they came")
    func order() throws {
        let scene = try OrchestratorScene(caps: SlotCaps(perOwner: 1, total: 8, perHour: 1000))
        var ids: [String] = []
        for _ in 0..<20 {
            scene.host.milliseconds += 1
            ids.append(try scene.submit())
        }
        #expect(try scene.store.queue(after: nil, limit: 100).map(\.id) == Array(ids.dropFirst()))
        #expect(try scene.events(ids[3]).last?.payload["position"]?.intValue == 3)
        for id in ids {
            #expect(try scene.status(id) == .running)
            #expect(scene.compute.live == ["\(id)-1"])
            try scene.finish(id)
        }
        #expect(scene.compute.started == ids.map { "\($0)-1" })
        #expect(try scene.flaws() == [])
    }

    @Test("an owner at the cap does not keep others waiting, and all of them have one too")
    func owners() throws {
        let scene = try OrchestratorScene(caps: SlotCaps(perOwner: 2, total: 3))
        let first = try (0..<3).map { _ in try scene.submit(owner: "uid:1") }
        let second = try (0..<2).map { _ in try scene.submit(owner: "uid:2") }
        #expect(try first.map(scene.status) == [.running, .running, .queued])
        #expect(try second.map(scene.status) == [.running, .queued])
        // The slot is for who was first of those that may have it.
        try scene.finish(second[0])
        #expect(try scene.status(first[2]) == .queued)
        #expect(try scene.status(second[1]) == .running)
        try scene.finish(first[0])
        #expect(try scene.status(first[2]) == .running)
        #expect(try scene.flaws() == [])
    }

    @Test("a task that waits too long fails")
    func age() throws {
        let scene = try OrchestratorScene(caps: SlotCaps(perOwner: 1, total: 1, perHour: 1000))
        let running = try scene.submit()
        let waiting = try scene.submit()
        scene.host.milliseconds += 24 * 3_600_000
        scene.compute.end("\(running)-1", .running)
        scene.orchestrator.tick()
        #expect(try scene.task(waiting).failure?.category == .concurrency)
        #expect(try scene.flaws() == [])
    }

    @Test("tasks that fail at their start, one behind the other, leave room for the last")
    func chain() throws {
        let scene = try OrchestratorScene(caps: SlotCaps(perOwner: 1, total: 1, perHour: 1000))
        let first = try scene.submit()
        let others = try (0..<300).map { _ in try scene.submit() }
        scene.compute.startErrors = Array(repeating: ComputeError(.permission, "not allowed"), count: 299)
        try scene.finish(first)
        #expect(try scene.store.tasks(TaskQuery(statuses: [.failed], limit: 1000)).count == 299)
        #expect(try scene.status(others[299]) == .running)
        #expect(try scene.flaws() == [])
    }

    @Test("a thousand tasks end, none twice and none lost")
    func thousand() throws {
        let scene = try OrchestratorScene()
        scene.compute.firstStatus = .completed(OrchestratorScene.success)
        for number in 0..<1000 { try scene.submit(owner: "uid:\(number % 7)") }
        #expect(try scene.store.tasks(TaskQuery(statuses: [.completed], limit: 2000)).count == 1000)
        #expect(scene.compute.started.count == 1000)
        #expect(try scene.flaws() == [])
    }

    @Test("the highest priority goes first, and within one whoever came first")
    func priorities() throws {
        let scene = try OrchestratorScene(caps: SlotCaps(perOwner: 1, total: 1, perHour: 1000))
        let running = try scene.submit()
        var waiting: [(id: String, priority: Int)] = []
        for number in 0..<20 {
            scene.host.milliseconds += 1
            let priority = [3, 9, 0, 5][number % 4]
            waiting.append((try scene.submit(priority: priority), priority))
        }
        let wanted = [9, 5, 3, 0].flatMap { priority in waiting.filter { $0.priority == priority }.map(\.id) }
        // Each was told its place among those that were there.
        #expect(try scene.events(waiting[2].id).last?.payload["position"]?.intValue == 3)
        #expect(try scene.events(waiting[5].id).last?.payload["position"]?.intValue == 2)
        #expect(try wanted.map { try scene.orchestrator.place(of: scene.task($0)).position } == Array(1...20))
        for id in [running] + wanted {
            #expect(try scene.status(id) == .running)
            try scene.finish(id)
        }
        #expect(scene.compute.started == ([running] + wanted).map { "\($0)-1" })
        #expect(throws: TaskRefusal.self) { try TaskRequest(json: ["repo": "a/b", "task": "x", "priority": 10]) }
        #expect(try scene.flaws() == [])
    }

    @Test("when a task begins is told from how long its repository's tasks took, and not told when none has ended")
    func estimate() throws {
        let scene = try OrchestratorScene(caps: SlotCaps(perOwner: 2, total: 2, perHour: 1000))
        let first = try scene.submit()
        scene.host.milliseconds += 60_000
        let second = try scene.submit()
        let waiting = try scene.submit()
        #expect(try scene.orchestrator.place(of: scene.task(waiting)).startsMilliseconds == nil)
        #expect(try scene.events(waiting).last?.payload["starts_ms"] == .null)
        scene.host.milliseconds += 60_000
        try scene.finish(first)
        // It took two minutes; what runs now has been running for one and for none.
        #expect(try scene.status(waiting) == .running)
        let next = try (0..<3).map { _ in try scene.submit() }
        let now = scene.host.milliseconds
        #expect(
            try next.map { try scene.orchestrator.place(of: scene.task($0)).startsMilliseconds }
                == [now + 60_000, now + 120_000, now + 180_000])
        #expect(try scene.events(next[0]).last?.payload["starts_ms"]?.intValue == now + 60_000)
        // One that takes longer than others may end at any moment.
        scene.host.milliseconds += 300_000
        #expect(
            try scene.orchestrator.place(of: scene.task(next[0])).startsMilliseconds == scene.host.milliseconds)
        _ = second
    }

    @Test("an owner submits ten tasks within an hour and no more; what is asked for again does not count")
    func rate() throws {
        let scene = try OrchestratorScene(caps: SlotCaps(perOwner: 3, total: 8))
        let first = try scene.submit(key: "k-0")
        for number in 1..<10 {
            scene.host.milliseconds += 1000
            try scene.submit(key: "k-\(number)")
        }
        let refusal = #expect(throws: TaskRefusal.self) { try scene.submit() }
        #expect(
            refusal?.code == .rateLimit && refusal?.message.contains("3591 seconds") == true,
            "\(refusal?.message ?? "")")
        #expect(try scene.submit(key: "k-0") == first)
        try scene.submit(owner: "uid:2")
        // Counted from what is stored: another process knows as much.
        try scene.restart()
        #expect(throws: TaskRefusal.self) { try scene.submit() }
        scene.host.milliseconds += 3_591_000
        try scene.submit()
        #expect(throws: TaskRefusal.self) { try scene.submit() }
        #expect(try scene.store.tasks(TaskQuery()).count == 12)
    }
}
