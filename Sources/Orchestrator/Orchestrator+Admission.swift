// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Store
internal import TaskModel

/// Whether a task may begin, and what becomes of it until then.
///
///     SUBMITTED ──verdict──▶ admit ─▶ HYDRATING, with its slot
///        ▲                   wait  ─▶ QUEUED, with the reason  ──(woken: verdict)──┐
///        └───────────────────refuse ─▶ FAILED                  ◀───────────────────┘
///
/// The order of the queue is by priority, then by arrival. Whoever waits for something of the host (a slot, memory, calm)
/// holds back all behind it; whoever waits for something of its own (its owner's slots, another task, a budget) does not.
extension Orchestrator {
    enum AdmissionVerdict {
        case admit
        /// - until: When to look again though nothing told; nil when something will tell.
        case wait(QueueReason, until: Int?)
        case refuse(TaskFailureRecord)
    }

    /// What a task may do now; asked with nothing stored in between.
    func verdict(_ task: TaskRecord) throws(StoreError) -> AdmissionVerdict {
        if let verdict = try dependencies(of: task) { return verdict }
        if let verdict = try budget(for: task) { return verdict }
        if try store.slotsTaken(owner: task.owner) >= caps.perOwner {
            return .wait(
                QueueReason(.slots, "all \(caps.perOwner) slots of \(task.owner) are taken"), until: nil)
        }
        if try store.slotsTaken(owner: nil) >= caps.total {
            return .wait(QueueReason(.slots, "all \(caps.total) slots are taken"), until: nil)
        }
        for owner in try store.ownersWaitingForHost(ahead: QueuedTask(task), except: Set(stuck.keys)) {
            guard try store.slotsTaken(owner: owner) < caps.perOwner else { continue }
            return .wait(QueueReason(.slots, "others are before it"), until: nil)
        }
        return try capacity(for: task) ?? .admit
    }

    /// Takes a slot and goes on, or waits in the queue, or is refused.
    func admit(_ submitted: TaskRecord) throws(StoreError) -> Bool {
        var task = submitted
        let record = try begin(.admissionControl, &task)
        reached(.admissionControl, .acted, task.id)
        switch try verdict(task) {
        case .admit:
            // Still SUBMITTED: what is looked at before anything is spent comes next.
            let reservation = reservation(of: task)
            var change = TaskChange(
                task, takesSlot: caps, events: reservation.map { [$0.event] } ?? [],
                timers: [.queueAge: Int?.none, .admission: Int?.none])
            change.budget = reservation?.change
            try end(.admissionControl, record, change)
            return true
        case .wait(let reason, let until):
            task.status = .queued
            task.admission.waits = reason
            try end(
                .admissionControl, record,
                TaskChange(
                    task, .capReached, events: [try queued(task, reason)], timers: timers(reason, until)),
                output: ["queued": true])
            // Whoever it has to wait for may be free to go by now.
            needsWake = true
            return false
        case .refuse(let failure):
            task.status = .failed
            task.failure = failure
            try end(
                .admissionControl, record,
                TaskChange(
                    task, .rejected, events: [NewEvent(.admissionRejected, failure.json), Self.ending(task)]),
                failed: true)
            return true
        }
    }

    /// Leaves the queue when it may, or after too long; else it is told why not, when that is another reason than before.
    func leaveQueue(_ queued: TaskRecord) throws(StoreError) -> Bool {
        var task = queued
        let timers = try store.timers(of: task.id)
        if timers.contains(where: { $0.kind == .queueAge && $0.dueMilliseconds <= milliseconds }) {
            task.status = .failed
            task.failure = TaskFailureRecord(
                .concurrency, .transient,
                "the task waited for a slot for \(TaskLimits.queueMaxAge.milliseconds / 3_600_000) hours. Submit it again, or raise the caps."
            )
            try change(TaskChange(task, .queueExpired, events: [Self.ending(task)]))
            needsWake = true
            return true
        }
        switch try verdict(task) {
        case .admit:
            task.status = .submitted
            try change(TaskChange(task, .slotFreed))
            return true
        case .wait(let reason, let until):
            try keep(task, for: reason, until: until, timers)
            return false
        case .refuse(let failure):
            task.status = .failed
            task.failure = failure
            try change(
                TaskChange(
                    task, .rejected, events: [NewEvent(.admissionRejected, failure.json), Self.ending(task)]))
            needsWake = true
            return true
        }
    }

