// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import LinuxSystem

/// What a client opened and handed over, by what each is for.
///
/// Nothing is ever opened on a client's behalf: an open file shows that its client could open it, and is looked at here
/// as strictly as bytes from anybody. A client may lose its access later; the open file stays what it was.
package struct HandedFiles: Sendable {
    package enum Role: Hashable, Sendable {
        case input, output, error
        case workspace
        case mount(Int)
        case export, frames, result
        /// A part of the session's record, by the end of its name.
        case record(String)
        case mirror, quarantine
        case forge
        case secret(Int)
    }

    /// Whose they are: the client's user and groups, by the kernel's word.
    package let owner: UInt32
    package let groups: [UInt32]
    private let numbers: [Role: Int32]

    /// Looks at each file, in a process that has nothing to lose: one on a file system that its client answers for can
    /// make it wait.
    ///
    /// - Parameter sources: Beneath these lies each tree that a session is shown.
    package init(
        _ files: [(role: Role, number: Int32)], of peer: Peer, beneath sources: [String]
    ) throws(SystemError) {
        var numbers: [Role: Int32] = [:]
        for (role, number) in files {
            guard numbers.updateValue(number, forKey: role) == nil else {
                throw Self.refused(role, "is there twice", .exists)
            }
            try Self.check(role, number, peer, sources)
        }
        for role in [Role.input, .output, .error] where numbers[role] == nil {
            throw Self.refused(role, "is missing", Errno(EBADF))
        }
        self.numbers = numbers
        owner = peer.uid
        groups = peer.groups
    }

    package func has(_ role: Role) -> Bool { numbers[role] != nil }

    /// A descriptor of one's own for it.
    package func open(_ role: Role) throws(SystemError) -> Descriptor {
        let number = try number(role)
        return Descriptor(owning: Int32(try checked("duplicate", "\(role)") { sp_fdup_above(number, 64) }))
    }

    package func number(_ role: Role) throws(SystemError) -> Int32 {
        guard let number = numbers[role] else { throw Self.refused(role, "was not handed over", Errno(EBADF)) }
        return number
    }

    /// A file to write, emptied.
    package func create(_ role: Role) throws(SystemError) -> Descriptor {
        let file = try open(role)
        let number = file.number
        try checked("empty", "\(role)") { sp_ftruncate(number, 0) }
        return file
    }

    /// Where the kernel says that it lies; what a client calls it counts for nothing.
    package func path(_ role: Role) throws(SystemError) -> String { try Self.path(try number(role), role) }

    // MARK: Judging

    private static func check(_ role: Role, _ number: Int32, _ peer: Peer, _ sources: [String]) throws(SystemError) {
        let flags = Int32(try checked("inspect", "\(role)") { sp_open_flags(number) })
        // It names a file and shows no right to read it. open(2)
        guard flags & O_PATH == 0 else { throw refused(role, "is a path only (O_PATH)", Errno(EBADF)) }
        let status = try FileStatus.at(number, [0], flags: SP_AT_EMPTY_PATH, subject: "\(role)")
        switch role {
        case .input, .output, .error:
            try checkStream(role, number, status)
            try requireAccess(role, flags, writes: role != .input)
        case .workspace, .mirror, .quarantine:
            guard status.isDirectory else { throw refused(role, "is no directory", .notDirectory) }
            try requireAccess(role, flags, writes: false)
            // Who owns the top appears as the agent, or as the broker, throughout: with another's tree the client would
            // read what only that one may.
            guard status.uid == peer.uid else {
                throw refused(role, "belongs to uid \(status.uid) and not to uid \(peer.uid)", .notPermitted)
            }
            guard peer.groups.contains(status.gid) else {
                throw refused(role, "is of group \(status.gid), which uid \(peer.uid) is not in", .notPermitted)
            }
            try checkPlace(role, number, sources)
        case .mount:
            guard status.isDirectory || status.isRegular else {
                throw refused(role, "is neither a directory nor a regular file", .invalid)
            }
            try requireAccess(role, flags, writes: false)
            try checkPlace(role, number, sources)
        case .export, .frames, .result, .record:
            guard status.isRegular else { throw refused(role, "is no regular file", .invalid) }
            try requireAccess(role, flags, writes: true)
            try refuseSpecial(role, number)
        case .forge, .secret:
            guard sp_is_sealed(number) == 1 else { throw refused(role, "is no sealed file in memory", .invalid) }
        }
    }

    /// A terminal is not taken: it belongs to a session of processes that the supervisor is not in. Devices and sockets
    /// with a protocol do what is written to them as whoever writes, which is root here. CVE-2014-0181
    private static func checkStream(_ role: Role, _ number: Int32, _ status: FileStatus) throws(SystemError) {
        if status.isFifo || status.isNullDevice { return }
        if status.isRegular { return try refuseSpecial(role, number) }
        if status.isSocket {
            var family: Int32 = 0
            var type: Int32 = 0
            try checked("inspect", "\(role)") { sp_socket_kind(number, &family, &type) }
            if family == AF_UNIX, type == Int32(SOCK_STREAM.rawValue), sp_is_listening(number) == 0 { return }
        }
        var modes = termios()
        guard status.isCharacterDevice, sp_terminal_modes(number, &modes) == 0 else {
            throw refused(role, "is neither a pipe nor a regular file nor a local stream", .invalid)
        }
        throw SystemError(
            "take over", "the terminal that \(role) is", Errno(ENOTTY),
            remedy: "Give the listening supervisor a pipe or a file, as in: sallyport run -- CMD </dev/null 2>&1 | cat")
    }

    private static func requireAccess(_ role: Role, _ flags: Int32, writes: Bool) throws(SystemError) {
        let mode = flags & O_ACCMODE
        guard mode == O_RDWR || mode == (writes ? O_WRONLY : O_RDONLY) else {
            throw refused(role, "is not open for \(writes ? "writing" : "reading")", Errno(EBADF))
        }
    }

    /// The kernel's own files take what is written to them for a command, and judge it by who writes; one of a client's
    /// own file system could keep its writer for ever.
    private static func refuseSpecial(_ role: Role, _ number: Int32) throws(SystemError) {
        var type: UInt64 = 0
        var blocks: UInt64 = 0
        var inodes: UInt64 = 0
        try checked("inspect", "\(role)") { sp_file_system(number, &type, &blocks, &inodes) }
        if special.contains(type) {
            throw refused(role, "lies on a file system of the kernel's or of a process'", .notPermitted)
        }
    }

    /// statfs(2): proc, sysfs, cgroup, cgroup2, debugfs, tracefs, bpf, securityfs, configfs, efivarfs, pstore, selinuxfs,
    /// smackfs, binfmt_misc, devpts, nsfs, FUSE.
    private static let special: Set<UInt64> = [
        SP_PROC_MAGIC, 0x6265_6572, 0x27e0eb, SP_CGROUP2_MAGIC, 0x6462_6720, 0x7472_6163, 0xcafe_4a11, 0x7363_6673,
        0x6265_6570, 0xde5e_81e4, 0x6165_676c, 0xf97c_ff8c, 0x4341_5d53, 0x4249_4e4d, 0x1cd1, 0x6e73_6673, 0x6573_5546,
    ]

    private static func checkPlace(_ role: Role, _ number: Int32, _ sources: [String]) throws(SystemError) {
        let path = try path(number, role)
        try refuseSpecial(role, number)
        for source in sources where source == "/" || path == source || path.hasPrefix(source + "/") { return }
        throw SystemError(
            "show", "\"\(path)\" as \(role)", .notPermitted,
            remedy: "It lies beneath none of the sources that the ceiling names for uid's entry.")
    }

    private static func path(_ number: Int32, _ role: Role) throws(SystemError) -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let length = try checked("find", "\(role)") {
            buffer.withUnsafeMutableBufferPointer {
                sp_readlinkat(AT_FDCWD, "/proc/self/fd/\(number)", $0.baseAddress!, 4095)
            }
        }
        return String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func refused(_ role: Role, _ why: String, _ errno: Errno) -> SystemError {
        SystemError("take", "\(role), which \(why)", errno, remedy: "Hand over a file of the right kind.")
    }
}

