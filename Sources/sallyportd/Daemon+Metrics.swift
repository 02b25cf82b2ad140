// SPDX-License-Identifier: Apache-2.0
internal import Orchestrator
internal import Store
internal import TaskModel

/// The figures of ``MetricsFile``, soon after something happened, and not more often than they are worth.
extension Daemon {
    func writeMetrics() {
        guard let due = metricsDue, now.monotonicMilliseconds >= due else { return }
        metricsDue = nil
        let begun = now.monotonicMilliseconds
        defer { metricsPause = StoreFigures.pause(after: now.monotonicMilliseconds - begun) }
        do {
            let file = MetricsFile(
                figures: try store.figures(), alarms: try store.alarms(onlyHolding: true).map(\.alarm),
                slots: settings.slots,
                load: try HostGauge.read(place.directory))
            try file.write(to: place.directory)
        } catch { log("cannot write \(MetricsFile.name): \(error)") }
    }
}
