// SPDX-License-Identifier: Apache-2.0
import Blueprints
import Documents
import Orchestrator
import OrchestratorTesting
import Store
import TaskModel
import Testing

/// A task from its submission to its end, over a strategy whose sessions do what the test says.
@Suite("task lifecycle")
struct LifecycleTests {
    @Test("a task goes through its steps, and each tells of its begin and end")
    func happy() throws {
        let scene = try OrchestratorScene()
        let id = try scene.submit()
        #expect(try scene.status(id) == .running)
        #expect(try scene.task(id).handle == .local(.init(session: "\(id)-1")))
        try scene.finish(id)
        #expect(try scene.status(id) == .completed)
        #expect(try scene.task(id).report == OrchestratorScene.success)
        #expect(
            try scene.types(id) == [
                "task_created", "load-task_started", "load-task_completed", "load-blueprint_started",
                "load-blueprint_completed", "admission-control_started", "admission-control_completed",
                "pre-flight_started", "pre-flight_completed", "hydrate-context_started", "hydrate-context_completed",
                "start-session_started", "start-session_completed", "session_started", "await-agent-completion_started",
                "await-agent-completion_completed", "session_ended", "finalize_started", "finalize_completed",
                "task_completed",
            ])
        // A session does not end itself unless it is proven: it is stopped all the same.
        #expect(scene.compute.stops.map(\.session) == ["\(id)-1"])
        let started = try scene.events(id).first { $0.type == .fact(.sessionStarted) }
        #expect(started?.payload["session_id"]?.stringValue == "\(id)-1")
        #expect(started?.payload["strategy_type"]?.stringValue == "local")
        #expect(try scene.flaws() == [])
    }

    @Test("a report without success fails the task, and nothing but a report succeeds")
    func failed() throws {
        let scene = try OrchestratorScene()
        let first = try scene.submit()
        try scene.finish(
            first, .completed(SessionReport(outcome: "test_failed", isSuccess: false, reason: "gate_failed")))
        #expect(try scene.status(first) == .failed)
        #expect(try scene.task(first).failure?.category == .agent)
        for kind in SessionFailure.Kind.allCases {
            let id = try scene.submit()
            try scene.finish(id, .failed(SessionFailure(kind, "because")))
            #expect(try scene.status(id) == .failed)
            let failure = try scene.task(id).failure
            #expect(failure?.message.contains("because") == true)
            #expect(failure?.isRetryable == (kind != .ended))
        }
        #expect(try scene.flaws() == [])
    }

    @Test("a session that its time limit ended is TIMED_OUT and may be resumed; one that another limit ended is FAILED")
    func limit() throws {
        let scene = try OrchestratorScene()
        for (limit, status, category) in [
            ("timed_out", TaskState.timedOut, FailureCategory.timeout), ("oom", .failed, .agent),
        ] {
            let id = try scene.submit()
            try scene.finish(id, .completed(SessionReport(outcome: "limit_hit", isSuccess: false, reason: limit)))
            #expect(try scene.status(id) == status)
            #expect(try scene.task(id).failure?.category == category)
            #expect(try scene.types(id).last == (status == .timedOut ? "task_timed_out" : "task_failed"))
            #expect(try scene.resume(id).attempt == 2)
        }
        #expect(try scene.flaws() == [])
    }

    @Test("one strategy starts sessions with what each task asks for")
    func parameters() throws {
        let scene = try OrchestratorScene()
        let ids = try [scene.submit(), scene.submit(owner: "uid:2")]
        for id in ids {
            let start = try #require(scene.compute.sessions["\(id)-1"]?.start)
            let request = try scene.task(id).request
            #expect(start.task == id && start.request == request)
        }
    }

    @Test("a session that outlives its deadline is ended, and the task is TIMED_OUT")
    func deadline() throws {
        let scene = try OrchestratorScene()
        let id = try scene.submit()
        let deadline = try #require(try scene.task(id).deadlineMilliseconds)
        #expect(deadline == scene.host.milliseconds + 8 * 3_600_000)
        scene.host.milliseconds = deadline - 1
        scene.orchestrator.tick()
        #expect(try scene.status(id) == .running)
        scene.host.milliseconds = deadline
        #expect(try #require(scene.orchestrator.nextDue) <= deadline)
        scene.orchestrator.tick()
        #expect(try scene.status(id) == .timedOut)
        #expect(try scene.types(id).contains("deadline_passed"))
        #expect(try scene.flaws() == [])
    }

    @Test("a poll that fails says nothing of the session; three in a row end it")
    func polls() throws {
        let scene = try OrchestratorScene()
        let id = try scene.submit()
        let error = ComputeError(.transient, "no answer")
        for count in [2, 2] {
            scene.compute.pollErrors = Array(repeating: error, count: count) + [nil]
            for _ in 0...count { scene.orchestrator.sessionChanged(id) }
            #expect(try scene.status(id) == .running)
        }
        scene.compute.pollErrors = [error, error, error]
        for _ in 0..<3 { scene.orchestrator.sessionChanged(id) }
        #expect(try scene.status(id) == .failed)
        #expect(scene.compute.live == [])
        #expect(try scene.flaws() == [])
    }

    @Test("a key gives the same task, whatever became of it, and no other owner's")
    func keys() throws {
        let scene = try OrchestratorScene()
        let id = try scene.submit(key: "a-1")
        try scene.finish(id)
        #expect(try scene.submit(key: "a-1") == id)
        #expect(scene.compute.started.count == 1)
        let refusal = #expect(throws: TaskRefusal.self) { try scene.submit(owner: "uid:2", key: "a-1") }
        #expect(refusal?.code == .duplicateTask)
        for key in ["", "a b", "ü", String(repeating: "x", count: 129)] {
            #expect(throws: GateRefusal.self) { try scene.submit(key: key) }
        }
    }
}
