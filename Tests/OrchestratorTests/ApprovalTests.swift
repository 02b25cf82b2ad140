// SPDX-License-Identifier: Apache-2.0
import Documents
import Orchestrator
import OrchestratorTesting
import Store
import TaskModel
import Testing

/// Questions of sessions that wait for a person.
@Suite("approvals")
struct ApprovalTests {
    static let push = ApprovalRequest(
        .push, "refs/heads/x of /srv/r", [.init("reference", "refs/heads/x"), .init("commit", "c0ffee")])
    static let asksAtPush = "approvals: {gates: [push]}"
    static let owner = Decider("uid:1")

    /// A task whose session waits for an answer to `q1`.
    private func waiting(
        _ scene: OrchestratorScene, _ blueprint: String = asksAtPush, timeoutSeconds: Int? = nil
    ) throws -> String {
        let id = try scene.submit(blueprint: blueprint)
        try ask(scene, id, timeoutSeconds: timeoutSeconds)
        return id
    }

    private func ask(
        _ scene: OrchestratorScene, _ id: String, _ request: ApprovalRequest = push, timeoutSeconds: Int? = nil
    ) throws {
        scene.compute.ask(try session(scene, id), request, timeoutSeconds: timeoutSeconds)
        scene.orchestrator.sessionChanged(id)
    }

    private func session(_ scene: OrchestratorScene, _ id: String) throws -> String {
        try #require(try scene.task(id).session)
    }

    private func answer(_ scene: OrchestratorScene, _ id: String, _ question: String = "q1") throws -> ApprovalAnswer? {
        scene.compute.sessions["\(id)-1"]?.answers[question]
    }

    private func row(_ scene: OrchestratorScene, _ id: String) throws -> ApprovalRecord {
        try #require(try scene.store.approvals(of: id).last)
    }

    private func expect(_ code: ErrorCode, _ body: () throws -> Void) {
        let error = #expect(throws: TaskRefusal.self) { try body() }
        #expect(error?.code == code, "\(error.map(\.message) ?? "nothing")")
    }

    @Test("a task waits for a decision, and its session is told of it once it is stored")
    func decided() throws {
        for (verdict, decision) in [(Orchestrator.Verdict.approve, "approved"), (.deny, "denied")] {
            let scene = try OrchestratorScene()
            let id = try waiting(scene)
            #expect(try scene.status(id) == .awaitingApproval)
            #expect(try answer(scene, id) == nil && row(scene, id).status == .pending)
            #expect(try scene.store.slotsTaken(owner: nil) == 1)
            let decided = try scene.orchestrator.decide(id, "q1", verdict, by: Self.owner, reason: "looked\u{1B}[2J at")
            #expect(decided.status.rawValue.lowercased() == decision && decided.reason == "looked\\u{1b}[2J at")
            #expect(try scene.status(id) == .running && answer(scene, id) == nil)
            scene.orchestrator.advance(id)
            let told = try #require(try answer(scene, id))
            #expect(told.decision.rawValue == decision && told.by == "uid:1")
            // The first one stands.
            expect(.requestAlreadyDecided) {
                _ = try scene.orchestrator.decide(id, "q1", .approve, by: Self.owner, reason: nil)
            }
            let events = try scene.events(id).filter { $0.type == .fact(.approvalDecisionRecorded) }
            #expect(events.map { $0.payload["decision"]?.stringValue } == [decision])
            #expect(events.first?.payload["decided_by"]?.stringValue == "uid:1")
            try scene.finish(id)
            #expect(try scene.flaws() == [])
        }
    }

