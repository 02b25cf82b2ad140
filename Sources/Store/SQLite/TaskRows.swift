// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import TaskModel

/// Tasks as rows.
enum TaskRows {
    private static let own = [
        "id", "owner", "status", "holds_slot", "request", "idempotency_key", "attempt", "compute", "session", "handle",
        "report", "failure", "cancelled_by", "repository", "branch", "created_ms", "updated_ms", "status_ms",
        "deadline_ms", "revision", "news", "blueprint", "blueprint_hash",
        "approval_policy",
    ]
    private static let firstOfAdmission = own.count
    private static let columns = own + AdmissionRows.columns
    static let select = "SELECT \(columns.joined(separator: ", ")) FROM tasks"
    static let insert =
        "INSERT INTO tasks (\(columns.joined(separator: ", "))) VALUES (\(columns.map { _ in "?" }.joined(separator: ", ")))"
    static let update =
        "UPDATE tasks SET \(columns.map { "\($0) = ?" }.joined(separator: ", ")) WHERE id = ? AND revision = ?"

    static func values(_ task: TaskRecord) -> [SQLValue] {
        [
            .text(task.id), .text(task.owner), .text(task.status.rawValue), .int(task.holdsSlot ? 1 : 0),
            .text(task.request.json.compactText), .init(task.idempotencyKey), .int(task.attempt),
            .text(task.compute.rawValue), .init(task.session), .init(task.handle?.json.compactText),
            .init(task.report?.json.compactText), .init(task.failure?.json.compactText), .init(task.cancelledBy),
            .init(task.request.repository), .init(task.report?.branch), .int(task.createdMilliseconds),
            .int(task.updatedMilliseconds), .int(task.statusMilliseconds), .init(task.deadlineMilliseconds),
            .int(task.revision), .int(task.news), .init(task.blueprint?.text), .init(task.blueprint?.digest),
            .init(task.approvals?.json.compactText),
        ] + AdmissionRows.values(task.admission)
    }

    /// A value that this program does not know is an error that names the task: it was written by another version, or
    /// damaged.
    static func read(_ row: SQLRow, _ path: String) throws(StoreError) -> TaskRecord {
        let damaged = StoreError.unreadable("task", row.text(0), path)
        guard let id = row.text(0), let owner = row.text(1),
            let status = row.text(2).flatMap(TaskState.init(rawValue:)),
            let slot = row.int(3), let attempt = row.int(6),
            let compute = row.text(7).flatMap(ComputeType.init(rawValue:)),
            let created = row.int(15), let updated = row.int(16), let changed = row.int(17), let revision = row.int(19),
            let news = row.int(20),
            let requestJSON = try json(row.text(4), damaged)
        else { throw damaged }
        let request: TaskRequest
        do throws(TaskRefusal) { request = try TaskRequest(json: requestJSON) } catch { throw damaged }
        var blueprint: StoredBlueprint?
        if let text = row.text(21) {
            guard let digest = row.text(22) else { throw damaged }
            blueprint = StoredBlueprint(text: text, digest: digest)
        }
        var task = TaskRecord(
            id: id, owner: owner, status: status, request: request, idempotencyKey: row.text(5),
            blueprint: blueprint, createdMilliseconds: created)
        task.holdsSlot = slot == 1
        task.attempt = attempt
        task.compute = compute
        task.session = row.text(8)
        if let json = try json(row.text(9), damaged) {
            guard let handle = SessionHandle(json: json) else { throw damaged }
            task.handle = handle
        }
        if let json = try json(row.text(10), damaged) {
            guard let report = SessionReport(json: json) else { throw damaged }
            task.report = report
        }
        if let json = try json(row.text(11), damaged) {
            guard let failure = TaskFailureRecord(json: json) else { throw damaged }
            task.failure = failure
        }
        task.cancelledBy = row.text(12)
        task.updatedMilliseconds = updated
        task.statusMilliseconds = changed
        task.deadlineMilliseconds = row.int(18)
        task.revision = revision
        task.admission = try AdmissionRows.read(row, from: firstOfAdmission, damaged)
        task.news = news
        if let json = try json(row.text(23), damaged) {
            guard let policy = ApprovalPolicy(json: json) else { throw damaged }
            task.approvals = policy
        }
        return task
    }

    static func json(_ text: String?, _ damaged: StoreError) throws(StoreError) -> JSON? {
        guard let text else { return nil }
        do throws(JSONParser.Failure) { return try JSONParser.parse(Array(text.utf8)) } catch { throw damaged }
    }
}

extension StoreError {
    static func unreadable(_ kind: String, _ name: String?, _ path: String) -> StoreError {
        StoreError(
            .corrupted, "read", "\(kind) \(name ?? "without a name") in \"\(path)\"",
            "a value in it is none that this version knows",
            remedy: "Use the version of Sallyport that wrote it, or restore a backup: sallyportd restore FILE.")
    }
}
