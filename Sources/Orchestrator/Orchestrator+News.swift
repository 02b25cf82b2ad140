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
                try take(question, &task, after: facts)
                facts = []
            }
        }
        if !facts.isEmpty { task = try change(TaskChange(task, events: facts)) }
    }

    /// - Parameter facts: Told before it, and not stored yet.
    private func take(_ question: SessionQuestion, _ task: inout TaskRecord, after facts: [NewEvent])
        throws(StoreError)
    {
        let earlier = try store.approvals(of: task.id)
        let asked = ApprovalRecord(
            task: task.id, name: "q\(earlier.count + 1)", attempt: task.attempt, question: question.id,
            request: question.request, severity: question.severity, createdMilliseconds: milliseconds,
            expiresMilliseconds: milliseconds)
        let decided = asked.decided(ApprovalAnswer(.approved, by: ApprovalAnswer.order), at: milliseconds)
        task = try change(TaskChange(task, events: facts + [Self.decision(decided)], approvals: [decided]))
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
