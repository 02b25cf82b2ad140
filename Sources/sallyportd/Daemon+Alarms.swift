// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import LinuxSystem
internal import Orchestrator
internal import Store
internal import TaskModel

/// What an operator should look at, looked for in the rows: when the daemon begins, soon after something happened, and from
/// time to time, since the passing of time alone makes some of them.
extension Daemon {
    private static let alarmsPause = 60_000

    func watchAlarms() {
        guard now.monotonicMilliseconds >= alarmsDue else { return }
        alarmsDue = now.monotonicMilliseconds + Self.alarmsPause
        do {
            let load = try HostGauge.read(place.directory)
            let changes = try store.watchAlarms(
                settings.alarms, disk: (load.availableDisk, load.size.diskBytes), at: now)
            try store.forgetAlarms(before: now.wallMilliseconds - settings.retention.tasks)
            for alarm in changes.raised { tell("raised", alarm) }
            for alarm in changes.cleared { tell("cleared", alarm) }
        } catch { log("cannot look for alarms: \(error)") }
    }

    private func tell(_ what: String, _ alarm: Alarm) {
        log("alarm \(what): \(alarm.kind.rawValue)\(alarm.task.map { " of task \($0)" } ?? ""): \(alarm.detail)")
        if let task = alarm.task { published(task) } else { metricsDue = metricsDue ?? now.monotonicMilliseconds }
    }

    func alarms(_ all: Bool, for peer: Peer) throws(TaskRefusal) -> JSON {
        guard peer.isOwnerOrRoot else {
            throw TaskRefusal(
                .forbidden, "cannot show alarms to uid \(peer.uid): they are about tasks of all users.")
        }
        let found = try orchestrator.serving { () throws(StoreError) in try store.alarms(onlyHolding: !all) }
        return ["alarms": .array(found.map(\.json))]
    }
}
