// SPDX-License-Identifier: Apache-2.0
package import Orchestrator
package import TaskModel
import Testing

/// What a session of a test does.
package enum SessionStory: String, Sendable, CaseIterable {
    /// Runs until it is stopped.
    case runs
    /// Ends by itself with a report of success.
    case succeeds
    /// Ends by itself, and tells why it could not begin its work.
    case refuses
    /// Ends without a word.
    case vanishes
    /// Ends before its first instruction of its own.
    case neverStarts
}

/// A strategy, and the means to see its sessions do what a story says.
package protocol ComputeWorld {
    var strategy: any ComputeStrategy { get }
    /// A start of a session that will do so.
    func start(_ session: String, _ story: SessionStory) throws -> SessionStart
    /// Waits until the session of a handle has ended by itself, or as it was asked to.
    func waitForEnd(_ handle: SessionHandle) throws
    /// How often a session was really started.
    func starts(of session: String) throws -> Int
}

/// What every implementation of ``ComputeStrategy`` has to do.
package struct ComputeConformance<World: ComputeWorld> {
    private let world: World

    package init(_ world: World) { self.world = world }

    package func all() throws {
        try find()
        try ends()
        try stop()
        try absent()
    }

    private func started(_ session: String, _ story: SessionStory) throws -> SessionHandle {
        try world.strategy.startSession(try world.start(session, story))
    }

    /// Starting is finding, whatever has become of the session.
    package func find() throws {
        let first = try started("find-1", .runs)
        #expect(first.session == "find-1" && first.type == world.strategy.type)
        #expect(try world.strategy.pollSession(first) == .running)
        #expect(try started("find-1", .runs) == first)
        let over = try started("find-2", .succeeds)
        try world.waitForEnd(over)
        #expect(try started("find-2", .succeeds) == over)
        #expect(try world.starts(of: "find-2") == 1)
        try end(first)
        #expect(try world.starts(of: "find-1") == 1)
    }

    /// Every way to end is told apart, and none but a report is a success.
    package func ends() throws {
        for story in SessionStory.allCases where story != .runs {
            let handle = try started("ends-\(story.rawValue)", story)
            try world.waitForEnd(handle)
            let status = try world.strategy.pollSession(handle)
            switch (story, status) {
            case (.succeeds, .completed(let report)): #expect(report.isSuccess && report.outcome == "verified")
            case (.refuses, .failed(let failure)): #expect(failure.kind == .ended && failure.detail.contains("because"))
            case (.vanishes, .failed(let failure)): #expect(failure.kind == .lost)
            case (.neverStarts, .failed(let failure)): #expect(failure.kind == .neverStarted)
            default: Issue.record("\(story) is seen as \(status)")
            }
            // The same the next time.
            #expect(try world.strategy.pollSession(handle) == status)
            try end(handle)
        }
    }

    /// A stop ends what runs, and may be asked for as often as one likes.
    package func stop() throws {
        let handle = try started("stop-1", .runs)
        try end(handle)
        #expect(try world.strategy.pollSession(handle) != .running)
        #expect(world.strategy.stopSession(handle, force: false) == .gone)
        #expect(world.strategy.stopSession(handle, force: true) == .gone)
        let killed = try started("stop-2", .runs)
        try end(killed, force: true)
        #expect(try world.strategy.pollSession(killed) != .running)
    }

    /// One that there never was is gone, and no success.
    package func absent() throws {
        let handle = SessionHandle.local(.init(session: "absent-1"))
        #expect(world.strategy.stopSession(handle, force: true) == .gone)
        guard case .failed = try world.strategy.pollSession(handle) else {
            Issue.record("a session that there is not is seen")
            return
        }
    }

    private func end(_ handle: SessionHandle, force: Bool = false) throws {
        while true {
            switch world.strategy.stopSession(handle, force: force) {
            case .gone: return
            case .stopping: try world.waitForEnd(handle)
            case .failed(let error): throw error
            }
        }
    }
}

/// ``ScriptedCompute`` as a world: its sessions do at once what their story says.
package struct ScriptedWorld: ComputeWorld {
    private let compute = ScriptedCompute()
    package var strategy: any ComputeStrategy { compute }

    package init() {}

    package func start(_ session: String, _ story: SessionStory) throws -> SessionStart {
        compute.firstStatus =
            switch story {
            case .runs: .running
            case .succeeds: .completed(OrchestratorScene.success)
            case .refuses: .failed(SessionFailure(.ended, "because"))
            case .vanishes: .failed(SessionFailure(.lost, "gone"))
            case .neverStarts: .failed(SessionFailure(.neverStarted, "no program"))
            }
        return SessionStart(
            session: session, task: session, attempt: 1, request: try StoreConformance.request(),
            blueprint: StoredBlueprint(text: "{}", digest: ""))
    }

    package func waitForEnd(_ handle: SessionHandle) throws {}
    package func starts(of session: String) throws -> Int { compute.started.count { $0 == session } }
}
