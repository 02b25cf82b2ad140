// SPDX-License-Identifier: Apache-2.0
package import Blueprints
internal import Documents
package import Store
package import TaskModel

/// Drives every task from its submission to a terminal state, whatever process dies on the way.
///
///     submit ─▶ load-task, load-blueprint ─▶ the steps of the blueprint's sequence ─▶ finalize ─▶ a terminal state
///                                                   │ a step failed, lost, deadline, cancel
///                                                   ▼
///                                              stop-session ─▶ FAILED, TIMED_OUT, CANCELLED
///
/// For one thread, which also has the store. Each step stores its intent, acts, and stores its end together with the
/// change of state, the slot and the events. Nothing here waits: what a task waits for comes back as
/// ``sessionChanged(_:)`` or ``tick()``.
package final class Orchestrator {
    let store: any TaskStore
    let settings: DaemonSettings
    let memory: (any RepositoryMemory)?
    unowned let host: any OrchestratorHost
    private let strategies: (ComputeType) -> any ComputeStrategy & StepCompute
    /// Read and checked before; see ``snapshot(of:)``.
    var snapshots: [StoredBlueprint: TaskSnapshot] = [:]
    /// Processes of steps that this process started or found.
    var startedSteps: Set<String> = []

    /// When something in memory is due, by task: a session to be asked, a stop to be looked after, a store that failed.
    var wakeUps: [String: Int] = [:]
    var pollErrors: [String: Int] = [:]
    var stopTries: [String: Int] = [:]
    /// Tasks whose sessions were told by this process of all that was decided for them.
    var told: Set<String> = []
    /// Tasks to go on with, in order; one that sets another free does not go on inside of it.
    private var waiting: [String] = []
    private var isAdvancing = false
    /// Somebody in the queue may be free to go.
    var needsWake = false
    /// Of what is decided in one go.
    var loadSeen: HostLoad?
    var hasToldOfPressure = false
    /// Until when a store that failed is left alone: what is due stays due meanwhile.
    private var storePause = 0
    /// Tasks that the store cannot read, or takes nothing of, and when each is tried again: they keep nobody else.
    private(set) var stuck: [String: Int] = [:]

    package init(
        _ store: any TaskStore, memory: (any RepositoryMemory)? = nil, settings: DaemonSettings = DaemonSettings(),
        host: any OrchestratorHost, strategies: @escaping (ComputeType) -> any ComputeStrategy & StepCompute
    ) {
        self.store = store
        self.memory = memory
        self.settings = settings
        self.host = host
        self.strategies = strategies
    }

    var milliseconds: Int { host.now.wallMilliseconds }
    var caps: SlotCaps { settings.caps }

    func strategy(_ task: TaskRecord) -> any ComputeStrategy & StepCompute { strategies(task.compute) }

    // MARK: What people ask for

    package enum Taken: Sendable, Hashable {
        case created(TaskRecord)
        case replayed(TaskRecord)
    }

    /// Takes a task. It is stored when this returns, and goes on with ``advance(_:)``.
    ///
    /// - Parameter accepted: What the gate let pass: nothing else makes one, so there is no way round it.
    package func submit(_ accepted: AcceptedTask) throws(TaskRefusal) -> Taken {
        let owner = "uid:\(accepted.submitter.uid)"
        let blueprint = accepted.snapshot.stored(sha256: host.sha256)
        let policy = try ApprovalPolicy(accepted)
        let name = try host.makeTaskName()
        let correlation = CorrelationID(task: name, sha256: host.sha256)
        var task = TaskRecord(
            id: name, owner: owner, request: accepted.request.correlated(by: correlation),
            idempotencyKey: accepted.idempotencyKey, blueprint: blueprint, createdMilliseconds: milliseconds)
        task.approvals = policy
        try weigh(accepted, &task)
        let created = NewEvent(
            .taskCreated,
            [
                "owner": .string(owner), "type": .string(accepted.type.rawValue),
                CorrelationID.member: .optional(task.request.correlation?.description),
                "repository": .string(accepted.repository.description), "blueprint_sha256": .string(blueprint.digest),
                "limits": accepted.limits.json,
                "screened": .array(accepted.findings.map { .string($0.description) }),
                "priority": .int(task.admission.priority),
                "depends_on": .array(accepted.dependsOn.map { .string($0) }),
            ])
        let creation = CreationTerms(
            parents: accepted.dependsOn,
            rate: .init(most: caps.perHour, sinceMilliseconds: milliseconds - Self.hour))
        let (wanted, made) = (task, creation)
        let outcome = try serving { () throws(StoreError) in
            try store.create(wanted, made, [created], timers: [:], at: host.now)
        }
        switch outcome {
        case .created(let task):
            reached(.submit, .ended, task.id)
            return .created(task)
        case .replayed(let task):
            if accepted.dependsOn.contains(task.id) { throw refusal(.noParent(task.id), owner) }
            return .replayed(task)
        case .taken, .limited, .noParent, .foreignParent, .endedParent: throw refusal(outcome, owner)
        }
    }

    /// Asks for the end of a task; CANCELLED is written once its session is confirmed dead.
    package func cancel(_ id: String, by: String) throws(TaskRefusal) -> TaskRecord {
        let task = try find(id)
        guard !task.status.isTerminal else {
            throw TaskRefusal(
                .taskAlreadyTerminal, "cannot cancel task \(id): it is \(task.status.rawValue) already.")
        }
        if task.status != .finalizing && task.cancelledBy == nil {
            try serving { () throws(StoreError) in
                var task = task
                task.cancelledBy = by
                let asked = NewEvent(.cancelRequested, ["by": .string(by)])
                // One that is being ended already is CANCELLED all the same.
                if try openJournal(.stopSession, of: task) != nil {
                    try change(TaskChange(task, events: [asked]))
                } else {
                    try beginStop(&task, [asked])
                }
            }
            advance(id)
        }
        return try find(id)
    }

    package func find(_ id: String) throws(TaskRefusal) -> TaskRecord {
        guard let task = try serving({ () throws(StoreError) in try store.task(id) }) else {
            throw TaskRefusal(.taskNotFound, "cannot find task \"\(id.displayed)\". See: sallyport list.")
        }
        return task
    }

    /// Gives a failure of the store the words of whoever asked.
    package func serving<Result>(_ body: () throws(StoreError) -> Result) throws(TaskRefusal) -> Result {
        do throws(StoreError) { return try body() } catch {
            host.log("\(error)")
            throw TaskRefusal(.serviceUnavailable, "\(error)")
        }
    }

    // MARK: What happens

    /// After a start: goes on with every task where the last process left it, in the order of the queue.
    package func recover() throws(StoreError) {
        for task in try store.unfinished() {
            if task.status == .running || task.status == .awaitingApproval {
                settling(task.id) { () throws(StoreError) in
                    try change(
                        TaskChange(task, events: [NewEvent(.sessionAdopted, ["session": .optional(task.session)])]))
                }
            }
            // Those in the queue go in its order, and not before those that had left it; one whose end was asked for is
            // in it no more.
            if task.status != .queued || task.cancelledBy != nil { advance(task.id) }
        }
        needsWake = true
        advance(nil)
    }

    /// The end of a session or of a step was seen, by the name that was watched, or it is time to ask.
    package func sessionChanged(_ watched: String) { advance(String(watched.prefix { $0 != "/" })) }

    /// When ``tick()`` has something to do.
    package var nextDue: Int? {
        do throws(StoreError) {
            return [try timerDue().map { max($0, storePause) }, wakeUps.values.min()].compactMap { $0 }.min()
        } catch {
            host.log("\(error)")
            return milliseconds + Self.storeRetry
        }
    }

    /// When the next timer is due. One of a task that is stuck is due when that is tried again.
    private func timerDue() throws(StoreError) -> Int? {
        guard let due = try store.nextDue(), due <= milliseconds, !stuck.isEmpty else { return try store.nextDue() }
        return try store.dueTimers(at: milliseconds).contains { !isStuck($0.task) }
            ? due : milliseconds + Self.storeRetry
    }

    private func isStuck(_ task: String) -> Bool { milliseconds < stuck[task] ?? 0 }

    /// Does what is due.
    package func tick() {
        let now = milliseconds
        var due: [String] = []
        if now >= storePause {
            do throws(StoreError) {
                due = try store.dueTimers(at: now).map(\.task).filter { !isStuck($0) }
            } catch { host.log("\(error)") }
        }
        due += wakeUps.filter { $0.value <= now }.map(\.key).sorted()
        for id in due {
            wakeUps[id] = nil
            if id == Self.queueName { needsWake = true } else { advance(id) }
        }
        if needsWake { advance(nil) }
    }

    static let storeRetry = 2000
    /// For what will be the same until somebody mends it.
    static let rowRetry = 60_000
    static let hour = 3_600_000

    /// Does what is next for a task until it waits for something, or is over; then for those that this set free.
    ///
    /// - Parameter id: Nil only looks who is free.
    package func advance(_ id: String?) {
        if let id { waiting.append(id) }
        if isAdvancing { return }
        isAdvancing = true
        loadSeen = nil
        defer { isAdvancing = false }
        while let id = waiting.isEmpty ? nextOfQueue() : waiting.removeFirst() {
            settling(id) { () throws(StoreError) in
                while let task = try store.task(id), try step(task) {}
            }
        }
    }

    /// Whoever is woken takes its slot before the next one is looked for, so that the order of the queue holds.
    private func nextOfQueue() -> String? {
        guard needsWake, milliseconds >= storePause else { return nil }
        do throws(StoreError) {
            let next = try firstToBegin()
            needsWake = next != nil
            return next
        } catch {
            // Looked at again when the store may be used again.
            host.log("the queue: \(error)")
            wakeUps[Self.queueName] = pause(for: error)
            needsWake = false
            return nil
        }
    }

    /// Stands for the queue where there are names of tasks; none is called so.
    private static let queueName = ""

    /// - Returns: Whether there is more to do at once.
    private func step(_ task: TaskRecord) throws(StoreError) -> Bool {
        if task.status.isTerminal {
            forget(task.id)
            return false
        }
        // From here on it only ends.
        if task.status != .finalizing, try openJournal(.stopSession, of: task) != nil { return try stop(task) }
        switch task.status {
        case .submitted, .hydrating: return try walk(task)
        case .queued: return try leaveQueue(task)
        case .running, .awaitingApproval: return try observe(task)
        case .finalizing: return try finalize(task)
        case .pendingUploads, .completed, .failed, .cancelled, .timedOut: return false
        }
    }

    /// Runs what needs the store; where that fails the task is taken up again later.
    private func settling(_ id: String, _ body: () throws(StoreError) -> Void) {
        do throws(StoreError) {
            try body()
            stuck[id] = nil
        } catch { suspend(id, error) }
    }

    /// Leaves a task alone for a while. Only a store that fails for all is left alone with it.
    func suspend(_ id: String, _ error: StoreError) {
        host.log("task \(id): \(error)")
        let until = pause(for: error)
        if !error.isTransient { stuck[id] = until }
        wakeUps[id] = until
    }

    private func pause(for error: StoreError) -> Int {
        switch error.code {
        case .locked, .full, .io, .late, .readOnly:
            storePause = milliseconds + Self.storeRetry
            return storePause
        // Decided anew, it may be taken.
        case .conflict, .noSlot, .noBudget: return milliseconds + Self.storeRetry
        case .corrupted, .newerSchema, .foreign, .refused, .missing: return milliseconds + Self.rowRetry
        }
    }

    private func forget(_ id: String) {
        wakeUps[id] = nil
        stuck[id] = nil
        pollErrors[id] = nil
        stopTries[id] = nil
        told.remove(id)
        startedSteps = startedSteps.filter { !$0.hasPrefix(id) }
    }
}
