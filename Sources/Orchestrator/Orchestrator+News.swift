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
            case .question(let question):
                // What came before is stored first: a step that runs meanwhile changes the task too.
                if !facts.isEmpty { task = try change(TaskChange(task, events: facts)) }
                facts = []
                let passage = try passage(question, &task)
                if passage == .waits { return try openJournal(.stopSession, of: task) != nil }
                task.news = news.sequence
                try take(question, &task, passage)
            }
        }
        if !facts.isEmpty { task = try change(TaskChange(task, events: facts)) }
        return true
    }

    private func take(_ question: SessionQuestion, _ task: inout TaskRecord, _ passage: Passage) throws(StoreError) {
        let earlier = try store.approvals(of: task.id)
        let asked = ApprovalRecord(
            task: task.id, name: "q\(earlier.count + 1)", attempt: task.attempt, question: question.id,
            request: question.request, severity: question.severity, createdMilliseconds: milliseconds,
            expiresMilliseconds: milliseconds)
        var answer = ApprovalAnswer(.approved, by: ApprovalAnswer.order)
        if case .shut(let reason) = passage {
            answer = ApprovalAnswer(.denied, by: ApprovalAnswer.policy, reason: String(reason.prefix(500)))
        }
        let decided = asked.decided(answer, at: milliseconds)
        task = try change(TaskChange(task, events: [Self.decision(decided)], approvals: [decided]))
        told.remove(task.id)
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

    static func decision(_ approval: ApprovalRecord) -> NewEvent {
        var members: [JSON.Member] = [
            .init("request", .string(approval.name)), .init("act", .string(approval.request.act.rawValue)),
            .init("subject", .string(approval.request.subject)),
            .init("severity", .string(approval.severity.rawValue)),
        ]
        if approval.status == .stranded { members.append(.init("decision", "stranded")) }
        return NewEvent(.approvalDecisionRecorded, .object(members + (approval.answer?.json.objectValue ?? [])))
    }
}
