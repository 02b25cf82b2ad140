// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Store
internal import TaskModel

/// A task's session: started once, found again, seen to end, confirmed dead.
extension Orchestrator {
    // MARK: Start

    func startSession(_ hydrating: TaskRecord) throws(StoreError) -> Bool {
        var task = hydrating
        guard let blueprint = task.blueprint else { return try startFailed(task) }
        // The same after every crash, so that there is one session for each attempt and never two.
        let session = "\(task.id)-\(task.attempt)"
        if task.session != session { (task.session, task.news) = (session, 0) }
        let (memory, recalled) = recall(task)
        let record = try begin(
            .startSession, &task, input: ["session": .string(session)], events: recalled.map { [$0] } ?? [])
        let start = SessionStart(
            session: session, task: task.id, attempt: task.attempt, request: task.request, blueprint: blueprint,
            memory: memory, hydration: try hydration(of: task))
        let handle: SessionHandle
        do throws(ComputeError) { handle = try strategy(task).startSession(start) } catch {
            return try startFailed(task, record, error)
        }
        reached(.startSession, .acted, task.id)
        do throws(StoreError) {
            try recordStart(task, record, handle)
        } catch {
            // There may be no row to find it by: it ends now. The intent stays, so a later try finds what became of it.
            _ = strategy(task).stopSession(handle, force: true)
            throw error
        }
        host.log("task \(task.id): session \(session) started")
        return true
    }

    /// What hydrate-context stored for it.
    private func hydration(of task: TaskRecord) throws(StoreError) -> SessionStart.Hydration? {
        let record = try store.journal(of: task.id).last {
            $0.attempt == task.attempt && $0.step == JournalStep.hydrateContext.name && $0.state == .completed
        }
        guard let process = record?.input["process"]?.stringValue,
            let digest = record?.output["metadata"]?["sha256"]?.stringValue
        else { return nil }
        return SessionStart.Hydration(process: process, digest: digest)
    }

    /// Nothing says what it may do.
    private func startFailed(_ blind: TaskRecord) throws(StoreError) -> Bool {
        var task = blind
        task.failure = TaskFailureRecord(
            .config, .user, code: .repositoryNotOnboarded,
            "the task was stored without a blueprint. Submit it again.")
        try beginStop(&task, [])
        return true
    }

    private func recordStart(_ task: TaskRecord, _ record: JournalRecord, _ handle: SessionHandle) throws(StoreError) {
        var task = task
        task.status = .running
        task.handle = handle
        let deadline = milliseconds + TaskLimits.sessionMax.milliseconds
        task.deadlineMilliseconds = deadline
        let started = NewEvent(
            .sessionStarted,
            ["session_id": .string(handle.session), "strategy_type": .string(handle.type.rawValue)])
        task = try end(
            .startSession, record,
            TaskChange(task, .sessionStarted, events: [started], timers: [.deadline: deadline]))
    }

    private func startFailed(_ failed: TaskRecord, _ record: JournalRecord, _ error: ComputeError) throws(StoreError)
        -> Bool
    {
        var task = failed
        if error.errorClass == .transient, record.number <= TaskLimits.startRetries {
            let retry = NewEvent(.sessionStartRetry, ["reason": .string(error.description)])
            try end(.startSession, record, TaskChange(task, events: [retry]), failed: true)
            return true
        }
        task.failure = TaskFailureRecord(
            .compute, error.errorClass == .transient ? .transient : .service, code: .runtimeUnavailable,
            error.description)
        task = try end(.startSession, record, TaskChange(task), failed: true)
        try beginStop(&task, [])
        return true
    }

    // MARK: Watch

