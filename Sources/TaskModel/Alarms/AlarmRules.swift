// SPDX-License-Identifier: Apache-2.0

/// From where on an operator wants to hear of it. Times are milliseconds.
package struct AlarmLimits: Sendable, Hashable {
    /// Without an event of a task that has a slot. A session may take eight hours without one.
    package var stuckAfter = 9 * Self.hour
    /// Tasks that wait for this host.
    package var queueLength = 50
    package var queueAge = 12 * Self.hour
    /// Of the tasks that ended within the window.
    package var failedPercent = 50
    /// With fewer than this many of them nothing is said.
    package var failedLeast = 5
    package var failedWindow = 24 * Self.hour
    package var diskFreePercent = 10
    package static let hour = 3_600_000

    package init() {}
}

/// What the rows say at a moment.
package struct AlarmFacts: Sendable {
    package struct Progress: Sendable {
        package let task: String
        package let status: TaskState
        package let lastMilliseconds: Int
        package init(task: String, status: TaskState, lastMilliseconds: Int) {
            self.task = task
            self.status = status
            self.lastMilliseconds = lastMilliseconds
        }
    }

    /// Tasks that hold a slot and wait for no person.
    package var working: [Progress] = []
    /// Tasks whose session could not be confirmed to be gone, and what was said of it.
    package var unconfirmed: [(task: String, detail: String)] = []
    /// Tasks that wait for this host, and since when the first of them does.
    package var queued = 0
    package var firstQueuedMilliseconds: Int?
    /// Within the window; who was cancelled is in neither.
    package var ended = 0
    package var failed = 0
    package var disk = (free: 0, size: 0)

    package init() {}
}

/// Which alarms hold: a pure function of rows, limits and a moment.
package struct AlarmRules: Sendable {
    private let limits: AlarmLimits

    package init(_ limits: AlarmLimits) { self.limits = limits }

    /// How much more than the limit must be free until a disk is well again: it would come and go with every file otherwise.
    private static let diskRest = 2

    /// - Parameter raised: Those that hold by now.
    package func alarms(_ facts: AlarmFacts, raised: Set<Alarm.Subject>, at milliseconds: Int) -> [Alarm] {
        var alarms = facts.working.compactMap { work -> Alarm? in
            let silence = milliseconds - work.lastMilliseconds
            guard silence >= limits.stuckAfter else { return nil }
            return Alarm(
                .stuck, task: work.task, "\(work.status.rawValue), and nothing happened for \(Self.span(silence))")
        }
        alarms += facts.unconfirmed.map { Alarm(.stopUnconfirmed, task: $0.task, $0.detail) }
        let age = facts.firstQueuedMilliseconds.map { milliseconds - $0 } ?? 0
        if facts.queued >= limits.queueLength || (facts.queued > 0 && age >= limits.queueAge) {
            alarms.append(Alarm(.backlog, "\(facts.queued) tasks wait, the first of them for \(Self.span(age))"))
        }
        if facts.ended >= limits.failedLeast, facts.failed * 100 >= facts.ended * limits.failedPercent {
            alarms.append(
                Alarm(
                    .failures,
                    "\(facts.failed) of \(facts.ended) tasks that ended within \(Self.span(limits.failedWindow)) did not succeed"
                ))
        }
        let bound = limits.diskFreePercent + (raised.contains(.init(.disk)) ? Self.diskRest : 0)
        let percent = facts.disk.size > 0 ? facts.disk.free / max(1, facts.disk.size / 100) : 100
        if percent < bound { alarms.append(Alarm(.disk, "\(percent) % of the disk of the sessions is free")) }
        return alarms
    }

    /// In the largest unit that fits.
    private static func span(_ milliseconds: Int) -> String {
        let minutes = milliseconds / 60_000
        return minutes >= 120 ? "\(minutes / 60) hours" : "\(minutes) minutes"
    }
}
