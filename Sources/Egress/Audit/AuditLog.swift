// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Documents
internal import Glibc
internal import LinuxSystem

/// Writes `audit.jsonl`: one line for each decision, repeats counted, never more than the cap.
///
/// The first of its kind is written at once. What happens again within the second is counted and written as one more
/// line, so that the counts of all lines add up to what happened, however fast it came.
final class AuditLog {
    static let version = 1
    /// How many different things are counted at the same time; more are written without waiting for repeats.
    private static let mostKeys = 2048
    private static let quietMilliseconds: UInt64 = 1000
    /// Room kept for the lines that say that nothing more is written, and for the end.
    private static let lastLine: UInt64 = 4096

    /// How much of the file a class of records may fill. Attempts cost a task nothing, so a flood of them must not take
    /// the room of the lines that say what did leave the session.
    private enum Share: Hashable {
        /// First packets that the kernel refused: the first quarter.
        case attempts
        /// Denials that something here decided: up to three quarters.
        case denials
        case decisions
        case end

        init(_ event: AuditRecord.Event) {
            self =
                switch event {
                case .packetRefused: .attempts
                case .nameDenied, .connectionDenied, .socketDenied, .limit: .denials
                case .start, .policy, .nameAllowed, .connectionAllowed, .connectionClosed, .connectionFailed,
                    .socketAllowed, .socketClosed, .socketFailed:
                    .decisions
                case .end, .truncated: .end
                }
        }

        var words: String {
            switch self {
            case .attempts: "attempts that were refused"
            case .denials: "denials"
            case .decisions, .end: "records"
            }
        }

        /// Bytes of the file that others keep.
        func reserved(of most: UInt64) -> UInt64 {
            switch self {
            case .attempts: most / 4 * 3
            case .denials: most / 4
            case .decisions: AuditLog.lastLine
            case .end: 0
            }
        }
    }

    private struct Repeats {
        let first: UInt64
        var count: UInt64 = 0
        var since: UInt64 = 0
        var record: AuditRecord
    }

    private let file: Int32
    private let session: String
    /// The member by which a line tells of which task it is.
    private let mark: [JSON.Member]
    private let mostBytes: UInt64
    private let loop: EventLoop
    private var written: UInt64 = 0
    /// Classes of records that have used up their share, or found the disk full.
    private var full: Set<Share> = []
    private var lastEvent: UInt64 = 0
    private var repeats: [AuditRecord.Key: Repeats] = [:]
    private var timer: LoopTimer?
    private(set) var recordsLost: UInt64 = 0
    private(set) var allowed: UInt64 = 0
    private(set) var denied: UInt64 = 0
    private(set) var failed: UInt64 = 0
    private var denials = Tally()
    private var failures = Tally()

    /// What came to nothing, by kind: the first event, and how often.
    private typealias Tally = [AuditRecord.Key: (event: UInt64, count: UInt64)]

    /// - Parameters:
    ///   - file: Opened for appending; stays the caller's.
    ///   - mostBytes: Size that the file may reach.
    init(
        _ loop: EventLoop, file: Int32, session: String, correlation: CorrelationID?, mostBytes: UInt64
    ) {
        self.loop = loop
        self.file = file
        self.session = session
        mark = correlation.map { [.init(CorrelationID.member, .string($0.description))] } ?? []
        self.mostBytes = mostBytes
    }

    /// The id by which an event is asked about.
    func name(of event: UInt64) -> String { "\(session)-\(event)" }

    /// True when the same thing was written a moment ago: then nobody needs to be asked about its process.
    func isRepeat(_ record: AuditRecord) -> Bool { repeats[record.key] != nil }

    /// Records one happening. Returns the event to ask about: its own, or that of the line it is a repeat of.
    @discardableResult
    func record(_ record: AuditRecord) -> UInt64 {
        if [.nameAllowed, .connectionAllowed, .socketAllowed].contains(record.event) { allowed += 1 }
        if record.event.isDenial { denied += 1 }
        if record.event == .connectionFailed { failed += 1 }
        let key = record.key
        if var known = repeats[key] {
            if known.count == 0 { known.since = Self.milliseconds }
            known.count += 1
            known.record.add(record)
            repeats[key] = known
            note(key, record, event: known.first)
            return known.first
        }
        let event = write(record, count: 1, since: nil, repeats: nil)
        note(key, record, event: event)
        if repeats.count < Self.mostKeys {
            repeats[key] = Repeats(first: event, record: record.emptied)
            if timer == nil { startTimer() }
        }
        return event
    }

    private func startTimer() {
        timer = loop.after(milliseconds: Self.quietMilliseconds) { [weak self] in
            self?.timer = nil
            self?.flush()
        }
    }

