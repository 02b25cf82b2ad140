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

    /// All that can be read; whose the others are cannot be told.
    private func all() throws(SystemError) -> [SessionList.Item] { try SessionList(paths).all { _, _ in } }

    private func isOwn(_ item: SessionList.Item) -> Bool { uid == 0 || item.clientUID == uid }

    /// A session whose supervisor is gone without a result is `lost`: it did not end, whatever it may have done.
    package func list() throws(SystemError) -> JSON {
        .array(
            try all().filter(isOwn).map { item in
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
        guard let id = SessionID(name), let item = try SessionList(paths).item(id), isOwn(item)
        else {
            throw SystemError(
                "find", "session \"\(name.displayed)\" of uid \(uid)", .noEntry,
                remedy: "`sallyport session list` shows yours.")
        }
        try SessionList(paths).stop(id, kill: kills)
    }

    /// How long sessions of dead clients may take to end: the grace of a stop, and what an end takes.
    private static let patience: UInt64 = 60_000

    /// Records of ended sessions that a user's own leave behind at most; root's sweep takes all.
    private static let mostRecords = 256

    /// Returns when no session of the client's user is left whose client is gone, nor anything of one that was killed.
    ///
    /// - Parameter servers: The processes of its sessions whose client is gone; they may not have given them a name yet.
    package func settle(_ servers: [Int32]) throws(SystemError) {
        let deadline = sp_clock_ns(CLOCK_MONOTONIC) / 1_000_000 + Self.patience
        for server in servers { try waitForEnd(of: "a session of uid \(uid)", server, until: deadline) }
        for item in try all() where isOwn(item) && item.phase == .running {
            guard let client = KnownProcess(item.state?["client"], "pid", "start"), try !client.isRunning(),
                let supervisor = try item.supervisor?.open()
            else { continue }
            try waitForEnd(of: "session \(item.id)", supervisor.number, until: deadline)
        }
        let items = try all()
        // Killed before it could say whose it is, it has nothing that anybody would miss.
        let nameless = items.filter { $0.phase == .dead && $0.state == nil }.map(\.id)
        // What is left of a dead supervisor's children may hold its lock for a moment.
        var dead: [SessionID] = []
        for item in items where isOwn(item) && item.state != nil && item.phase != .ended {
            let isRunning = item.phase == .running ? try item.supervisor?.isRunning() ?? true : false
            if !isRunning { dead.append(item.id) }
        }
        let ended = items.filter { $0.phase == .ended && $0.clientUID == uid }.map(\.id)
        var others = Sweep(paths, mode: .current, sparesRecords: true)
        _ = try others.run(only: nameless)
        var sweep = Sweep(paths, mode: .current)
        let report = try sweep.run(only: dead + ended.dropLast(Self.mostRecords))
        if let failure = report.failures.first {
            throw SystemError("clear away", "what sessions of uid \(uid) left", .busy, remedy: failure)
        }
    }

    private func waitForEnd(of session: String, _ pidfd: Int32, until deadline: UInt64) throws(SystemError) {
        let now = sp_clock_ns(CLOCK_MONOTONIC) / 1_000_000
        let left = Int32(clamping: deadline > now ? deadline - now : 0)
        let ready = try checked("wait for", session) { sp_poll_one(pidfd, Int16(POLLIN), left) }
        guard ready != 0 else {
            throw SystemError(
                "end", "\(session), whose client is gone", Errno(ETIMEDOUT),
                remedy: "`sallyport session list` as root shows it, and sallyport session stop --kill ends it.")
        }
    }
}
