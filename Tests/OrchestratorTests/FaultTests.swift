// SPDX-License-Identifier: Apache-2.0
import Documents
import Orchestrator
import OrchestratorTesting
import Store
import TaskModel
import Testing

/// What happens when a step fails, or the process dies, at any point of the journal.
@Suite("faults")
struct FaultTests {
    @Test("a start that fails for now is tried once more, and is said to be")
    func retry() throws {
        let scene = try OrchestratorScene()
        scene.compute.startErrors = [ComputeError(.transient, "no memory")]
        let id = try scene.submit()
        #expect(try scene.status(id) == .running)
        let types = try scene.types(id)
        #expect(types.contains("start-session_failed") && types.contains("session_start_retry"))
        #expect(scene.compute.started == ["\(id)-1"])
        try scene.finish(id)
        #expect(try scene.flaws() == [])
    }

    @Test(
        "a start that fails fails the task, releases its slot and leaves nothing",
        arguments: ComputeError.Class.allCases)
    func start(_ errorClass: ComputeError.Class) throws {
        let scene = try OrchestratorScene()
        scene.compute.startErrors = Array(repeating: ComputeError(errorClass, "no supervisor"), count: 2)
        let id = try scene.submit()
        #expect(try scene.status(id) == .failed)
        #expect(try scene.store.slotsTaken(owner: nil) == 0)
        #expect(try scene.task(id).failure?.code == .runtimeUnavailable)
        #expect(try !scene.types(id).contains("session_started"))
        #expect(scene.compute.stops.map(\.session) == ["\(id)-1"])
        #expect(try scene.flaws() == [])
    }

    @Test("a session whose start cannot be stored is ended, told of by nobody, and found to have ended")
    func unrecorded() throws {
        let scene = try OrchestratorScene()
        var failures = 0
        scene.store.failing = { change in
            guard change.event == .sessionStarted, failures == 0 else { return nil }
            failures += 1
            return FragileStore.full
        }
        let id = try scene.submit()
        #expect(failures == 1 && scene.compute.live == [])
        #expect(try scene.status(id) == .hydrating)
        #expect(!scene.host.lines.contains { $0.contains("started") })
        #expect(try !scene.types(id).contains("session_started"))
        scene.host.milliseconds = try #require(scene.orchestrator.nextDue)
        scene.orchestrator.tick()
        #expect(try scene.status(id) == .failed)
        #expect(scene.compute.started.count == 1)
        #expect(try scene.flaws() == [])
    }

    @Test("a store that is full refuses what is asked, and goes on with what it has when there is room")
    func full() throws {
        let scene = try OrchestratorScene()
        let id = try scene.submit()
        scene.store.isDead = true
        let refusal = #expect(throws: TaskRefusal.self) { try scene.submit() }
        #expect(refusal?.code == .serviceUnavailable)
        scene.compute.end("\(id)-1", .completed(OrchestratorScene.success))
        scene.orchestrator.sessionChanged(id)
        scene.store.isDead = false
        #expect(try scene.status(id) == .running)
        scene.host.milliseconds = try #require(scene.orchestrator.nextDue)
        scene.orchestrator.tick()
        #expect(try scene.status(id) == .completed)
        #expect(try scene.flaws() == [])
    }

    @Test("a task that nobody can read, or whose changes are refused, keeps nobody else, and is tried again in time")
    func poison() throws {
        for isReadable in [false, true] {
            let scene = try OrchestratorScene(caps: SlotCaps(perOwner: 1, total: 1))
            let running = try scene.submit()
            let poison = try scene.submit()
            let others = try (0..<2).map { _ in try scene.submit() }
            if isReadable {
                scene.store.failing = { change in
                    change.task.id != poison
                        ? nil
                        : StoreError(.refused, "change", "task \(poison)", "a rule of the store", remedy: "Report it.")
                }
            } else {
                scene.store.unreadable = [poison]
            }
            // Its own time in the queue runs out meanwhile.
            scene.host.milliseconds += 1000
            try scene.finish(running)
            #expect(try others.map(scene.status) == [.running, .queued], "readable: \(isReadable)")
            #expect(scene.host.lines.contains { $0.contains(poison) })
            scene.host.milliseconds += 24 * 3_600_000
            scene.compute.end("\(others[0])-1", .completed(OrchestratorScene.success))
            scene.orchestrator.tick()
            // What is overdue of it is no reason to go round without a pause.
            #expect(try #require(scene.orchestrator.nextDue) > scene.host.milliseconds)
            let lines = scene.host.lines.count
            scene.orchestrator.tick()
            #expect(scene.host.lines.count == lines)
            // Nobody else waits for it: what comes is taken, begun and ended at once.
            let late = try scene.submit(owner: "uid:2")
            #expect(try scene.status(late) == .running)
            try scene.finish(late)
            #expect(try scene.status(late) == .completed)
            (scene.store.failing, scene.store.unreadable) = ({ _ in nil }, [])
            scene.host.milliseconds += 60_000
            scene.orchestrator.tick()
            #expect(try scene.status(poison) == .failed)
            #expect(try scene.flaws() == [])
        }
    }

