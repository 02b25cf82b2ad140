// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Store
internal import TaskModel

/// What the end of a task means for those that wait for it.
extension Orchestrator {
    /// What of a task's parents keeps it from beginning; nil when all are COMPLETED.
    func dependencies(of task: TaskRecord) throws(StoreError) -> AdmissionVerdict? {
        let open = try store.parents(of: task.id).filter { $0.status != .completed }
        // One that ended otherwise took this one with it, unless that was stored by nobody: then it is now.
        if let ended = open.first(where: \.status.isTerminal) {
            return .refuse(Self.failure(ended.id, ended.status, cause: ended.id))
        }
        return open.isEmpty ? nil : .wait(Self.waiting(for: open.map(\.id)), until: nil)
    }

    private static func waiting(for parents: [String]) -> QueueReason {
        QueueReason(
            .dependencies,
            parents.count == 1 ? "task \(parents[0])" : "\(parents.count) tasks, \(parents[0]) among them")
    }

    /// The changes that belong into the transaction that ends a task: those that wait for nothing else are released, or
    /// all that can never begin now are closed, however far down they are.
    func consequences(of task: TaskRecord) throws(StoreError) -> [TaskChange] {
        task.status == .completed ? try released(by: task) : try closed(by: task)
    }

    private func released(by parent: TaskRecord) throws(StoreError) -> [TaskChange] {
        var changes: [TaskChange] = []
        for dependant in try store.dependants(of: parent.id) where dependant.status == .queued {
            let left = try store.parents(of: dependant.id).filter { $0.id != parent.id && $0.status != .completed }
            var task = dependant
            if left.isEmpty {
                task.admission.waits = QueueReason(.slots, "a slot")
                changes.append(
                    TaskChange(
                        task, events: [NewEvent(.dependenciesMet, ["last": .string(parent.id)])],
                        timers: [.queueAge: milliseconds + TaskLimits.queueMaxAge.milliseconds]))
            } else {
                task.admission.waits = Self.waiting(for: left.map(\.id))
                changes.append(TaskChange(task))
            }
        }
        return changes
    }

    private func closed(by root: TaskRecord) throws(StoreError) -> [TaskChange] {
        var changes: [TaskChange] = []
        var seen: Set<String> = [root.id]
        var ended = [(id: root.id, status: root.status)]
        while !ended.isEmpty {
            let parent = ended.removeFirst()
            for dependant in try store.dependants(of: parent.id) where !seen.contains(dependant.id) {
                // Its own cancel is under way, and closes those that wait for it.
                if dependant.cancelledBy != nil { continue }
                seen.insert(dependant.id)
                var task = dependant
                let wasQueued = task.status == .queued
                task.status = .failed
                let failure = Self.failure(parent.id, parent.status, cause: root.id)
                task.failure = failure
                let cut = try openTries(of: task)
                let told = NewEvent(
                    .dependencyFailed,
                    [
                        "task": .string(parent.id), "status": .string(parent.status.rawValue),
                        "cause": .string(root.id),
                    ])
                changes.append(
                    TaskChange(
                        task, wasQueued ? .dependencyFailed : .rejected, events: [told, Self.ending(task)],
                        journal: cut))
                ended.append((task.id, task.status))
            }
        }
        return changes
    }

    /// The steps of a task that began and did not end, as failed.
    func openTries(of task: TaskRecord) throws(StoreError) -> [JournalRecord] {
        try store.journal(of: task.id).filter { $0.state == .began }.map { step in
            var step = step
            step.state = .failed
            step.endedMilliseconds = milliseconds
            return step
        }
    }

    private static func failure(_ parent: String, _ status: TaskState, cause: String) -> TaskFailureRecord {
        let origin = cause == parent ? "" : ", because of task \(cause)"
        return TaskFailureRecord(
            .dependency, .user,
            "cannot begin: task \(parent), which it depends on, is \(status.rawValue)\(origin). Resume that one first, then this one."
        )
    }
}
