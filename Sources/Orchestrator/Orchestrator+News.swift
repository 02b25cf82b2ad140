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
    func take(_ view: SessionView, _ task: inout TaskRecord) throws(StoreError) {
        var facts: [NewEvent] = []
        for news in view.news {
            task.news = news.sequence
            switch news.matter {
            case .fact(let fact, let source, let payload):
                facts.append(NewEvent(.fact(fact), source: source, payload))
            case .question(let question):
                try take(question, &task, after: facts, isOver: view.status.isEnd)
                facts = []
            }
        }
        if !facts.isEmpty { task = try change(TaskChange(task, events: facts)) }
    }

    /// - Parameters:
    ///   - facts: Told before it, and not stored yet.
    ///   - isOver: Whoever asked is gone.
    private func take(_ question: SessionQuestion, _ task: inout TaskRecord, after facts: [NewEvent], isOver: Bool)
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
        } else if let answer = policy.ruling(question.request, askedAt: people, now: now, left: left) {
            asked = asked.decided(answer, at: now)
        } else {
            return try wait(for: asked, &task, after: facts)
        }
        task = try change(TaskChange(task, events: facts + [Self.decision(asked)], approvals: [asked]))
    }

    private func wait(for asked: ApprovalRecord, _ task: inout TaskRecord, after facts: [NewEvent]) throws(StoreError) {
        let open = try pendingApprovals(of: task) + [asked]
        let isFirst = task.status != .awaitingApproval
        task.status = .awaitingApproval
        task = try change(
            TaskChange(
                task, isFirst ? .approvalRequested : nil, events: facts + [Self.question(asked)], approvals: [asked],
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
