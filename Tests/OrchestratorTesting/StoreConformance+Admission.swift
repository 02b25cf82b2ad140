// SPDX-License-Identifier: Apache-2.0
import Documents
package import Store
import TaskModel
import Testing

/// What a store has to do for admission: the queue's order, dependencies, rates, changes that come with others.
extension StoreConformance {
    private func queued(_ store: any TaskStore, _ number: Int, priority: Int = 5, arrived: Int, owner: String = "uid:1")
        throws -> TaskRecord
    {
        var task = try Self.task(number, owner: owner)
        task.admission.priority = priority
        task.admission.arrivedMilliseconds = arrived
        task = try created(store, task)
        task.status = .queued
        task.admission.waits = QueueReason(.slots, "a slot")
        return try store.apply(TaskChange(task, .capReached), at: Self.at(number))
    }

    /// By priority, then by arrival, then by name; each knows its place, and pages fit together.
    package func order() throws {
        let store = try make()
        let low = try queued(store, 1, priority: 0, arrived: 1)
        let late = try queued(store, 2, priority: 5, arrived: 9)
        let early = try queued(store, 3, priority: 5, arrived: 4, owner: "uid:2")
        let twin = try queued(store, 4, priority: 5, arrived: 4)
        let high = try queued(store, 5, priority: 9, arrived: 20)
        let wanted = [high, early, twin, late, low]
        #expect(try store.queue(after: nil, limit: 9).map(\.id) == wanted.map(\.id))
        #expect(try store.queue(after: nil, limit: 9) == wanted.map { QueuedTask($0) })
        var paged: [String] = []
        var last: QueuedTask?
        while let next = try store.queue(after: last, limit: 1).first {
            paged.append(next.id)
            last = next
        }
        #expect(paged == wanted.map(\.id))
        #expect(try wanted.map { try store.queuePosition(QueuedTask($0)) } == [1, 2, 3, 4, 5])
        #expect(try store.ownersWaitingForHost(ahead: QueuedTask(high), except: []) == [])
        #expect(try store.ownersWaitingForHost(ahead: QueuedTask(twin), except: []).sorted() == ["uid:1", "uid:2"])
        // Who waits for something of its own holds nobody back.
        var own = early
        own.admission.waits = QueueReason(.dependencies, "task t")
        own = try store.apply(TaskChange(own), at: Self.at(30))
        #expect(try store.task(own.id)?.admission.waits == QueueReason(.dependencies, "task t"))
        #expect(try store.ownersWaitingForHost(ahead: QueuedTask(twin), except: []) == ["uid:1"])
        own.status = .cancelled
        #expect(try store.apply(TaskChange(own, .cancelled), at: Self.at(31)).admission.waits == nil)
        #expect(try store.unfinished().map(\.id) == [high, twin, late, low].map(\.id))
    }

    package func dependencies() throws {
        let store = try make()
        let first = try created(store, try Self.task(1))
        let foreign = try created(store, try Self.task(2, owner: "uid:2"))
        func create(_ number: Int, _ parents: [String]) throws -> Creation {
            try store.create(
                try Self.task(number), CreationTerms(parents: parents), [NewEvent(.taskCreated)], timers: [:],
                at: Self.at(3))
        }
        let unknown = try Self.task(77).id
        #expect(try create(3, [first.id, unknown]) == .noParent(unknown))
        #expect(try create(3, [foreign.id]) == .foreignParent(foreign.id))
        // Its own name is one that there is not.
        let own = try Self.task(3).id
        #expect(try create(3, [own]) == .noParent(own))
        #expect(try store.task(own) == nil)
        guard case .created = try create(3, [first.id]) else { throw Self.unexpected }
        #expect(try store.parents(of: own) == [Parent(id: first.id, status: .submitted)])
        #expect(try store.dependants(of: first.id).map(\.id) == [own])
        var over = first
        over.status = .cancelled
        _ = try store.apply(TaskChange(over, .cancelled), at: Self.at(4))
        #expect(try create(4, [first.id]) == .endedParent(first.id, .cancelled))
        #expect(try store.parents(of: own) == [Parent(id: first.id, status: .cancelled)])
        var child = try #require(try store.task(own))
        child.status = .failed
        _ = try store.apply(TaskChange(child, .rejected), at: Self.at(5))
        #expect(try store.dependants(of: first.id).isEmpty)
    }

    package func rates() throws {
        let store = try make()
        func create(_ number: Int, _ owner: String, key: String? = nil, since: Int) throws -> Creation {
            try store.create(
                try Self.task(number, owner: owner, key: key),
                CreationTerms(rate: .init(most: 2, sinceMilliseconds: since)), [NewEvent(.taskCreated)], timers: [:],
                at: Self.at(number))
        }
        guard case .created(let first) = try create(10, "uid:1", key: "a", since: 0),
            case .created = try create(20, "uid:1", since: 0), case .created = try create(21, "uid:2", since: 0)
        else { throw Self.unexpected }
        #expect(try create(30, "uid:1", since: 0) == .limited(oldestMilliseconds: 10))
        // What is asked for once more is nothing new.
        #expect(try create(30, "uid:1", key: "a", since: 0) == .replayed(first))
        // Whatever became of them, they were submitted; what is older does not count.
        guard case .created = try create(30, "uid:1", since: 10) else { throw Self.unexpected }
        #expect(try create(31, "uid:1", since: 10) == .limited(oldestMilliseconds: 20))
        #expect(try store.tasks(TaskQuery()).count == 4)
    }

    /// Changes of other tasks are stored with the one that brings them, or none of them.
    package func consequences() throws {
        let store = try make()
        let parent = try admitted(store, 1)
        let child = try queued(store, 2, arrived: 2)
        var over = parent
        over.status = .failed
        var closed = child
        closed.status = .failed
        var change = TaskChange(over, .startFailed, events: [NewEvent(.taskFailed)])
        var flawed = closed
        flawed.revision += 1
        change.consequences = [TaskChange(flawed, .dependencyFailed, events: [NewEvent(.taskFailed)])]
        try expect(.conflict) { _ = try store.apply(change, at: Self.at(3)) }
        #expect(try store.task(parent.id) == parent)
        #expect(try store.events(of: parent.id, after: 0, limit: 9).count == 1)
        change.consequences = [TaskChange(closed, .dependencyFailed, events: [NewEvent(.taskFailed)])]
        #expect(try store.apply(change, at: Self.at(3)).status == .failed)
        #expect(try store.task(child.id)?.status == .failed)
        #expect(try store.events(of: child.id, after: 0, limit: 9).map(\.type.text) == ["task_created", "task_failed"])
    }

    package func durations() throws {
        let store = try make()
        #expect(try store.durations(of: "team/library", limit: 5).isEmpty)
        for (number, end) in [(10, 40), (100, 150)] {
            var task = try admitted(store, number)
            #expect(task.admission.admittedMilliseconds == number)
            #expect(try store.slotHolders().map(\.id) == [task.id])
            task.status = .failed
            _ = try store.apply(TaskChange(task, .startFailed), at: Self.at(end))
        }
        var cancelled = try admitted(store, 200)
        cancelled.status = .cancelled
        _ = try store.apply(TaskChange(cancelled, .cancelled), at: Self.at(900))
        #expect(try store.durations(of: "team/library", limit: 5) == [50, 30])
        #expect(try store.durations(of: "team/library", limit: 1) == [50])
        #expect(try store.durations(of: "/srv/other", limit: 5).isEmpty)
        #expect(try store.slotHolders().isEmpty)
    }

    package static let unexpected = StoreError(.refused, "create", "a task", "it was not as wanted", remedy: "")
}
