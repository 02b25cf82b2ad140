// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem
internal import Orchestrator
internal import Store
internal import TaskModel

/// What the daemon counted, for whoever collects figures: `metrics.prom` in its directory, in the text format of Prometheus.
///
/// Every figure is made anew from the store: a restart loses none of them, and none can drift.
struct MetricsFile {
    static let name = "metrics.prom"
    private static let buckets = [10, 30, 60, 300, 900, 3600, 14_400, 28_800]

    let figures: StoreFigures
    let alarms: [Alarm]
    let slots: Int
    let load: HostLoad

    var text: String {
        var lines: [String] = []
        func family(_ name: String, _ kind: String, _ help: String) {
            lines.append("# HELP \(name) \(help)")
            lines.append("# TYPE \(name) \(kind)")
        }
        func histogram(_ name: String, _ seconds: [Double]) {
            for bucket in Self.buckets {
                lines.append("\(name)_bucket{le=\"\(bucket)\"} \(seconds.count { $0 <= Double(bucket) })")
            }
            lines.append("\(name)_bucket{le=\"+Inf\"} \(seconds.count)")
            lines.append("\(name)_sum \(seconds.reduce(0, +))")
            lines.append("\(name)_count \(seconds.count)")
        }
        family(
            "workflow_status_total", "gauge", "tasks that stand so; of those that retention has left")
        for (status, count) in figures.statuses {
            lines.append("workflow_status_total{status=\"\(status.rawValue)\"} \(count)")
        }
        family("workflow_duration_seconds", "histogram", "from the slot to the end of a task")
        histogram("workflow_duration_seconds", figures.durations.map { Double($0) / 1000 })
        family("approval_wait_seconds", "histogram", "from a question to its decision")
        histogram("approval_wait_seconds", figures.approvalWaits.map { Double($0) / 1000 })
        // No counters, since a task that is removed or tried again takes its figures with it.
        family("llm_tokens_total", "gauge", "tokens of models, as their brokers counted; of the last attempts")
        lines.append("llm_tokens_total{kind=\"input\"} \(figures.inputTokens)")
        lines.append("llm_tokens_total{kind=\"output\"} \(figures.outputTokens)")
        family("llm_cost_usd_total", "gauge", "what models cost, as their brokers counted; of the last attempts")
        lines.append("llm_cost_usd_total \(Double(figures.microDollars) / 1_000_000)")
        family("sandbox_slots", "gauge", "slots for sandboxes, and how many are taken")
        lines.append("sandbox_slots{state=\"all\"} \(slots)")
        lines.append("sandbox_slots{state=\"taken\"} \(figures.slotsTaken)")
        family("sandbox_promised_bytes", "gauge", "memory that is promised to tasks with a slot")
        lines.append("sandbox_promised_bytes \(figures.promised.memoryBytes)")
        family("sandbox_host_available_bytes", "gauge", "memory and disk that are free on this host")
        lines.append("sandbox_host_available_bytes{kind=\"memory\"} \(load.availableMemory)")
        lines.append("sandbox_host_available_bytes{kind=\"disk\"} \(load.availableDisk)")
        family("sallyport_alarms", "gauge", "what an operator should look at; sallyport ops alarms says more")
        for kind in Alarm.Kind.allCases {
            lines.append("sallyport_alarms{kind=\"\(kind.rawValue)\"} \(alarms.count { $0.kind == kind })")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Whoever reads it sees one version whole.
    func write(to directory: String) throws(SystemError) {
        try Directory.open(directory).replace(Self.name, with: Array(text.utf8), mode: 0o644)
    }
}
