// SPDX-License-Identifier: Apache-2.0
import Documents
import Orchestrator
import OrchestratorTesting
import Retention
import Store
import TaskModel
import TestSupport
import Testing

/// What goes of tasks that are over, when the store or the disk is not as it should be.
@Suite("what is old")
struct CollectingTests {
    private static let day = DaemonSettings.Retention.day

    /// Tasks that are over, with what their sessions left.
    private final class Scene {
        let base: OrchestratorScene
        let sessions: String
        var retention = DaemonSettings().retention
        var isFull: () -> Bool = { false }
        var steps: [Collector.Step] = []

        init() throws {
            base = try OrchestratorScene()
            base.host.milliseconds = 100 * CollectingTests.day
            sessions = try base.scratch.directory("sessions")
        }

        /// - Parameter age: In days.
        func over(_ age: Double, _ parts: [String] = ["delivered/evidence.json", "log", "lock"]) throws -> String {
            let now = base.host.milliseconds
            base.host.milliseconds -= Int(age * Double(CollectingTests.day))
            let id = try base.submit()
            try base.finish(id)
            base.host.milliseconds = now
            for part in parts {
                try base.scratch.directory("sessions/\(id)-1")
                let below = part.split(separator: "/").dropLast().joined()
                if !below.isEmpty { try base.scratch.directory("sessions/\(id)-1/\(below)") }
                try base.scratch.file("sessions/\(id)-1/\(part)", "x")
            }
            return id
        }

        func run(_ turns: Int = .max) throws -> Collector.Outcome {
            steps = []
            var left = turns
            let collector = Collector(
                base.store, sessions: sessions, retention: retention, now: base.host.now, isFull: { self.isFull() })
            return try collector.run(
                until: {
                    left -= 1
                    return left == 0
                }, { self.steps.append($0) })
        }

        var removed: [String] {
            steps.compactMap {
                if case .removed(let item) = $0 { "\(item.task) \(item.kind.rawValue)" } else { nil }
            }
        }

        func parts(_ id: String) -> [String] { names("\(sessions)/\(id)-1").sorted() }
        func told(_ id: String) throws -> [String] {
            try base.events(id).filter { $0.type == .fact(.retentionApplied) }.compactMap {
                $0.payload["what"]?.stringValue
            }
        }
    }

    @Test("goes by its class, many in one turn; the task itself after all that is left of it")
    func classes() throws {
        let scene = try Scene()
        let (fresh, week, old) = (try scene.over(6), try scene.over(8), try scene.over(91))
        #expect(try scene.run(2) == .interrupted)
        #expect(try scene.run() == .done)
        #expect(scene.parts(fresh) == ["delivered", "lock", "log"])
        #expect(try scene.parts(week) == ["delivered", "log"] && scene.told(week) == ["session"])
        #expect(!names(scene.sessions).contains("\(old)-1"))
        #expect(try scene.base.store.task(old) == nil)
        #expect(try scene.run() == .done && scene.removed.isEmpty)
        #expect(try scene.base.flaws() == [])
    }

    @Test("a store that takes no word of it loses no file, however full the disk is")
    func unwritable() throws {
        let scene = try Scene()
        let ids = try [91, 60, 8].map { try scene.over($0) }
        scene.isFull = { true }
        scene.base.store.failing = { _ in FragileStore.full }
        #expect(throws: StoreError.self) { try scene.run() }
        #expect(scene.steps.isEmpty)
        for id in ids { #expect(scene.parts(id) == ["delivered", "lock", "log"]) }
        scene.base.store.failing = { _ in nil }
        #expect(try scene.run() == .done && !scene.removed.isEmpty)
    }

    @Test("each removal is told before it is tried, once, and one that fails keeps no other")
    func stuck() throws {
        let scene = try Scene()
        scene.retention.logs = 30 * Self.day
        // A log that is no file cannot be unlinked as one.
        let stuck = try scene.over(60, ["delivered/evidence.json", "log/x"])
        let other = try scene.over(50, ["delivered/evidence.json", "lock"])
        for _ in 0..<2 {
            #expect(try scene.run() == .failed)
            #expect(try scene.told(stuck).count { $0 == "logs" } == 1)
        }
        #expect(scene.parts(other) == ["delivered"])
        #expect(scene.steps.contains { if case .failed(let item, _) = $0 { item.task == stuck } else { false } })
    }

    @Test("what is no directory, or of a task that cannot be read, is said and keeps nobody")
    func obstacles() throws {
        let scene = try Scene()
        let (odd, unreadable, old) = (try scene.over(60, []), try scene.over(60), try scene.over(60))
        let stray = "t00000000000000000000-1"
        try scene.base.scratch.directory("sessions/\(stray)")
        try scene.base.scratch.file("sessions/\(odd)-1", "x")
        scene.base.store.unreadable = [unreadable]
        #expect(try scene.run() == .done)
        #expect(scene.removed == ["\(old) session"])
        let said = scene.steps.compactMap { if case .obstacle(let reason) = $0 { reason } else { nil } }
        #expect(said.count == 3 && names(scene.sessions).contains(stray))
        for name in [odd, unreadable, stray] { #expect(said.contains { $0.contains(name) }) }
        #expect(scene.parts(unreadable) == ["delivered", "lock", "log"])
    }

    @Test("for room goes what nobody reads, then what is oldest, and only as long as there is none; nothing of today")
    func room() throws {
        let scene = try Scene()
        let (today, first, second) = (try scene.over(0.9), try scene.over(3), try scene.over(2))
        scene.isFull = { [unowned scene] in scene.removed.count < 5 }
        #expect(try scene.run() == .done)
        #expect(
            scene.removed == [
                "\(first) session", "\(second) session", "\(today) session", "\(first) logs", "\(second) logs",
            ])
        #expect(scene.parts(first) == ["delivered"] && scene.parts(today) == ["delivered", "log"])
        scene.isFull = { true }
        #expect(try scene.run() == .done)
        #expect(scene.removed == ["\(first) evidence", "\(second) evidence"])
        #expect(scene.parts(today) == ["delivered", "log"])
        #expect(try scene.base.store.task(first) != nil)
    }

    @Test("a clock that is days past the last time is not believed until somebody says that it is right")
    func clock() {
        let now = Moment(wallMilliseconds: 100 * Self.day, monotonicMilliseconds: 0)
        for (due, isCredible) in [
            (nil, true), (101 * Self.day, true), (97 * Self.day, true), (97 * Self.day - 1, false), (0, false),
        ] as [(Int?, Bool)] {
            #expect(Collector.isCredible(now, due: due) == isCredible)
        }
    }
}