    /// Asks how the session is, and what that means.
    func observe(_ running: TaskRecord) throws(StoreError) -> Bool {
        var task = running
        let record = try begin(.awaitCompletion, &task)
        try expireApprovals(&task)
        guard let handle = task.handle else { return try lost(task, record, "it has no handle") }
        guard let snapshot = try known(&task) else { return true }
        let beside = try besideSession(task, snapshot)
        if let beside {
            if try run(beside, of: task, snapshot) { return true }
            guard let now = try store.task(task.id) else { return false }
            task = now
        }
        let strategy = strategy(task)
        let view: SessionView
        let isWatched: Bool
        do throws(ComputeError) {
            // What is decided is told before anything else: this process may not be the one that decided it.
            if !told.contains(task.id) { try tellAnswers(task, handle) }
            let descriptor = try strategy.changeDescriptor(handle)
            isWatched = descriptor != nil
            host.watch(task.id, descriptor)
            view = try strategy.pollSession(handle, after: task.news)
        } catch {
            return try pollFailed(task, record, error)
        }
        pollErrors[task.id] = nil
        if !view.news.isEmpty {
            // Where it waits for a step, the session's own end and deadline are looked at all the same.
            if try take(view, &task) { return true }
            guard let now = try store.task(task.id) else { return false }
            task = now
        }
        switch view.status {
        case .running, .suspended:
            if let deadline = task.deadlineMilliseconds, milliseconds >= deadline {
                try beginStop(
                    &task, [NewEvent(.deadlinePassed, ["deadline_ms": .int(deadline)])], await: record)
                return true
            }
            // The descriptor tells of its end; where there is none, or it does not, the session is asked again.
            let interval = isWatched ? TaskLimits.pollInterval : TaskLimits.backoffBase
            wakeUps[task.id] = milliseconds + interval.milliseconds
            return false
        // What runs beside it has its say first; until then this end is known, and neither told nor timed any more.
        case .completed where beside != nil:
            host.watch(task.id, nil)
            if try store.timers(of: task.id).contains(where: { $0.kind == .deadline }) {
                try change(TaskChange(task, timers: [.deadline: Int?.none]))
            }
            return false
        case .completed(let report):
            reached(.awaitCompletion, .acted, task.id)
            task.status = .finalizing
            task.report = report
            let stranded = try strandedApprovals(of: task)
            try end(
                .awaitCompletion, record,
                TaskChange(
                    task, .sessionEnded, events: stranded.map(Self.decision) + [NewEvent(.sessionEnded, report.json)],
                    approvals: stranded,
                    timers: [.deadline: Int?.none, .approval: Int?.none, .step: Int?.none]))
            return true
        case .failed(let failure): return try failed(task, record, failure)
        }
    }

    private func pollFailed(_ task: TaskRecord, _ record: JournalRecord, _ error: ComputeError) throws(StoreError)
        -> Bool
    {
        let count = pollErrors[task.id, default: 0] + 1
        pollErrors[task.id] = count
        host.log("task \(task.id): \(error)")
        if count >= TaskLimits.mostPollErrors {
            return try lost(task, record, "it could not be asked \(count) times in a row; the last time: \(error)")
        }
        wakeUps[task.id] = milliseconds + TaskLimits.pollIntervalRange.lowerBound.milliseconds
        return false
    }

    private func failed(_ task: TaskRecord, _ record: JournalRecord, _ failure: SessionFailure) throws(StoreError)
        -> Bool
    {
        switch failure.kind {
        case .neverStarted, .lost: return try lost(task, record, "\(failure.detail) (\(failure.kind.rawValue))")
        case .ended:
            var task = task
            reached(.awaitCompletion, .acted, task.id)
            // What was seen to fail before is why it ended so.
            task.failure = task.failure ?? TaskFailureRecord(.config, .user, failure.detail)
            try beginStop(&task, [NewEvent(.sessionEnded, ["error": .string(failure.detail)])], await: record)
            return true
        }
    }

    private func lost(_ running: TaskRecord, _ record: JournalRecord, _ detail: String) throws(StoreError) -> Bool {
        var task = running
        reached(.awaitCompletion, .acted, task.id)
        task.failure =
            task.failure
            ?? TaskFailureRecord(
                .compute, .transient, code: .runtimeUnavailable,
                "cannot tell how session \(task.session ?? "") went: \(detail). Nothing of it counts as done; see its log."
            )
        try beginStop(&task, [NewEvent(.sessionLost, ["detail": .string(detail)])], await: record)
        return true
    }

    // MARK: Stop

