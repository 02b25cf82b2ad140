// SPDX-License-Identifier: Apache-2.0
import Blueprints
import Documents
import Orchestrator
import OrchestratorTesting
import Store
import TaskModel
import Testing

/// A new attempt passes the gate as a new task does.
@Suite("resume")
struct ResumeTests {
    private func failed(_ scene: OrchestratorScene, owner: String = "uid:1", _ blueprint: String = "") throws -> String
    {
        let id = try scene.submit(owner: owner, blueprint: blueprint)
        try scene.finish(id, .failed(SessionFailure(.lost, "gone")))
        #expect(try scene.status(id) == .failed)
        return id
    }

    @Test("whom the gate does not let pass any more has no new attempt, and nothing of the task is changed")
    func shut() throws {
        let scene = try OrchestratorScene()
        let id = try failed(scene)
        let (before, events) = (try scene.task(id), try scene.types(id))
        for words in ["there is no blueprint", "none of the submitters", "above the host's ceiling"] {
            let refusal = #expect(throws: TaskRefusal.self) {
                try scene.orchestrator.resume(id, by: "uid:0") { (task) throws(TaskRefusal) in
                    #expect(task == before)
                    throw TaskRefusal(.forbidden, words)
                }
            }
            #expect(refusal?.message == words)
        }
        // Asked about somebody else, it is no answer.
        #expect(throws: TaskRefusal.self) { try scene.resume(id, by: "uid:2", asked: "uid:2") }
        #expect(try scene.task(id) == before && scene.types(id) == events)
    }

    @Test("a new attempt lives by what is applied now, with its approvals, its promise and its share of the budgets")
    func anew() throws {
        let scene = try OrchestratorScene()
        let id = try failed(scene)
        let before = try scene.task(id)
        let tightened = """
            runner: {command: exec other}
            approvals: {level: supervised}
            resources: {memory: 3GiB}
            budgets: {per_day_usd: 3}
            """
        try scene.resume(id, blueprint: tightened)
        let task = try scene.task(id)
        #expect(task.attempt == 2 && task.blueprint != before.blueprint)
        #expect(task.approvals != before.approvals && task.approvals?.gates.isEmpty == false)
        #expect(task.admission.resources.memoryBytes == 3 << 30 && task.admission.repositoryDay == 3_000_000)
        #expect(scene.compute.starts.last?.blueprint == task.blueprint)
        let told = try #require(try scene.events(id).last { $0.type == .fact(.taskResumed) })
        #expect(told.payload["blueprint_sha256"]?.stringValue == task.blueprint?.digest)
        #expect(try scene.flaws() == [])
    }

    @Test("every new attempt counts as a task that its owner submits, over restarts")
    func rate() throws {
        let scene = try OrchestratorScene(caps: SlotCaps(perOwner: 3, total: 8, perHour: 4))
        let id = try failed(scene)
        for _ in 0..<3 {
            scene.host.milliseconds += 60_000
            try scene.resume(id)
            try scene.finish(id, .failed(SessionFailure(.lost, "gone")))
        }
        try scene.restart()
        for refused in [{ _ = try scene.resume(id, by: "uid:0") }, { _ = try scene.submit() }] {
            let refusal = #expect(throws: TaskRefusal.self) { try refused() }
            #expect(refusal?.code == .rateLimit, "\(refusal?.message ?? "")")
        }
        #expect(try scene.status(id) == .failed)
        try scene.submit(owner: "uid:2")
        // The first of them is an hour old now.
        scene.host.milliseconds += 3_600_000 - 180_000
        try scene.resume(id)
        #expect(throws: TaskRefusal.self) { try scene.submit() }
    }
}
