// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import LinuxSystem
internal import Orchestrator
internal import Retention
internal import Store
internal import TaskModel

/// What is old goes, a little at a time between requests.
extension Daemon {
    private static let day = 24 * 3_600_000
    /// Ages are days, but a disk can be full within one.
    private static let hour = 3_600_000
    /// How often a full disk is looked at again that nothing could be taken from.
    private static let pause = 60_000
    /// How long those who ask may be kept waiting by what goes.
    private static let turn = 100

    /// When ``collect()`` is to be called; on the wall clock.
    func nextCollection() -> Int? {
        let earliest = now.wallMilliseconds + max(0, collectionPause - now.monotonicMilliseconds)
        do throws(StoreError) { return max(try store.chore(.collect) ?? earliest, earliest) } catch {
            log("\(error)")
            return now.wallMilliseconds + Self.pause
        }
    }

    /// Removes what may go when it is time, for one turn, and says when to come again.
    func collect() {
        guard now.monotonicMilliseconds >= collectionPause else { return }
        do {
            let due = try store.chore(.collect)
            guard due ?? 0 <= now.wallMilliseconds else { return }
            guard Collector.isCredible(now, due: due) else {
                log(
                    "nothing is removed: by the clock, nothing was for days. If it is right, say so: sallyportd gc --now"
                )
                collectionPause = now.monotonicMilliseconds + Self.hour
                return
            }
            let end = now.monotonicMilliseconds + Self.turn
            var next = now.wallMilliseconds + Self.hour
            var hasRemoved = false
            func heed(_ step: Collector.Step) {
                if case .removed = step { hasRemoved = true }
                tell(step)
            }
            switch try collector().run(until: { now.monotonicMilliseconds >= end }, heed) {
            // A task that another one named may go once that one is gone.
            case .done where hasRemoved: next = now.wallMilliseconds
            case .done:
                try store.forgetBudgets(before: oldestPeriod())
                _ = try store.forgetExpired(at: now.wallMilliseconds)
            case .interrupted: next = now.wallMilliseconds
            case .failed: next = now.wallMilliseconds + Self.pause
            }
            try store.set(.collect, due: next)
        } catch {
            log("cannot remove what is old: \(error)")
            // In memory, since it may be the store that takes no word of it.
            collectionPause = now.monotonicMilliseconds + Self.pause
        }
    }

    private func tell(_ step: Collector.Step) {
        switch step {
        case .removed(let item):
            log("removed \(item.kind.rawValue) of task \(item.task)\(item.isForRoom ? ", for room" : "")")
            published(item.task)
        case .failed(let item, let error): log("cannot remove \(item.kind.rawValue) of task \(item.task): \(error)")
        case .obstacle(let reason):
            // The same every hour until somebody does something about it.
            if toldObstacles.insert(reason).inserted { log("cannot see whether it is old: \(reason)") }
        }
    }

    private func collector() -> Collector { Self.collector(store, place, settings, now) }

    static func collector(_ store: SQLiteStore, _ place: DaemonPlace, _ settings: DaemonSettings, _ now: Moment)
        -> Collector
    {
        let (directory, percent) = (place.directory, settings.retention.freePercent)
        return Collector(store, sessions: place.sessions, retention: settings.retention, now: now) {
            let load = try HostGauge.read(directory)
            return load.availableDisk < load.size.diskBytes / 100 * percent
        }
    }

    /// Says what may go, and has it removed from now on.
    func collection(_ isDry: Bool, _ guest: Guest) throws(TaskRefusal) -> JSON {
        guard guest.peer.isOwnerOrRoot else {
            throw TaskRefusal(
                .forbidden, "cannot remove what is old for uid \(guest.peer.uid): it is the operator's to say so.")
        }
        let items: [RetentionItem]
        do { items = try collector().plan().items } catch { throw TaskRefusal(.internalError, "\(error)") }
        if !isDry {
            try orchestrator.serving { () throws(StoreError) in try store.set(.collect, due: now.wallMilliseconds) }
            collectionPause = 0
        }
        return ["items": .array(items.map(\.json))]
    }

    /// Months that are so far away that no budget asks for them.
    private func oldestPeriod() -> String {
        Orchestrator.month(at: now.wallMilliseconds - 62 * Self.day)
    }

    /// Holds a task, or releases it: its owner's to say, and of what somebody else holds only theirs and root's.
    func hold(_ task: TaskRecord, _ isHeld: Bool, _ guest: Guest) throws(TaskRefusal) -> TaskRecord {
        let (who, holder) = ("uid:\(guest.peer.uid)", task.admission.heldBy)
        switch (isHeld, holder) {
        case (true, nil): return try orchestrator.hold(task, by: who)
        case (true, let holder?):
            throw TaskRefusal(.validation, "cannot hold task \(task.id): \(holder) holds it already.")
        case (false, nil): throw TaskRefusal(.validation, "cannot release task \(task.id): nobody holds it.")
        case (false, let holder?):
            guard holder == who || guest.peer.uid == 0 else {
                throw TaskRefusal(
                    .forbidden,
                    "cannot release task \(task.id) for \(who): \(holder) holds it. Ask them, or the operator.")
            }
            return try orchestrator.hold(task, by: nil)
        }
    }
}
