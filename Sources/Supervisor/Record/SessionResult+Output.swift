// SPDX-License-Identifier: Apache-2.0
package import Documents
internal import LinuxSystem
internal import Wire

/// What a gateway says that it moved: numbers of an unprivileged process that reads hostile bytes, used for nothing
/// but the record.
extension SessionResult {
    package struct Terminal: Sendable {
        /// Bytes of the workload's output, before filtering.
        package var bytes: UInt64
        /// Escape sequences and characters that were made visible instead of passed on.
        package var defused: UInt64
        /// The cap was reached, or the terminal took nothing more.
        package var truncated: Bool
        package var json: JSON {
            .object([
                .init("bytes", .number(bytes)), .init("defused", .number(defused)),
                .init("truncated", .bool(truncated)),
            ])
        }
    }

    package struct Frames: Sendable {
        package var accepted: UInt64
        /// 1 after the first malformed one, since nothing is read after it.
        package var refused: UInt64
        package var truncated: Bool
        package var json: JSON {
            .object([
                .init("accepted", .number(accepted)), .init("refused", .number(refused)),
                .init("truncated", .bool(truncated)),
            ])
        }
    }

    /// Enters what the outputs have come to; again when more is known.
    mutating func add(_ counts: [(name: String, count: Relay.Count)]) {
        for (name, count) in counts {
            let stream = Stream(bytes: count.bytes, truncated: count.truncated, undelivered: count.undelivered)
            if name == "stdout" { stdout = stream }
            if name == "stderr" { stderr = stream }
            let limit = name == "export" ? "export" : "log_bytes"
            if count.truncated && !limitsHit.contains(limit) { limitsHit.append(limit) }
        }
    }

    /// Enters the gateway's numbers, and its failure where nothing else has failed before.
    mutating func add(_ gateway: Gateway, terminal wantsTerminal: Bool, frames wantsFrames: Bool) {
        let totals = gateway.totals
        if wantsTerminal {
            let cut = totals.marks.contains(.outputTruncated)
            terminal = Terminal(
                bytes: totals.outputBytes, defused: totals.defused,
                truncated: cut || totals.marks.contains(.terminalLost) || gateway.isStalled)
            if cut { limitsHit.append("log_bytes") }
        }
        if wantsFrames {
            frames = Frames(
                accepted: totals.framesAccepted, refused: totals.framesRefused,
                truncated: totals.marks.contains(.framesTruncated))
        }
        if error == nil, let failure = gateway.failure { error = failure.description }
    }
}