extension HandedFiles.Role: CustomStringConvertible {
    /// As the document names it.
    package var text: String {
        switch self {
        case .input: "stdin"
        case .output: "stdout"
        case .error: "stderr"
        case .workspace: "workspace"
        case .mount(let index): "mount \(index)"
        case .export: "export"
        case .frames: "frames"
        case .result: "result"
        case .record(let name): "record \(name)"
        case .mirror: "mirror"
        case .quarantine: "quarantine"
        case .forge: "forge"
        case .secret(let index): "secret \(index)"
        }
    }

    package init?(_ text: String) {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        let plain: [HandedFiles.Role] = [
            .input, .output, .error, .workspace, .export, .frames, .result, .mirror, .quarantine, .forge,
        ]
        if let role = plain.first(where: { $0.text == text }) {
            self = role
        } else if words.count == 2, words[0] == "mount", let index = Self.index(words[1]) {
            self = .mount(index)
        } else if words.count == 2, words[0] == "secret", let index = Self.index(words[1]) {
            self = .secret(index)
        } else if words.count == 2, words[0] == "record", RecordFiles.names.contains(String(words[1])) {
            self = .record(String(words[1]))
        } else {
            return nil
        }
    }

    private static func index(_ text: Substring) -> Int? {
        guard let index = Int(text), (0..<64).contains(index), String(index) == text else { return nil }
        return index
    }

    package var description: String { "file \"\(text)\" of the request" }
}
