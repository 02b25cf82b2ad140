// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Workspace

/// One request for a package, as `packages.jsonl` tells it.
struct PackageRecord {
    enum Event: String {
        case page = "package.page"
        case file = "package.file"
        case refused = "package.refused"
        case failed = "package.failed"
    }

    var event = Event.refused
    var method: String?
    /// As the client sent it, cut to a length.
    var target: String?
    var package: String?
    /// The one index that was asked.
    var index: String?
    var status: Int?
    /// Of a refusal, and of a failure.
    var code: PackageRefusal.Code?
    var detail: String?
    var shown: Int?
    var hidden: SimplePage.Hidden?
    var bytesDown: UInt64 = 0
    var milliseconds: UInt64 = 0

    private static let longestText = 256

    /// How much of the ledger it may fill, in quarters: what costs a task nothing leaves room for what counts.
    fileprivate var quarters: UInt64 { event == .refused ? 2 : 4 }

    fileprivate func line(_ head: RecordHead) -> [UInt8] {
        var members = head.members + [.init("event", .string(event.rawValue))]
        func add(_ name: String, _ value: JSON?) { if let value { members.append(.init(name, value)) } }
        func text(_ text: String, _ longest: Int = Self.longestText) -> JSON {
            .string(PrintableText.escaped(text.utf8, longest: longest))
        }
        add("method", method.map { text($0, 20) })
        add("target", target.map { text($0) })
        add("package", package.map { .string($0) })
        add("index", index.map { .string($0) })
        add("status", status.map { .int($0) })
        add("code", code.map { .string($0.rawValue) })
        add("detail", detail.map { text($0) })
        add("files", shown.map { .int($0) })
        if let hidden, hidden.count > 0 {
            add(
                "hidden",
                [
                    "elsewhere": .int(hidden.elsewhere), "young": .int(hidden.young), "undated": .int(hidden.undated),
                    "sources": .int(hidden.sources),
                ])
        }
        add("bytes_down", .number(bytesDown))
        add("duration_ms", .number(milliseconds))
        return JSONWriter().write(.object(members)) + [0x0A]
    }
}

extension CappedLines {
    func append(_ record: PackageRecord) {
        append(record.line(head), quarters: record.quarters)
    }
}
