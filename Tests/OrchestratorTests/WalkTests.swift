// SPDX-License-Identifier: Apache-2.0
import Blueprints
import Documents
import LinuxSystem
import Orchestrator
import OrchestratorTesting
import Store
import TaskModel
import Testing

/// Tasks on their way through the steps of their blueprints, over steps that do what the test says.
@Suite("the walk over a blueprint's steps")
struct WalkTests {
    static let custom = """
        pipeline:
          previous_results: 2
          custom_steps:
            - {name: scan, phase: pre-agent, command: scan, timeout: 60s, max_retries: 2}
            - {name: sign, phase: post-agent, command: sign, max_retries: 1}
        """

    private static func steps(_ types: [String]) -> [String] { types.filter { $0.contains("_started") } }

    @Test("every step is told of in the blueprint's order, around what the framework brings")
    func order() throws {
        let scene = try OrchestratorScene()
        let id = try scene.submit(blueprint: Self.custom)
        #expect(
            Self.steps(try scene.types(id)) == [
                "load-task_started", "load-blueprint_started", "admission-control_started", "pre-flight_started",
                "hydrate-context_started", "scan_started", "start-session_started", "session_started",
                "await-agent-completion_started",
            ])
        #expect(scene.compute.startedSteps == ["pre-flight", "hydrate-context", "scan"].map { "\(id)-1.\($0)-1" })
        try scene.finish(id)
        #expect(try scene.status(id) == .completed)
        #expect(try scene.flaws() == [])
    }

    @Test("a step of which nothing tells the end is asked again within a second")
    func unwatched() throws {
        let scene = try OrchestratorScene()
        scene.compute.stepStories["pre-flight"] = [.running]
        let id = try scene.submit()
        let asked = scene.host.milliseconds
        let due = try #require(scene.orchestrator.nextDue)
        #expect(due == asked + 1000)
        scene.compute.endStep("\(id)-1.pre-flight-1", .ended(StepEnd(.success(metadata: [:]))))
        scene.host.milliseconds = due
        scene.orchestrator.tick()
        #expect(try scene.status(id) == .running)
    }

    @Test("a sequence of the blueprint's own is followed; what is not in it does not run")
    func sequence() throws {
        let scene = try OrchestratorScene()
        let id = try scene.submit(
            blueprint: """
                pipeline:
                  custom_steps:
                    - {name: early, phase: pre-agent, command: a}
                    - {name: late, phase: pre-agent, command: b}
                    - {name: never, phase: pre-agent, command: c}
                  step_sequence:
                    - {type: builtin, name: admission-control}
                    - {type: custom, name: late}
                    - {type: custom, name: early}
                    - {type: builtin, name: start-session}
                    - {type: builtin, name: await-agent-completion}
                    - {type: builtin, name: finalize}
                """)
        #expect(scene.compute.startedSteps == ["pre-flight", "late", "early"].map { "\(id)-1.\($0)-1" })
        #expect(scene.compute.sessions["\(id)-1"]?.start.hydration == nil)
        try scene.finish(id)
        #expect(try scene.status(id) == .completed)
    }

    @Test("nothing is spent before pre-flight has passed; what it finds is the task's reason")
    func preFlight() throws {
        let scene = try OrchestratorScene()
        scene.compute.stepStories["pre-flight"] = [
            .ended(StepEnd(.failed(message: "no answer", metadata: [:]), code: .forgeUnreachable))
        ]
        let id = try scene.submit(blueprint: Self.custom)
        let task = try scene.task(id)
        #expect(task.status == .failed && task.failure?.code == .forgeUnreachable && task.failure?.isRetryable == true)
        #expect(scene.compute.started.isEmpty && scene.compute.startedSteps == ["\(id)-1.pre-flight-1"])
        let types = try scene.types(id)
        #expect(types.contains("preflight_failed") && types.contains("pre-flight_failed"))
        // It runs whatever came before.
        #expect(types.suffix(3) == ["finalize_started", "finalize_completed", "task_failed"])
        #expect(try scene.store.slotsTaken(owner: nil) == 0)
        #expect(try scene.flaws() == [])
    }

    @Test("what was gathered is handed to the session by its digest; words that are blocked end the task")
    func hydration() throws {
        let scene = try OrchestratorScene()
        scene.compute.stepStories["hydrate-context"] = [
            .ended(StepEnd(.success(metadata: ["sha256": "ab12"]))),
            .ended(StepEnd(.failed(message: "orders", metadata: [:]), code: .validation)),
        ]
        let id = try scene.submit()
        #expect(
            scene.compute.sessions["\(id)-1"]?.start.hydration
                == .init(process: "\(id)-1.hydrate-context-1", digest: "ab12"))
        let blocked = try scene.submit()
        #expect(try scene.task(blocked).failure?.category == .guardrail)
        #expect(try scene.types(blocked).contains("guardrail_blocked"))
        #expect(scene.compute.started == ["\(id)-1"])
    }

    @Test("a step that may be repeated is, after 1, 2, 4 seconds that a restart does not forget; then the task fails")
    func retries() throws {
        let scene = try OrchestratorScene()
        let again = StepStatus.ended(StepEnd(.failed(message: "busy", metadata: [:]), mayRepeat: true))
        scene.compute.stepStories["scan"] = [again, again]
        let id = try scene.submit(blueprint: Self.custom)
        for (number, seconds) in [1, 2].enumerated() {
            #expect(try scene.status(id) == .hydrating)
            let due = scene.host.milliseconds + seconds * 1000
            #expect(try scene.store.timers(of: id).map(\.dueMilliseconds) == [due])
            try scene.restart()
            #expect(scene.compute.startedSteps.count == 3 + number)
            scene.host.milliseconds = due - 1
            scene.orchestrator.tick()
            #expect(scene.compute.startedSteps.count == 3 + number)
            scene.host.milliseconds = due
            scene.orchestrator.tick()
        }
        #expect(try scene.status(id) == .running)
        let starts = scene.compute.startedSteps.suffix(3).compactMap { scene.compute.steps[$0]?.work }
        let attempts = starts.compactMap { work -> Int? in
            if case .custom(let custom) = work { custom.attempt } else { nil }
        }
        #expect(attempts == [1, 2, 3])
        try scene.finish(id)
        // One more than there are attempts.
        scene.compute.stepStories["scan"] = [again, again, again]
        let hopeless = try scene.submit(blueprint: Self.custom)
        for _ in 0..<2 {
            scene.host.milliseconds += 10_000
            scene.orchestrator.tick()
        }
        #expect(try scene.task(hopeless).failure?.message == "step \"scan\" failed: busy")
        #expect(try scene.types(hopeless).count { $0 == "scan_failed" } == 3)
        #expect(try scene.flaws() == [])
    }

    @Test("what a step says of itself is final")
    func said() throws {
        let scene = try OrchestratorScene()
        scene.compute.stepStories["scan"] = [.ended(StepEnd(.failed(message: "2 findings", metadata: ["n": 2])))]
        let id = try scene.submit(blueprint: Self.custom)
        #expect(try scene.status(id) == .failed && scene.compute.started.isEmpty)
        let failed = try scene.events(id).first { $0.type.text == "scan_failed" }
        #expect(failed?.payload["metadata"]?["n"] == 2 && failed?.payload["error"] == "2 findings")
        scene.compute.stepStories["scan"] = [.ended(StepEnd(.skipped(reason: "nothing to scan", metadata: [:])))]
        #expect(try scene.status(try scene.submit(blueprint: Self.custom)) == .running)
    }

    @Test("a step that is lost or takes too long is ended first, and then repeated")
    func late() throws {
        let scene = try OrchestratorScene()
        scene.compute.stepStories["scan"] = [.running, .failed(SessionFailure(.lost, "killed")), .running]
        let id = try scene.submit(blueprint: Self.custom)
        #expect(scene.compute.liveSteps == ["\(id)-1.scan-1"])
        // Its own time and that of its set-up.
        let due = scene.host.milliseconds + 120_000
        #expect(try scene.store.timers(of: id).map(\.dueMilliseconds) == [due])
        scene.host.milliseconds = due
        scene.compute.stopAnswers = [.stopping]
        scene.orchestrator.tick()
        // As long as it is not dead, nothing else of it begins.
        #expect(scene.compute.startedSteps.count == 3 && scene.orchestrator.nextDue == due + 1000)
        scene.host.milliseconds += 1000
        scene.orchestrator.tick()
        #expect(scene.compute.liveSteps.isEmpty)
        for seconds in [1, 2] {
            scene.host.milliseconds += seconds * 1000
            scene.orchestrator.tick()
        }
        #expect(scene.compute.liveSteps == ["\(id)-1.scan-3"])
        scene.compute.endStep("\(id)-1.scan-3", .ended(StepEnd(.success(metadata: [:]))))
        scene.orchestrator.sessionChanged("\(id)/step")
        #expect(try scene.status(id) == .running)
        #expect(try scene.flaws() == [])
    }

    @Test("a cancel reaches into a step that runs, and before one that waits")
    func cancel() throws {
        let scene = try OrchestratorScene()
        for story in [StepStatus.running, .ended(StepEnd(.failed(message: "x", metadata: [:]), mayRepeat: true))] {
            scene.compute.stepStories["scan"] = [story]
            let id = try scene.submit(blueprint: Self.custom)
            _ = try scene.orchestrator.cancel(id, by: "uid:1")
            #expect(try scene.status(id) == .cancelled)
            #expect(scene.compute.liveSteps.isEmpty && scene.compute.live.isEmpty)
            #expect(try scene.flaws() == [])
        }
        #expect(try scene.store.slotsTaken(owner: nil) == 0)
    }

    @Test("a step is given the newest results, as many as the blueprint says")
    func results() throws {
        let scene = try OrchestratorScene()
        scene.compute.stepStories["hydrate-context"] = [.ended(StepEnd(.success(metadata: ["sha256": "h"])))]
        let steps = (1...3).map { "    - {name: s\($0), phase: pre-agent, command: x}" }.joined(separator: "\n")
        let id = try scene.submit(blueprint: "pipeline:\n  previous_results: 2\n  custom_steps:\n\(steps)")
        guard case .custom(let last)? = scene.compute.steps["\(id)-1.s3-1"]?.work else {
            Issue.record("s3 did not run")
            return
        }
        #expect(try StepResults(checkpoint: last.results).entries.map(\.step) == ["s1", "s2"])
        guard case .custom(let first)? = scene.compute.steps["\(id)-1.s1-1"]?.work else { return }
        #expect(try StepResults(checkpoint: first.results).entries.map(\.step) == ["pre-flight", "hydrate-context"])
    }

    @Test("a snapshot that the store gives back otherwise does not begin", arguments: ["text", "order", "digest"])
    func tampered(_ what: String) throws {
        let scene = try OrchestratorScene()
        let accepted = try TestBlueprint.accepted(Self.custom)
        let stored = accepted.snapshot.stored(sha256: Digest.sha256)
        let text =
            switch what {
            case "text": stored.text.replacing("\"version\":1", with: "\"version\":7")
            case "order":
                stored.text.replacing(
                    "{\"type\":\"builtin\",\"name\":\"finalize\"}",
                    with: "{\"type\":\"builtin\",\"name\":\"pre-flight\"}")
            default: stored.text + " "
            }
        try #require(text != stored.text)
        let digest = what == "digest" ? stored.digest : Digest.sha256(Array(text.utf8))
        let id = try scene.host.makeTaskName()
        let task = TaskRecord(
            id: id, owner: "uid:1", request: accepted.request, blueprint: StoredBlueprint(text: text, digest: digest),
            createdMilliseconds: scene.host.milliseconds)
        _ = try scene.store.create(task, [NewEvent(.taskCreated)], timers: [:], at: scene.host.now)
        scene.orchestrator.advance(id)
        let failed = try scene.task(id)
        #expect(failed.status == .failed && failed.failure?.category == .config)
        #expect((failed.failure?.code == .invalidStepSequence) == (what == "order"), "\(failed.failure?.message ?? "")")
        #expect(try scene.types(id).contains("load-blueprint_failed"))
        #expect(scene.compute.startedSteps.isEmpty && scene.compute.started.isEmpty)
        #expect(try scene.flaws() == [])
    }

    // MARK: Beside and behind the session

    static let beside = """
        pipeline:
          custom_steps: [{name: watch, phase: pre-agent, command: watch}]
          step_sequence:
            - {type: builtin, name: admission-control}
            - {type: builtin, name: start-session}
            - {type: custom, name: watch}
            - {type: builtin, name: await-agent-completion}
            - {type: builtin, name: finalize}
        """

    @Test("S11: a step beside the session ends the session when it fails, and is waited for when it does not")
    func beside() throws {
        let scene = try OrchestratorScene()
        scene.compute.stepStories["watch"] = [.running, .ended(StepEnd(.failed(message: "seen", metadata: [:])))]
        let id = try scene.submit(blueprint: Self.beside)
        #expect(try scene.status(id) == .running && scene.compute.liveSteps == ["\(id)-1.watch-1"])
        try scene.finish(id)
        #expect(try scene.status(id) == .running)
        scene.compute.endStep("\(id)-1.watch-1", .ended(StepEnd(.success(metadata: [:]))))
        scene.orchestrator.sessionChanged("\(id)/step")
        #expect(try scene.status(id) == .completed)
        let failed = try scene.submit(blueprint: Self.beside)
        #expect(try scene.status(failed) == .failed)
        #expect(scene.compute.live.isEmpty && scene.compute.stops.contains { $0.session == "\(failed)-1" })
        #expect(try scene.task(failed).failure?.message.contains("seen") == true)
        #expect(try scene.flaws() == [])
    }

    @Test("the end of a session that a step outlives is seen once, and its deadline is none any more")
    func outlived() throws {
        let scene = try OrchestratorScene()
        scene.compute.stepStories["watch"] = [.running]
        let id = try scene.submit(blueprint: Self.beside)
        // Both stay readable from the end on, as descriptors of processes do.
        scene.compute.descriptors = ["\(id)-1": 7, "\(id)-1.watch-1": 8]
        scene.orchestrator.sessionChanged(id)
        #expect(scene.host.watched == [id: 7, "\(id)/step": 8])
        try scene.finish(id)
        #expect(scene.host.watched == ["\(id)/step": 8])
        #expect(try scene.store.timers(of: id).map(\.kind) == [.step])
        scene.compute.endStep("\(id)-1.watch-1", .ended(StepEnd(.success(metadata: [:]))))
        scene.orchestrator.sessionChanged("\(id)/step")
        #expect(try scene.status(id) == .completed)
        #expect(scene.host.watched.isEmpty)
        #expect(try scene.flaws() == [])
    }

    @Test(
        "a step beside the session that failed has failed the task, whoever dies on it",
        arguments: JournalPoint.all(of: [.startSession, .named("watch"), .stopSession]))
    func failedBeside(_ point: JournalPoint) throws {
        let scene = try OrchestratorScene()
        scene.compute.stepStories["watch"] = [.ended(StepEnd(.failed(message: "seen", metadata: [:])))]
        scene.die(at: point)
        let id = try scene.submit(blueprint: Self.beside)
        #expect(scene.compute.isDead)
        try scene.restart()
        #expect(try scene.status(id) == .failed)
        #expect(try scene.task(id).failure?.message.contains("seen") == true)
        #expect(scene.compute.startedSteps.count { $0.contains("watch") } == 1)
        #expect(try scene.flaws() == [])
    }

    private static let release = ApprovalRequest(
        .release, "refs/heads/x", [.init("commit", "c0ffee"), .init("repository", "/srv/q")])

    @Test("steps behind the agent run before anything is handed over, with its commit; one that fails keeps it here")
    func behind() throws {
        let scene = try OrchestratorScene()
        scene.compute.stepStories["sign"] = [.running, .ended(StepEnd(.failed(message: "no", metadata: [:])))]
        let id = try scene.submit(blueprint: Self.custom)
        let session = "\(id)-1"
        scene.compute.ask(session, Self.release)
        scene.orchestrator.sessionChanged(id)
        #expect(scene.compute.liveSteps == ["\(session).sign-1"])
        guard case .custom(let sign)? = scene.compute.steps["\(session).sign-1"]?.work else { return }
        #expect(sign.delivered == .init(repository: "/srv/q", commit: "c0ffee"))
        #expect(scene.compute.sessions[session]?.answers.isEmpty == true)
        // A process that comes later goes on with the very same.
        try scene.restart()
        #expect(scene.compute.startedSteps.count { $0.contains("sign") } == 1)
        scene.compute.endStep("\(session).sign-1", .ended(StepEnd(.success(metadata: [:]))))
        scene.orchestrator.sessionChanged("\(id)/step")
        #expect(scene.compute.sessions[session]?.answers["q1"]?.decision == .approved)
        try scene.finish(id)
        #expect(try scene.status(id) == .completed)
        let second = try scene.submit(blueprint: Self.custom)
        scene.compute.ask("\(second)-1", Self.release)
        scene.orchestrator.sessionChanged(second)
        let answer = scene.compute.sessions["\(second)-1"]?.answers["q1"]
        #expect(answer?.decision == .denied && answer?.reason?.contains("step \"sign\" failed: no") == true)
        try scene.finish(
            second, .completed(SessionReport(outcome: "not_approved", isSuccess: false, reason: "denied")))
        #expect(try scene.status(second) == .failed)
        #expect(try scene.task(second).failure?.message == "step \"sign\" failed: no")
        #expect(try scene.flaws() == [])
    }

    @Test("a session that is killed while a step has its say takes the step with it")
    func killed() throws {
        let scene = try OrchestratorScene()
        for end in [SessionStatus.failed(SessionFailure(.lost, "killed")), .completed(OrchestratorScene.success)] {
            scene.compute.stepStories["sign"] = [.running]
            let id = try scene.submit(blueprint: Self.custom)
            scene.compute.ask("\(id)-1", Self.release)
            scene.orchestrator.sessionChanged(id)
            #expect(scene.compute.liveSteps.count == 1)
            try scene.finish(id, end)
            #expect(try scene.status(id).isTerminal && scene.compute.liveSteps.isEmpty)
            #expect(try scene.flaws() == [])
        }
    }

    // MARK: Faults

    static let points = JournalPoint.all(of: ["scan", "sign"].map { .named($0) })

    @Test("a process that dies at any point of a step of one's own leaves a task that ends once", arguments: points)
    func crash(_ point: JournalPoint) throws {
        let scene = try OrchestratorScene()
        scene.die(at: point)
        var id = ""
        id = try scene.submit(key: "k", blueprint: Self.custom)
        if scene.compute.isDead { try scene.restart() }
        scene.compute.ask("\(id)-1", Self.release)
        scene.orchestrator.sessionChanged(id)
        if scene.compute.isDead { try scene.restart() }
        #expect(scene.compute.sessions["\(id)-1"]?.answers["q1"]?.decision == .approved)
        try scene.finish(id)
        #expect(try scene.status(id) == .completed)
        // Each once, whatever died.
        #expect(Set(scene.compute.startedSteps).count == scene.compute.startedSteps.count)
        #expect(scene.compute.startedSteps.count == 4 && scene.host.points.contains(point))
        for name in ["scan", "sign"] { #expect(try scene.types(id).count { $0 == "\(name)_completed" } == 1) }
        #expect(try scene.flaws() == [])
    }
}
