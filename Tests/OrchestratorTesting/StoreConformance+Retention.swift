// SPDX-License-Identifier: Apache-2.0
import Documents
import LinuxSystem
import Store
import TaskModel
import Testing

/// What a store has to do for retention.
extension StoreConformance {
    private func over(_ store: any TaskStore, _ number: Int, parents: [String] = []) throws
        -> TaskRecord
    {
        guard
            case .created(var task) = try store.create(
                try Self.task(number), CreationTerms(parents: parents), [NewEvent(.taskCreated)],
                timers: [:],
                at: Self.at(number))
        else { throw Self.unexpected }
        task.status = .failed
        return try store.apply(
            TaskChange(task, .rejected, events: [NewEvent(.taskFailed)]), at: Self.at(number))
    }

    /// Whole tasks go, oldest first; never one that is not over, is held, or that another one names.
    package func retention() throws {
        let store = try make()
        let running = try admitted(store, 1)
        var held = try over(store, 2)
        held.admission.heldBy = "uid:0"
        held = try store.apply(TaskChange(held, events: [NewEvent(.holdSet)]), at: Self.at(2))
        let third = try over(store, 3)
        let second = try over(store, 4)
        #expect(try store.expired(before: 100, limit: 9).map(\.id) == [third.id, second.id])
        #expect(try store.expired(before: 4, limit: 9).map(\.id) == [third.id])
        #expect(try store.expired(before: 100, limit: 1).map(\.id) == [third.id])
        for task in [running.id, held.id, try Self.task(99).id] {
            try expect(.refused) { try store.remove(task) }
        }
        try store.remove(third.id)
        #expect(try store.task(third.id) == nil)
        #expect(try store.events(of: third.id, after: 0, limit: 9).isEmpty)
        #expect(try store.journal(of: third.id).isEmpty)
        // What is left is as it was, link by link.
        var previous = EventRecord.origin
        for event in try store.events(of: held.id, after: 0, limit: 9) {
            #expect(event.previous == previous && event.isIntact(sha256: Digest.sha256))
            previous = event.digest
        }
        #expect(try store.events(of: held.id, after: 0, limit: 9).count == 3)
    }

    /// A parent is there as long as its child.
    package func family() throws {
        let store = try make()
        guard
            case .created(var parent) = try store.create(
                try Self.task(1), [NewEvent(.taskCreated)], timers: [:], at: Self.at(1))
        else { throw Self.unexpected }
        let child = try over(store, 2, parents: [parent.id])
        parent.status = .cancelled
        parent = try store.apply(TaskChange(parent, .cancelled), at: Self.at(3))
        #expect(try store.expired(before: 100, limit: 9).map(\.id) == [child.id])
        try expect(.refused) { try store.remove(parent.id) }
        try store.remove(child.id)
        #expect(try store.expired(before: 100, limit: 9).map(\.id) == [parent.id])
        try store.remove(parent.id)
        #expect(try store.tasks(TaskQuery()).isEmpty)
    }

    package func chores() throws {
        let store = try make()
        #expect(try store.chore(.collect) == nil)
        try store.set(.collect, due: 7)
        try store.set(.collect, due: 9)
        #expect(try store.chore(.collect) == 9)
    }
}
