// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Documents
internal import LinuxSystem
internal import Workspace

/// One request to a model, as `model.jsonl` tells it.
struct ModelRecord {
    enum Event: String {
        /// Answered by the upstream, with whatever status.
        case answered = "model.answered"
        /// Sent nowhere.
        case refused = "model.refused"
        /// Sent, or tried, and not answered to its end.
        case failed = "model.failed"
    }

    /// How much of the ledger it may fill, in quarters: what costs nothing leaves room for what counts.
    fileprivate var quarters: UInt64 { (settled ?? .zero) > .zero ? 4 : 2 }

    var number: UInt64 = 0
    var event = Event.refused
    var method: String?
    /// As the client sent it, cut to a length.
    var target: String?
    var api: String?
    var model: String?
    var isStreaming: Bool?
    var turn: Int?
    /// Of the upstream.
    var status: Int?
    /// What the client was told.
    var clientStatus: Int?
    var changes: [String] = []
    var usage: TokenUsage?
    var answeredModel: String?
    var flaws: [String] = []
    var estimate: MicroDollars?
    var reserved: MicroDollars?
    var settled: MicroDollars?
    /// Of the session, with this request.
    var spent: MicroDollars?
    var code: String?
    var reason: String?
    /// The client went away before the end.
    var isAbandoned = false
    var bytesUp: UInt64 = 0
    var bytesDown: UInt64 = 0
    var firstMilliseconds: UInt64?
    var milliseconds: UInt64 = 0

    private static let longestTarget = 256

    func line(_ head: RecordHead) -> [UInt8] {
        var members =
            head.members + [.init("event", .string(event.rawValue)), .init("number", .number(number))]
        func add(_ name: String, _ value: JSON?) { if let value { members.append(.init(name, value)) } }
        add("api", api.map { .string($0) })
        add("method", method.map { .string($0) })
        add("target", target.map { .string(PrintableText.escaped($0.utf8, longest: Self.longestTarget)) })
        add("model", model.map { .string(PrintableText.escaped($0.utf8, longest: Self.longestTarget)) })
        add("stream", isStreaming.map { .bool($0) })
        add("turn", turn.map { .int($0) })
        add("status", status.map { .int($0) })
        add("client_status", clientStatus.map { .int($0) })
        if !changes.isEmpty { add("changes", .array(changes.map { .string($0) })) }
        add(
            "answered_model", answeredModel.map { .string(PrintableText.escaped($0.utf8, longest: Self.longestTarget)) }
        )
        add("usage", usage?.json)
        if !flaws.isEmpty { add("flaws", .array(flaws.map { .string($0) })) }
        add("estimate_microusd", estimate.map { .int($0.count) })
        add("reserved_microusd", reserved.map { .int($0.count) })
        add("settled_microusd", settled.map { .int($0.count) })
        add("spent_microusd", spent.map { .int($0.count) })
        add("code", code.map { .string($0) })
        add("reason", reason.map { .string(PrintableText.escapedOnce($0, longest: 1000)) })
        if isAbandoned { add("abandoned", .bool(true)) }
        add("bytes_up", .number(bytesUp))
        add("bytes_down", .number(bytesDown))
        add("first_byte_ms", firstMilliseconds.map { .number($0) })
        add("duration_ms", .number(milliseconds))
        return JSONWriter().write(.object(members)) + [0x0A]
    }
}

extension TokenUsage {
    fileprivate var json: JSON {
        [
            "input": .int(input), "output": .int(output), "cache_read": .int(cacheRead),
            "cache_write": .int(cacheWrite), "cache_write_long": .int(cacheWriteLong), "reasoning": .int(reasoning),
            "tool_calls": .int(toolCalls),
        ]
    }
}

/// A file of lines that never grows past a cap.
///
/// One write of a line with O_APPEND lands whole. open(2)
final class CappedLines {
    private let file: Descriptor
    /// Of its lines, for whoever writes them.
    let head: RecordHead
    private let mostBytes: UInt64
    private(set) var lost: UInt64 = 0
    /// The file took a line not or not whole: its file system is full, or it is broken.
    private var isBroken = false
    /// No line of a ledger is longer: a target and two names, a reason, and numbers.
    static let longestLine: UInt64 = 16 << 10

    init(_ file: consuming Descriptor, _ head: RecordHead, mostBytes: UInt64) {
        self.file = file
        self.head = head
        self.mostBytes = mostBytes
    }

    /// Writes a line.
    ///
    /// - Parameter quarters: Of the cap, how much may be full with it.
    func append(_ line: [UInt8], quarters: UInt64 = 4) {
        let number = file.number
        do throws(SystemError) {
            guard !isBroken else { throw SystemError("write", "a ledger", .io) }
            let size = try FileStatus.of(file, subject: "a ledger").size
            guard size + UInt64(line.count) <= mostBytes / 4 * quarters else {
                lost += 1
                return
            }
            let wrote = try checked("write", "a ledger") {
                line.withUnsafeBytes { sp_write(number, $0.baseAddress!, $0.count) }
            }
            guard wrote == line.count else { throw SystemError("write", "a ledger", .noSpace) }
        } catch {
            isBroken = true
            lost += 1
        }
    }

    /// Whether so many lines of a ledger still fit.
    func hasRoom(lines: Int) -> Bool {
        guard !isBroken else { return false }
        do throws(SystemError) {
            let size = try FileStatus.of(file, subject: "a ledger").size
            return size + UInt64(lines) * Self.longestLine <= mostBytes
        } catch { return false }
    }

    func append(_ record: ModelRecord) {
        append(record.line(head), quarters: record.quarters)
    }
}
