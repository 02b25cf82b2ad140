// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Store
internal import TaskModel

/// Steps as the journal has them.
extension Orchestrator {
    /// The try of a step that began and did not end; nil when there is none.
    func openJournal(_ step: JournalStep, of task: TaskRecord) throws(StoreError) -> JournalRecord? {
        try store.journal(of: task.id).last {
            $0.attempt == task.attempt && $0.step == step.name && $0.state == .began
        }
    }

    /// Stores the intent of a step, unless an earlier process did, and what changes with it.
    ///
    /// - Parameter update: Changes the task before it is stored.
    func begin(
        _ step: JournalStep, _ task: inout TaskRecord, input: JSON = .null, events: [NewEvent] = [],
        timers: [TaskTimer.Kind: Int?] = [:]
    ) throws(StoreError) -> JournalRecord {
        let earlier = try store.journal(of: task.id).filter { $0.attempt == task.attempt && $0.step == step.name }
        if let open = earlier.last, open.state == .began { return open }
        let record = JournalRecord(
            task: task.id, attempt: task.attempt, step: step.name, number: earlier.count + 1, input: input,
            startedMilliseconds: milliseconds)
        task = try change(
            TaskChange(
                task,
                events: events + [
                    NewEvent(.step(step.name, .started), record.number > 1 ? ["attempt": .int(record.number)] : [:])
                ], journal: [record], timers: timers))
        reached(step, .began, task.id)
        return record
    }

    /// Stores the end of a step together with all that it changes.
    ///
    /// - Parameter output: Beside what the task itself holds.
    @discardableResult
    func end(
        _ step: JournalStep, _ record: JournalRecord, _ change: TaskChange, output: JSON = .null,
        failed: Bool = false
    ) throws(StoreError) -> TaskRecord {
        var record = record
        record.state = failed ? .failed : .completed
        record.output = output
        record.endedMilliseconds = milliseconds
        var change = change
        change.journal.append(record)
        change.events.insert(NewEvent(.step(step.name, failed ? .failed : .completed), payload(output)), at: 0)
        let task = try self.change(change)
        reached(step, .ended, task.id)
        return task
    }

    private func payload(_ output: JSON) -> JSON { output.isNull ? [:] : output }

    /// Stores a change, and with the end of a task what that means for those that wait for it.
    @discardableResult
    func change(_ change: TaskChange) throws(StoreError) -> TaskRecord {
        var change = change
        if change.event != nil, change.task.status.isTerminal {
            try settle(&change)
            change.consequences += try consequences(of: change.task)
        }
        let task = try store.apply(change, at: host.now)
        host.published(task.id)
        for consequence in change.consequences { host.published(consequence.task.id) }
        return task
    }

    func reached(_ step: JournalStep, _ phase: JournalPoint.Phase, _ task: String) {
        host.reached(JournalPoint(step, phase))
    }
}