    @Test("a denied task is FAILED with the decider's reason, and one that nobody answered says so instead")
    func failures() throws {
        let report = SessionReport(outcome: "not_approved", isSuccess: false, reason: "gate_failed")
        let scene = try OrchestratorScene()
        let denied = try waiting(scene)
        _ = try scene.orchestrator.decide(denied, "q1", .deny, by: Self.owner, reason: "not on a Friday")
        scene.orchestrator.advance(denied)
        try scene.finish(denied, .completed(report))
        #expect(try scene.status(denied) == .failed)
        let message = try #require(try scene.task(denied).failure?.message)
        #expect(message.contains("denied by uid:1: not on a Friday") && !message.contains("nobody"))
        let silent = try waiting(scene)
        scene.host.milliseconds = try row(scene, silent).expiresMilliseconds
        scene.orchestrator.tick()
        #expect(try answer(scene, silent)?.decision == .noAnswer && row(scene, silent).status == .timedOut)
        expect(.requestAlreadyDecided) {
            _ = try scene.orchestrator.decide(silent, "q1", .approve, by: Self.owner, reason: nil)
        }
        try scene.finish(silent, .completed(report))
        let other = try #require(try scene.task(silent).failure?.message)
        #expect(other.contains("nobody answered q1") && !other.contains("denied"))
        #expect(try scene.task(silent).failure?.category == .blocked)
        // A failure of another kind is not laid at anybody's door.
        let red = try waiting(scene)
        _ = try scene.orchestrator.decide(red, "q1", .approve, by: Self.owner, reason: nil)
        try scene.finish(
            red, .completed(SessionReport(outcome: "test_failed", isSuccess: false, reason: "gate_failed")))
        #expect(try scene.task(red).failure?.message.contains("test_failed") == true)
        #expect(try scene.flaws() == [])
    }

    @Test("the time to answer is the shortest of its bounds, at least half a minute, and a row that a restart keeps")
    func timeouts() throws {
        for (own, policy, expected) in [(nil, 300, 300), (60, 300, 60), (900, 300, 300), (5, 300, 30)]
            as [(Int?, Int, Int)]
        {
            let scene = try OrchestratorScene()
            let id = try waiting(scene, "approvals: {gates: [push], timeout: \(policy)s}", timeoutSeconds: own)
            let due = scene.host.milliseconds + expected * 1000
            #expect(try row(scene, id).expiresMilliseconds == due)
            #expect(try scene.store.timers(of: id).contains(TaskTimer(task: id, kind: .approval, dueMilliseconds: due)))
            scene.host.milliseconds = due - 1
            try scene.restart()
            #expect(try scene.status(id) == .awaitingApproval)
            scene.host.milliseconds = due
            scene.orchestrator.tick()
            #expect(try scene.status(id) == .running)
            #expect(try scene.store.timers(of: id).map(\.kind) == [.deadline])
        }
        // What is left of the session bounds it, too, and may be too little to ask at all.
        for (left, seconds) in [(200, 80), (150, 30), (149, nil)] as [(Int, Int?)] {
            let scene = try OrchestratorScene()
            let id = try scene.submit(blueprint: Self.asksAtPush)
            scene.host.milliseconds = try #require(try scene.task(id).deadlineMilliseconds) - left * 1000
            try ask(scene, id)
            let row = try row(scene, id)
            if let seconds {
                #expect(row.expiresMilliseconds == scene.host.milliseconds + seconds * 1000 && row.status == .pending)
            } else {
                #expect(row.status == .denied && row.decidedBy == "policy")
                #expect(try answer(scene, id)?.reason == "the session has 149 seconds left, too few to ask")
            }
        }
    }

    @Test("nobody decides but those whom the policy names, and no submitter unless it says so")
    func deciders() throws {
        let scene = try OrchestratorScene()
        let others = "approvals: {gates: [push], approvers: [\"group:ops\", \"uid:5\"]}"
        let id = try waiting(scene, others)
        func decide(_ decider: Decider, _ id: String = id, _ name: String = "q1") throws {
            _ = try scene.orchestrator.decide(id, name, .approve, by: decider, reason: nil)
        }
        expect(.forbidden) { try decide(Self.owner) }
        // Not by being in the group either.
        expect(.forbidden) { try decide(Decider("uid:1", principals: ["group:ops"])) }
        for stranger in [Decider("uid:0"), Decider("uid:2", principals: ["group:dev"]), Decider("group:ops2")] {
            expect(.requestNotFound) { try decide(stranger) }
        }
        expect(.requestNotFound) { try decide(Decider("uid:5"), id, "q2") }
        expect(.requestNotFound) { try decide(Decider("uid:5"), "t-none") }
        #expect(try row(scene, id).status == .pending)
        try decide(Decider("uid:7", principals: ["group:ops"]))
        #expect(try row(scene, id).decidedBy == "uid:7")
        // Without approvers it is whoever submitted, and nobody else.
        let own = try waiting(scene)
        expect(.requestNotFound) { try decide(Decider("uid:5"), own) }
        try decide(Self.owner, own)
    }

