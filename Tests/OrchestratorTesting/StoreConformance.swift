// SPDX-License-Identifier: Apache-2.0
import Documents
import LinuxSystem
package import Store
package import TaskModel
import Testing

/// What every implementation of ``TaskStore`` has to do, as functions over a fresh one.
package struct StoreConformance {
    package let make: () throws -> any TaskStore

    package init(_ make: @escaping () throws -> any TaskStore) { self.make = make }

    package static func request(_ text: String = "Fix it") throws -> TaskRequest {
        try TaskRequest([.repository: "team/library", .task: text])
    }

    package static func task(_ number: Int, owner: String = "uid:1", key: String? = nil) throws -> TaskRecord {
        TaskRecord(
            id: TaskIdentifier(milliseconds: UInt64(number), random: Array(repeating: 0, count: 10)).description,
            owner: owner, request: try request(), idempotencyKey: key,
            blueprint: StoredBlueprint(text: "{\"version\":1}", digest: "d\(number)"), createdMilliseconds: number)
    }

    static func at(_ milliseconds: Int) -> Moment {
        Moment(wallMilliseconds: milliseconds, monotonicMilliseconds: milliseconds / 2)
    }

    static let caps = SlotCaps(perOwner: 2, total: 3)

    package func all() throws {
        try roundTrip()
        try idempotency()
        try conflicts()
        try legality()
        try slots()
        try atomicity()
        try chain()
        try timers()
        try approvals()
        try lists()
        try order()
        try dependencies()
        try rates()
        try consequences()
        try durations()
        try retention()
        try family()
        try chores()
    }

    static func approval(_ task: TaskRecord, _ act: ApprovalRequest.Act) -> ApprovalRecord {
        ApprovalRecord(
            task: task.id, name: "q1", attempt: 2, question: act == .plan ? nil : "q7",
            request: ApprovalRequest(act, "what", [.init("n", 3), .init("none", .null)]), severity: .high,
            createdMilliseconds: 1, expiresMilliseconds: 2)
    }

    func created(_ store: any TaskStore, _ task: TaskRecord) throws -> TaskRecord {
        guard case .created(let stored) = try store.create(task, [NewEvent(.taskCreated)], timers: [:], at: Self.at(1))
        else { throw StoreError(.refused, "create", "a task", "it was not", remedy: "") }
        return stored
    }

    func admitted(_ store: any TaskStore, _ number: Int, owner: String = "uid:1") throws -> TaskRecord {
        var task = try created(store, try Self.task(number, owner: owner))
        task.status = .hydrating
        return try store.apply(TaskChange(task, .hydrationStarted, takesSlot: Self.caps), at: Self.at(number))
    }

    package func roundTrip() throws {
        let store = try make()
        var task = try created(store, try Self.task(1, key: "k-1"))
        #expect(try store.task(task.id) == task)
        #expect(try store.task("t-none") == nil)
        task.status = .hydrating
        task.session = task.id + "-1"
        task.handle = .local(.init(session: task.id + "-1"))
        task.report = SessionReport(
            outcome: "verified", isSuccess: true, reason: "done", branch: "b", commit: "c", pullRequest: 4,
            evidence: "e")
        task.failure = TaskFailureRecord(.network, .transient, code: .rateLimit, "ümläut \u{1F512} \"quoted\"")
        task.cancelledBy = "uid:0"
        task.deadlineMilliseconds = 99
        task.news = 7
        task.approvals = ApprovalPolicy(
            gates: [.push, .newHost], timeoutSeconds: 90, planTimeoutSeconds: 70, cap: 3, approvers: ["group:ops"],
            allowsSelfApproval: false, preApprovals: [try PreApproval("host:*.example.org")])
        let journal = JournalRecord(
            task: task.id, attempt: 1, step: "start-session", number: 1, input: ["session": "s"], startedMilliseconds: 5
        )
        let stored = try store.apply(
            TaskChange(task, .hydrationStarted, takesSlot: Self.caps, journal: [journal]), at: Self.at(7))
        #expect(
            stored.revision == 1 && stored.holdsSlot && stored.statusMilliseconds == 7
                && stored.updatedMilliseconds == 7)
        #expect(try store.task(task.id) == stored)
        #expect(try store.journal(of: task.id) == [journal])
        var ended = journal
        ended.state = .completed
        ended.output = ["n": 3]
        ended.endedMilliseconds = 8
        let again = try store.apply(TaskChange(stored, journal: [ended]), at: Self.at(9))
        #expect(again.statusMilliseconds == 7 && again.updatedMilliseconds == 9)
        #expect(try store.journal(of: task.id) == [ended])
    }

    package func idempotency() throws {
        let store = try make()
        let first = try created(store, try Self.task(1, key: "same"))
        #expect(
            try store.create(try Self.task(2, key: "same"), [], timers: [:], at: Self.at(2)) == .replayed(first))
        #expect(
            try store.create(try Self.task(3, owner: "uid:2", key: "same"), [], timers: [:], at: Self.at(2)) == .taken)
        #expect(try store.tasks(TaskQuery()).count == 1)
        // Whatever became of it since.
        var task = first
        task.status = .cancelled
        let over = try store.apply(TaskChange(task, .cancelled), at: Self.at(3))
        #expect(
            try store.create(try Self.task(2, key: "same"), [], timers: [:], at: Self.at(2)) == .replayed(over))
    }

    package func conflicts() throws {
        let store = try make()
        let task = try created(store, try Self.task(1))
        _ = try store.apply(TaskChange(task, events: [NewEvent(.cancelRequested)]), at: Self.at(2))
        // From what it was before: somebody else was faster.
        try expect(.conflict) {
            _ = try store.apply(TaskChange(task, events: [NewEvent(.cancelRequested)]), at: Self.at(3))
        }
        #expect(try store.events(of: task.id, after: 0, limit: 10).count == 2)
        try expect(.missing) { _ = try store.apply(TaskChange(try Self.task(9)), at: Self.at(3)) }
    }

    package func legality() throws {
        let store = try make()
        let task = try created(store, try Self.task(1))
        for state in TaskState.allCases {
            for event in TransitionEvent.allCases where TransitionTable.target(of: event, from: .submitted) != state {
                var changed = task
                changed.status = state
                changed.holdsSlot = state.mustHoldSlot
                try expect(.refused) { _ = try store.apply(TaskChange(changed, event), at: Self.at(2)) }
            }
            if state == .submitted { continue }
            var changed = task
            changed.status = state
            try expect(.refused) { _ = try store.apply(TaskChange(changed), at: Self.at(2)) }
        }
        #expect(try store.task(task.id) == task)
        var over = try Self.task(2)
        over.status = .completed
        try expect(.refused) { _ = try store.create(over, [], timers: [:], at: Self.at(2)) }
    }

    package func slots() throws {
        let store = try make()
        let first = try admitted(store, 1)
        _ = try admitted(store, 2)
        #expect(try store.slotsTaken(owner: "uid:1") == 2)
        #expect(try store.slotsTaken(owner: nil) == 2)
        var third = try created(store, try Self.task(3))
        third.status = .hydrating
        let change = TaskChange(third, .hydrationStarted, takesSlot: Self.caps)
        try expect(.noSlot) { _ = try store.apply(change, at: Self.at(3)) }
        _ = try admitted(store, 4, owner: "uid:2")
        // The cap of all owners, too.
        var fifth = try created(store, try Self.task(5, owner: "uid:3"))
        fifth.status = .hydrating
        try expect(.noSlot) {
            _ = try store.apply(TaskChange(fifth, .hydrationStarted, takesSlot: Self.caps), at: Self.at(3))
        }
        // An active task without a slot is none.
        try expect(.refused) { _ = try store.apply(TaskChange(third, .hydrationStarted), at: Self.at(3)) }
        var failed = first
        failed.status = .failed
        let over = try store.apply(TaskChange(failed, .startFailed), at: Self.at(4))
        #expect(!over.holdsSlot)
        #expect(try store.slotsTaken(owner: "uid:1") == 1)
        _ = try store.apply(change, at: Self.at(5))
        #expect(try store.slotsTaken(owner: nil) == 3)
    }

    package func atomicity() throws {
        let store = try make()
        let task = try created(store, try Self.task(1))
        let approval = Self.approval(task, .push)
        // The last part of it cannot be stored: a step's number counts from 1.
        let flawed = JournalRecord(task: task.id, attempt: 1, step: "x", number: 0, startedMilliseconds: 1)
        var changed = task
        changed.status = .hydrating
        try expect(.refused) {
            _ = try store.apply(
                TaskChange(
                    changed, .hydrationStarted, takesSlot: Self.caps, events: [NewEvent(.sessionStarted)],
                    journal: [flawed], approvals: [approval], timers: [.deadline: 5]), at: Self.at(2))
        }
        #expect(try store.task(task.id) == task)
        #expect(try store.events(of: task.id, after: 0, limit: 10).count == 1)
        #expect(try store.approvals(of: task.id).isEmpty)
        #expect(try store.journal(of: task.id).isEmpty)
        #expect(try store.timers(of: task.id).isEmpty)
        #expect(try store.slotsTaken(owner: nil) == 0)
    }

    package func chain() throws {
        let store = try make()
        var task = try created(store, try Self.task(1))
        for number in 0..<20 {
            task = try store.apply(
                TaskChange(
                    task,
                    events: [
                        NewEvent(.fact(.sessionEnded), source: .claimed, ["n": .int(number), "text": "\u{7f}é\n"]),
                        NewEvent(.step("finalize", .started)),
                    ]), at: Self.at(number))
        }
        let events = try store.events(of: task.id, after: 0, limit: 1000)
        #expect(events.map(\.sequence) == Array(1...41))
        var previous = EventRecord.origin
        for event in events {
            #expect(event.previous == previous && event.isIntact(sha256: Digest.sha256))
            previous = event.digest
        }
        #expect(events[1].source == .claimed && events[1].payload["text"]?.stringValue == "\u{7f}é\n")
        #expect(try store.events(of: task.id, after: 39, limit: 1).map(\.sequence) == [40])
        // Another task's chain is its own.
        let other = try created(store, try Self.task(2))
        #expect(try store.events(of: other.id, after: 0, limit: 9).map(\.previous) == [EventRecord.origin])
    }

    package func timers() throws {
        let store = try make()
        var task = try created(store, try Self.task(1))
        #expect(try store.nextDue() == nil)
        task = try store.apply(
            TaskChange(task, timers: [.deadline: 50, .queueAge: 20, .approval: 45]), at: Self.at(1))
        task = try store.apply(TaskChange(task, timers: [.approval: Int?.none]), at: Self.at(1))
        #expect(try store.nextDue() == 20)
        #expect(try store.dueTimers(at: 49).map(\.kind) == [.queueAge])
        task = try store.apply(TaskChange(task, timers: [.queueAge: Int?.none, .deadline: 40]), at: Self.at(1))
        #expect(try store.dueTimers(at: 49) == [TaskTimer(task: task.id, kind: .deadline, dueMilliseconds: 40)])
        task.status = .cancelled
        _ = try store.apply(TaskChange(task, .cancelled), at: Self.at(2))
        // Nothing waits for a task that is over.
        #expect(try store.nextDue() == nil)
    }

    package func approvals() throws {
        let store = try make()
        let task = try created(store, try Self.task(1))
        var approval = Self.approval(task, .plan)
        var stored = try store.apply(TaskChange(task, approvals: [approval]), at: Self.at(2))
        #expect(try store.approvals(of: task.id) == [approval])
        approval = approval.decided(ApprovalAnswer(.denied, by: "uid:3", reason: "no"), at: 3)
        stored = try store.apply(TaskChange(stored, approvals: [approval]), at: Self.at(3))
        #expect(try store.approvals(of: task.id) == [approval])
        var late = approval
        late.status = .approved
        try expect(.refused) { _ = try store.apply(TaskChange(stored, approvals: [late]), at: Self.at(4)) }
        #expect(try store.approvals(of: task.id) == [approval])
    }

    package func lists() throws {
        let store = try make()
        var ids: [String] = []
        for number in 1...5 {
            ids.append(try created(store, try Self.task(number, owner: "uid:\(number % 2)")).id)
        }
        #expect(try store.tasks(TaskQuery()).map(\.id) == ids.reversed())
        #expect(try store.tasks(TaskQuery(owner: "uid:0")).map(\.id) == [ids[3], ids[1]])
        #expect(try store.tasks(TaskQuery(before: ids[2], limit: 1)).map(\.id) == [ids[1]])
        var task = try #require(try store.task(ids[0]))
        task.status = .queued
        _ = try store.apply(TaskChange(task, .capReached), at: Self.at(1))
        task = try #require(try store.task(ids[1]))
        task.report = SessionReport(outcome: "verified", isSuccess: true, reason: "done", branch: "sallyport/x")
        task.status = .cancelled
        _ = try store.apply(TaskChange(task, .cancelled), at: Self.at(1))
        #expect(try store.queue(after: nil, limit: 9).map(\.id) == [ids[0]])
        #expect(try store.tasks(TaskQuery(statuses: [.queued, .cancelled])).map(\.id) == [ids[1], ids[0]])
        #expect(try store.tasks(TaskQuery(repository: "/srv/other")).isEmpty)
        #expect(try store.tasks(TaskQuery(branch: "sallyport/x")).map(\.id) == [ids[1]])
        #expect(try store.tasks(TaskQuery(branch: "sallyport/y")).isEmpty)
        #expect(try store.unfinished().map(\.id) == [ids[0], ids[2], ids[3], ids[4]])
    }

    func expect(_ code: StoreError.Code, _ body: () throws -> Void) throws {
        let error = #expect(throws: StoreError.self) { try body() }
        #expect(error?.code == code, "\(error.map(\.description) ?? "nothing")")
    }
}
