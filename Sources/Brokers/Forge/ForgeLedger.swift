// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Workspace

/// One request to a session's forge, as `forge.jsonl` tells it.
struct ForgeRecord {
    enum Event: String {
        case read = "forge.read"
        /// A change that was taken down.
        case proposal = "forge.proposal"
        case refused = "forge.refused"
    }

    var event = Event.refused
    var method: String?
    /// As the client sent it, cut to a length.
    var target: String?
    var status: HTTPStatus?
    /// Of a refusal.
    var code: ForgeRefusal.Code?
    /// Of a proposal, counted from 1.
    var proposal: Int?
    var bytesUp: UInt64 = 0
    var bytesDown: UInt64 = 0
    var milliseconds: UInt64 = 0

    private static let longestTarget = 256

    /// How much of the ledger it may fill, in quarters: what costs a task nothing leaves room for what counts.
    fileprivate var quarters: UInt64 { event == .proposal ? 4 : 2 }

    fileprivate func line(_ head: RecordHead) -> [UInt8] {
        var members = head.members + [.init("event", .string(event.rawValue))]
        func add(_ name: String, _ value: JSON?) { if let value { members.append(.init(name, value)) } }
        add("method", method.map { .string(PrintableText.escaped($0.utf8, longest: 20)) })
        add("target", target.map { .string(PrintableText.escaped($0.utf8, longest: Self.longestTarget)) })
        add("status", status.map { .int($0.rawValue) })
        add("code", code.map { .string($0.rawValue) })
        add("proposal", proposal.map { .int($0) })
        add("bytes_up", .number(bytesUp))
        add("bytes_down", .number(bytesDown))
        add("duration_ms", .number(milliseconds))
        return JSONWriter().write(.object(members)) + [0x0A]
    }
}

extension CappedLines {
    func append(_ record: ForgeRecord) {
        append(record.line(head), quarters: record.quarters)
    }
}
