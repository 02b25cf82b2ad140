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
    private var lines: [(time: UInt64, members: [JSON.Member])] = []

    /// Adds the requests of one transfer.
    ///
    /// - Returns: The lines that are new.
    @discardableResult
    mutating func add(_ more: [TransferUse], of url: RemoteURL, with credential: CredentialReference?) -> [UInt8] {
        uses += more
        guard let credential else { return [] }
        let time = sp_clock_ns(CLOCK_REALTIME) / 1_000_000
        let added = more.map { use -> [JSON.Member] in
            [
                .init("time_ms", .number(time)), .init("credential", .string(credential.text)),
                .init("host", .string(url.host)), .init("method", .string(use.method)),
                .init("target", .string(use.target)), .init("status", .optional(use.status)),
                .init("bytes", .optional(use.bytes)),
            ]
        }
        lines += added.map { (time, $0) }
        return added.flatMap { Self.line($0) }
    }

    /// The lines of several, by their times, for the task that they are of.
    static func merged(_ ledgers: [TransferLedger], of task: CorrelationID) -> [UInt8] {
        let mark = JSON.Member(CorrelationID.member, .string(task.description))
        let lines = ledgers.flatMap(\.lines).enumerated()
        let ordered = lines.sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }
        return ordered.flatMap { Self.line($0.element.members + [mark]) }
    }

    private static func line(_ members: [JSON.Member]) -> [UInt8] { JSONWriter().write(.object(members)) + [0x0A] }
}
