// SPDX-License-Identifier: Apache-2.0
internal import CLinux
package import Documents
internal import Glibc
package import Isolation
package import LinuxSystem

/// The sessions of this host as their files tell of them.
package struct SessionList {
    package enum Phase: String, Sendable { case running, ended, dead }

    package struct Item: Sendable {
        package let id: SessionID
        package let phase: Phase
        package let state: JSON?
        package let result: JSON?
        package let changes: Int?
        /// How many of the changes are named only; the set is partial when there is one.
        package let leftOut: Int
        /// Milliseconds since 1970; 0 for a session that has not come so far as to say.
        package let started: UInt64

        /// Who has it, or had it.
        var supervisor: KnownProcess? { KnownProcess(state, "supervisor_pid", "supervisor_start") }

        package var json: JSON {
            .object([
                .init("session", .string(id.text)), .init("phase", .string(phase.rawValue)),
                .init("state", state ?? .null),
                .init("result", result ?? .null), .init("kept_changes", .optional(changes)),
                .init("partial", .bool(leftOut > 0)),
            ])
        }
    }

    private let paths: HostPaths
    package init(_ paths: HostPaths) { self.paths = paths }

    /// Every session with a directory or kept changes, the one that started first at the head.
    ///
    /// - Parameter unreadable: Told of one that is left out, since what there is of it cannot be read: another's must not
    ///   keep anybody from hearing of the rest.
    package func all(unreadable: (SessionID, SystemError) -> Void) throws(SystemError) -> [Item] {
        let directory = try Directory.open(paths.sessions)
        var ids = Set(try directory.names().compactMap { SessionID(String(decoding: $0, as: UTF8.self)) })
        ids.formUnion(try KeptChanges(paths).sessions())
        var items: [Item] = []
        for id in ids {
            do throws(SystemError) { if let item = try item(id) { items.append(item) } } catch { unreadable(id, error) }
        }
        return items.sorted { ($0.started, $0.id.text) < ($1.started, $1.id.text) }
    }

    /// One session; nil when nothing of it is left. Takes no lock, so that nobody has to wait for one who only looks.
    package func item(_ id: SessionID) throws(SystemError) -> Item? {
        let kept = KeptChanges(paths)
        let record = try kept.sessions().contains(id) ? try kept.record(id) : nil
        do throws(SystemError) {
            let directory = try Directory.open(paths.sessions).directory(id.text)
            // In this order: a record is written before the lock is free.
            let isHeld = try SessionDirectory.isHeld(directory)
            let result = try json(directory, "result.json")
            let state = try json(directory, "state.json")
            let started = state?["started"]?.intValue.map { UInt64(max(0, $0)) } ?? record?.created ?? 0
            return Item(
                id: id, phase: result != nil ? .ended : isHeld ? .running : .dead, state: state, result: result,
                changes: record?.entries, leftOut: record?.leftOut ?? 0, started: started)
        } catch {
            // Swept, before or while it was looked at.
            guard error.errno == .noEntry else { throw error }
        }
        return record.map {
            Item(
                id: id, phase: .ended, state: nil, result: nil, changes: $0.entries, leftOut: $0.leftOut,
                started: $0.created)
        }
    }

    private func json(_ directory: borrowing Directory, _ name: String) throws(SystemError) -> JSON? {
        guard try directory.contains(name) else { return nil }
        let subject = "\(directory.path)/\(name)"
        let bytes = try directory.read(name)
        do throws(DocumentError) { return try JSON.read(bytes, file: subject) } catch {
            throw SystemError("read", "\"\(subject)\"", .invalid, remedy: error.description)
        }
    }

    /// Asks a running session to end and waits until its supervisor has written the record.
    ///
    /// The process is held by pidfd and compared by start time before it is signalled, so a reused pid is never hit.
    package func stop(_ id: SessionID, kill: Bool) throws(SystemError) {
        guard let item = try item(id), item.phase == .running, let supervisor = item.supervisor else {
            throw SystemError(
                "stop", "session \(id)", .noSuchProcess, remedy: "It is not running; see `sallyport session list`.")
        }
        guard let pidfd = try supervisor.open() else {
            throw SystemError(
                "stop", "session \(id)", .noSuchProcess, remedy: "Its supervisor is gone; run `sallyport sweep`.")
        }
        try checked("signal", "the supervisor of session \(id)") { sp_pidfd_signal(pidfd.number, SIGTERM, 0) }
        // Another number: a second SIGTERM is lost while the first is pending. signal(7), "Queueing"
        if kill {
            try checked("signal", "the supervisor of session \(id)") { sp_pidfd_signal(pidfd.number, SIGINT, 0) }
        }
        try checked("wait for", "session \(id)") { sp_poll_one(pidfd.number, Int16(POLLIN), -1) }
    }
}

extension KnownProcess {
    /// As a session's state names one; nil where it does not.
    init?(_ state: JSON?, _ pid: String, _ start: String) {
        guard let number = state?[pid]?.intValue.flatMap(Int32.init(exactly:)), number > 0,
            let begun = state?[start]?.stringValue
        else { return nil }
        self.init(pid: number, start: begun)
    }
}
