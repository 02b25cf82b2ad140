// SPDX-License-Identifier: Apache-2.0
internal import Blueprints
internal import Documents
internal import Store
internal import TaskModel

/// Steps that are processes of their own: started once for each attempt, found again, cut at their time, repeated.
extension Orchestrator {
    /// One step as the blueprint and the framework bound it.
    struct StepPlan {
        let reference: StepReference
        let policy: RetryPolicy
        let limit: Duration
        /// The session waits for it: when it fails, the session is told so and ends by itself.
        let isHandover: Bool

        init(_ reference: StepReference, _ snapshot: TaskSnapshot, isHandover: Bool) {
            self.reference = reference
            self.isHandover = isHandover
            let custom = snapshot.blueprint.pipeline.customSteps.first { $0.name == reference.name }
            if reference.kind == .custom, let custom {
                policy = RetryPolicy(maxRetries: custom.maxRetries)
                // Its sandbox ends it in time; this is for what is around it.
                limit = .seconds(custom.timeoutSeconds) + TaskLimits.stepSetUp
            } else {
                policy = RetryPolicy(maxRetries: TaskLimits.customStepRetries)
                limit = reference.builtin == .preFlight ? TaskLimits.preFlightTimeout : TaskLimits.hydrationTimeout
            }
        }
    }

    /// Goes on with a step.
    ///
    /// - Parameter handover: What the session asks to hand over, for a step that comes after the agent.
    /// - Returns: Whether the task has more to do at once.
    func run(
        _ reference: StepReference, of ready: TaskRecord, _ snapshot: TaskSnapshot,
        handover: Handover? = nil
    ) throws(StoreError) -> Bool {
        var task = ready
        let step = JournalStep.named(reference.name)
        let plan = StepPlan(reference, snapshot, isHandover: handover != nil)
        let earlier = try store.journal(of: task.id).filter { $0.attempt == task.attempt && $0.step == step.name }
        let isOpen = earlier.last?.state == .began
        if !isOpen, let pause = try stepTimer(task), pause > milliseconds { return false }
        let number = isOpen ? earlier.count : earlier.count + 1
        let process = "\(task.id)-\(task.attempt).\(step.name)-\(number)"
        let record = try begin(
            step, &task, input: ["process": .string(process)],
            timers: [.step: milliseconds + plan.limit.milliseconds])
        if startedSteps.insert(process).inserted {
            do throws(ComputeError) {
                try strategy(task).startStep(try start(process, plan, task, snapshot, number, handover?.delivered))
            } catch {
                startedSteps.remove(process)
                let cause: StepFailure.Cause = error.errorClass == .transient ? .startTransient : .startRefused
                return try over(plan, &task, record, .broke(StepFailure(cause, error.description)))
            }
        }
        reached(step, .acted, task.id)
        return try look(plan, &task, record, process)
    }

    private func start(
        _ process: String, _ plan: StepPlan, _ task: TaskRecord, _ snapshot: TaskSnapshot, _ number: Int,
        _ delivered: StepWork.Delivered?
    ) throws(ComputeError) -> StepStart {
        guard let blueprint = task.blueprint else { throw ComputeError(.permission, "the task has no blueprint") }
        let work: StepWork
        switch plan.reference.builtin {
        case .preFlight: work = .preFlight
        case .hydrateContext: work = .hydrateContext
        case .admissionControl, .startSession, .awaitCompletion, .finalize, nil:
            do {
                let results = try results(of: task, snapshot).newest(snapshot.blueprint.pipeline.previousResults)
                work = .custom(
                    .init(
                        name: plan.reference.name, attempt: number, round: task.attempt,
                        results: try results.checkpoint(), delivered: delivered))
            } catch { throw ComputeError(.permission, "\(error)") }
        }
        return StepStart(process: process, task: task.id, request: task.request, blueprint: blueprint, work: work)
    }

    /// Asks how the attempt is.
    private func look(_ plan: StepPlan, _ task: inout TaskRecord, _ record: JournalRecord, _ process: String)
        throws(StoreError) -> Bool
    {
        let handle = SessionHandle(task.compute, session: process)
        let strategy = strategy(task)
        let status: StepStatus
        var isWatched = false
        do throws(ComputeError) {
            let descriptor = try strategy.changeDescriptor(handle)
            isWatched = descriptor != nil
            host.watch(Self.watchName(task.id), descriptor)
            status = try strategy.pollStep(process)
        } catch {
            host.log("task \(task.id): step \(record.step): \(error)")
            wakeUps[task.id] = milliseconds + TaskLimits.pollIntervalRange.lowerBound.milliseconds
            // Its time runs all the same.
            return try wait(plan, &task, record, handle, isWatched: isWatched)
        }
        switch status {
        case .running: return try wait(plan, &task, record, handle, isWatched: isWatched)
        case .ended(let end): return try over(plan, &task, record, end)
        case .failed(let failure):
            let cause: StepFailure.Cause = failure.kind == .neverStarted ? .startTransient : .lost
            return try over(plan, &task, record, .broke(StepFailure(cause, failure.detail)))
        }
    }

