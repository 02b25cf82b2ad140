// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import LinuxSystem
internal import Orchestrator
internal import Store
internal import TaskModel

/// What is old goes, one thing at a time between requests.
extension Daemon {
    private static let day = 24 * 3_600_000
    /// Ages are days, but a disk can be full within one.
    private static let hour = 3_600_000
    /// How often a full disk is looked at again that nothing could be taken from.
    private static let pause = 60_000

    /// When ``collect()`` is to be called; on the wall clock.
    func nextCollection() -> Int? {
        do throws(StoreError) { return try store.chore(.collect) ?? now.wallMilliseconds } catch {
            log("\(error)")
            return now.wallMilliseconds + Self.pause
        }
    }

    /// Removes at most one thing when it is time, and says when to come again.
    func collect() {
        do {
            guard try store.chore(.collect) ?? 0 <= now.wallMilliseconds else { return }
            var next = now.wallMilliseconds + Self.hour
            do {
                let items = try collector().plan()
                // One that cannot be removed does not keep the others.
                let isDone = items.contains { item in
                    do {
                        try collector().remove(item)
                        log(
                            "removed \(item.kind.rawValue) of task \(item.task)\(item.isForRoom ? ", for room" : "")"
                        )
                        published(item.task)
                        return true
                    } catch {
                        log("cannot remove \(item.kind.rawValue) of task \(item.task): \(error)")
                        return false
                    }
                }
                if isDone {
                    next = now.wallMilliseconds
                } else if items.isEmpty {
                    try store.forgetBudgets(before: oldestPeriod())
                    _ = try store.forgetExpired(at: now.wallMilliseconds)
                } else {
                    next = now.wallMilliseconds + Self.pause
                }
            } catch {
                log("cannot remove what is old: \(error)")
                next = now.wallMilliseconds + Self.pause
            }
            try store.set(.collect, due: next)
        } catch { log("\(error)") }
    }

    func collector() throws -> Collector { try Self.collector(store, place, settings, now) }

    static func collector(_ store: SQLiteStore, _ place: DaemonPlace, _ settings: DaemonSettings, _ now: Moment) throws
        -> Collector
    {
        let load = try HostGauge.read(place.directory)
        let isFull = load.availableDisk < load.size.diskBytes / 100 * settings.retention.freePercent
        return Collector(
            store: store, sessions: place.sessions, retention: settings.retention, now: now, isFull: isFull)
    }

    /// Says what may go, and has it removed from now on.
    func collection(_ isDry: Bool) throws(TaskRefusal) -> JSON {
        let items: [Collector.Item]
        do { items = try collector().plan() } catch { throw TaskRefusal(.internalError, "\(error)") }
        if !isDry {
            try orchestrator.serving { () throws(StoreError) in try store.set(.collect, due: now.wallMilliseconds) }
        }
        return ["items": .array(items.map(\.json))]
    }

    /// Months that are so far away that no budget asks for them.
    private func oldestPeriod() -> String {
        Orchestrator.month(at: now.wallMilliseconds - 62 * Self.day)
    }

    func held(_ task: TaskRecord, by: String?) throws(TaskRefusal) -> TaskRecord {
        guard (task.admission.heldBy == nil) != (by == nil) else {
            throw TaskRefusal(
                .validation,
                by == nil
                    ? "cannot release task \(task.id): nobody holds it."
                    : "cannot hold task \(task.id): \(task.admission.heldBy ?? "") holds it already.")
        }
        return try orchestrator.hold(task, by: by)
    }
}