    /// What becomes of a task, and of its process at one point.
    struct Crash: Sendable, CustomTestStringConvertible {
        enum Story: String, Sendable, CaseIterable { case success, asks, cancel, lost, startFails }

        let story: Story
        let point: JournalPoint
        var testDescription: String { "\(story.rawValue), \(point)" }

        static let all = Story.allCases.flatMap { story in JournalPoint.all.map { Crash(story: story, point: $0) } }
    }

    private static let push = ApprovalRequest(.push, "refs/heads/x of /srv/r", [.init("commit", "c0ffee")])

    /// - Returns: Whether the process came to the point.
    private func play(_ crash: Crash, dies: Bool) throws -> Bool {
        let scene = try OrchestratorScene()
        if dies { scene.die(at: crash.point) }
        if crash.story == .startFails {
            scene.compute.startErrors = Array(repeating: ComputeError(.permission, "not allowed"), count: 9)
        }
        // Whoever submits with a key may ask again; where the answer did not come, that is what a client does.
        var id = ""
        do { id = try scene.submit(key: "k") } catch {}
        if dies && scene.compute.isDead { try scene.restart() }
        if id.isEmpty { id = try scene.submit(key: "k") }
        if crash.story == .cancel {
            do { _ = try scene.orchestrator.cancel(id, by: "uid:1") } catch {}
            if dies && scene.compute.isDead {
                try scene.restart()
                if !(try scene.status(id).isTerminal) { _ = try scene.orchestrator.cancel(id, by: "uid:1") }
            }
        } else if let session = try scene.task(id).session, crash.story != .startFails {
            if crash.story == .asks {
                scene.compute.tell(session, .budgetWarning, ["percent": 80])
                scene.compute.ask(session, Self.push)
                scene.orchestrator.sessionChanged(id)
                if dies && scene.compute.isDead { try scene.restart() }
                #expect(scene.compute.sessions[session]?.answers["q1"]?.decision == .approved)
                #expect(try scene.types(id).filter { $0 == "budget_warning" }.count == 1)
                #expect(try scene.types(id).filter { $0 == "approval_decision_recorded" }.count == 1)
            }
            let end: SessionStatus =
                [.success, .asks].contains(crash.story)
                ? .completed(OrchestratorScene.success) : .failed(SessionFailure(.lost, "killed"))
            scene.compute.end(session, end)
            scene.orchestrator.sessionChanged(id)
            if dies && scene.compute.isDead { try scene.restart() }
        }
        let expected: TaskState =
            switch crash.story {
            case .success, .asks: .completed
            case .cancel: .cancelled
            case .lost, .startFails: .failed
            }
        let told = try scene.types(id)
        #expect(try scene.status(id) == expected, "\(told) \(scene.host.lines)")
        #expect(try scene.flaws() == [])
        #expect(scene.compute.started.count == (crash.story == .startFails ? 0 : 1))
        #expect(try scene.store.slotsTaken(owner: nil) == 0)
        let terminal = try scene.types(id).filter { ["task_completed", "task_failed", "task_cancelled"].contains($0) }
        #expect(terminal.count == 1)
        return scene.host.points.contains(crash.point)
    }

    @Test(
        "a process that dies at any point of the journal leaves a task that ends as it would have", arguments: Crash.all
    )
    func crash(_ crash: Crash) throws {
        _ = try play(crash, dies: true)
    }

    @Test("every point of the journal is reached by some story, so that none of the crashes is none")
    func reached() throws {
        var missing: [JournalPoint] = []
        for point in JournalPoint.all {
            let isReached = try Crash.Story.allCases.contains { try play(Crash(story: $0, point: point), dies: false) }
            if !isReached { missing.append(point) }
        }
        #expect(missing == [])
    }
}