    private func wait(
        _ plan: StepPlan, _ task: inout TaskRecord, _ record: JournalRecord, _ handle: SessionHandle, isWatched: Bool
    ) throws(StoreError) -> Bool {
        guard milliseconds >= record.startedMilliseconds + plan.limit.milliseconds else {
            // Its end is told by the descriptor; where there is none it is asked again, and soon.
            let interval = isWatched ? TaskLimits.pollInterval : TaskLimits.backoffBase
            let due = milliseconds + interval.milliseconds
            wakeUps[task.id] = min(wakeUps[task.id] ?? due, due)
            return false
        }
        switch strategy(task).stopSession(handle, force: true) {
        case .gone:
            return try over(plan, &task, record, .broke(StepFailure(.timedOut, "it was not over within its time")))
        case .stopping: break
        case .failed(let error): host.log("task \(task.id): step \(record.step): \(error)")
        }
        // Not dead yet: nothing else of it may begin.
        task = try change(
            TaskChange(task, timers: [.step: milliseconds + TaskLimits.backoffBase.milliseconds]))
        return false
    }

    // MARK: Ends

    private func over(_ plan: StepPlan, _ task: inout TaskRecord, _ record: JournalRecord, _ end: StepEnd)
        throws(StoreError) -> Bool
    {
        if end.mayRepeat, record.number < plan.policy.attempts {
            return try again(plan, &task, record, end.output)
        }
        return try done(plan, &task, record, end)
    }

    private func over(_ plan: StepPlan, _ task: inout TaskRecord, _ record: JournalRecord, _ attempt: StepAttempt)
        throws(StoreError) -> Bool
    {
        switch plan.policy.next(after: record.number, attempt) {
        case .again: return try again(plan, &task, record, attempt.output)
        case .done(let output), .exhausted(let output):
            return try done(plan, &task, record, StepEnd(output, code: .runtimeUnavailable))
        }
    }

    private func again(_ plan: StepPlan, _ task: inout TaskRecord, _ record: JournalRecord, _ output: StepOutput)
        throws(StoreError) -> Bool
    {
        let wait = RetryPolicy.wait(after: record.number).milliseconds
        task = try end(
            .named(record.step), record, TaskChange(task, timers: [.step: milliseconds + wait]),
            output: Self.told(output, [.init("again_after_ms", .int(wait))]), failed: true)
        forgetStep(task, record)
        return true
    }

    private func done(_ plan: StepPlan, _ task: inout TaskRecord, _ record: JournalRecord, _ end: StepEnd)
        throws(StoreError) -> Bool
    {
        let output = Self.told(end.output, [])
        guard case .failed(let message, _) = end.output else {
            task = try self.end(
                .named(record.step), record, TaskChange(task, timers: [.step: Int?.none]), output: output)
            forgetStep(task, record)
            return true
        }
        task.failure = Self.failure(plan.reference, end.code, message)
        var events: [NewEvent] = []
        switch plan.reference.builtin {
        case .preFlight:
            events = [NewEvent(.preflightFailed, ["reason": .optional(end.code?.rawValue), "error": .string(message)])]
        case .hydrateContext where task.failure?.category == .guardrail:
            events = [NewEvent(.guardrailBlocked, ["error": .string(message)])]
        case .hydrateContext, .admissionControl, .startSession, .awaitCompletion, .finalize, nil: break
        }
        var change = TaskChange(task, events: events, timers: [.step: Int?.none])
        if !plan.isHandover { change = try stopping(change) }
        task = try self.end(.named(record.step), record, change, output: output, failed: true)
        forgetStep(task, record)
        if !plan.isHandover { reached(.stopSession, .began, task.id) }
        return true
    }

    private static func failure(_ step: StepReference, _ code: ErrorCode?, _ message: String) -> TaskFailureRecord {
        let text = "step \"\(step.name)\" failed: \(message)"
        if code == .forgeUnreachable { return TaskFailureRecord(.network, .transient, code: code, text) }
        if code == .runtimeUnavailable { return TaskFailureRecord(.compute, .service, code: code, text) }
        if code == .validation, step.builtin == .hydrateContext {
            return TaskFailureRecord(.guardrail, .user, code: code, text)
        }
        let auth: [ErrorCode] = [.insufficientPermissions, .tokenMissing, .tokenUnreadable, .repositoryNotFound]
        if let code, auth.contains(code) { return TaskFailureRecord(.auth, .service, code: code, text) }
        return TaskFailureRecord(step.kind == .custom ? .blocked : .config, .user, code: code, text)
    }

    /// As the journal and the event have it.
    private static func told(_ output: StepOutput, _ more: [JSON.Member]) -> JSON {
        .object((output.json.objectValue ?? []) + more)
    }

    private func forgetStep(_ task: TaskRecord, _ record: JournalRecord) {
        if let process = record.input["process"]?.stringValue { startedSteps.remove(process) }
        host.watch(Self.watchName(task.id), nil)
    }

    private func stepTimer(_ task: TaskRecord) throws(StoreError) -> Int? {
        try store.timers(of: task.id).first { $0.kind == .step }?.dueMilliseconds
    }

    // MARK: Stop

    /// Processes of steps that began and did not end.
    func openSteps(of task: TaskRecord) throws(StoreError) -> [SessionHandle] {
        try store.journal(of: task.id).filter { $0.attempt == task.attempt && $0.state == .began }
            .compactMap { $0.input["process"]?.stringValue }.map { SessionHandle(task.compute, session: $0) }
    }

    /// What a step's process is watched as, beside the task's session.
    static func watchName(_ task: String) -> String { task + "/step" }
}
