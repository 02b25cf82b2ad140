// SPDX-License-Identifier: Apache-2.0
internal import CSQLite
internal import LinuxSystem
package import TaskModel

/// The store in a SQLite file: one writer, write-ahead log, every commit synced.
package final class SQLiteStore: TaskStore {
    let connection: Connection
    /// Told of each task that a list leaves out since its row cannot be read, once.
    package var leavesOut: (StoreError) -> Void = { _ in }
    private var leftOut: Set<String> = []

    /// Opens the file, or makes it; brings its schema up to date and reads every page of it once.
    ///
    /// - Parameters:
    ///   - path: In a directory of the daemon's user alone.
    ///   - mostPages: Bound of its size in pages of 4096 bytes.
    ///   - waits: Longest wait for a lock that another process holds, in milliseconds.
    package init(_ path: String, mostPages: Int? = nil, waits: Int = 2000) throws(StoreError) {
        try Self.requireWhole(path)
        connection = try Connection(path, waits: Int32(clamping: waits))
        try Schema.checkPages(connection)
        // FULL: what was promised to a client is there after a power failure. wal.html, "Performance Considerations"
        try connection.execute(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cell_size_check = ON"
        )
        if let mostPages { try connection.execute("PRAGMA max_page_count = \(mostPages)") }
        try Schema.prepare(connection)
    }

    func tellLeftOut(_ task: String, _ error: StoreError) {
        if leftOut.insert(task).inserted { leavesOut(error) }
    }

    // MARK: Writing

    package func create(
        _ task: TaskRecord, _ terms: CreationTerms, _ events: [NewEvent], timers: [TaskTimer.Kind: Int],
        at moment: Moment
    ) throws(StoreError) -> Creation {
        guard TransitionTable.initial.contains(task.status), !task.holdsSlot else {
            throw Self.refused(task.id, "a task does not begin as \(task.status.rawValue)")
        }
        return try connection.transaction { () throws(StoreError) in
            if let key = task.idempotencyKey,
                let row = try connection.run(TaskRows.select + " WHERE idempotency_key = ?", [.text(key)]).first
            {
                let earlier = try TaskRows.read(row, connection.path)
                return earlier.owner == task.owner ? .replayed(earlier) : .taken
            }
            if let obstacle = try obstacle(task, terms) { return obstacle }
            try connection.run(TaskRows.insert, TaskRows.values(task))
            for parent in terms.parents {
                try connection.run(
                    "INSERT INTO dependencies (task, parent) VALUES (?, ?)", [.text(task.id), .text(parent)])
            }
            try append(events, to: task.id, moment)
            for (kind, due) in timers { try set(kind, due, task.id) }
            return .created(task)
        }
    }

    package func apply(_ change: TaskChange, at moment: Moment) throws(StoreError) -> TaskRecord {
        try connection.transaction { () throws(StoreError) in
            let task = try applyOne(change, moment)
            for consequence in change.consequences { _ = try applyOne(consequence, moment) }
            return task
        }
    }

    private func applyOne(_ change: TaskChange, _ moment: Moment) throws(StoreError) -> TaskRecord {
        guard let before = try self.task(change.task.id) else {
            throw StoreError(
                .missing, "change", "task \(change.task.id)", "it is not in the store", remedy: "Check the name.")
        }
        guard before.revision == change.task.revision else {
            throw StoreError(
                .conflict, "change", "task \(change.task.id)",
                "it is at revision \(before.revision) by now, not \(change.task.revision)",
                remedy: "Read it again and decide anew.")
        }
        var task = change.task
        try Self.requireLegal(change, from: before.status)
        if let caps = change.takesSlot { try takeSlot(&task, caps, moment) }
        if !task.status.mayHoldSlot { task.holdsSlot = false }
        if task.status != .queued { task.admission.waits = nil }
        if task.status != before.status { task.statusMilliseconds = moment.wallMilliseconds }
        task.updatedMilliseconds = moment.wallMilliseconds
        task.revision += 1
        try connection.run(TaskRows.update, TaskRows.values(task) + [.text(task.id), .int(change.task.revision)])
        guard connection.changes == 1 else {
            throw StoreError(
                .conflict, "change", "task \(task.id)", "somebody else changed it", remedy: "Read it again.")
        }
        for record in change.journal { try connection.run(JournalRows.upsert, JournalRows.values(record)) }
        for record in change.approvals { try connection.run(ApprovalRows.upsert, ApprovalRows.values(record)) }
        try account(change, moment)
        try append(change.events, to: task.id, moment)
        for (kind, due) in change.timers { try set(kind, due, task.id) }
        // Nothing waits for a task that is over.
        if task.status.isTerminal { try connection.run("DELETE FROM timers WHERE task = ?", [.text(task.id)]) }
        return task
    }

    private static func requireLegal(_ change: TaskChange, from: TaskState) throws(StoreError) {
        let to = change.task.status
        guard let event = change.event else {
            guard from == to else {
                throw refused(change.task.id, "from \(from.rawValue) to \(to.rawValue) without an event")
            }
            return
        }
        guard TransitionTable.target(of: event, from: from) == to else {
            throw refused(
                change.task.id, "\(event.rawValue) does not lead from \(from.rawValue) to \(to.rawValue)")
        }
    }

    private static func refused(_ task: String, _ reason: String) -> StoreError {
        StoreError(
            .refused, "change", "task \(task)", reason, remedy: "This is an error in sallyport; please report it.")
    }

    private func takeSlot(_ task: inout TaskRecord, _ caps: SlotCaps, _ moment: Moment) throws(StoreError) {
        if task.holdsSlot { return }
        guard try slotsTaken(owner: task.owner) < caps.perOwner, try slotsTaken(owner: nil) < caps.total else {
            throw StoreError(
                .noSlot, "admit", "task \(task.id)", "all slots are taken", remedy: "It waits for one to be free.")
        }
        task.holdsSlot = true
        task.admission.admittedMilliseconds = moment.wallMilliseconds
    }

    func append(_ events: [NewEvent], to task: String, _ moment: Moment) throws(StoreError) {
        if events.isEmpty { return }
        let last = try connection.run(
            "SELECT seq, digest FROM events WHERE task = ? ORDER BY seq DESC LIMIT 1", [.text(task)]
        ).first
        var sequence = last?.int(0) ?? 0
        var previous = last?.text(1) ?? EventRecord.origin
        for event in events {
            sequence += 1
            let record = EventRecord(
                task: task, sequence: sequence, wallMilliseconds: moment.wallMilliseconds,
                monotonicMilliseconds: moment.monotonicMilliseconds, event: event, previous: previous,
                sha256: Digest.sha256)
            try connection.run(EventRows.insert, EventRows.values(record))
            previous = record.digest
        }
    }

    private func set(_ kind: TaskTimer.Kind, _ due: Int?, _ task: String) throws(StoreError) {
        guard let due else {
            try connection.run("DELETE FROM timers WHERE task = ? AND kind = ?", [.text(task), .text(kind.rawValue)])
            return
        }
        try connection.run(
            "INSERT INTO timers (task, kind, due_ms) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET due_ms = excluded.due_ms",
            [.text(task), .text(kind.rawValue), .int(due)])
    }
}