    /// Stores what a queued task waits for from now on; a reason of the same kind is not worth a line.
    private func keep(_ queued: TaskRecord, for reason: QueueReason, until: Int?, _ known: [TaskTimer])
        throws(StoreError)
    {
        var task = queued
        let isNew = task.admission.waits?.kind != reason.kind
        var wanted = self.timers(reason, until)
        // The age goes on while it waits for the host, whatever of it; left out, a timer stays as it is.
        if reason.kind.isOfHost, known.contains(where: { $0.kind == .queueAge }) {
            wanted.removeValue(forKey: .queueAge)
        }
        if !isNew {
            let due = known.first { $0.kind == .admission }?.dueMilliseconds
            if until == due { return }
        }
        task.admission.waits = reason
        try change(TaskChange(task, events: isNew ? [try self.queued(task, reason)] : [], timers: wanted))
    }

    /// The age counts while a task waits for the host: what it waits for of its own may be far away, and is known to come.
    private func timers(_ reason: QueueReason, _ until: Int?) -> [TaskTimer.Kind: Int?] {
        [
            .queueAge: reason.kind.isOfHost ? milliseconds + TaskLimits.queueMaxAge.milliseconds : nil,
            .admission: until,
        ]
    }

    private func queued(_ task: TaskRecord, _ reason: QueueReason) throws(StoreError) -> NewEvent {
        let place = try place(of: task)
        return NewEvent(
            .admissionQueued,
            [
                "reason": .string(reason.kind.rawValue), "detail": .string(reason.detail),
                "priority": .int(task.admission.priority), "position": .int(place.position),
                "starts_ms": .optional(place.startsMilliseconds),
            ])
    }

    /// The first of the queue that may begin now.
    func firstToBegin() throws(StoreError) -> String? {
        guard try store.slotsTaken(owner: nil) < caps.total else { return nil }
        var full: [String: Bool] = [:]
        var last: QueuedTask?
        while true {
            let page = try store.queue(after: last, limit: 64)
            for entry in page {
                // Its parents tell when they end; of a budget whoever spent less than was reserved makes room.
                if entry.waits == .dependencies || stuck[entry.id] != nil { continue }
                if full[entry.owner] == nil {
                    full[entry.owner] = try store.slotsTaken(owner: entry.owner) >= caps.perOwner
                }
                if full[entry.owner] == true { continue }
                switch try turn(of: entry) {
                case .begins: return entry.id
                case .waitsForHost: return nil
                case .passed: continue
                }
            }
            guard page.count == 64 else { return nil }
            last = page.last
        }
    }

    private enum Turn {
        case begins
        /// All behind it wait too.
        case waitsForHost
        case passed
    }

    /// What a task of the queue may do now; one that cannot be read, or changed, keeps nobody behind it.
    private func turn(of entry: QueuedTask) throws(StoreError) -> Turn {
        do throws(StoreError) {
            guard let task = try store.task(entry.id) else { return .passed }
            // One whose end was asked for goes nowhere.
            if try openJournal(.stopSession, of: task) != nil { return .passed }
            switch try verdict(task) {
            case .admit, .refuse: return .begins
            case .wait(let reason, let until):
                try keep(task, for: reason, until: until, try store.timers(of: task.id))
                return reason.kind.isOfHost ? .waitsForHost : .passed
            }
        } catch {
            if error.isTransient { throw error }
            suspend(entry.id, error)
            return .passed
        }
    }

    /// How a task ended, for the feed.
    static func ending(_ task: TaskRecord) -> NewEvent {
        let fact: EventType.Fact =
            switch task.status {
            case .completed: .taskCompleted
            case .cancelled: .taskCancelled
            case .timedOut: .taskTimedOut
            case .failed, .pendingUploads, .queued, .submitted, .hydrating, .running, .awaitingApproval, .finalizing:
                .taskFailed
            }
        return NewEvent(fact, ["result": task.report?.json ?? .null, "error": task.failure?.json ?? .null])
    }
}

extension Duration {
    var milliseconds: Int {
        Int(components.seconds) * 1000 + Int(components.attoseconds / 1_000_000_000_000_000)
    }
}
