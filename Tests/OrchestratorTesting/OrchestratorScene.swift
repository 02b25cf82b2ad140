// SPDX-License-Identifier: Apache-2.0
import LinuxSystem
package import Orchestrator
package import Store
package import TaskModel
package import TestSupport

/// A store on the disk, a scripted strategy, and processes of the control plane that come and go over them.
package final class OrchestratorScene {
    package let scratch: Scratch
    package let compute = ScriptedCompute()
    package let host = TestHost()
    package private(set) var store: FragileStore
    package private(set) var orchestrator: Orchestrator
    package let settings: DaemonSettings
    package let memory: (any RepositoryMemory)?

    package static let success = SessionReport(
        outcome: "verified", isSuccess: true, reason: "done", branch: "sallyport/x", commit: "c0ffee", evidence: "e")

    package convenience init(
        caps: SlotCaps = SlotCaps(perOwner: 3, total: 8, perHour: 10_000), memory: (any RepositoryMemory)? = nil
    ) throws {
        try self.init(settings: DaemonSettings(caps: caps), memory: memory)
    }

    package init(settings: DaemonSettings, memory: (any RepositoryMemory)? = nil) throws {
        // In memory: ten thousand commits to a disk would be a test of the disk.
        scratch = try Scratch(in: "/dev/shm")
        self.settings = settings
        let store = FragileStore(try SQLiteStore(scratch.at("store.sqlite")))
        self.store = store
        self.memory = memory
        orchestrator = Self.orchestrator(store, memory, settings, host, compute)
    }

    private static func orchestrator(
        _ store: any TaskStore, _ memory: (any RepositoryMemory)?, _ settings: DaemonSettings, _ host: TestHost,
        _ compute: ScriptedCompute
    ) -> Orchestrator {
        Orchestrator(store, memory: memory, settings: settings, host: host) { _ in compute }
    }

    /// A new process over what the last one left.
    package func restart() throws {
        host.atPoint = { _ in }
        compute.isDead = false
        let store = FragileStore(try SQLiteStore(scratch.at("store.sqlite")))
        self.store = store
        orchestrator = Self.orchestrator(store, memory, settings, host, compute)
        try orchestrator.recover()
    }

    /// From a point on, the process does nothing more: as if it were killed there.
    package func die(at point: JournalPoint) {
        host.atPoint = { [unowned self] reached in
            guard reached == point else { return }
            store.isDead = true
            compute.isDead = true
        }
    }

    @discardableResult
    package func submit(
        owner: String = "uid:1", key: String? = nil, request: TaskRequest? = nil,
        priority: Int = TaskLimits.defaultPriority, dependsOn: [String] = [], budget: String? = nil,
        blueprint: String = ""
    ) throws -> String {
        var values = try (request ?? StoreConformance.request()).values
        if priority != TaskLimits.defaultPriority { values[.priority] = "\(priority)" }
        if let budget { values[.maxBudget] = budget }
        if !dependsOn.isEmpty { values[.dependsOn] = dependsOn.joined(separator: "\n") }
        switch try orchestrator.submit(
            try TestBlueprint.accepted(owner: owner, key: key, request: try TaskRequest(values), blueprint))
        {
        case .created(let task):
            orchestrator.advance(task.id)
            return task.id
        case .replayed(let task): return task.id
        }
    }

    /// - Parameters:
    ///   - blueprint: As it is applied by now.
    ///   - asked: Whom the gate is asked about.
    @discardableResult
    package func resume(_ id: String, by: String = "uid:1", blueprint: String = "", asked: String? = nil) throws
        -> TaskRecord
    {
        try orchestrator.resume(id, by: by) { (task) throws(TaskRefusal) in
            do {
                return try TestBlueprint.accepted(owner: asked ?? task.owner, request: task.request, blueprint)
            } catch { throw TaskRefusal(.forbidden, "\(error)") }
        }
    }

    package func task(_ id: String) throws -> TaskRecord { try orchestrator.find(id) }
    package func status(_ id: String) throws -> TaskState { try task(id).status }

    /// Ends a task's session, and lets the orchestrator see it.
    package func finish(_ id: String, _ status: SessionStatus = .completed(OrchestratorScene.success)) throws {
        guard let session = try task(id).session else { return }
        compute.end(session, status)
        orchestrator.sessionChanged(id)
    }

    package func events(_ id: String) throws -> [EventRecord] { try store.events(of: id, after: 0, limit: 10_000) }
    package func types(_ id: String) throws -> [String] { try events(id).map(\.type.text) }

    /// Everything that must hold at any moment; empty when it does.
    package func flaws() throws -> [String] {
        var flaws: [String] = []
        let tasks = try store.tasks(TaskQuery(limit: 100_000))
        for task in tasks {
            let events = try events(task.id)
            if events.map(\.sequence) != Array(1...max(1, events.count)) {
                flaws.append("\(task.id): events have gaps")
            }
            var previous = EventRecord.origin
            for event in events {
                if event.previous != previous || !event.isIntact(sha256: Digest.sha256) {
                    flaws.append("\(task.id): event \(event.sequence) is not linked")
                }
                previous = event.digest
            }
            let isWaiting = try store.approvals(of: task.id).contains { $0.status == .pending }
            if isWaiting != (task.status == .awaitingApproval) {
                flaws.append("\(task.id): is \(task.status.rawValue), and \(isWaiting ? "a" : "no") question is open")
            }
            if task.status.isTerminal {
                if task.holdsSlot { flaws.append("\(task.id): holds a slot at its end") }
                let open = try store.journal(of: task.id).filter { $0.state == .began }
                if !open.isEmpty { flaws.append("\(task.id): \(open.map(\.step)) is open") }
            } else if let ended = try store.parents(of: task.id).first(where: {
                $0.status.isTerminal && $0.status != .completed
            }) {
                flaws.append("\(task.id): waits for \(ended.id), which is \(ended.status.rawValue)")
            }
        }
        // No live session without a live row.
        let unfinished = Set(tasks.filter { !$0.status.isTerminal }.compactMap(\.session))
        let ended = tasks.filter(\.status.isTerminal).map(\.id)
        for step in compute.liveSteps where ended.contains(where: { step.hasPrefix($0) }) {
            flaws.append("step \(step) is live")
        }
        for session in compute.live where !unfinished.contains(session) { flaws.append("session \(session) is live") }
        if Set(compute.started).count != compute.started.count { flaws.append("a session was started twice") }
        return flaws
    }
}
