// SPDX-License-Identifier: Apache-2.0
package import Documents
package import TaskModel

extension ObservedSandbox {
    /// When it was, by its supervisor's record.
    package var stage: SessionStage {
        let started = record.json["started"]?.intValue ?? 0
        return SessionStage(
            SessionStage.sandbox(label), startedMilliseconds: started,
            endedMilliseconds: started + max(0, record.json["duration_ms"]?.intValue ?? 0), outcome: record.outcome)
    }
}

extension SessionStage {
    /// From the first call to the last, by the lines of a model broker's ledger: each was written as its call ended. Nil
    /// when nothing was asked.
    package init?(calls lines: [JSON]) {
        var (first, last, sum, count) = (Int.max, 0, 0, 0)
        for line in lines {
            guard let ended = line["time_ms"]?.intValue, let took = line["duration_ms"]?.intValue, took >= 0,
                ended >= took, line["event"]?.stringValue != "model.refused"
            else { continue }
            first = min(first, ended - took)
            last = max(last, ended)
            sum = sum.addingReportingOverflow(took).partialValue
            count += 1
        }
        guard count > 0 else { return nil }
        self.init(
            Self.models, startedMilliseconds: first, endedMilliseconds: last,
            calls: Calls(count: count, milliseconds: sum))
    }
}
