// SPDX-License-Identifier: Apache-2.0
import Documents
import Orchestrator
import OrchestratorTesting
import Store
import TaskModel
import TestSupport
import Testing

/// What a task leaves behind, and what a later one of the same repository is told.
@Suite("memory of tasks")
struct TaskMemoryTests {
    /// A memory that is out of order.
    private final class Broken: RepositoryMemory {
        private func fail() -> StoreError { StoreError(.late, "use", "a memory", "it sleeps", remedy: "Wake it.") }
        func remember(_: [MemoryNote], repository: String, at: Int, name: () -> String) throws(StoreError) -> [MemoryItem]
        { throw fail() }
        func candidates(_: String, for: String, at: Int, within: Duration) throws(StoreError) -> [MemoryRecall.Candidate]
        { throw fail() }
        func memory(_: MemoryQuery) throws(StoreError) -> [MemoryItem] { throw fail() }
        func memoryItem(_: String) throws(StoreError) -> MemoryItem? { throw fail() }
        func setMemory(_: String, _: MemoryItem.Status, note: String) throws(StoreError) -> Bool { throw fail() }
        func forget(_: MemoryRemoval) throws(StoreError) -> Int { throw fail() }
        func forgetExpired(at: Int) throws(StoreError) -> Int { throw fail() }
    }

    private func report(_ notes: [MemoryNote], isSuccess: Bool = true) -> SessionStatus {
        .completed(
            SessionReport(outcome: isSuccess ? "verified" : "failed", isSuccess: isSuccess, reason: "r", notes: notes))
    }

    private let note = MemoryNote(.fact, "Fix the parser by its grammar", .claimed, source: "task:t0")

    @Test("a later task is told what an earlier one left, and its events say what by id and digest")
    func told() throws {
        let scratch = try Scratch()
        let scene = try OrchestratorScene(memory: try SQLiteStore(scratch.at("memory")))
        let first = try scene.submit()
        #expect(scene.compute.starts.last?.memory == [])
        try scene.finish(first, report([note]))
        let added = try #require(try scene.events(first).first { $0.type == .fact(.memoryAdded) })
        let second = try scene.submit()
        let told = try #require(scene.compute.starts.last?.memory)
        #expect(told.map(\.text) == [note.text])
        let recalled = try #require(try scene.events(second).first { $0.type == .fact(.memoryRecalled) })
        #expect(recalled.payload["items"]?.arrayValue?.first?["sha256"]?.stringValue == told[0].digest)
        #expect(added.payload["items"]?.arrayValue?.first?["id"]?.stringValue == told[0].id)
        #expect(try scene.flaws() == [])
    }

    @Test("a task that did not succeed leaves nothing behind")
    func failed() throws {
        let scratch = try Scratch()
        let scene = try OrchestratorScene(memory: try SQLiteStore(scratch.at("memory")))
        let first = try scene.submit()
        try scene.finish(first, report([note], isSuccess: false))
        #expect(try scene.status(first) == .failed)
        _ = try scene.submit()
        #expect(scene.compute.starts.last?.memory == [])
    }

    @Test("a memory out of order costs the task its memory, and nothing else")
    func broken() throws {
        let scene = try OrchestratorScene(memory: Broken())
        let id = try scene.submit()
        #expect(try scene.status(id) == .running)
        try scene.finish(id, report([note]))
        #expect(try scene.status(id) == .completed)
        #expect(try scene.types(id).count { $0 == "memory_unavailable" } == 2)
        #expect(try scene.flaws() == [])
    }

    @Test("a process that dies at any point of the end leaves each item once")
    func crash() throws {
        for phase in JournalPoint.Phase.allCases {
            let scratch = try Scratch()
            let memory = try SQLiteStore(scratch.at("memory"))
            let scene = try OrchestratorScene(memory: memory)
            let id = try scene.submit()
            scene.die(at: JournalPoint(.finalize, phase))
            do { try scene.finish(id, report([note])) } catch {}
            try scene.restart()
            #expect(try scene.status(id) == .completed)
            let repository = try #require(try scene.task(id).request.repository)
            #expect(try memory.memory(MemoryQuery(repository: repository)).count == 1, "\(phase)")
        }
    }
}
