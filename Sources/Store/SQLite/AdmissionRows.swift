// SPDX-License-Identifier: Apache-2.0
internal import TaskModel

/// The part of a task's row that its admission is decided by.
enum AdmissionRows {
    static let columns = [
        "priority", "arrived_ms", "admitted_ms", "waits_for", "waits_detail", "memory_bytes", "cpu_milli", "disk_bytes",
        "budget_micro", "held_by", "repository_day_micro", "repository_month_micro",
    ]

    static func values(_ admission: TaskAdmission) -> [SQLValue] {
        [
            .int(admission.priority), .int(admission.arrivedMilliseconds), .init(admission.admittedMilliseconds),
            .init(admission.waits?.kind.rawValue), .init(admission.waits?.detail),
            .int(admission.resources.memoryBytes), .int(admission.resources.milliProcessors),
            .int(admission.resources.diskBytes), .init(admission.budgetMicroDollars), .init(admission.heldBy),
            .init(admission.repositoryDay), .init(admission.repositoryMonth),
        ]
    }

    /// - Parameter first: Where ``columns`` begin in the row.
    static func read(_ row: SQLRow, from first: Int, _ damaged: StoreError) throws(StoreError) -> TaskAdmission {
        guard let priority = row.int(first), let arrived = row.int(first + 1), let memory = row.int(first + 5),
            let processors = row.int(first + 6), let disk = row.int(first + 7)
        else { throw damaged }
        var admission = TaskAdmission(arrivedMilliseconds: arrived)
        admission.priority = priority
        admission.admittedMilliseconds = row.int(first + 2)
        if let word = row.text(first + 3) {
            guard let kind = QueueReason.Kind(rawValue: word), let detail = row.text(first + 4) else { throw damaged }
            admission.waits = QueueReason(kind, detail)
        }
        admission.resources = TaskResources(memoryBytes: memory, milliProcessors: processors, diskBytes: disk)
        admission.budgetMicroDollars = row.int(first + 8)
        admission.heldBy = row.text(first + 9)
        admission.repositoryDay = row.int(first + 10)
        admission.repositoryMonth = row.int(first + 11)
        return admission
    }
}
