// SPDX-License-Identifier: Apache-2.0
import Documents
import Orchestrator
import OrchestratorTesting
import Store
import TaskModel
import Testing

/// Whether the host has room.
@Suite("capacity")
struct CapacityTests {
    private static let gib = 1 << 30

    private func scene(memory: Int = 10, slots: Int = 100) throws -> OrchestratorScene {
        let scene = try OrchestratorScene(caps: SlotCaps(perOwner: slots, total: slots, perHour: 1000))
        scene.host.hostLoad.size = TaskResources(
            memoryBytes: memory * Self.gib, milliProcessors: 64_000, diskBytes: 1000 * Self.gib)
        return scene
    }

    @Test("tasks are promised no more than the operator's share, and the first that does not fit holds back the rest")
    func promises() throws {
        // Four of 2 GiB fit into 80 % of 10 GiB.
        let scene = try scene()
        let ids = try (0..<6).map { _ in try scene.submit(owner: "uid:1") }
        let last = try scene.submit(owner: "uid:2")
        #expect(try ids.map(scene.status) == Array(repeating: .running, count: 4) + [.queued, .queued])
        let told = try #require(try scene.events(ids[4]).last)
        #expect(told.payload["reason"]?.stringValue == "capacity")
        #expect(told.payload["detail"]?.stringValue == "2.0 GiB of memory, of which 0 MiB are not promised yet")
        #expect(try scene.task(last).admission.waits?.kind == .slots)
        try scene.finish(ids[1])
        #expect(try [ids[4], ids[5], last].map(scene.status) == [.running, .queued, .queued])
        try scene.finish(ids[2])
        try scene.finish(ids[3])
        #expect(try [ids[5], last].map(scene.status) == [.running, .running])
        #expect(try scene.flaws() == [])
    }

    @Test("processors and disk are promised as well", arguments: ["processors", "disk"])
    func kinds(_ kind: String) throws {
        let scene = try scene(memory: 1000)
        // 400 % of half a processor, 80 % of 10 GiB.
        if kind == "processors" {
            scene.host.hostLoad.size.milliProcessors = 500
        } else {
            scene.host.hostLoad.size.diskBytes = 10 * Self.gib
        }
        let ids = try (0..<3).map { _ in try scene.submit() }
        #expect(try ids.map(scene.status) == [.running, .running, .queued])
        #expect(try scene.task(ids[2]).admission.waits?.detail.contains("of \(kind)") == true)
    }

    @Test("a task that can never fit is refused at once")
    func never() throws {
        let scene = try scene(memory: 2)
        let id = try scene.submit()
        let failure = try #require(try scene.task(id).failure)
        #expect(failure.category == .config && failure.message.contains("1.6 GiB"), "\(failure.message)")
        #expect(try scene.types(id).suffix(3) == ["admission-control_failed", "admission_rejected", "task_failed"])
        #expect(try scene.flaws() == [])
    }

    @Test("a busy host begins nothing, and a timer that outlives the process looks again")
    func pressure() throws {
        let scene = try scene()
        scene.host.hostLoad.pressure = HostLoad.Pressure(memory: 21)
        let id = try scene.submit()
        #expect(try scene.task(id).admission.waits?.kind == .pressure)
        let due = try #require(try scene.store.timers(of: id).first { $0.kind == .admission }).dueMilliseconds
        #expect(due == scene.host.milliseconds + 10_000)
        let count = try scene.events(id).count
        scene.host.milliseconds = due
        scene.orchestrator.tick()
        // Still busy: another time, and no event for it.
        #expect(try scene.events(id).count == count)
        #expect(scene.orchestrator.nextDue == due + 10_000)
        try scene.restart()
        #expect(try scene.status(id) == .queued)
        scene.host.hostLoad.pressure = HostLoad.Pressure(memory: 19)
        scene.host.milliseconds = due + 10_000
        scene.orchestrator.tick()
        #expect(try scene.status(id) == .running)
        #expect(try scene.store.timers(of: id).map(\.kind) == [.deadline])
        #expect(try scene.flaws() == [])
    }

    @Test("however the host is doing meanwhile, who waits for it does not wait for more than a day")
    func age() throws {
        let scene = try scene()
        scene.host.hostLoad.availableMemory = Self.gib
        let id = try scene.submit()
        let began = scene.host.milliseconds
        while try scene.status(id) == .queued {
            scene.host.milliseconds += 3_600_000
            // Now memory, now the disk, now other tasks.
            scene.host.hostLoad.availableMemory = scene.host.milliseconds / 3_600_000 % 2 == 0 ? 1 << 50 : Self.gib
            scene.host.hostLoad.availableDisk = 0
            scene.orchestrator.tick()
            try #require(scene.host.milliseconds < began + 30 * 3_600_000)
        }
        #expect(try scene.task(id).failure?.category == .concurrency)
        #expect(scene.host.milliseconds == began + 24 * 3_600_000)
    }

    @Test("a kernel that tells no pressure is said once, and memory and disk that are free count all the same")
    func untold() throws {
        let scene = try scene()
        scene.host.hostLoad.pressure = nil
        try scene.submit()
        try scene.submit()
        #expect(scene.host.lines.filter { $0.contains("/proc/pressure") }.count == 1)
        scene.host.hostLoad.availableDisk = Self.gib
        let id = try scene.submit()
        #expect(try scene.task(id).admission.waits?.detail == "4.0 GiB of disk, of which 1.0 GiB are free")
    }
}
