// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Glibc
internal import LinuxSystem
package import Orchestrator
package import Store
internal import TaskModel

/// Removes what is old: told first, then files, then rows, so that a store that takes no word of it loses nothing, and what a
/// killed daemon leaves is found again.
package struct Collector {
    private let store: any TaskStore
    private let sessions: String
    private let retention: DaemonSettings.Retention
    private let now: Moment
    private let isFull: () throws -> Bool

    private static let delivered = "delivered"
    private static let log = "log"
    private static let mostRows = 1000
    /// However full the disk is, what a task delivered and what it said stay as long: whoever submitted it may take it away.
    private static let floor = DaemonSettings.Retention.day

    /// - Parameters:
    ///   - sessions: The directory of all sessions; where no task has run yet there is none.
    ///   - isFull: Whether the disk has less free space than the operator wants, now.
    package init(
        _ store: any TaskStore, sessions: String, retention: DaemonSettings.Retention, now: Moment,
        isFull: @escaping () throws -> Bool
    ) {
        self.store = store
        self.sessions = sessions
        self.retention = retention
        self.now = now
        self.isFull = isFull
    }

    /// Whether the wall clock can be believed when it says that it is time: a daemon that is there comes within the hour. One
    /// that comes much later was away, or its clock was set forward, and every age that it sees may be wrong.
    ///
    /// - Parameter due: When it was to come; nil when that was never said.
    package static func isCredible(_ now: Moment, due: Int?) -> Bool {
        due.map { now.wallMilliseconds - $0 <= leap } ?? true
    }

    /// As long as the shortest of the ages: what goes wrongly is not younger than half of that.
    private static let leap = 3 * DaemonSettings.Retention.day

    /// What may go now, and what could not be looked at.
    package struct Plan {
        package fileprivate(set) var items: [RetentionItem] = []
        package fileprivate(set) var obstacles: [String] = []
    }

    /// What is old, oldest first; then, where there is no room, what is not: first what nobody reads, oldest first too.
    ///
    /// Nothing of a task that is not over or is held.
    package func plan() throws -> Plan {
        var plan = Plan()
        let isFull = try isFull()
        let names = access(sessions, F_OK) == 0 ? try Directory.open(sessions).names() : []
        for name in names {
            let session = String(decoding: name, as: UTF8.self)
            guard let task = Self.task(of: session), TaskIdentifier.isValid(task) else { continue }
            do {
                guard let row = try store.task(task) else {
                    plan.obstacles.append(
                        "directory \"\(sessions)/\(session)\" is of no task of this store. Look whether a session of it runs, and remove it."
                    )
                    continue
                }
                guard Self.isFree(row) else { continue }
                let parts = Set(
                    try Directory.open(sessions).directory(session).names().map { String(decoding: $0, as: UTF8.self) })
                plan.items += items(row, session, parts, isFull)
            } catch let error as StoreError where error.isTransient {
                throw error
            } catch {
                plan.obstacles.append("\(error)")
            }
        }
        plan.items += try store.expired(before: now.wallMilliseconds - retention.tasks, limit: Self.mostRows).map {
            RetentionItem(
                task: $0.id, kind: .task, session: nil, endedMilliseconds: $0.statusMilliseconds, isForRoom: false)
        }
        plan.items.sort { $0.rank < $1.rank }
        return plan
    }

    private func items(_ row: TaskRecord, _ session: String, _ parts: Set<String>, _ isFull: Bool) -> [RetentionItem] {
        let age = now.wallMilliseconds - row.statusMilliseconds
        var kinds: [(kind: RetentionItem.Kind, limit: Int, floor: Int)] = []
        if parts.contains(Self.log) { kinds.append((.logs, retention.logs, Self.floor)) }
        if parts.contains(Self.delivered) { kinds.append((.evidence, retention.evidence, Self.floor)) }
        if !parts.subtracting([Self.log, Self.delivered]).isEmpty || parts.isEmpty {
            kinds.append((.session, retention.sessions, 0))
        }
        return kinds.filter { age >= $0.limit || isFull && age >= $0.floor }.map {
            RetentionItem(
                task: row.id, kind: $0.kind, session: session, endedMilliseconds: row.statusMilliseconds,
                isForRoom: age < $0.limit)
        }
    }

    package enum Step {
        case removed(RetentionItem)
        case failed(RetentionItem, any Error)
        /// It cannot be looked at, and others can.
        case obstacle(String)
    }

    package enum Outcome: Sendable, Hashable {
        /// There is nothing more that may go.
        case done
        /// There may be more.
        case interrupted
        /// Some of it cannot be removed now.
        case failed
    }

    /// Removes one thing after the other; one that cannot be removed does not keep the others.
    ///
    /// - Parameter isOver: Whether it is somebody else's turn.
    /// - Throws: When the store takes nothing; nothing more is removed then.
    package func run(until isOver: () -> Bool, _ told: (Step) -> Void) throws -> Outcome {
        let plan = try plan()
        for reason in plan.obstacles { told(.obstacle(reason)) }
        var hasFailed = false
        for item in plan.items {
            // What went before it may have made room enough.
            if item.isForRoom, try !isFull() { break }
            do {
                try remove(item)
                told(.removed(item))
                if isOver() { return .interrupted }
            } catch let error as StoreError where error.isTransient {
                throw error
            } catch {
                told(.failed(item, error))
                hasFailed = true
            }
        }
        return hasFailed ? .failed : .done
    }

    /// Removes one thing, which the task's events tell before it is gone.
    private func remove(_ item: RetentionItem) throws {
        guard let row = try store.task(item.task), Self.isFree(row) else { return }
        let directory = access(sessions, F_OK) == 0 ? try Directory.open(sessions) : nil
        switch directory {
        case nil: break
        case .some(let directory):
            if let session = item.session {
                try tell(item, row)
                try remove(item.kind, session, directory)
            } else {
                // All that is left of it, whatever its class: nothing could find it afterwards.
                let names = try directory.names().filter {
                    Self.task(of: String(decoding: $0, as: UTF8.self)) == item.task
                }
                if !names.isEmpty { try tell(item, row) }
                for name in names { try directory.removeTree(name) }
            }
        }
        if item.kind == .task { try store.remove(item.task) }
    }

    private func remove(_ kind: RetentionItem.Kind, _ session: String, _ directory: borrowing Directory) throws {
        let own = try directory.directory(session)
        switch kind {
        case .logs: try own.remove(Self.log)
        case .evidence: try own.removeTree(Array(Self.delivered.utf8))
        case .session, .task:
            let kept = Set([Self.log, Self.delivered])
            for name in try own.names() where !kept.contains(String(decoding: name, as: UTF8.self)) {
                try own.removeTree(name)
            }
        }
        if try own.names().isEmpty { try directory.remove(session, directory: true) }
    }

    /// Stores that something goes, once however often its removal has to be tried.
    private func tell(_ item: RetentionItem, _ row: TaskRecord) throws {
        let (what, session) = (JSON.string(item.kind.rawValue), JSON.optional(item.session))
        let isTold = try store.events(of: item.task, after: 0, limit: .max).contains {
            $0.type == .fact(.retentionApplied) && $0.payload["what"] == what && $0.payload["session"] == session
        }
        if isTold { return }
        _ = try store.apply(
            TaskChange(
                row,
                events: [
                    NewEvent(
                        .retentionApplied,
                        ["what": what, "session": session, "for_room": .bool(item.isForRoom)])
                ]), at: now)
    }

    private static func isFree(_ row: TaskRecord) -> Bool { row.status.isTerminal && row.admission.heldBy == nil }

    /// `t01...-2` is the second attempt of `t01...`, and `t01...-2.scan-1` the first try of one of its steps.
    private static func task(of session: String) -> String? {
        session.firstIndex(of: "-").map { String(session[..<$0]) }
    }
}
