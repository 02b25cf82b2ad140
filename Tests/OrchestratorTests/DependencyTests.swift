// SPDX-License-Identifier: Apache-2.0
import Documents
import Orchestrator
import OrchestratorTesting
import Store
import TaskModel
import Testing

/// Tasks that wait for tasks.
@Suite("dependencies")
struct DependencyTests {
    private func failure(_ scene: OrchestratorScene, _ id: String) throws -> TaskFailureRecord? {
        try scene.task(id).failure
    }

    @Test("a task begins when all that it depends on is COMPLETED, released by the transaction of the last one")
    func release() throws {
        let scene = try OrchestratorScene()
        let first = try scene.submit()
        let second = try scene.submit()
        let both = try scene.submit(dependsOn: [first, second])
        #expect(try scene.task(both).admission.waits?.kind == .dependencies)
        let told = try #require(try scene.events(both).last)
        #expect(told.type == .fact(.admissionQueued) && told.payload["reason"]?.stringValue == "dependencies")
        #expect(try scene.store.timers(of: both).isEmpty)
        try scene.finish(first)
        #expect(try scene.status(both) == .queued)
        #expect(try scene.task(both).admission.waits?.detail == "task \(second)")
        // The process dies before it does anything about it: the release is stored all the same.
        scene.die(at: JournalPoint(.finalize, .ended))
        try scene.finish(second)
        try scene.restart()
        #expect(try scene.status(second) == .completed && scene.status(both) == .running)
        #expect(try scene.types(both).contains("dependencies_met"))
        try scene.finish(both)
        #expect(try scene.status(both) == .completed)
        #expect(try scene.flaws() == [])
    }

    @Test("the release is in the very transaction that ends the parent")
    func atomic() throws {
        let scene = try OrchestratorScene()
        let parent = try scene.submit()
        let child = try scene.submit(dependsOn: [parent])
        let grandchild = try scene.submit(dependsOn: [child])
        var seen: [[String]] = []
        scene.store.failing = { change in
            if change.task.id == parent, change.event == .judgedFailed {
                seen.append(change.consequences.map(\.task.id))
                return FragileStore.full
            }
            return nil
        }
        try scene.finish(parent, .completed(SessionReport(outcome: "test_failed", isSuccess: false, reason: "red")))
        #expect(seen == [[child, grandchild]])
        #expect(try [parent, child, grandchild].map(scene.status) == [.finalizing, .queued, .queued])
        scene.store.failing = { _ in nil }
        scene.host.milliseconds += 3000
        scene.orchestrator.tick()
        #expect(try [parent, child, grandchild].map(scene.status) == [.failed, .failed, .failed])
        #expect(try scene.flaws() == [])
    }

    @Test(
        "a parent that does not complete closes all below it, and each says why",
        arguments: ["failed", "cancelled", "lost"])
    func closed(_ how: String) throws {
        let scene = try OrchestratorScene()
        let root = try scene.submit()
        let child = try scene.submit(dependsOn: [root])
        let grandchild = try scene.submit(dependsOn: [child])
        let other = try scene.submit()
        let mixed = try scene.submit(dependsOn: [other, grandchild])
        let free = try scene.submit(dependsOn: [other])
        switch how {
        case "failed":
            try scene.finish(root, .completed(SessionReport(outcome: "test_failed", isSuccess: false, reason: "red")))
        case "cancelled": _ = try scene.orchestrator.cancel(root, by: "uid:1")
        default: try scene.finish(root, .failed(SessionFailure(.lost, "gone")))
        }
        let status = try scene.status(root)
        #expect(status == (how == "cancelled" ? .cancelled : .failed))
        for (id, parent) in [(child, root), (grandchild, child), (mixed, grandchild)] {
            #expect(try scene.status(id) == .failed)
            let failure = try #require(try failure(scene, id))
            #expect(failure.category == .dependency && failure.message.contains("task \(parent)"))
            let told = try scene.events(id).suffix(2)
            #expect(told.map(\.type) == [.fact(.dependencyFailed), .fact(.taskFailed)])
            #expect(told.first?.payload["cause"]?.stringValue == root)
        }
        #expect(scene.compute.started == ["\(root)-1", "\(other)-1"])
        try scene.finish(other)
        #expect(try scene.status(free) == .running)
        #expect(try scene.flaws() == [])
    }

    @Test("a dependant that is cancelled closes its own, and nothing else")
    func middle() throws {
        let scene = try OrchestratorScene()
        let root = try scene.submit()
        let child = try scene.submit(dependsOn: [root])
        let grandchild = try scene.submit(dependsOn: [child])
        _ = try scene.orchestrator.cancel(child, by: "uid:1")
        #expect(try [root, child, grandchild].map(scene.status) == [.running, .cancelled, .failed])
        try scene.finish(root)
        #expect(try scene.flaws() == [])
    }

    @Test("unknown, foreign and ended tasks are refused; nothing is stored")
    func refused() throws {
        let scene = try OrchestratorScene()
        let foreign = try scene.submit(owner: "uid:2")
        let own = try scene.submit()
        _ = try scene.orchestrator.cancel(own, by: "uid:1")
        let unknown = TaskIdentifier(milliseconds: 7, random: Array(repeating: 1, count: 10)).description
        for (parent, code, word) in [
            (unknown, ErrorCode.taskNotFound, "there is not"), (foreign, .forbidden, "another's"),
            (own, .validation, "CANCELLED"),
        ] {
            let refusal = #expect(throws: TaskRefusal.self) { try scene.submit(dependsOn: [parent]) }
            #expect(refusal?.code == code && refusal?.message.contains(word) == true, "\(refusal?.message ?? "")")
        }
        #expect(try scene.store.tasks(TaskQuery()).count == 2)
        // Its key makes it the task that it says it waits for.
        let keyed = try scene.submit(key: "k")
        #expect(throws: TaskRefusal.self) { try scene.submit(key: "k", dependsOn: [keyed]) }
    }

    @Test("a resumed task runs again; one whose parent is still FAILED is not resumed before it")
    func resume() throws {
        let scene = try OrchestratorScene()
        let root = try scene.submit()
        let child = try scene.submit(dependsOn: [root])
        #expect(throws: TaskRefusal.self) { try scene.resume(root) }
        try scene.finish(root, .failed(SessionFailure(.lost, "gone")))
        let early = #expect(throws: TaskRefusal.self) { try scene.resume(child) }
        #expect(early?.message.contains(root) == true)
        let before = try scene.events(root).count
        let resumed = try scene.resume(root)
        #expect(resumed.attempt == 2 && resumed.status == .running && resumed.failure == nil)
        #expect(resumed.session == "\(root)-2")
        let told = try scene.events(root)[before]
        #expect(told.type == .fact(.taskResumed) && told.payload["was"]?.stringValue == "FAILED")
        #expect(try scene.resume(child).admission.waits?.kind == .dependencies)
        try scene.finish(root)
        #expect(try scene.status(root) == .completed && scene.status(child) == .running)
        // Both attempts are in its journal.
        #expect(Set(try scene.store.journal(of: root).map(\.attempt)) == [1, 2])
        let over = #expect(throws: TaskRefusal.self) { try scene.resume(root) }
        #expect(over?.code == .taskAlreadyTerminal)
        #expect(try scene.flaws() == [])
    }
}
