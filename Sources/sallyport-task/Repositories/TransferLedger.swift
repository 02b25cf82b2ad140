// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import Workspace

/// The requests of some transfers with one upstream, and the lines that tell of those that a credential was used for.
struct TransferLedger {
    private(set) var uses: [TransferUse] = []
    /// As they stand in `uses.jsonl`, each with its time; none without a credential.
    private var lines: [(time: UInt64, bytes: [UInt8])] = []

    /// Adds the requests of one transfer.
    ///
    /// - Returns: The lines that are new.
    @discardableResult
    mutating func add(_ more: [TransferUse], of url: RemoteURL, with credential: CredentialReference?) -> [UInt8] {
        uses += more
        guard let credential else { return [] }
        let time = sp_clock_ns(CLOCK_REALTIME) / 1_000_000
        let added = more.map { use in
            JSONWriter().write([
                "time_ms": .number(time), "credential": .string(credential.text), "host": .string(url.host),
                "method": .string(use.method), "target": .string(use.target), "status": .optional(use.status),
                "bytes": .optional(use.bytes),
            ]) + [0x0A]
        }
        lines += added.map { (time, $0) }
        return added.flatMap { $0 }
    }

    /// The lines of several, by their times.
    static func merged(_ ledgers: [TransferLedger]) -> [UInt8] {
        let lines = ledgers.flatMap(\.lines).enumerated()
        let ordered = lines.sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }
        return ordered.flatMap(\.element.bytes)
    }
}
