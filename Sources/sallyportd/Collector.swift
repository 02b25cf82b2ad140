// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import Orchestrator
internal import Store
internal import TaskModel

/// Removes what is old: first files, then rows, so that what a killed daemon leaves is found again.
struct Collector {
    /// One thing to remove.
    struct Item {
        enum Kind: String {
            /// The task itself, with its events.
            case task
            /// What its session said beside its result.
            case logs
            /// What it delivered: result, evidence, transcripts.
            case evidence
            /// The rest of a session's directory.
            case session
        }

        let task: String
        let kind: Kind
        /// The directory of a session; nil for the rows of a task.
        let session: String?
        let endedMilliseconds: Int
        /// It is not old: the disk is full.
        let isForRoom: Bool

        var json: JSON {
            [
                "task": .string(task), "what": .string(kind.rawValue), "session": .optional(session),
                "ended_ms": .int(endedMilliseconds), "for_room": .bool(isForRoom),
            ]
        }
    }

    let store: SQLiteStore
    let sessions: String
    let retention: DaemonSettings.Retention
    let now: Moment
    /// The disk has less free space than the operator wants.
    let isFull: Bool

    private static let delivered = "delivered"
    private static let log = "log"
    private static let mostRows = 1000

    /// What may go now, oldest first: nothing of a task that is not over or is held.
    func plan() throws -> [Item] {
        var items: [Item] = []
        // Where no task has run yet there is none.
        let names = access(sessions, F_OK) == 0 ? try Directory.open(sessions).names() : []
        for name in names {
            let session = String(decoding: name, as: UTF8.self)
            guard let task = Self.task(of: session), TaskIdentifier.isValid(task),
                let row = try store.task(task), row.status.isTerminal, row.admission.heldBy == nil
            else { continue }
            let age = now.wallMilliseconds - row.statusMilliseconds
            func add(_ kind: Item.Kind, after limit: Int) {
                guard age >= limit || isFull else { return }
                items.append(
                    Item(
                        task: task, kind: kind, session: session, endedMilliseconds: row.statusMilliseconds,
                        isForRoom: age < limit))
            }
            let parts = Set(
                try Directory.open("\(sessions)/\(session)").names().map {
                    String(decoding: $0, as: UTF8.self)
                })
            if parts.contains(Self.log) { add(.logs, after: retention.logs) }
            if parts.contains(Self.delivered) { add(.evidence, after: retention.evidence) }
            if !parts.subtracting([Self.log, Self.delivered]).isEmpty || parts.isEmpty {
                add(.session, after: retention.sessions)
            }
        }
        let rows = try store.expired(
            before: now.wallMilliseconds - retention.tasks, limit: Self.mostRows)
        items += rows.map {
            Item(
                task: $0.id, kind: .task, session: nil, endedMilliseconds: $0.statusMilliseconds,
                isForRoom: false)
        }
        return items.sorted {
            ($0.endedMilliseconds, $0.task, $0.kind == .task ? 1 : 0)
                < ($1.endedMilliseconds, $1.task, $1.kind == .task ? 1 : 0)
        }
    }

    /// Removes one thing, and tells of it in the task's events where it still has some.
    func remove(_ item: Item) throws {
        if item.kind == .task, access(sessions, F_OK) != 0 { return try store.remove(item.task) }
        let directory = try Directory.open(sessions)
        switch item.kind {
        case .task:
            // All that is left of it, whatever its class: nothing could find it afterwards.
            for name in try directory.names()
            where Self.task(of: String(decoding: name, as: UTF8.self)) == item.task {
                try directory.removeTree(name)
            }
            return try store.remove(item.task)
        case .logs, .evidence, .session: break
        }
        guard let session = item.session, var row = try store.task(item.task), row.status.isTerminal,
            row.admission.heldBy == nil
        else { return }
        let own = try directory.directory(session)
        switch item.kind {
        case .logs: try own.remove(Self.log)
        case .evidence: try own.removeTree(Array(Self.delivered.utf8))
        case .session, .task:
            let kept = Set([Self.log, Self.delivered])
            for name in try own.names() where !kept.contains(String(decoding: name, as: UTF8.self)) {
                try own.removeTree(name)
            }
        }
        if try own.names().isEmpty { try directory.remove(session, directory: true) }
        row = try store.apply(
            TaskChange(
                row,
                events: [
                    NewEvent(
                        .retentionApplied,
                        [
                            "what": .string(item.kind.rawValue), "session": .string(session),
                            "for_room": .bool(item.isForRoom),
                        ])
                ]), at: now)
    }

    /// `t01...-2` is the second attempt of `t01...`, and `t01...-2.scan-1` the first try of one of its steps.
    private static func task(of session: String) -> String? {
        session.firstIndex(of: "-").map { String(session[..<$0]) }
    }
}
