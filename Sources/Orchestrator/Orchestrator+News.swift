// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Store
internal import TaskModel

/// What sessions tell and ask while they run.
///
/// Each line becomes an event in the transaction that moves the task's number on, so that it does so once, whoever dies in
/// between. An answer is given after it is stored, and given again by every process that finds it stored.
extension Orchestrator {
    /// Takes what a session told since the last time.
    ///
    /// - Returns: Whether there is more to do at once; not while a step has to be over before a question is decided.
    func take(_ view: SessionView, _ task: inout TaskRecord) throws(StoreError) -> Bool {
        var facts: [NewEvent] = []
        for news in view.news {
            switch news.matter {
            case .fact(let fact, let source, let payload):
                task.news = news.sequence
                facts.append(NewEvent(.fact(fact), source: source, payload))
            case .withdrawal(let id):
                if !facts.isEmpty { task = try change(TaskChange(task, events: facts)) }
                facts = []
                task.news = news.sequence
                task = try withdraw(id, task)
            case .question(let question):
                // What came before is stored first: a step that runs meanwhile changes the task too.
                if !facts.isEmpty { task = try change(TaskChange(task, events: facts)) }
                facts = []
                let isOver = view.status.isEnd
                let passage = isOver ? .open : try passage(question, &task)
                if passage == .waits { return try openJournal(.stopSession, of: task) != nil }
                task.news = news.sequence
                try take(question, &task, isOver: isOver, passage)
            }
        }
        if !facts.isEmpty { task = try change(TaskChange(task, events: facts)) }
        return true
    }

    /// - Parameters:
    ///   - isOver: Whoever asked is gone.
    ///   - passage: Nobody is asked where it is shut.
    private func take(_ question: SessionQuestion, _ task: inout TaskRecord, isOver: Bool, _ passage: Passage)
        throws(StoreError)
    {
        let policy = task.approvals ?? ApprovalPolicy()
        let now = milliseconds
        let earlier = try store.approvals(of: task.id)
        let left = task.deadlineMilliseconds.map { ($0 - now) / 1000 }
        let seconds = policy.timeout(question.request, own: question.timeoutSeconds, left: left)
        var asked = ApprovalRecord(
            task: task.id, name: "q\(earlier.count + 1)", attempt: task.attempt, question: question.id,
            request: question.request, severity: question.severity, createdMilliseconds: now,
            expiresMilliseconds: now + seconds * 1000)
        told.remove(task.id)
        let people = earlier.filter(\.isForPeople).map(\.createdMilliseconds)
        if isOver {
            asked = asked.stranded(at: now)
        } else if case .shut(let reason) = passage {
            let denied = ApprovalAnswer(.denied, by: ApprovalAnswer.policy, reason: String(reason.prefix(500)))
            asked = asked.decided(denied, at: now)
        } else if let answer = policy.ruling(question.request, askedAt: people, now: now, left: left) {
            asked = asked.decided(answer, at: now)
        } else {
            return try wait(for: asked, &task)
        }
        task = try change(TaskChange(task, events: [Self.decision(asked)], approvals: [asked]))
    }

    private func wait(for asked: ApprovalRecord, _ task: inout TaskRecord) throws(StoreError) {
        let open = try pendingApprovals(of: task) + [asked]
        let isFirst = task.status != .awaitingApproval
        task.status = .awaitingApproval
        task = try change(
            TaskChange(
                task, isFirst ? .approvalRequested : nil, events: [Self.question(asked)], approvals: [asked],
                timers: [.approval: open.map(\.expiresMilliseconds).min()]))
        host.log("task \(task.id): waits for an answer to \(asked.name), \(asked.request.act.rawValue)")
    }

    /// Tells a session what was decided of all that it asked.
    func tellAnswers(_ task: TaskRecord, _ handle: SessionHandle) throws(ComputeError) {
        let decided: [ApprovalRecord]
        do throws(StoreError) {
            decided = try store.approvals(of: task.id).filter { $0.attempt == task.attempt }
        } catch { throw ComputeError(.transient, error.description) }
        for approval in decided {
            guard let question = approval.question, let answer = approval.answer else { continue }
            reached(.answerSession, .began, task.id)
            try strategy(task).answerSession(handle, question, answer)
            reached(.answerSession, .acted, task.id)
        }
        told.insert(task.id)
    }

    // MARK: Events

    private static func facts(_ approval: ApprovalRecord) -> [JSON.Member] {
        [
            .init("request", .string(approval.name)), .init("kind", .string(approval.kind.rawValue)),
            .init("act", .string(approval.request.act.rawValue)), .init("subject", .string(approval.preview)),
            .init("severity", .string(approval.severity.rawValue)),
        ]
    }

    static func question(_ approval: ApprovalRecord) -> NewEvent {
        NewEvent(
            .approvalRequested,
            .object(
                facts(approval) + [
                    .init("facts", approval.request.json["facts"] ?? .null),
                    .init("expires_ms", .int(approval.expiresMilliseconds)),
                ]))
    }

    static func decision(_ approval: ApprovalRecord) -> NewEvent {
        let answer =
            approval.answer?.json.objectValue ?? [.init("decision", .string(approval.status.rawValue.lowercased()))]
        return NewEvent(.approvalDecisionRecorded, .object(facts(approval) + answer))
    }
}
