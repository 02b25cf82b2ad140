// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import TaskModel

/// Events as rows; they are only ever added.
enum EventRows {
    static let select =
        "SELECT task, seq, wall_ms, monotonic_ms, type, source, payload, previous, digest FROM events"
    static let insert =
        "INSERT INTO events (task, seq, wall_ms, monotonic_ms, type, source, payload, previous, digest) "
        + "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"

    static func values(_ event: EventRecord) -> [SQLValue] {
        [
            .text(event.task), .int(event.sequence), .int(event.wallMilliseconds), .int(event.monotonicMilliseconds),
            .text(event.type.text), .text(event.source.rawValue), .text(event.payload.compactText),
            .text(event.previous), .text(event.digest),
        ]
    }

    static func read(_ row: SQLRow, _ path: String) throws(StoreError) -> EventRecord {
        let damaged = StoreError.unreadable("an event of task", row.text(0), path)
        guard let task = row.text(0), let sequence = row.int(1), let wall = row.int(2), let monotonic = row.int(3),
            let type = row.text(4).flatMap(EventType.init(text:)),
            let source = row.text(5).flatMap(EventSource.init(rawValue:)),
            let payload = try TaskRows.json(row.text(6), damaged), let previous = row.text(7), let digest = row.text(8)
        else { throw damaged }
        return EventRecord(
            task: task, sequence: sequence, wallMilliseconds: wall, monotonicMilliseconds: monotonic,
            event: NewEvent(type, source: source, payload), previous: previous, digest: digest)
    }
}

/// Steps as rows.
enum JournalRows {
    static let select =
        "SELECT task, attempt, step, try, state, input, output, started_ms, ended_ms FROM journal"
    static let upsert =
        "INSERT INTO journal (task, attempt, step, try, state, input, output, started_ms, ended_ms) "
        + "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET state = excluded.state, "
        + "output = excluded.output, ended_ms = excluded.ended_ms"

    static func values(_ record: JournalRecord) -> [SQLValue] {
        [
            .text(record.task), .int(record.attempt), .text(record.step), .int(record.number),
            .text(record.state.rawValue), .text(record.input.compactText), .text(record.output.compactText),
            .int(record.startedMilliseconds), .init(record.endedMilliseconds),
        ]
    }

    static func read(_ row: SQLRow, _ path: String) throws(StoreError) -> JournalRecord {
        let damaged = StoreError.unreadable("the journal of task", row.text(0), path)
        guard let task = row.text(0), let attempt = row.int(1), let step = row.text(2), let number = row.int(3),
            let state = row.text(4).flatMap(JournalRecord.State.init(rawValue:)),
            let input = try TaskRows.json(row.text(5), damaged), let output = try TaskRows.json(row.text(6), damaged),
            let started = row.int(7)
        else { throw damaged }
        return JournalRecord(
            task: task, attempt: attempt, step: step, number: number, state: state, input: input, output: output,
            startedMilliseconds: started, endedMilliseconds: row.int(8))
    }
}

/// Approvals as rows.
enum ApprovalRows {
    static let select =
        "SELECT task, request, status, created_ms, expires_ms, decided_by, reason, attempt, question, asked, severity, "
        + "decided_ms FROM approvals"
    static let upsert =
        "INSERT INTO approvals (task, request, kind, subject, status, created_ms, expires_ms, decided_by, reason, "
        + "attempt, question, asked, severity, decided_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        + "ON CONFLICT DO UPDATE SET status = excluded.status, decided_by = excluded.decided_by, "
        + "reason = excluded.reason, decided_ms = excluded.decided_ms"

    static func values(_ record: ApprovalRecord) -> [SQLValue] {
        [
            .text(record.task), .text(record.name), .text(record.kind.rawValue), .text(record.request.subject),
            .text(record.status.rawValue), .int(record.createdMilliseconds), .int(record.expiresMilliseconds),
            .init(record.decidedBy), .init(record.reason), .int(record.attempt), .init(record.question),
            .text(record.request.json.compactText), .text(record.severity.rawValue), .init(record.decidedMilliseconds),
        ]
    }

    static func read(_ row: SQLRow, _ path: String) throws(StoreError) -> ApprovalRecord {
        let damaged = StoreError.unreadable("an approval of task", row.text(0), path)
        guard let task = row.text(0), let name = row.text(1),
            let status = row.text(2).flatMap(ApprovalRecord.Status.init(rawValue:)), let created = row.int(3),
            let expires = row.int(4), let attempt = row.int(7),
            let request = try TaskRows.json(row.text(9), damaged).flatMap(ApprovalRequest.init(json:)),
            let severity = row.text(10).flatMap(ApprovalSeverity.init(rawValue:))
        else { throw damaged }
        var record = ApprovalRecord(
            task: task, name: name, attempt: attempt, question: row.text(8), request: request, severity: severity,
            status: status, createdMilliseconds: created, expiresMilliseconds: expires)
        record.decidedBy = row.text(5)
        record.reason = row.text(6)
        record.decidedMilliseconds = row.int(11)
        return record
    }
}