    /// Stores that a session is to end; from here on the task only ends.
    ///
    /// - Parameter await: The open wait, which ends with this.
    func beginStop(_ task: inout TaskRecord, _ events: [NewEvent], await record: JournalRecord? = nil)
        throws(StoreError)
    {
        let stop = try stopping(TaskChange(task, events: events))
        if let record {
            task = try end(.awaitCompletion, record, stop, failed: true)
        } else {
            task = try change(stop)
        }
        reached(.stopSession, .began, task.id)
    }

    /// A change with the intent to end the task's session, so that no process can die between a reason and its consequence.
    func stopping(_ reason: TaskChange) throws(StoreError) -> TaskChange {
        var change = reason
        let task = reason.task
        let earlier = try store.journal(of: task.id).filter {
            $0.attempt == task.attempt && $0.step == JournalStep.stopSession.name
        }
        if earlier.last?.state == .began { return change }
        change.journal.append(
            JournalRecord(
                task: task.id, attempt: task.attempt, step: JournalStep.stopSession.name, number: earlier.count + 1,
                startedMilliseconds: milliseconds))
        change.events.append(NewEvent(.step(JournalStep.stopSession.name, .started)))
        // From here on only its end is waited for: what is due for anything else would be so for ever.
        for kind in TaskTimer.Kind.allCases { change.timers.updateValue(nil, forKey: kind) }
        return change
    }

    /// Goes on ending a session, and ends the task once it is confirmed dead.
    func stop(_ ending: TaskRecord) throws(StoreError) -> Bool {
        var task = ending
        guard let record = try openJournal(.stopSession, of: task) else { return false }
        // A session that was intended may be there, handle or not.
        if let handle = task.handle ?? task.session.map({ SessionHandle(task.compute, session: $0) }) {
            guard try isGone(task, handle, since: record.startedMilliseconds) else { return false }
            if task.report == nil { task.report = try lastWord(task, handle) }
        }
        for step in try openSteps(of: task) {
            guard try isGone(task, step, since: record.startedMilliseconds) else { return false }
        }
        reached(.stopSession, .acted, task.id)
        let (status, event) = Self.conclusion(task)
        task.status = status
        task.handle = nil
        let stranded = try strandedApprovals(of: task)
        // What was under way when the end was asked for is over as well.
        var (journal, events) = try cut(task, but: record)
        // It runs for every task, whatever came before: here all that it does is in this one change.
        journal.append(
            JournalRecord(
                task: task.id, attempt: task.attempt, step: JournalStep.finalize.name, number: 1, state: .completed,
                startedMilliseconds: milliseconds, endedMilliseconds: milliseconds))
        events += [EventType.StepPhase.started, .completed].map { NewEvent(.step(JournalStep.finalize.name, $0)) }
        try end(
            .stopSession, record,
            TaskChange(
                task, event, events: stranded.map(Self.decision) + events + [Self.ending(task)], journal: journal,
                approvals: stranded))
        host.watch(task.id, nil)
        host.watch(Self.watchName(task.id), nil)
        needsWake = true
        return true
    }

    /// Steps that were under way when a task came to its end: over as well.
    private func cut(_ task: TaskRecord, but record: JournalRecord) throws(StoreError) -> ([JournalRecord], [NewEvent])
    {
        let journal = try openTries(of: task).filter { $0.step != record.step }
        return (journal, journal.map { NewEvent(.step($0.step, .failed), ["error": "the task ends"]) })
    }

    /// What a task whose session was ended becomes.
    private static func conclusion(_ task: TaskRecord) -> (TaskState, TransitionEvent) {
        if task.cancelledBy != nil { return (.cancelled, .cancelled) }
        if task.status == .submitted { return (.failed, .rejected) }
        if task.status == .hydrating { return (.failed, .startFailed) }
        return task.failure == nil ? (.timedOut, .deadlinePassed) : (.failed, .sessionLost)
    }

    /// What a session that was asked to end said in the end; nil when it said nothing.
    private func lastWord(_ task: TaskRecord, _ handle: SessionHandle) throws(StoreError) -> SessionReport? {
        do throws(ComputeError) {
            if case .completed(let report) = try strategy(task).pollSession(handle, after: task.news).status {
                return report
            }
        } catch { host.log("task \(task.id): \(error)") }
        return nil
    }

