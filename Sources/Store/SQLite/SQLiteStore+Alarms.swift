// SPDX-License-Identifier: Apache-2.0
internal import Documents
package import TaskModel

/// Alarms as rows, and the rows that they are made of.
extension SQLiteStore {
    /// What changed when the alarms were looked at.
    package struct AlarmChanges: Sendable, Hashable {
        package var raised: [Alarm] = []
        package var cleared: [Alarm] = []
    }

    private static let toldOf = [EventType.Fact.alarmRaised, .alarmCleared].map { "'\($0.rawValue)'" }
        .joined(separator: ", ")

    /// Looks at everything that an alarm can be about; stores which hold from now on and which do no more, with an event of
    /// the task that it is about.
    ///
    /// - Parameter disk: Of the sessions, in bytes.
    package func watchAlarms(_ limits: AlarmLimits, disk: (free: Int, size: Int), at moment: Moment)
        throws(StoreError) -> AlarmChanges
    {
        try connection.transaction { () throws(StoreError) in
            var facts = try alarmFacts(limits, moment.wallMilliseconds)
            facts.disk = disk
            let known = try alarms(onlyHolding: true).map(\.alarm)
            let now = AlarmRules(limits).alarms(
                facts, raised: Set(known.map(\.subject)), at: moment.wallMilliseconds)
            var changes = AlarmChanges()
            let subjects = Set(now.map(\.subject))
            changes.cleared = known.filter { !subjects.contains($0.subject) }
            let before = Set(known.map(\.subject))
            changes.raised = now.filter { !before.contains($0.subject) }
            for alarm in changes.raised { try raise(alarm, moment) }
            for alarm in changes.cleared { try clear(alarm, moment) }
            return changes
        }
    }

    /// Newest first.
    package func alarms(onlyHolding: Bool, limit: Int = 500) throws(StoreError) -> [AlarmRecord] {
        let filter = onlyHolding ? " WHERE cleared_ms IS NULL" : ""
        return try connection.run(
            "SELECT kind, task, detail, raised_ms, cleared_ms FROM alarms\(filter) ORDER BY raised_ms DESC, kind, task "
                + "LIMIT ?", [.int(limit)]
        ).map { (row) throws(StoreError) in
            guard let kind = row.text(0).flatMap(Alarm.Kind.init(rawValue:)), let task = row.text(1),
                let detail = row.text(2), let raised = row.int(3)
            else { throw StoreError.unreadable("an alarm of task", row.text(1), connection.path) }
            return AlarmRecord(
                Alarm(kind, task: task.isEmpty ? nil : task, detail), raisedMilliseconds: raised,
                clearedMilliseconds: row.int(4))
        }
    }

    package func forgetAlarms(before milliseconds: Int) throws(StoreError) {
        try connection.run("DELETE FROM alarms WHERE cleared_ms < ?", [.int(milliseconds)])
    }

    private func raise(_ alarm: Alarm, _ moment: Moment) throws(StoreError) {
        try connection.run(
            "INSERT INTO alarms (kind, task, detail, raised_ms) VALUES (?, ?, ?, ?)",
            [
                .text(alarm.kind.rawValue), .text(alarm.task ?? ""), .text(alarm.detail),
                .int(moment.wallMilliseconds),
            ])
        try tell(.alarmRaised, alarm, moment)
    }

    private func clear(_ alarm: Alarm, _ moment: Moment) throws(StoreError) {
        // A clock that was set back does not make an end before the beginning.
        try connection.run(
            "UPDATE alarms SET cleared_ms = max(raised_ms, ?) WHERE kind = ? AND task = ? AND cleared_ms IS NULL",
            [.int(moment.wallMilliseconds), .text(alarm.kind.rawValue), .text(alarm.task ?? "")])
        try tell(.alarmCleared, alarm, moment)
    }

    private func tell(_ fact: EventType.Fact, _ alarm: Alarm, _ moment: Moment) throws(StoreError) {
        // One that was removed meanwhile has no events any more.
        guard let name = alarm.task, try task(name) != nil else { return }
        let event = NewEvent(fact, ["alarm": .string(alarm.kind.rawValue), "detail": .string(alarm.detail)])
        try append([event], to: name, moment)
    }

    // MARK: Rows

    private func alarmFacts(_ limits: AlarmLimits, _ now: Int) throws(StoreError) -> AlarmFacts {
        var facts = AlarmFacts()
        facts.working = try working()
        facts.unconfirmed = try unconfirmedStops()
        let hosts = QueueReason.Kind.allCases.filter(\.isOfHost).map { "'\($0.rawValue)'" }.joined(separator: ", ")
        let queue = try connection.run(
            "SELECT count(*), min(arrived_ms) FROM tasks WHERE status = 'QUEUED' AND waits_for IN (\(hosts))"
        ).first
        facts.queued = queue?.int(0) ?? 0
        facts.firstQueuedMilliseconds = queue?.int(1)
        let over = [TaskState.completed, .failed, .timedOut].map { "'\($0.rawValue)'" }.joined(separator: ", ")
        let ended = try connection.run(
            "SELECT count(*), coalesce(sum(status <> 'COMPLETED'), 0) FROM tasks WHERE status IN (\(over)) "
                + "AND status_ms > ?", [.int(now - limits.failedWindow)]
        ).first
        facts.ended = ended?.int(0) ?? 0
        facts.failed = ended?.int(1) ?? 0
        return facts
    }

    /// What an alarm itself said is no progress.
    private func working() throws(StoreError) -> [AlarmFacts.Progress] {
        try connection.run(
            """
            SELECT id, status, coalesce((SELECT e.wall_ms FROM events e WHERE e.task = tasks.id
                AND e.type NOT IN (\(Self.toldOf)) ORDER BY e.seq DESC LIMIT 1), created_ms)
            FROM tasks WHERE holds_slot = 1 AND status <> '\(TaskState.awaitingApproval.rawValue)' ORDER BY id
            """
        ).map { (row) throws(StoreError) in
            guard let task = row.text(0), let status = row.text(1).flatMap(TaskState.init(rawValue:)),
                let last = row.int(2)
            else { throw StoreError.unreadable("task", row.text(0), connection.path) }
            return .init(task: task, status: status, lastMilliseconds: last)
        }
    }

    /// Of the attempt that there is now.
    private func unconfirmedStops() throws(StoreError) -> [(task: String, detail: String)] {
        let over = TaskState.allCases.filter(\.isTerminal).map { "'\($0.rawValue)'" }.joined(separator: ", ")
        return try connection.run(
            """
            SELECT t.id, json_extract(max(e.payload), '$.detail') FROM tasks t JOIN events e ON e.task = t.id
            WHERE t.status NOT IN (\(over)) AND e.type = '\(EventType.Fact.stopUnconfirmed.rawValue)'
                AND e.seq > coalesce((SELECT max(r.seq) FROM events r WHERE r.task = t.id
                    AND r.type = '\(EventType.Fact.taskResumed.rawValue)'), 0)
            GROUP BY t.id ORDER BY t.id
            """
        ).compactMap { row in row.text(0).map { ($0, String((row.text(1) ?? "").prefix(500))) } }
    }
}
