// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Store
package import TaskModel

/// Questions that wait for a person: decided, answered by nobody in time, or left without whoever asked.
///
///     RUNNING ──question──▶ AWAITING_APPROVAL ──decision, no answer──▶ RUNNING      the asker goes on, or does without
///                                 │ cancel, deadline, end of the session
///                                 ▼ STRANDED
///
/// The row is what holds: whoever decides first does, and each of these is one transaction with state, timer and event.
extension Orchestrator {
    package enum Verdict: Sendable, Hashable {
        case approve, deny
    }

    /// Decides a question. It is stored when this returns, and told with ``advance(_:)``.
    package func decide(_ id: String, _ name: String, _ verdict: Verdict, by decider: Decider, reason: String?)
        throws(TaskRefusal) -> ApprovalRecord
    {
        let missing = TaskRefusal(
            .requestNotFound,
            "cannot decide \"\(name.displayed)\" of task \"\(id.displayed)\": there is no such question. See: sallyport pending."
        )
        guard let task = try serving({ () throws(StoreError) in try store.task(id) }),
            let approval = try serving({ () throws(StoreError) in try store.approvals(of: id) }).first(where: {
                $0.name == name
            })
        else { throw missing }
        let policy = task.approvals ?? ApprovalPolicy()
        guard policy.allows(decider, owner: task.owner) else {
            // To others it is not there.
            guard decider.identity == task.owner else { throw missing }
            throw TaskRefusal(
                .forbidden,
                "cannot decide \(name) of task \(id): whoever submitted a task does not approve it. Ask one of: \(policy.approvers.joined(separator: ", "))."
            )
        }
        try requireOpen(approval, task)
        let reason = try Self.checked(reason, verdict)
        return try serving { () throws(StoreError) in
            let answer = ApprovalAnswer(verdict == .approve ? .approved : .denied, by: decider.identity, reason: reason)
            let decided = approval.decided(answer, at: milliseconds)
            try settle([decided], task)
            return decided
        }
    }

    private func requireOpen(_ approval: ApprovalRecord, _ task: TaskRecord) throws(TaskRefusal) {
        let subject = "cannot decide \(approval.name) of task \(task.id)"
        if let answer = approval.answer {
            throw TaskRefusal(
                .requestAlreadyDecided, "\(subject): it is \(answer.decision.rawValue), by \(answer.by), already.")
        }
        let isEnding = try serving { () throws(StoreError) in try openJournal(.stopSession, of: task) } != nil
        guard approval.status == .pending, task.status == .awaitingApproval, !isEnding else {
            throw TaskRefusal(
                .taskNotAwaitingApproval,
                "\(subject): nobody waits for an answer any more. See: sallyport status \(task.id).")
        }
    }

    private static func checked(_ reason: String?, _ verdict: Verdict) throws(TaskRefusal) -> String? {
        guard let reason, !reason.isEmpty else {
            if verdict == .approve { return nil }
            throw TaskRefusal(.validation, "cannot deny without a reason: the task's owner reads it. Give one.")
        }
        guard reason.utf8.count <= ApprovalAnswer.longestReason else {
            throw TaskRefusal(
                .validation,
                "cannot take the reason: it has more than \(ApprovalAnswer.longestReason) bytes. Shorten it.")
        }
        return reason.displayed
    }

    // MARK: Rows

    func pendingApprovals(of task: TaskRecord) throws(StoreError) -> [ApprovalRecord] {
        try store.approvals(of: task.id).filter { $0.status == .pending }
    }

    /// What nobody will be told any more.
    func strandedApprovals(of task: TaskRecord) throws(StoreError) -> [ApprovalRecord] {
        try pendingApprovals(of: task).map { $0.stranded(at: milliseconds) }
    }

    /// Ends a question that its asker withdrew; one that was decided before stays decided, and nothing comes of it.
    func withdraw(_ question: String, _ task: TaskRecord) throws(StoreError) -> TaskRecord {
        let open = try pendingApprovals(of: task).filter { $0.attempt == task.attempt && $0.question == question }
        if open.isEmpty { return try change(TaskChange(task)) }
        return try settle(open.map { $0.stranded(at: milliseconds) }, task)
    }

    /// Ends the questions that nobody answered in time.
    func expireApprovals(_ task: inout TaskRecord) throws(StoreError) {
        guard task.status == .awaitingApproval else { return }
        let late = try pendingApprovals(of: task).filter { $0.expiresMilliseconds <= milliseconds }
        if late.isEmpty { return }
        task = try settle(
            late.map { approval in
                let seconds = (approval.expiresMilliseconds - approval.createdMilliseconds) / 1000
                return approval.decided(
                    ApprovalAnswer(.noAnswer, by: ApprovalAnswer.policy, reason: "within \(seconds) seconds"),
                    at: milliseconds)
            }, task)
    }

    /// Stores decisions; the task goes on once nothing is left to be decided.
    @discardableResult
    private func settle(_ decided: [ApprovalRecord], _ waiting: TaskRecord) throws(StoreError) -> TaskRecord {
        var task = waiting
        let names = Set(decided.map(\.name))
        let open = try pendingApprovals(of: task).filter { !names.contains($0.name) }
        if open.isEmpty { task.status = .running }
        told.remove(task.id)
        return try change(
            TaskChange(
                task, open.isEmpty ? .approvalDecided : nil, events: decided.map(Self.decision), approvals: decided,
                timers: [.approval: open.map(\.expiresMilliseconds).min()]))
    }

    /// Why a task was not let go on; nil when no answer kept it from anything.
    func refusedApproval(of task: TaskRecord) throws(StoreError) -> TaskFailureRecord? {
        let refused = try store.approvals(of: task.id).last {
            // A name that stays denied keeps no task from going on.
            $0.attempt == task.attempt && $0.request.act != .newHost && ($0.status == .denied || $0.status == .timedOut)
        }
        guard task.report?.outcome == Self.notApproved, let refused, let answer = refused.answer else { return nil }
        let what = "\(refused.request.act.rawValue) of \(refused.preview)"
        let reason = answer.reason.map { ": \($0)" } ?? ""
        return TaskFailureRecord(
            .blocked, .user,
            answer.decision == .noAnswer
                ? "\(what): nobody answered \(refused.name) \(answer.reason ?? "in time"). Nothing of it was done; submit the task again, or give more time."
                : "\(what) was denied by \(answer.by)\(reason). Nothing of it was done.")
    }

    /// In the words of `evidence.json`.
    private static let notApproved = "not_approved"
}
