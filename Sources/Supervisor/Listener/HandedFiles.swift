// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import LinuxSystem

/// What a client opened and handed over, by what each is for.
///
/// Nothing is ever opened on a client's behalf: an open file shows that its client could open it, and is looked at here
/// as strictly as bytes from anybody. A client may lose its access later; the open file stays what it was. What is written
/// to one is written by root, so each is one that gives nobody more than its client has: no setuid file, no socket.
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
        /// Where whoever attends the session is told and asked.
        case attendant
    }

    /// Whose they are: the client's user and its primary group, by the kernel's word.
    package let owner: UInt32
    package let group: UInt32
    private let numbers: [Role: Int32]

    /// Looks at each file, in a process that has nothing to lose: one on a file system that its client answers for can
    /// make it wait.
    ///
    /// - Parameter sources: Beneath these lies each tree that a session is shown.
    package init(
        _ files: [(role: Role, number: Int32)], of peer: Peer, beneath sources: [String]
    ) throws(SystemError) {
        guard let group = peer.groups.first else {
            throw SystemError(
                "take", "files of uid \(peer.uid)", .notPermitted,
                remedy:
                    "It is in more groups than are looked at (\(Peer.mostGroups)), or the kernel does not say in which."
            )
        }
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
        self.group = group
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
            try checkStream(role, number, status, peer)
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
            try requireOwn(role, status, peer)
            // Its pages are whoever's who fills them, and no quota counts them. memfd_create(2), open(2) O_TMPFILE
            guard status.links > 0 else { throw refused(role, "has no name: it is in memory, or deleted", .invalid) }
            try refuseSpecial(role, number)
        case .attendant:
            guard SessionAttendance.isSocket(number) else {
                throw refused(role, "is no connected local SOCK_SEQPACKET socket", Errno(ENOTSOCK))
            }
        case .forge, .secret:
            guard sp_is_sealed(number) == 1 else { throw refused(role, "is no sealed file in memory", .invalid) }
        }
    }

    /// A terminal is not taken: it belongs to a session of processes that the supervisor is not in. Devices do what is
    /// written to them as whoever writes, which is root here, and so does a reader of a local stream who asks for the
    /// credentials beside it. CVE-2014-0181; unix(7), SO_PASSCRED
    private static func checkStream(
        _ role: Role, _ number: Int32, _ status: FileStatus, _ peer: Peer
    ) throws(SystemError) {
        if status.isFifo || status.isNullDevice { return }
        if status.isRegular {
            if role != .input { try requireOwn(role, status, peer) }
            return try refuseSpecial(role, number)
        }
        if status.isSocket, role == .input {
            var family: Int32 = 0
            var type: Int32 = 0
            try checked("inspect", "\(role)") { sp_socket_kind(number, &family, &type) }
            if family == AF_UNIX, type == Int32(SOCK_STREAM.rawValue), sp_is_listening(number) == 0 { return }
        }
        var modes = termios()
        guard status.isCharacterDevice, sp_terminal_modes(number, &modes) == 0 else {
            let kinds = "neither a pipe nor a regular file" + (role == .input ? " nor a local stream" : "")
            throw refused(role, "is \(kinds)", .invalid)
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

    /// A write of root's leaves the bits of a setuid file where one of its client's would clear them, and then whoever can
    /// write such a file is its owner. Being able to write is no proof of more. inode(7), chmod(2)
    private static func requireOwn(_ role: Role, _ status: FileStatus, _ peer: Peer) throws(SystemError) {
        guard status.uid == peer.uid || peer.uid == 0 else {
            throw refused(role, "belongs to uid \(status.uid) and not to uid \(peer.uid)", .notPermitted)
        }
        guard status.permissions & 0o6000 == 0 else { throw refused(role, "is setuid or setgid", .notPermitted) }
    }

    /// The kernel's own files take what is written to them for a command, and judge it by who writes; one of a client's
    /// own file system could keep its writer for ever.
    private static func refuseSpecial(_ role: Role, _ number: Int32) throws(SystemError) {
        guard try FileSystemKind.of(number, subject: "\(role)") == .other else {
            throw refused(role, "lies on a file system of the kernel's or of a process'", .notPermitted)
        }
    }

    private static func checkPlace(_ role: Role, _ number: Int32, _ sources: [String]) throws(SystemError) {
        try refuseSpecial(role, number)
        // Before the path, which says something only of a mount that root made.
        guard try liesOnOwnMount(number) else {
            throw refused(role, "lies on a mount that is none of this host's mount namespace", .notPermitted)
        }
        let path = try path(number, role)
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
        case .attendant: "attendant"
        }
    }

    package init?(_ text: String) {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        let plain: [HandedFiles.Role] = [
            .input, .output, .error, .workspace, .export, .frames, .result, .mirror, .quarantine, .forge,
            .attendant,
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
