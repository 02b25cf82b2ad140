// SPDX-License-Identifier: Apache-2.0
import Documents
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
    /// Tells of a budget, asks whether it may push, and ends with a report whose reason is the decision.
    case asks
}

/// A strategy, and the means to see its sessions do what a story says.
package protocol ComputeWorld {
    var strategy: any ComputeStrategy { get }
    /// A start of a session that will do so.
    func start(_ session: String, _ story: SessionStory) throws -> SessionStart
    /// Waits until the session of a handle has ended by itself, or as it was asked to.
    func waitForEnd(_ handle: SessionHandle) throws
    /// Waits until there is something to be seen of a session.
    func waitForNews(_ handle: SessionHandle) throws
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
        try asks()
    }

    private func started(_ session: String, _ story: SessionStory) throws -> SessionHandle {
        try world.strategy.startSession(try world.start(session, story))
    }

    /// Starting is finding, whatever has become of the session.
    package func find() throws {
        let first = try started("find-1", .runs)
        #expect(first.session == "find-1" && first.type == world.strategy.type)
        #expect(try world.strategy.pollSession(first, after: 0).status == .running)
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
        for story in SessionStory.allCases where ![.runs, .asks].contains(story) {
            let handle = try started("ends-\(story.rawValue)", story)
            try world.waitForEnd(handle)
            let status = try world.strategy.pollSession(handle, after: 0).status
            switch (story, status) {
            case (.succeeds, .completed(let report)): #expect(report.isSuccess && report.outcome == "verified")
            case (.refuses, .failed(let failure)): #expect(failure.kind == .ended && failure.detail.contains("because"))
            case (.vanishes, .failed(let failure)): #expect(failure.kind == .lost)
            case (.neverStarts, .failed(let failure)): #expect(failure.kind == .neverStarted)
            default: Issue.record("\(story) is seen as \(status)")
            }
            // The same the next time.
            #expect(try world.strategy.pollSession(handle, after: 0).status == status)
            try end(handle)
        }
    }

    /// A stop ends what runs, and may be asked for as often as one likes.
    package func stop() throws {
        let handle = try started("stop-1", .runs)
        try end(handle)
        #expect(try world.strategy.pollSession(handle, after: 0).status != .running)
        #expect(world.strategy.stopSession(handle, force: false) == .gone)
        #expect(world.strategy.stopSession(handle, force: true) == .gone)
        let killed = try started("stop-2", .runs)
        try end(killed, force: true)
        #expect(try world.strategy.pollSession(killed, after: 0).status != .running)
    }

    /// One that there never was is gone, and no success.
    package func absent() throws {
        let handle = SessionHandle.local(.init(session: "absent-1"))
        #expect(world.strategy.stopSession(handle, force: true) == .gone)
        guard case .failed = try world.strategy.pollSession(handle, after: 0).status else {
            Issue.record("a session that there is not is seen")
            return
        }
    }

    /// What a session tells is numbered, kept, and told again to whoever asks; it goes on with the first answer it gets.
    package func asks() throws {
        let handle = try started("asks-1", .asks)
        while true {
            // Before it is looked at, so that what comes afterwards is told of.
            _ = try world.strategy.changeDescriptor(handle)
            if !(try world.strategy.pollSession(handle, after: 1).news.isEmpty) { break }
            try world.waitForNews(handle)
        }
        let news = try world.strategy.pollSession(handle, after: 0).news
        try #require(news.map(\.sequence) == [1, 2])
        #expect(news[0].matter == .fact(.budgetWarning, .observed, ["percent": 80]))
        let request = ApprovalRequest(.push, "refs/heads/x", [.init("commit", "c0ffee")])
        #expect(news[1].matter == .question(SessionQuestion("q1", request, severity: .medium)))
        #expect(try world.strategy.pollSession(handle, after: 1).news == Array(news.dropFirst()))
        #expect(try world.strategy.pollSession(handle, after: 2) == SessionView(.running))
        // To a question that was not asked there is nothing to say.
        let denied = ApprovalAnswer(.denied, by: "uid:7", reason: "not now")
        try world.strategy.answerSession(handle, "q1", denied)
        try world.strategy.answerSession(handle, "q1", ApprovalAnswer(.approved, by: "uid:8"))
        try world.waitForEnd(handle)
        guard case .completed(let report) = try world.strategy.pollSession(handle, after: 2).status else {
            Issue.record("it did not go on")
            return
        }
        #expect(report.reason == "denied")
        #expect(try world.strategy.pollSession(handle, after: 0).news == news)
        try end(handle)
        // Whoever answers too late is not told so: it is for the store to know what was decided.
        try world.strategy.answerSession(handle, "q1", denied)
        try world.strategy.answerSession(.local(.init(session: "absent-2")), "q1", denied)
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
package final class ScriptedWorld: ComputeWorld {
    private let compute = ScriptedCompute()
    private var asking: Set<String> = []
    package var strategy: any ComputeStrategy { compute }

    package init() {}

    package func start(_ session: String, _ story: SessionStory) throws -> SessionStart {
        compute.firstStatus =
            switch story {
            case .runs, .asks: .running
            case .succeeds: .completed(OrchestratorScene.success)
            case .refuses: .failed(SessionFailure(.ended, "because"))
            case .vanishes: .failed(SessionFailure(.lost, "gone"))
            case .neverStarts: .failed(SessionFailure(.neverStarted, "no program"))
            }
        if story == .asks { asking.insert(session) }
        return SessionStart(
            session: session, task: session, attempt: 1, request: try StoreConformance.request(),
            blueprint: StoredBlueprint(text: "{}", digest: ""))
    }

    package func waitForEnd(_ handle: SessionHandle) throws {
        guard asking.contains(handle.session), let answer = compute.sessions[handle.session]?.answers["q1"] else {
            return
        }
        let reason = answer.decision.rawValue
        compute.end(
            handle.session, .completed(SessionReport(outcome: "not_approved", isSuccess: false, reason: reason)))
    }
    package func waitForNews(_ handle: SessionHandle) throws {
        compute.tell(handle.session, .budgetWarning, ["percent": 80])
        compute.ask(handle.session, ApprovalRequest(.push, "refs/heads/x", [.init("commit", "c0ffee")]))
    }
    package func starts(of session: String) throws -> Int { compute.started.count { $0 == session } }
}