    @Test("a denial needs a reason, and none is longer than anybody reads")
    func reasons() throws {
        let scene = try OrchestratorScene()
        let id = try waiting(scene)
        for reason in [nil, "", String(repeating: "x", count: 2001)] {
            expect(.validation) { _ = try scene.orchestrator.decide(id, "q1", .deny, by: Self.owner, reason: reason) }
        }
        #expect(try row(scene, id).status == .pending)
    }

    @Test("nobody is asked what the order, the policy or the submitter decides; each is told of")
    func rulings() throws {
        let scene = try OrchestratorScene()
        let request = try TaskRequest([
            .repository: "team/library", .task: "Fix it", .preApprovals: "ref:refs/heads/docs/*",
        ])
        let id = try scene.submit(request: request, blueprint: "approvals: {gates: [push], cap: 1}")
        try ask(scene, id, ApprovalRequest(.release, "refs/heads/x", []))
        let docs = ApprovalRequest(.push, "refs/heads/docs/a of r", [.init("reference", "refs/heads/docs/a")])
        try ask(scene, id, docs)
        try ask(scene, id)
        #expect(try scene.status(id) == .awaitingApproval)
        _ = try scene.orchestrator.decide(id, "q3", .approve, by: Self.owner, reason: nil)
        scene.orchestrator.advance(id)
        try ask(scene, id)
        #expect(try scene.status(id) == .running)
        let rows = try scene.store.approvals(of: id)
        #expect(rows.map(\.decidedBy) == ["order", "pre_approval", "uid:1", "policy"])
        #expect(rows.map(\.status) == [.approved, .approved, .approved, .denied])
        #expect(rows.last?.reason == "the task has asked 1 questions, its cap")
        #expect(try ["q1", "q2", "q3", "q4"].allSatisfy { try answer(scene, id, $0) != nil })
        #expect(try scene.types(id).count { $0 == "approval_decision_recorded" } == 4)
        #expect(try scene.types(id).count { $0 == "approval_requested" } == 1)
    }

    @Test("a submitter answers beforehand what they may decide, and nothing that covers about everything")
    func beforehand() throws {
        func submit(_ scope: String, _ blueprint: String) throws {
            let request = try TaskRequest([.repository: "team/library", .task: "Fix it", .preApprovals: scope])
            _ = try OrchestratorScene().submit(request: request, blueprint: blueprint)
        }
        try submit("act:push", Self.asksAtPush)
        expect(.validation) { try submit("act:*", Self.asksAtPush) }
        expect(.forbidden) { try submit("act:push", "approvals: {gates: [push], approvers: [\"uid:5\"]}") }
    }

    @Test("a task asks twenty questions within a minute, and then none until it is over")
    func rate() throws {
        let scene = try OrchestratorScene()
        let id = try scene.submit(blueprint: Self.asksAtPush)
        for number in 1...21 {
            try ask(scene, id)
            scene.host.milliseconds += 2000
            if number > 20 { break }
            _ = try scene.orchestrator.decide(id, "q\(number)", .approve, by: Self.owner, reason: nil)
            scene.orchestrator.advance(id)
        }
        #expect(try row(scene, id).decidedBy == "policy" && scene.status(id) == .running)
        scene.host.milliseconds += 60_000
        try ask(scene, id)
        #expect(try scene.status(id) == .awaitingApproval)
    }