    /// Writes what was counted since the last time and forgets what was quiet meanwhile.
    func flush() {
        for (key, known) in repeats.sorted(by: { $0.value.first < $1.value.first }) {
            guard known.count > 0 else {
                repeats[key] = nil
                continue
            }
            write(known.record, count: known.count, since: known.since, repeats: known.first)
            repeats[key] = Repeats(first: known.first, record: known.record.emptied)
        }
        if !repeats.isEmpty && timer == nil { startTimer() }
    }

    /// Writes what was counted, and counts anew: a rule's number means another rule from now on.
    func flushAll() {
        flush()
        repeats = [:]
    }

    // MARK: Summary

    private func note(_ key: AuditRecord.Key, _ record: AuditRecord, event: UInt64) {
        if record.event.isDenial { Self.count(key, event, in: &denials) }
        if record.event == .connectionFailed { Self.count(key, event, in: &failures) }
    }

    private static func count(_ key: AuditRecord.Key, _ event: UInt64, in tally: inout Tally) {
        if tally[key] != nil {
            tally[key]?.count += 1
        } else if tally.count < mostKeys {
            tally[key] = (event, 1)
        }
    }

    /// What was denied most often, most frequent first.
    func mostDenied(_ most: Int) -> [(key: AuditRecord.Key, event: UInt64, count: UInt64)] {
        Self.first(most, of: denials)
    }

    /// What was allowed and found nobody outside, most frequent first.
    func mostFailed(_ most: Int) -> [(key: AuditRecord.Key, event: UInt64, count: UInt64)] {
        Self.first(most, of: failures)
    }

    private static func first(_ most: Int, of tally: Tally) -> [(key: AuditRecord.Key, event: UInt64, count: UInt64)] {
        tally.map { ($0.key, $0.value.event, $0.value.count) }
            .sorted { $0.2 != $1.2 ? $0.2 > $1.2 : $0.1 < $1.1 }.prefix(most).map { $0 }
    }

    /// Counts what never came here to be written.
    func lost(_ count: UInt64) { recordsLost += count }

    // MARK: Lines

    private static var milliseconds: UInt64 { sp_clock_ns(CLOCK_REALTIME) / 1_000_000 }

    @discardableResult
    private func write(_ record: AuditRecord, count: UInt64, since: UInt64?, repeats: UInt64?) -> UInt64 {
        lastEvent += 1
        var members: [JSON.Member] = [
            .init("version", .int(Self.version)), .init("id", .string(name(of: lastEvent))),
            .init("time_ms", .number(Self.milliseconds)),
        ]
        members += mark
        if let since { members.append(.init("since_ms", .number(since))) }
        members += record.members
        members.append(.init("count", .number(count)))
        if let repeats { members.append(.init("repeats", .string(name(of: repeats)))) }
        let line = JSONWriter().write(.object(members)) + [0x0A]
        let share = Share(record.event)
        guard !full.contains(share), written + UInt64(line.count) + share.reserved(of: mostBytes) <= mostBytes else {
            lose(count, share)
            return lastEvent
        }
        var done = 0
        while done < line.count {
            let put = line.withUnsafeBytes { sp_write(file, $0.baseAddress! + done, line.count - done) }
            if put == -Int(EINTR) { continue }
            guard put > 0 else {
                lose(count, share)
                return lastEvent
            }
            done += put
        }
        written += UInt64(line.count)
        return lastEvent
    }

    /// The share is used up, or the disk is full: decisions go on, and the loss is counted and told to the supervisor.
    private func lose(_ count: UInt64, _ share: Share) {
        recordsLost += count
        guard full.insert(share).inserted, share != .end else { return }
        var record = AuditRecord(.truncated)
        record.detail = "no more \(share.words) fit; decisions went on, and the session's result counts them"
        write(record, count: 1, since: nil, repeats: nil)
    }
}

extension AuditRecord {
    /// Adds what another record of the same kind counted.
    fileprivate mutating func add(_ other: AuditRecord) {
        if let bytes = other.bytesUp { bytesUp = (bytesUp ?? 0) + bytes }
        if let bytes = other.bytesDown { bytesDown = (bytesDown ?? 0) + bytes }
        durationMilliseconds = other.durationMilliseconds
        address = other.address ?? address
    }

    /// For counting repeats: what is summed starts at nothing, and whose the first was says nothing about the others.
    fileprivate var emptied: AuditRecord {
        var record = self
        record.bytesUp = bytesUp.map { _ in 0 }
        record.bytesDown = bytesDown.map { _ in 0 }
        record.owner = nil
        return record
    }
}
