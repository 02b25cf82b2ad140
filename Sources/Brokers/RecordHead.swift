// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Documents
internal import Glibc

/// What every line of a broker's records begins with: when it was written, and for which task.
struct RecordHead {
    /// As the supervisor said it; nil for a session of no task.
    let correlation: CorrelationID?

    var members: [JSON.Member] {
        [.init("time_ms", .number(sp_clock_ns(CLOCK_REALTIME) / 1_000_000))] + mark
    }

    /// For which task alone.
    var mark: [JSON.Member] {
        correlation.map { [.init(CorrelationID.member, .string($0.description))] } ?? []
    }
}