    @Test("two questions of one session are decided each for itself; the task goes on after the last")
    func several() throws {
        let scene = try OrchestratorScene()
        let id = try waiting(scene)
        try ask(scene, id, timeoutSeconds: 40)
        #expect(try scene.store.approvals(of: id).map(\.status) == [.pending, .pending])
        scene.host.milliseconds += 40_000
        scene.orchestrator.tick()
        #expect(try scene.status(id) == .awaitingApproval)
        #expect(try answer(scene, id, "q2")?.decision == .noAnswer && answer(scene, id) == nil)
        _ = try scene.orchestrator.decide(id, "q1", .approve, by: Self.owner, reason: nil)
        scene.orchestrator.advance(id)
        #expect(try scene.status(id) == .running && answer(scene, id)?.decision == .approved)
        try scene.finish(id)
        #expect(try scene.flaws() == [])
    }

    @Test("whatever ends a task that waits, its question is left without an asker and cannot be answered")
    func stranded() throws {
        let ends: [(TaskState, (OrchestratorScene, String) throws -> Void)] = [
            (.cancelled, { scene, id in _ = try scene.orchestrator.cancel(id, by: "uid:1") }),
            (.completed, { scene, id in try scene.finish(id) }),
            (.failed, { scene, id in try scene.finish(id, .failed(SessionFailure(.lost, "killed"))) }),
        ]
        for (end, act) in ends {
            let scene = try OrchestratorScene()
            let id = try waiting(scene, "approvals: {gates: [push], timeout: 1h}")
            try act(scene, id)
            #expect(try scene.status(id) == end && row(scene, id).status == .stranded)
            expect(.taskNotAwaitingApproval) {
                _ = try scene.orchestrator.decide(id, "q1", .approve, by: Self.owner, reason: nil)
            }
            #expect(scene.compute.sessions["\(id)-1"]?.answers.isEmpty == true)
            let told = try scene.events(id).last { $0.type == .fact(.approvalDecisionRecorded) }
            #expect(told?.payload["decision"]?.stringValue == "stranded")
            #expect(try scene.flaws() == [])
        }
    }

    static let host = ApprovalRequest(.newHost, "a.example.org:443", [.init("host", "a.example.org")])
    static let asksAtBoth = "approvals: {gates: [new_host, push]}"

    @Test("a question that is withdrawn ends without an answer, and the task goes on")
    func withdrawn() throws {
        let scene = try OrchestratorScene()
        let id = try scene.submit(blueprint: Self.asksAtBoth)
        try ask(scene, id, Self.host)
        #expect(try scene.status(id) == .awaitingApproval)
        let session = try session(scene, id)
        scene.compute.withdraw(session, "q1")
        scene.orchestrator.sessionChanged(id)
        #expect(try scene.status(id) == .running && row(scene, id).status == .stranded)
        #expect(try scene.store.timers(of: id).map(\.kind) == [.deadline])
        expect(.taskNotAwaitingApproval) {
            _ = try scene.orchestrator.decide(id, "q1", .approve, by: Self.owner, reason: nil)
        }
        // Again, for one that is decided and for one that never was: nothing changes.
        try ask(scene, id)
        _ = try scene.orchestrator.decide(id, "q2", .approve, by: Self.owner, reason: nil)
        for question in ["q1", "q2", "q9"] { scene.compute.withdraw(session, question) }
        scene.orchestrator.sessionChanged(id)
        try scene.restart()
        #expect(try scene.store.approvals(of: id).map(\.status) == [.stranded, .approved])
        #expect(try answer(scene, id) == nil && answer(scene, id, "q2")?.decision == .approved)
        try scene.finish(id)
        #expect(try scene.types(id).count { $0 == "approval_decision_recorded" } == 2)
        #expect(try scene.flaws() == [])
    }

    @Test("a question that came together with its withdrawal is asked, and is over")
    func both() throws {
        let scene = try OrchestratorScene()
        let id = try scene.submit(blueprint: Self.asksAtBoth)
        let session = try session(scene, id)
        scene.compute.ask(session, Self.host)
        scene.compute.withdraw(session, "q1")
        scene.orchestrator.sessionChanged(id)
        #expect(try scene.status(id) == .running && row(scene, id).status == .stranded)
        try scene.finish(id)
        #expect(try scene.flaws() == [])
    }

