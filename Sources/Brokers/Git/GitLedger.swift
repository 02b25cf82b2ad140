// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Documents
internal import LinuxSystem
internal import Workspace

/// One request to a session's repository, as `git.jsonl` tells it.
struct GitRecord {
    enum Event: String {
        case fetch = "git.fetch"
        case push = "git.push"
        /// A push of which nothing was taken.
        case pushRefused = "git.push.refused"
        /// A request that is no part of clone, fetch and push, or no request at all.
        case requestRefused = "git.request.refused"
        /// The process of a connection ended before its time.
        case failure = "git.failure"

        /// How much of the ledger it may fill, in quarters: what costs a task nothing leaves room for what counts.
        fileprivate var quarters: UInt64 {
            switch self {
            case .fetch, .requestRefused: 2
            case .pushRefused, .failure: 3
            case .push: 4
            }
        }
    }

    var event: Event
    var method: String?
    /// As the client sent it, cut to a length.
    var target: String?
    var service: String?
    var version: Int?
    var status: Int?
    var commands: [(text: PushCommand, refusal: String?)] = []
    var reason: String?
    var bytesUp: UInt64 = 0
    var bytesDown: UInt64 = 0
    var milliseconds: UInt64 = 0

    init(_ event: Event) { self.event = event }

    private static let longestTarget = 256

    func line(_ head: RecordHead) -> [UInt8] {
        var members = head.members + [.init("event", .string(event.rawValue))]
        func add(_ name: String, _ value: JSON?) { if let value { members.append(.init(name, value)) } }
        add("method", method.map { .string($0) })
        add("target", target.map { .string(PrintableText.escaped($0.utf8, longest: Self.longestTarget)) })
        add("service", service.map { .string($0) })
        add("version", version.map { .int($0) })
        add("status", status.map { .int($0) })
        if !commands.isEmpty {
            add(
                "commands",
                .array(
                    commands.map { command, refusal in
                        [
                            "reference": .string(command.reference), "old": .optional(command.old?.description),
                            "new": .optional(command.new?.description), "refusal": .optional(refusal),
                        ]
                    }))
        }
        add("reason", reason.map { .string(PrintableText.escapedOnce($0, longest: 1000)) })
        add("bytes_up", .number(bytesUp))
        add("bytes_down", .number(bytesDown))
        add("duration_ms", .number(milliseconds))
        return JSONWriter().write(.object(members)) + [0x0A]
    }
}

/// The file of what was asked of a session's repository: one line for each request, never more than a cap.
///
/// Each process of a broker appends to it by itself; one write of a line with O_APPEND lands whole. open(2)
final class GitLedger {
    private let file: Descriptor
    private let head: RecordHead
    private let mostBytes: UInt64

    init(_ file: consuming Descriptor, _ head: RecordHead, mostBytes: UInt64) {
        self.file = file
        self.head = head
        self.mostBytes = mostBytes
    }

    /// Writes a line. False when there was no room for it.
    func append(_ record: GitRecord) -> Bool {
        let line = record.line(head)
        let number = file.number
        do throws(SystemError) {
            let size = try FileStatus.of(file, subject: "the ledger").size
            guard size + UInt64(line.count) <= mostBytes / 4 * record.event.quarters else { return false }
            let wrote = try checked("write", "the ledger") {
                line.withUnsafeBytes { sp_write(number, $0.baseAddress!, $0.count) }
            }
            return wrote == line.count
        } catch { return false }
    }
}
