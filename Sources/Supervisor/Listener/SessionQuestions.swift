// SPDX-License-Identifier: Apache-2.0
internal import CLinux
package import Documents
internal import Glibc
package import Isolation
package import LinuxSystem

extension SessionList.Item {
    /// Whose the session is, where it was asked for over the listening supervisor's socket.
    var clientUID: UInt32? { state?["client"]?["uid"]?.intValue.flatMap { UInt32(exactly: $0) } }
}

/// What a client may ask about sessions: its own, and root about all.
package struct SessionQuestions {
    private let paths: HostPaths
    private let uid: UInt32

    package init(_ paths: HostPaths, of peer: Peer) {
        self.paths = paths
        uid = peer.uid
    }

    private func own() throws(SystemError) -> [SessionList.Item] {
        try SessionList(paths).all().filter { uid == 0 || $0.clientUID == uid }
    }

    /// A session whose supervisor is gone without a result is `lost`: it did not end, whatever it may have done.
    package func list() throws(SystemError) -> JSON {
        .array(
            try own().map { item in
                .object([
                    .init("session", .string(item.id.text)),
                    .init("phase", .string(item.phase == .dead ? "lost" : item.phase.rawValue)),
                    .init("started", .number(item.started)),
                    .init("profile", item.state?["profile"] ?? .null),
                    .init("command", item.state?["command"] ?? .null),
                    .init("outcome", item.result?["outcome"] ?? .null),
                ])
            })
    }

    /// Ends a session of the client's own; there is no other, as far as it can tell.
    package func stop(_ document: [UInt8]) throws(SystemError) {
        let json: JSON
        do throws(JSONParser.Failure) { json = try JSONParser.parse(document) } catch {
            throw RunDocument.refused("it is no JSON: \(error.reason)")
        }
        var fields = try ClosedObject(json, "the request", refuse: RunDocument.refused)
        guard try fields.number("version") == UInt64(RunDocument.version) else {
            throw RunDocument.refused("it is not of version \(RunDocument.version)")
        }
        let name = try fields.text("session")
        let kills = try fields.flag("kill")
        try fields.end()
        guard let id = SessionID(name), let item = try SessionList(paths).item(id), uid == 0 || item.clientUID == uid
        else {
            throw SystemError(
                "find", "session \"\(name.displayed)\" of uid \(uid)", .noEntry,
                remedy: "`sallyport session list` shows yours.")
        }
        try SessionList(paths).stop(id, kill: kills)
    }

    /// How long sessions of dead clients may take to end: the grace of a stop, and what an end takes.
    private static let patience: UInt64 = 60_000

    /// Returns when no session is left whose client is gone, nor anything of one that was killed.
    package func settle() throws(SystemError) {
        let deadline = sp_clock_ns(CLOCK_MONOTONIC) / 1_000_000 + Self.patience
        for item in try own() where item.phase == .running {
            guard let client = item.state?["client"], let pid = client["pid"]?.intValue.flatMap(Int32.init(exactly:)),
                let start = client["start"]?.stringValue, try !processRuns(pid, start: start)
            else { continue }
            try waitForEnd(of: item, until: deadline)
        }
        var sweep = Sweep(paths, mode: .current)
        let report = try sweep.run()
        if let failure = report.failures.first {
            throw SystemError("clear away", "what sessions left", .busy, remedy: failure)
        }
    }

    private func waitForEnd(of item: SessionList.Item, until deadline: UInt64) throws(SystemError) {
        guard let pid = item.state?["supervisor_pid"]?.intValue.flatMap(Int32.init(exactly:)),
            let start = item.state?["supervisor_start"]?.stringValue
        else { return }
        let opened = sp_pidfd_open(pid)
        if opened == -Int(ESRCH) { return }
        let pidfd = Descriptor(owning: Int32(try checked("watch", "session \(item.id)") { opened }))
        guard try processRuns(pid, start: start) else { return }
        let now = sp_clock_ns(CLOCK_MONOTONIC) / 1_000_000
        let left = Int32(clamping: deadline > now ? deadline - now : 0)
        let ready = try checked("wait for", "session \(item.id)") {
            sp_poll_one(pidfd.number, Int16(POLLIN), left)
        }
        guard ready != 0 else {
            throw SystemError(
                "end", "session \(item.id), whose client is gone", Errno(ETIMEDOUT),
                remedy: "sallyport session stop --kill \(item.id) as root ends it.")
        }
    }
}