    @Test("a host that was denied is not what a task failed by")
    func deniedHost() throws {
        let scene = try OrchestratorScene()
        let id = try scene.submit(blueprint: Self.asksAtBoth)
        try ask(scene, id, Self.host)
        _ = try scene.orchestrator.decide(id, "q1", .deny, by: Self.owner, reason: "not that one")
        scene.orchestrator.advance(id)
        try ask(scene, id)
        _ = try scene.orchestrator.decide(id, "q2", .deny, by: Self.owner, reason: "not on a Friday")
        scene.orchestrator.advance(id)
        try ask(scene, id, Self.host)
        _ = try scene.orchestrator.decide(id, "q3", .deny, by: Self.owner, reason: "nor now")
        let report = SessionReport(outcome: "not_approved", isSuccess: false, reason: "gate_failed")
        try scene.finish(id, .completed(report))
        #expect(try scene.task(id).failure?.message.contains("not on a Friday") == true)
        #expect(try scene.flaws() == [])
    }

    @Test("a question that outlives its session's deadline ends with it")
    func deadline() throws {
        let scene = try OrchestratorScene()
        let id = try waiting(scene)
        scene.host.milliseconds = try #require(try scene.task(id).deadlineMilliseconds)
        scene.orchestrator.tick()
        #expect(try scene.status(id) == .timedOut && row(scene, id).status == .timedOut)
        #expect(try scene.flaws() == [])
    }

    @Test("while a task that waits is being ended, it is nobody's to let go on")
    func ending() throws {
        let scene = try OrchestratorScene()
        let id = try waiting(scene)
        scene.compute.stopAnswers = [.stopping]
        _ = try scene.orchestrator.cancel(id, by: "uid:1")
        #expect(try scene.status(id) == .awaitingApproval)
        expect(.taskNotAwaitingApproval) {
            _ = try scene.orchestrator.decide(id, "q1", .approve, by: Self.owner, reason: nil)
        }
    }

    @Test("a question that came with its session's end is asked of nobody")
    func late() throws {
        let scene = try OrchestratorScene()
        let id = try scene.submit(blueprint: Self.asksAtPush)
        scene.compute.ask("\(id)-1", Self.push)
        try scene.finish(id, .failed(SessionFailure(.lost, "killed")))
        #expect(try row(scene, id).status == .stranded && scene.status(id) == .failed)
        #expect(try !scene.types(id).contains("approval_requested"))
        #expect(try scene.flaws() == [])
    }

    @Test("an answer that cannot be given is given later, and the task is not lost over it")
    func retold() throws {
        let scene = try OrchestratorScene()
        let id = try waiting(scene)
        scene.compute.answerErrors = [ComputeError(.transient, "no space")]
        _ = try scene.orchestrator.decide(id, "q1", .approve, by: Self.owner, reason: nil)
        scene.orchestrator.advance(id)
        #expect(try answer(scene, id) == nil)
        scene.host.milliseconds = try #require(scene.orchestrator.nextDue)
        scene.orchestrator.tick()
        #expect(try answer(scene, id)?.decision == .approved)
    }

    @Test("a process that dies between a decision and its answer leaves one that the next process gives")
    func killed() throws {
        for point in [JournalPoint(.answerSession, .began), JournalPoint(.answerSession, .acted)] {
            let scene = try OrchestratorScene()
            let id = try waiting(scene)
            scene.die(at: point)
            _ = try scene.orchestrator.decide(id, "q1", .deny, by: Self.owner, reason: "no")
            scene.orchestrator.advance(id)
            #expect(scene.compute.isDead)
            #expect(try answer(scene, id) == nil || point.phase == .acted)
            try scene.restart()
            #expect(try answer(scene, id) == ApprovalAnswer(.denied, by: "uid:1", reason: "no"))
            #expect(try scene.types(id).count { $0 == "approval_decision_recorded" } == 1)
        }
    }
}
