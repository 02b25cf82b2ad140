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
        let scene = try OrchestratorScene(caps: SlotCaps(perOwner: 1, total: 8))
        var ids: [String] = []
        for _ in 0..<20 {
            scene.host.milliseconds += 1
            ids.append(try scene.submit())
        }
        #expect(try scene.store.queue().map(\.id) == Array(ids.dropFirst()))
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
        let scene = try OrchestratorScene(caps: SlotCaps(perOwner: 1, total: 1))
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
        let scene = try OrchestratorScene(caps: SlotCaps(perOwner: 1, total: 1))
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
}
