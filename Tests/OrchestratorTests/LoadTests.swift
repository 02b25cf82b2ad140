// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import Orchestrator
import OrchestratorTesting
import Store
import TaskModel
import TestSupport
import Testing

/// A thousand tasks of several owners, with priorities and dependencies, against a strategy without processes.
@Suite("a thousand tasks", .serialized)
struct LoadTests {
    @Test(
        "none is lost or run twice, the order of the queue is kept, events are dense, and nothing is kept of what is over"
    )
    func thousand() throws {
        let scene = try OrchestratorScene(caps: SlotCaps(perOwner: 3, total: 8, perHour: 10_000))
        var random = SeededGenerator(state: 0x5a11_7907)
        var order: [String] = []
        var place: [String: (priority: Int, arrived: Int)] = [:]
        var parents: [String: [String]] = [:]
        for number in 0..<1000 {
            scene.host.milliseconds += 1
            let owner = "uid:\(number % 7)"
            let priority = Int.random(in: 0...9, using: &random)
            // Every fifth waits for one or two of its owner's that came before it.
            var wanted: Set<String> = []
            if number % 5 == 4, number >= 14 {
                for _ in 0..<Int.random(in: 1...2, using: &random) {
                    wanted.insert(order[Int.random(in: 0..<(number / 7), using: &random) * 7 + number % 7])
                }
            }
            let open = try wanted.filter { try scene.status($0) != .failed }
            let id = try scene.submit(owner: owner, priority: priority, dependsOn: open.sorted())
            order.append(id)
            place[id] = (priority, scene.host.milliseconds)
            parents[id] = open.sorted()
        }
        var started = scene.compute.started.count
        #expect(started == 8)
        var ends = 0
        while let session = scene.compute.live.randomElement(using: &random) {
            let id = String(session.prefix { $0 != "-" })
            scene.host.milliseconds += 5
            ends += 1
            // One of thirty fails, and takes with it whoever waits for it.
            let isRed = ends % 30 == 0
            let before = try scene.store.queue(after: nil, limit: 50)
            try scene.finish(
                id,
                .completed(
                    isRed
                        ? SessionReport(outcome: "test_failed", isSuccess: false, reason: "red")
                        : OrchestratorScene.success))
            // Whoever began is the first of those that could.
            for session in scene.compute.started[started...] {
                let begun = String(session.prefix { $0 != "-" })
                let owner = try scene.task(begun).owner
                for other in before where other.id != begun {
                    let isAhead =
                        (-place[other.id]!.priority, place[other.id]!.arrived)
                        < (-place[begun]!.priority, place[begun]!.arrived)
                    guard isAhead, other.owner == owner, other.waits?.isOfHost == true else { continue }
                    #expect(try scene.status(other.id) != .queued, "\(begun) was let past \(other.id)")
                }
            }
            started = scene.compute.started.count
        }
        let tasks = try scene.store.tasks(TaskQuery(limit: 2000))
        #expect(tasks.count == 1000 && tasks.allSatisfy { $0.status.isTerminal })
        #expect(Set(scene.compute.started).count == scene.compute.started.count)
        let begun = Set(scene.compute.started.map { String($0.prefix { $0 != "-" }) })
        for task in tasks {
            let isOrphan = try parents[task.id]!.contains { try scene.status($0) != .completed }
            #expect(begun.contains(task.id) != isOrphan)
            #expect(isOrphan == (task.failure?.category == .dependency))
        }
        #expect(tasks.count { $0.failure?.category == .dependency } > 0)
        #expect(try scene.flaws() == [])
        // What a process keeps of tasks that are over is nothing.
        #expect(scene.orchestrator.nextDue == nil)
    }
}

/// Numbers that are the same in every run.
private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    /// splitmix64.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
