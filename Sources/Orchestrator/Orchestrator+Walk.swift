// SPDX-License-Identifier: Apache-2.0
internal import Blueprints
internal import Documents
internal import Store
internal import TaskModel

/// A task's way through the steps of its blueprint's snapshot, up to the session and beside it.
extension Orchestrator {
    // MARK: The blueprint

    /// What a task lives by, checked again whenever it is not known from before.
    func snapshot(of task: TaskRecord) throws(BlueprintRefusal) -> TaskSnapshot {
        if let stored = task.blueprint, let known = snapshots[stored] { return known }
        let snapshot = try TaskSnapshot.load(task.blueprint, of: task.id, sha256: host.sha256)
        // As many as run at a time, and some.
        if snapshots.count >= Self.mostSnapshots { snapshots.removeAll() }
        if let stored = task.blueprint { snapshots[stored] = snapshot }
        return snapshot
    }

    private static let mostSnapshots = 64

    /// The first two steps, which only read: one transaction with the end of both.
    private func load(_ submitted: TaskRecord) throws(StoreError) -> Bool {
        var task = submitted
        func journal(_ step: JournalStep, _ state: JournalRecord.State) -> JournalRecord {
            JournalRecord(
                task: task.id, attempt: task.attempt, step: step.name, number: 1, state: state,
                startedMilliseconds: milliseconds, endedMilliseconds: milliseconds)
        }
        func events(_ step: JournalStep, _ phase: EventType.StepPhase, _ payload: JSON = [:]) -> [NewEvent] {
            [NewEvent(.step(step.name, .started)), NewEvent(.step(step.name, phase), payload)]
        }
        var payload: JSON = [:]
        do throws(BlueprintRefusal) {
            let steps = try snapshot(of: task).blueprint.pipeline.sequence.steps
            payload = ["steps": .array(steps.map { .string($0.name) })]
        } catch {
            let isOrder = error.flaws.contains { $0.rule != nil }
            task.failure = TaskFailureRecord(
                .config, .user, code: isOrder ? .invalidStepSequence : .validation, "\(error)")
            payload = ["error": .string("\(error)")]
        }
        let isLoaded = task.failure == nil
        task = try change(
            TaskChange(
                task,
                events: events(.loadTask, .completed)
                    + events(.loadBlueprint, isLoaded ? .completed : .failed, payload),
                journal: [
                    journal(.loadTask, .completed), journal(.loadBlueprint, isLoaded ? .completed : .failed),
                ]))
        reached(.loadBlueprint, .ended, task.id)
        // Where it failed, that is seen next.
        return true
    }

    // MARK: The way

    /// Goes on with a task that has no session yet.
    func walk(_ ready: TaskRecord) throws(StoreError) -> Bool {
        var task = ready
        if task.failure != nil {
            // A step failed for good, and the process died before it stored that the task ends.
            try beginStop(&task, [])
            return true
        }
        let done = try completed(of: task)
        guard done.contains(JournalStep.loadBlueprint.name) else { return try load(task) }
        guard let snapshot = try known(&task) else { return true }
        guard task.holdsSlot else { return try admit(task) }
        let steps = snapshot.blueprint.pipeline.sequence.steps
        let next = steps.first { step in
            step != StepReference(.admissionControl) && !done.contains(step.name)
        }
        guard let next else { return false }
        if task.status == .submitted, done.contains(JournalStep.preFlight.name) {
            task.status = .hydrating
            task = try change(TaskChange(task, .hydrationStarted))
        }
        switch next.builtin {
        case .startSession: return try startSession(task)
        case .preFlight, .hydrateContext, nil: return try run(next, of: task, snapshot)
        case .admissionControl, .awaitCompletion, .finalize: return false
        }
    }

    /// The snapshot of a task that was loaded before; a store that gives back another one now ends the task.
    ///
    /// - Returns: Nil when the task is ending.
    func known(_ task: inout TaskRecord) throws(StoreError) -> TaskSnapshot? {
        do throws(BlueprintRefusal) { return try snapshot(of: task) } catch {
            task.failure = TaskFailureRecord(.config, .service, code: .validation, "\(error)")
            try beginStop(&task, [])
            return nil
        }
    }

    /// Names of the steps of this attempt that are done.
    func completed(of task: TaskRecord) throws(StoreError) -> Set<String> {
        Set(
            try store.journal(of: task.id).filter { $0.attempt == task.attempt && $0.state == .completed }.map(\.step))
    }

    /// The next of the steps that run while the session works; nil when there is none, or none any more.
    func besideSession(_ task: TaskRecord, _ snapshot: TaskSnapshot) throws(StoreError) -> StepReference? {
        let steps = snapshot.blueprint.pipeline.sequence.besideSession
        if steps.isEmpty { return nil }
        let done = try completed(of: task)
        return steps.first { !done.contains($0.name) }
    }

    /// What earlier steps of this attempt said, in the order in which they ended.
    func results(of task: TaskRecord, _ snapshot: TaskSnapshot) throws(StoreError) -> StepResults {
        var results = StepResults()
        let order = snapshot.blueprint.pipeline.sequence.steps.map(\.name)
        // Within one millisecond, as they stand in the sequence.
        func place(_ record: JournalRecord) -> (Int, Int) {
            (record.endedMilliseconds ?? 0, order.firstIndex(of: record.step) ?? 0)
        }
        let ended = try store.journal(of: task.id).filter {
            $0.attempt == task.attempt && $0.state == .completed && $0.output["status"] != nil
        }
        for record in ended.sorted(by: { place($0) < place($1) }) {
            do throws(StepOutput.Flaw) {
                results.add(record.step, try StepOutput(JSONWriter().write(record.output)))
            } catch { host.log("task \(task.id): step \(record.step): \(error)") }
        }
        return results
    }
}
