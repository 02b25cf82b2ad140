// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Documents
internal import Glibc
package import Isolation
package import LinuxSystem
internal import Policy

/// The sealed change sets of ended sessions, `<state>/changes/<id>.set`, each with a small record beside it.
package struct KeptChanges: Sendable {
    package struct Record: Sendable {
        package var session: String
        /// The caller's tree; nil when the workspace started empty.
        package var workspace: String?
        /// Which directory bore that path when the session ran; ``KeptChanges/identity(_:)``.
        package var directory: String?
        package var digest: String
        package var entries: Int
        /// How many of them are named only, because the set had no room for what they hold; it is partial then.
        package var leftOut: Int
        package var created: UInt64
        /// What the session was allowed, as a profile file that extends nothing.
        package var profile: (name: String, file: [UInt8])
    }

    package let paths: HostPaths
    package init(_ paths: HostPaths) { self.paths = paths }

    /// What tells a directory from another one that has its path now: its inode number, and when that was made.
    ///
    /// The device's number is left out where the file system knows a time of birth, since it may be another one after a
    /// restart, until which changes are kept. Two that agree in both are one, or a copy block by block.
    package static func identity(_ status: FileStatus) -> String {
        "inode \(status.inode) "
            + (status.bornNanoseconds.map { "born \($0)" }
                ?? "on device \(status.device >> 32):\(UInt32(truncatingIfNeeded: status.device))")
    }

    /// Arguments by which the collector knows itself.
    package static let collectorVerb = "internal-collect"
    /// Its last argument for a workspace that started empty.
    package static let startedEmpty = "started-empty"

    /// Every call the collector makes; any other ends it.
    private static let collectorCalls = [
        "openat", "openat2", "statx", "newfstatat", "fstat", "getdents64", "read", "pread64", "write", "pwrite64",
        "lseek", "close", "fsync", "fdatasync", "ftruncate", "fgetxattr", "getxattr", "lgetxattr", "flistxattr",
        "llistxattr", "listxattr", "readlinkat", "readlink", "mmap", "munmap", "mprotect", "madvise", "mremap", "brk",
        "futex", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "clock_gettime", "clock_getres",
        "getrandom", "prctl", "arch_prctl", "set_tid_address", "set_robust_list", "rseq", "prlimit64", "exit",
        "exit_group", "execveat", "fcntl", "dup", "dup3", "getpid", "gettid", "getuid", "geteuid", "getgid", "getegid",
        "sched_yield", "sched_getaffinity", "sysinfo", "uname", "landlock_create_ruleset", "landlock_add_rule",
        "landlock_restrict_self", "sendmsg", "capget", "fadvise64", "tgkill",
    ]

    /// Where a dead sandbox left its changes.
    struct Left {
        /// The upper layer's file system, or the workspace itself where there was no tree to show.
        let upper: Int32
        /// The caller's tree: its path, and a descriptor of it.
        let lower: (path: String, number: Int32)?
        let namespace: Int32
    }

    /// Collects what a dead sandbox left.
    ///
    /// Names and contents are the task's, so a process without rights reads them: the agent's id in the session's user
    /// namespace, with one capability, to read what the task made unreadable. This process sees a count and a digest.
    ///
    /// - Parameter evenUnchanged: keeps a set without entries too.
    /// - Returns: nil when nothing is kept.
    func collect(
        session: SessionID, created: UInt64, _ left: Left, profile: Profile, mode: Mode, evenUnchanged: Bool,
        fault: FaultPoint
    ) throws(SystemError) -> Record? {
        let directory = try Directory.open(paths.changes)
        let part = ".\(session).part"
        let output = try directory.open(part, O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
        fault.reach("changes.collecting")
        var identity: String?
        if let lower = left.lower {
            identity = Self.identity(
                try FileStatus.at(lower.number, [0], flags: SP_AT_EMPTY_PATH, subject: "the workspace"))
        }
        let answer = try Channel.messages()
        let program = try Descriptor.open("/proc/self/exe", O_PATH)
        let filter = try FilterCache(paths).filter(
            program: "collector", allowed: Self.collectorCalls,
            // Asked of standard output at start, to choose its buffering; no is an answer.
            answered: [(name: "ioctl", errno: ENOTTY)])
        let null = try Descriptor.open("/dev/null", O_RDWR)
        let limits = profile.limits
        let numbers = [created, limits.workspaceBytes, limits.workspaceInodes].map { "\($0)" }
        let child: ConfinedProgram
        do throws(LaunchError) {
            child = try ConfinedProgram.start(
                program,
                argv: ["sallyport", Self.collectorVerb, session.text] + numbers
                    + (left.lower == nil ? [Self.startedEmpty] : []),
                environment: [], identity: .session(namespace: left.namespace, capability: 1 << 2, ids: mode == .host),
                descriptors: [
                    null.number, null.number, 2, left.upper, left.lower?.number ?? null.number, output.number,
                    answer.second.number,
                ],
                filter: filter)
        } catch { throw SystemError("start", "the collector at \(error.step)", error.errno, remedy: error.remedy) }
        if let failure = try child.wait() {
            try directory.remove(part)
            throw SystemError(
                "collect", "the changes of session \(session)", .io,
                remedy: "The collector ended with \(failure); what it said is above. The changes are lost.")
        }
        guard sp_poll_one(answer.first.number, Int16(POLLIN), 0) > 0,
            let message = try answer.first.receive(limit: Self.answerSize, subject: "the collector's answer"),
            let counts = Self.decode(message.bytes)
        else { throw SystemError("read", "the collector's answer", .invalid) }
        let record = Record(
            session: session.text, workspace: left.lower?.path, directory: identity, digest: counts.digest,
            entries: counts.entries, leftOut: counts.leftOut, created: created,
            profile: (profile.name, JSONWriter(pretty: true).write(profile.document)))
        if record.entries == 0 && !evenUnchanged {
            try directory.remove(part)
            return nil
        }
        try directory.replace(
            "\(session).json", with: Array(Self.json(record, profile.document).prettyText.utf8) + [10])
        let dir = directory.fd.number
        try checked("rename", "the change set") { sp_renameat2(dir, part, dir, "\(session).set", 1) }
        fault.reach("changes.kept")
        return record
    }

    /// Two counts of eight bytes, then the digest in hexadecimal: all that a process which read hostile bytes may tell us.
    package static func encode(entries: UInt64, leftOut: UInt64, digest: String) -> [UInt8] {
        [entries, leftOut].flatMap { count in (0..<8).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) } }
            + Array(digest.utf8)
    }

    private static let answerSize = 80

    private static func decode(_ bytes: [UInt8]) -> (entries: Int, leftOut: Int, digest: String)? {
        guard bytes.count == answerSize, bytes[16...].allSatisfy({ (48...57).contains($0) || (97...102).contains($0) })
        else {
            return nil
        }
        func count(_ at: Int) -> UInt64 {
            (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[at + $1]) << (8 * UInt64($1)) }
        }
        let (entries, leftOut) = (count(0), count(8))
        guard entries <= 100_000_000, leftOut <= entries else { return nil }
        return (Int(entries), Int(leftOut), String(decoding: bytes[16...], as: UTF8.self))
    }

    private static func json(_ record: Record, _ profile: JSON) -> JSON {
        .object([
            .init("version", 1), .init("session", .string(record.session)),
            .init("workspace", .optional(record.workspace)), .init("directory", .optional(record.directory)),
            .init("digest", .string(record.digest)), .init("entries", .int(record.entries)),
            .init("left_out", .int(record.leftOut)),
            .init("created", .number(record.created)), .init("profile_name", .string(record.profile.name)),
            .init("profile", profile),
        ])
    }

    /// The record of one kept set.
    package func record(_ session: SessionID) throws(SystemError) -> Record {
        let directory = try Directory.open(paths.changes)
        let subject = "the record of the changes of session \(session)"
        let bytes: [UInt8]
        do { bytes = try directory.read("\(session).json") } catch {
            guard error.errno == .noEntry else { throw error }
            throw SystemError(
                "find", "changes of session \(session)", .noEntry,
                remedy:
                    "`sallyport session list` shows which sessions have some; `sallyport run --keep` keeps them all.")
        }
        let damaged = SystemError(
            "read", subject, .invalid,
            remedy: "The file is damaged; `sallyport session discard \(session)` removes it.")
        let json: JSON
        do throws(JSONParser.Failure) { json = try JSONParser.parse(bytes) } catch { throw damaged }
        guard let profile = json["profile"], let name = json["profile_name"]?.stringValue,
            let digest = json["digest"]?.stringValue, let entries = json["entries"]?.intValue,
            let leftOut = json["left_out"]?.intValue,
            let created = json["created"]?.intValue
        else { throw damaged }
        return Record(
            session: session.text, workspace: json["workspace"]?.stringValue,
            directory: json["directory"]?.stringValue, digest: digest, entries: entries, leftOut: leftOut,
            created: UInt64(max(0, created)), profile: (name, JSONWriter().write(profile)))
    }

    /// Sessions that have kept changes, sorted.
    package func sessions() throws(SystemError) -> [SessionID] {
        let directory = try Directory.open(paths.changes)
        return try directory.names().compactMap { name in
            let text = String(decoding: name, as: UTF8.self)
            return text.hasSuffix(".set") ? SessionID(String(text.dropLast(4))) : nil
        }
    }

    /// Forgets a kept set.
    package func discard(_ session: SessionID) throws(SystemError) {
        let directory = try Directory.open(paths.changes)
        try directory.removeTree(Array("\(session).set".utf8))
        try directory.removeTree(Array("\(session).json".utf8))
    }
}
