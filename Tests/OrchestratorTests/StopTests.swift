// SPDX-License-Identifier: Apache-2.0
import Orchestrator
import OrchestratorTesting
import Store
import TaskModel
import Testing

/// The end that somebody asked for: confirmed dead before it is told.
@Suite("cancel and stop")
struct StopTests {
    @Test("a queued task is cancelled at once")
    func queued() throws {
        let scene = try OrchestratorScene(caps: SlotCaps(perOwner: 1, total: 1))
        _ = try scene.submit()
        let id = try scene.submit()
        #expect(try scene.orchestrator.cancel(id, by: "uid:1").status == .cancelled)
        #expect(scene.compute.stops.isEmpty)
        #expect(try scene.flaws() == [])
    }

    @Test("a running task is CANCELLED once its session is gone, and its slot is free then")
    func running() throws {
        let scene = try OrchestratorScene(caps: SlotCaps(perOwner: 1, total: 1))
        let id = try scene.submit()
        let next = try scene.submit()
        scene.compute.stopAnswers = [.stopping]
        #expect(try scene.orchestrator.cancel(id, by: "uid:7").status == .running)
        #expect(try scene.status(next) == .queued)
        // A second request changes nothing.
        _ = try scene.orchestrator.cancel(id, by: "uid:8")
        try scene.finish(id, .completed(SessionReport(outcome: "interrupted", isSuccess: false, reason: "no_result")))
        let task = try scene.task(id)
        #expect(task.status == .cancelled && task.cancelledBy == "uid:7" && task.report?.outcome == "interrupted")
        #expect(try scene.status(next) == .running)
        let refusal = #expect(throws: TaskRefusal.self) { try scene.orchestrator.cancel(id, by: "uid:7") }
        #expect(refusal?.code == .taskAlreadyTerminal)
        #expect(throws: TaskRefusal.self) { try scene.orchestrator.cancel("t-none", by: "uid:7") }
        #expect(try scene.flaws() == [])
    }

    @Test("one that does not end when it is asked is killed after the grace")
    func grace() throws {
        let scene = try OrchestratorScene()
        let id = try scene.submit()
        scene.compute.stopAnswers = [.stopping, .stopping]
        _ = try scene.orchestrator.cancel(id, by: "uid:1")
        scene.host.milliseconds += 19_999
        scene.orchestrator.sessionChanged(id)
        scene.host.milliseconds += 1
        scene.orchestrator.tick()
        #expect(scene.compute.stops.map(\.force) == [false, false, true])
        #expect(try scene.status(id) == .cancelled)
    }

    @Test(
        "a stop that fails is tried again and told once; nothing is told to be dead before it is",
        arguments: [(ComputeError.Class.transient, 6), (.unknown, 6), (.permission, 1)])
    func fails(_ errorClass: ComputeError.Class, told: Int) throws {
        let scene = try OrchestratorScene()
        let id = try scene.submit()
        scene.compute.stopAnswers = Array(repeating: .failed(ComputeError(errorClass, "it resists")), count: 9)
        _ = try scene.orchestrator.cancel(id, by: "uid:1")
        func isTold() throws -> Bool { try scene.types(id).contains("stop_unconfirmed") }
        var tries = 1
        while !(try isTold()) {
            scene.host.milliseconds = try #require(scene.orchestrator.nextDue)
            scene.orchestrator.tick()
            tries += 1
        }
        #expect(tries == told)
        #expect(try scene.status(id) == .running)
        #expect(try scene.store.slotsTaken(owner: nil) == 1)
        while try scene.status(id) == .running {
            scene.host.milliseconds = try #require(scene.orchestrator.nextDue)
            scene.orchestrator.tick()
            tries += 1
        }
        #expect(tries == 10)
        #expect(try scene.status(id) == .cancelled)
        #expect(try scene.types(id).count { $0 == "stop_unconfirmed" } == 1)
        #expect(try scene.flaws() == [])
    }

    @Test("a task that is being judged is, whoever asks for its end")
    func finalizing() throws {
        let scene = try OrchestratorScene()
        let id = try scene.submit()
        scene.compute.stopAnswers = [.stopping]
        try scene.finish(id)
        #expect(try scene.orchestrator.cancel(id, by: "uid:1").status == .finalizing)
        scene.host.milliseconds += 1000
        scene.orchestrator.tick()
        #expect(try scene.status(id) == .completed)
    }

    @Test("a cancel of a queued task is carried out by whoever comes after a crash, with all that waits for it")
    func queuedCrash() throws {
        for waits in ["a slot", "a task"] {
            let scene = try OrchestratorScene(caps: SlotCaps(perOwner: 1, total: 1))
            let running = try scene.submit()
            let id = try scene.submit(dependsOn: waits == "a task" ? [running] : [])
            let child = try scene.submit(dependsOn: [id])
            scene.die(at: JournalPoint(.stopSession, .began))
            #expect(throws: TaskRefusal.self) { try scene.orchestrator.cancel(id, by: "uid:7") }
            try scene.restart()
            #expect(try [id, child].map(scene.status) == [.cancelled, .failed], "waits for \(waits)")
            #expect(try scene.status(running) == .running)
            #expect(try scene.flaws() == [])
        }
    }

    @Test("a task that is being ended for another reason is CANCELLED when somebody asks for that meanwhile")
    func overtaken() throws {
        let scene = try OrchestratorScene()
        let id = try scene.submit()
        scene.compute.stopAnswers = Array(repeating: .stopping, count: 9)
        scene.host.milliseconds += 8 * 3_600_000
        scene.orchestrator.tick()
        #expect(try scene.types(id).contains("deadline_passed"))
        scene.compute.stopAnswers = [.stopping]
        let asked = try scene.orchestrator.cancel(id, by: "uid:7")
        #expect(asked.status == .running && asked.cancelledBy == "uid:7")
        #expect(try scene.types(id).contains("cancel_requested"))
        scene.host.milliseconds += 20_000
        scene.orchestrator.tick()
        #expect(try scene.status(id) == .cancelled)
        #expect(try scene.flaws() == [])
    }

    @Test("while a task ends nothing else of it is due, so that nobody waits by asking without a pause")
    func timers() throws {
        let scene = try OrchestratorScene(caps: SlotCaps(perOwner: 1, total: 1))
        scene.compute.stepStories["scan"] = [.running]
        let stepping = try scene.submit(blueprint: WalkTests.custom)
        let waiting = try scene.submit()
        #expect(try !scene.store.timers(of: stepping).isEmpty && !scene.store.timers(of: waiting).isEmpty)
        for id in [waiting, stepping] {
            scene.compute.stopAnswers = [.stopping, .stopping]
            _ = try scene.orchestrator.cancel(id, by: "uid:1")
            #expect(try scene.store.timers(of: id).isEmpty)
        }
        #expect(try [waiting, stepping].map(scene.status) == [.cancelled, .hydrating])
        // Past the time of its step: what is next is the stop's own.
        scene.host.milliseconds += 200_000
        scene.compute.stopAnswers = [.stopping, .stopping]
        scene.orchestrator.tick()
        #expect(try #require(scene.orchestrator.nextDue) > scene.host.milliseconds)
        scene.compute.stopAnswers = []
        scene.orchestrator.sessionChanged(stepping)
        #expect(try scene.status(stepping) == .cancelled)
    }
}
