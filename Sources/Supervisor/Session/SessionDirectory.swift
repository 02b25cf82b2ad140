// SPDX-License-Identifier: Apache-2.0
internal import CLinux
package import Documents
internal import Glibc
package import Isolation
package import LinuxSystem

/// The name of one session: everything the session owns on the host carries it.
package struct SessionID: Sendable, Hashable, CustomStringConvertible {
    package let text: String
    package var description: String { text }

    /// Accepts only what ``random()`` makes, so that a name can be part of a path.
    package init?(_ text: String) {
        guard text.utf8.count == 14, text.hasPrefix("s-") else { return nil }
        guard text.utf8.dropFirst(2).allSatisfy({ (97...122).contains($0) || (50...55).contains($0) }) else {
            return nil
        }
        self.text = text
    }

    private init(trusted text: String) { self.text = text }

    package static func random() throws(SystemError) -> SessionID {
        let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)
        let letters = try randomBytes(12).map { alphabet[Int($0 & 31)] }
        return SessionID(trusted: "s-" + String(decoding: letters, as: UTF8.self))
    }
}

/// One session's directory, held under a lock for as long as its supervisor lives.
///
/// The lock is the kernel's: it goes with the process, however that ends. A session whose lock can be taken by
/// another is dead; whoever only wants to know asks after the lock and never takes it. fcntl(2), F_OFD_GETLK
package struct SessionDirectory: ~Copyable {
    package let id: SessionID
    package let directory: Directory
    private let lock: Descriptor

    /// Before it bears the session's name: `.s-...`, with a lock that nobody holds yet.
    static let unborn = "."

    /// Creates the directory of a new session, which nobody sees before it is locked. Sweep is kept out meanwhile.
    package static func create(_ paths: HostPaths) throws(SystemError) -> SessionDirectory {
        let id = try SessionID.random()
        let sessions = try Directory.open(paths.sessions)
        let gate = sessions.fd.number
        try checked("lock", "\"\(paths.sessions)\"") { sp_flock(gate, LOCK_SH) }
        defer { _ = sp_flock(gate, LOCK_UN) }
        let hidden = Self.unborn + id.text
        try sessions.make(hidden, mode: 0o700)
        let lock = try sessions.open(hidden + "/lock", O_RDWR | O_CREAT, mode: 0o600)
        let held = lock.number
        try checked("lock", "session \(id)") { sp_lock(held) }
        try checked("create", "session \(id)") { sp_renameat2(gate, hidden, gate, id.text, UInt32(RENAME_NOREPLACE)) }
        return SessionDirectory(id: id, directory: try sessions.directory(id.text), lock: lock)
    }

    private init(id: SessionID, directory: consuming Directory, lock: consuming Descriptor) {
        self.id = id
        self.directory = directory
        self.lock = lock
    }

    /// Takes over the directory of a session whose supervisor is gone; nil while it lives.
    package static func adoptDead(_ id: SessionID, _ paths: HostPaths) throws(SystemError) -> SessionDirectory? {
        let directory = try Directory.open(paths.sessions + "/" + id.text)
        let lock = try directory.open("lock", O_RDWR | O_CREAT, mode: 0o600)
        let held = lock.number
        let result = sp_lock(held)
        if result == -Int(EAGAIN) || result == -Int(EACCES) { return nil }
        try checked("lock", "session \(id)") { result }
        return SessionDirectory(id: id, directory: directory, lock: lock)
    }

    /// Whether the session in a directory has a living supervisor.
    static func isHeld(_ directory: borrowing Directory) throws(SystemError) -> Bool {
        let lock = try directory.open("lock", O_RDONLY)
        let asked = lock.number
        return try checked("ask after the lock in", "\"\(directory.path)\"") { sp_is_locked(asked) } == 1
    }

    package borrowing func write(_ name: String, _ json: JSON) throws(SystemError) {
        try directory.replace(name, with: Array(json.prettyText.utf8) + [10])
    }
}

/// What a later process needs to know of a session, written before the thing it names exists.
package struct SessionState: Sendable {
    package var id: String
    package var correlation: CorrelationID?
    package var supervisor: Int32
    package var supervisorStart: String
    package var startedMilliseconds: UInt64
    package var cgroup: [(controller: String, path: String)] = []
    package var cgroupVersion = ""
    package var idBlock: IdBlock?
    /// The template root whose files the session shows as long as it lives; sweep leaves that one alone.
    package var template = Skeleton.name
    package var workspace: String?
    package var profile: String
    package var command: String
    /// Whoever asked the listening supervisor for it.
    package struct Client: Sendable {
        package var uid: UInt32
        package var pid: Int32
        /// When that process began, so that no other of its number is taken for it.
        package var start: String
    }
    package var client: Client?

    package var json: JSON {
        .object([
            .init("version", 1), .init("session", .string(id)),
            .init(CorrelationID.member, .optional(correlation?.description)),
            .init("supervisor_pid", .int(Int(supervisor))),
            .init("supervisor_start", .string(supervisorStart)), .init("started", .int(Int(startedMilliseconds))),
            .init("cgroup_version", .string(cgroupVersion)),
            .init(
                "cgroup",
                .array(
                    cgroup.map {
                        .object([.init("controller", .string($0.controller)), .init("path", .string($0.path))])
                    })),
            .init(
                "id_block",
                idBlock.map { .object([.init("index", .int($0.index)), .init("first", .int(Int($0.base)))]) } ?? .null),
            .init("template", .string(template)), .init("workspace", .optional(workspace)),
            .init("profile", .string(profile)), .init("command", .string(command)),
            .init(
                "client",
                client.map {
                    .object([
                        .init("uid", .number($0.uid)), .init("pid", .number($0.pid)), .init("start", .string($0.start)),
                    ])
                } ?? .null),
        ])
    }
}