    /// Whether nothing of a session is left; until then it is asked, then killed, and looked after.
    func isGone(_ task: TaskRecord, _ handle: SessionHandle, since: Int, force: Bool = false) throws(StoreError) -> Bool
    {
        let strategy = strategy(task)
        let elapsed = milliseconds - since
        let isForced = force || elapsed >= TaskLimits.stopGrace.milliseconds
        switch strategy.stopSession(handle, force: isForced) {
        case .gone: return true
        case .stopping:
            do throws(ComputeError) { host.watch(task.id, try strategy.changeDescriptor(handle)) } catch {
                host.log("task \(task.id): \(error)")
            }
            let rest = isForced ? TaskLimits.backoffBase.milliseconds : TaskLimits.stopGrace.milliseconds - elapsed
            wakeUps[task.id] = milliseconds + rest
        case .failed(let error):
            // What told of its end may be closed by now.
            host.watch(task.id, nil)
            try stopFailed(task, error)
        }
        return false
    }

    /// Nothing is told to be dead that is not: it is tried again, soon at first, and the operator is told once.
    private func stopFailed(_ task: TaskRecord, _ error: ComputeError) throws(StoreError) {
        let tries = stopTries[task.id, default: 0] + 1
        stopTries[task.id] = tries
        host.log("task \(task.id): \(error)")
        let isHopeless = error.errorClass == .permission || tries > TaskLimits.stopRetries
        wakeUps[task.id] =
            milliseconds + (isHopeless ? TaskLimits.pollInterval.milliseconds : min(2000, 50 << min(tries, 6)))
        guard isHopeless,
            !(try store.events(of: task.id, after: 0, limit: .max)).contains(where: {
                $0.type == .fact(.stopUnconfirmed)
            })
        else { return }
        try change(
            TaskChange(
                task,
                events: [
                    NewEvent(
                        .stopUnconfirmed,
                        ["class": .string(error.errorClass.rawValue), "detail": .string(error.description)])
                ]))
    }

    // MARK: Finalize

    /// Judges what the session told, once nothing of it is left.
    func finalize(_ finalizing: TaskRecord) throws(StoreError) -> Bool {
        var task = finalizing
        let record = try begin(.finalize, &task)
        for handle in try openSteps(of: task) + [task.handle].compactMap({ $0 }) {
            guard try isGone(task, handle, since: record.startedMilliseconds, force: true) else { return false }
        }
        reached(.finalize, .acted, task.id)
        let (cutJournal, cutEvents) = try cut(task, but: record)
        let event: TransitionEvent
        if let report = task.report, report.isSuccess {
            (task.status, event) = (.completed, .judgedCompleted)
        } else {
            (task.status, event) =
                task.report?.isTimeLimit == true ? (.timedOut, .judgedTimedOut) : (.failed, .judgedFailed)
            let refused = try refusedApproval(of: task)
            task.failure = task.failure ?? refused ?? Self.failure(task.report)
        }
        task.handle = nil
        let remembered = task.status == .completed ? remember(task).map { [$0] } ?? [] : []
        try end(
            .finalize, record,
            TaskChange(task, event, events: cutEvents + remembered + [Self.ending(task)], journal: cutJournal))
        host.watch(task.id, nil)
        host.watch(Self.watchName(task.id), nil)
        needsWake = true
        return true
    }

    private static func failure(_ report: SessionReport?) -> TaskFailureRecord {
        guard let report else {
            return TaskFailureRecord(.unknown, .service, "the session told nothing. See its log.")
        }
        if let spending = report.spending, spending.isExhausted {
            return TaskFailureRecord(
                .budget, .user, code: .budgetExhausted,
                "the task ended as \(report.outcome) (\(report.reason)) after its models had cost \(DollarText.text(spending.microDollars)) of \(DollarText.text(spending.budgetMicroDollars)) USD, and more was refused. Submit it with a higher --max-budget."
            )
        }
        return TaskFailureRecord(
            report.isTimeLimit ? .timeout : .agent, .user,
            "the task ended as \(report.outcome) (\(report.reason)). See its evidence, and sallyport logs.")
    }
}
