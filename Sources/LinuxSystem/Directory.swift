// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// What `statx` says of a file, as far as this project asks.
package struct FileStatus: Sendable, Equatable {
    package let mode: UInt32
    package let uid: UInt32
    package let gid: UInt32
    package let size: UInt64
    package let inode: UInt64
    package let device: UInt64
    package let deviceNumber: UInt64
    package let links: UInt32
    package let modifiedNanoseconds: Int64
    /// When content, mode, owner or number of names last changed; nobody can set it back. inode(7), ctime
    package let changedNanoseconds: Int64
    /// When it was made, where the file system knows. statx(2), STATX_BTIME
    package let bornNanoseconds: Int64?

    package var type: UInt32 { mode & 0o170000 }
    package var isDirectory: Bool { type == 0o040000 }
    package var isRegular: Bool { type == 0o100000 }
    package var isSocket: Bool { type == 0o140000 }
    package var isFifo: Bool { type == 0o010000 }
    package var isSymlink: Bool { type == 0o120000 }
    package var isCharacterDevice: Bool { type == 0o020000 }
    package var isNullDevice: Bool { isCharacterDevice && deviceNumber == 1 << 32 | 3 }
    package var permissions: UInt32 { mode & 0o7777 }

    /// Status of an open descriptor, `O_PATH` ones included.
    package static func of(_ fd: borrowing Descriptor, subject: String) throws(SystemError) -> FileStatus {
        try at(fd.number, [0], flags: SP_AT_EMPTY_PATH, subject: subject)
    }

    /// Status of a name in a directory; a symlink is described, not followed.
    package static func at(_ dir: Int32, _ name: [CChar], flags: UInt32 = SP_AT_SYMLINK_NOFOLLOW, subject: String)
        throws(SystemError) -> FileStatus
    {
        var raw = statx()
        try checked("inspect", subject) { sp_statx(dir, name, Int32(flags), 0xfff, &raw) }
        return FileStatus(
            mode: UInt32(raw.stx_mode), uid: raw.stx_uid, gid: raw.stx_gid, size: raw.stx_size, inode: raw.stx_ino,
            device: UInt64(raw.stx_dev_major) << 32 | UInt64(raw.stx_dev_minor),
            deviceNumber: UInt64(raw.stx_rdev_major) << 32 | UInt64(raw.stx_rdev_minor), links: raw.stx_nlink,
            modifiedNanoseconds: raw.stx_mtime.tv_sec &* 1_000_000_000 &+ Int64(raw.stx_mtime.tv_nsec),
            changedNanoseconds: raw.stx_ctime.tv_sec &* 1_000_000_000 &+ Int64(raw.stx_ctime.tv_nsec),
            bornNanoseconds: raw.stx_mask & 0x800 == 0
                ? nil : raw.stx_btime.tv_sec &* 1_000_000_000 &+ Int64(raw.stx_btime.tv_nsec))
    }

    package static func path(_ path: String) throws(SystemError) -> FileStatus {
        try at(AT_FDCWD, Array(path.utf8CString), subject: "\"\(path)\"")
    }
}

/// Names below one open directory; nothing here ever leaves it or follows a symlink.
///
/// Lookups use `openat2` with `RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS`: a path that a workload
/// could have changed between a check and a use has no use here. openat2(2), CVE-2019-5736, CVE-2021-30465
package struct Directory: ~Copyable, Sendable {
    package let fd: Descriptor
    package let path: String

    package init(owning fd: consuming Descriptor, path: String) {
        self.fd = fd
        self.path = path
    }

    /// Opens a directory of the trusted host by an absolute path none of whose parts may be a symlink.
    package static func open(strict path: String) throws(SystemError) -> Directory {
        let fd = try checked("open", "directory \"\(path)\"") {
            sp_openat2(
                AT_FDCWD, path, UInt64(O_RDONLY | O_DIRECTORY), 0, SP_RESOLVE_NO_SYMLINKS | SP_RESOLVE_NO_MAGICLINKS)
        }
        return Directory(owning: Descriptor(owning: Int32(fd)), path: path)
    }

    /// Opens a directory by a path in which symlinks of the trusted host are fine.
    package static func open(_ path: String) throws(SystemError) -> Directory {
        Directory(owning: try Descriptor.open(path, O_RDONLY | O_DIRECTORY), path: path)
    }

    /// Opens a name beneath this directory.
    package borrowing func open(_ name: String, _ flags: Int32, mode: UInt32 = 0) throws(SystemError) -> Descriptor {
        let dir = fd.number
        return Descriptor(
            owning: Int32(
                try checked("open", "\"\(path)/\(name)\"") {
                    sp_openat2(
                        dir, name, UInt64(UInt32(bitPattern: flags)), UInt64(mode),
                        SP_RESOLVE_BENEATH | SP_RESOLVE_NO_SYMLINKS | SP_RESOLVE_NO_MAGICLINKS)
                }))
    }

    package borrowing func directory(_ name: String) throws(SystemError) -> Directory {
        Directory(owning: try open(name, O_RDONLY | O_DIRECTORY), path: "\(path)/\(name)")
    }

    /// Makes a directory; one that is there already is fine when `existing` says so.
    package borrowing func make(_ name: String, mode: UInt32, existing: Bool = false) throws(SystemError) {
        let dir = fd.number
        let result = sp_mkdirat(dir, name, mode)
        if result < 0 && !(existing && result == -Int(EEXIST)) {
            throw SystemError("create", "directory \"\(path)/\(name)\"", Errno(Int32(-result)))
        }
    }

    package borrowing func status(_ name: String) throws(SystemError) -> FileStatus {
        try FileStatus.at(fd.number, Array(name.utf8CString), subject: "\"\(path)/\(name)\"")
    }

    /// Whether a name is there; any error but ENOENT is an error.
    package borrowing func contains(_ name: String) throws(SystemError) -> Bool {
        do {
            _ = try status(name)
            return true
        } catch {
            if error.errno == .noEntry { return false }
            throw error
        }
    }

    /// Where a symlink points, as the kernel or its maker wrote it; nothing is followed.
    package borrowing func linkTarget(_ name: [UInt8]) throws(SystemError) -> [UInt8] {
        let dir = fd.number
        let path = (name + [0]).map { CChar(bitPattern: $0) }
        var buffer = [CChar](repeating: 0, count: 4096)
        let length = try checked("read", "link \"\(self.path)/\(String(decoding: name, as: UTF8.self))\"") {
            buffer.withUnsafeMutableBufferPointer { sp_readlinkat(dir, path, $0.baseAddress!, $0.count) }
        }
        return buffer[..<length].map { UInt8(bitPattern: $0) }
    }

    package borrowing func read(_ name: String, limit: Int = 1 << 20) throws(SystemError) -> [UInt8] {
        let file = try open(name, O_RDONLY)
        return try file.readAll(limit: limit, subject: "\"\(path)/\(name)\"")
    }

    /// Creates or replaces a file in one step, so that a reader sees the old or the new content and never a part.
    package borrowing func replace(_ name: String, with bytes: [UInt8], mode: UInt32 = 0o600) throws(SystemError) {
        // In the same directory, since a rename does not cross file systems; named for the process, since two that start at
        // once write the same cache entry.
        let slash = name.lastIndex(of: "/")
        let parent = slash.map { String(name[...$0]) } ?? ""
        let temporary = "\(parent).\(name[(slash.map { name.index(after: $0) } ?? name.startIndex)...]).\(getpid()).new"
        let file = try open(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode: mode)
        try file.writeAll(bytes, subject: "\"\(path)/\(temporary)\"")
        let dir = fd.number
        try checked("rename", "\"\(path)/\(temporary)\"") { sp_renameat2(dir, temporary, dir, name, 0) }
    }

    package borrowing func remove(_ name: String, directory: Bool = false) throws(SystemError) {
        let dir = fd.number
        try checked("remove", "\"\(path)/\(name)\"") { sp_unlinkat(dir, name, directory ? AT_REMOVEDIR : 0) }
    }

    /// The names in this directory as bytes, without `.` and `..`, sorted.
    package borrowing func names() throws(SystemError) -> [[UInt8]] {
        // A descriptor of its own: the read position belongs to the open file. lseek(2)
        let listing = try open(".", O_RDONLY | O_DIRECTORY)
        return try listing.directoryEntries(subject: "\"\(path)\"").sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// Removes a name and everything beneath it, never following a symlink and never leaving the file system.
    ///
    /// A task may have made directories thousands deep, so nothing recurses: a directory found on the way is moved up
    /// into this one and emptied in its turn. What an earlier call for the same name had moved up when it was cut short
    /// goes too.
    package borrowing func removeTree(_ name: [UInt8]) throws(SystemError) {
        let tail = Array("-".utf8) + name.prefix(200)
        var waiting = try names().filter { $0.starts(with: Self.movedUp) && $0.suffix(tail.count).elementsEqual(tail) }
        waiting.append(name)
        var moved = 0
        let dir = fd.number
        while let next = waiting.popLast() {
            var result = Self.unlink(dir, next)
            if result == -Int(EISDIR) || result == -Int(EPERM) {
                let child = Self.openEmptying(dir, next)
                if child >= 0 {
                    let below = Descriptor(owning: Int32(child))
                    waiting += try empty(below, tail, &moved)
                    result = Self.unlink(dir, next, AT_REMOVEDIR)
                } else {
                    result = child
                }
            }
            if result < 0 && result != -Int(ENOENT) {
                throw SystemError(
                    "remove", "\"\(path)/\(String(decoding: next, as: UTF8.self))\"", Errno(Int32(-result)))
            }
        }
    }

    /// Unlinks what lies in a directory and moves its directories up here: their new names.
    ///
    /// A part at a time, since a task can have made more names than there is memory for: links cost no inode.
    private borrowing func empty(_ below: borrowing Descriptor, _ tail: [UInt8], _ moved: inout Int) throws(SystemError)
        -> [[UInt8]]
    {
        var directories: [[UInt8]] = []
        while true {
            let part = try below.directoryEntries(subject: "\"\(path)\"", limit: 4096)
            if part.isEmpty { return directories }
            var gone = 0
            for entry in part {
                let result = Self.unlink(below.number, entry)
                if result == -Int(ENOENT) { continue }
                if result < 0 { directories.append(try moveUp(entry, of: below, tail, &moved)) }
                gone += 1
            }
            // What is listed and cannot be found would be listed for ever.
            if gone == 0 { return directories }
            let fd = below.number
            try checked("rewind", "\"\(path)\"") { Int(lseek(fd, 0, SEEK_SET)) }
        }
    }

    private static let movedUp = Array(".removed-".utf8)

    /// Whose removal left a name behind when it was cut short; nil for any other name.
    package static func leftOver(_ name: [UInt8]) -> String? {
        guard name.starts(with: movedUp) else { return nil }
        let rest = name.dropFirst(movedUp.count)
        guard let dash = rest.firstIndex(of: UInt8(ascii: "-")) else { return nil }
        return String(decoding: rest[(dash + 1)...], as: UTF8.self)
    }

    private static func unlink(_ dir: Int32, _ name: [UInt8], _ flags: Int32 = 0) -> Int {
        sp_unlinkat(dir, name.map { CChar(bitPattern: $0) } + [0], flags)
    }

    private borrowing func moveUp(_ entry: [UInt8], of below: borrowing Descriptor, _ tail: [UInt8], _ moved: inout Int)
        throws(SystemError) -> [UInt8]
    {
        let inner = entry.map { CChar(bitPattern: $0) } + [0]
        while true {
            let place = Self.movedUp + Array("\(moved)".utf8) + tail
            moved += 1
            let target = place.map { CChar(bitPattern: $0) } + [0]
            var result = sp_renameat2(below.number, inner, fd.number, target, UInt32(RENAME_NOREPLACE))
            // A directory that moves is written to (its ".."). rename(2), EACCES
            if result == -Int(EACCES) {
                Self.openUp(below.number, inner)
                result = sp_renameat2(below.number, inner, fd.number, target, UInt32(RENAME_NOREPLACE))
            }
            if result == -Int(EEXIST) { continue }
            try checked("move", "a directory to be removed beneath \"\(path)\"") { result }
            return place
        }
    }

    private static let beneath = SP_RESOLVE_BENEATH | SP_RESOLVE_NO_SYMLINKS | SP_RESOLVE_NO_XDEV

    /// Opens a directory that is to be emptied. Without root's rights the modes that a task gave it stand in the way.
    private static func openEmptying(_ dir: Int32, _ name: [UInt8]) -> Int {
        let bytes = name.map { CChar(bitPattern: $0) } + [0]
        var child = sp_openat2(dir, bytes, UInt64(O_RDONLY | O_DIRECTORY), 0, beneath)
        if child == -Int(EACCES) {
            openUp(dir, bytes)
            child = sp_openat2(dir, bytes, UInt64(O_RDONLY | O_DIRECTORY), 0, beneath)
        }
        if child >= 0 && geteuid() != 0 { _ = sp_fchmod(Int32(child), 0o700) }
        return child
    }

    /// Gives a directory its owner's rights back. Best effort: what it was for fails otherwise, and is reported.
    private static func openUp(_ dir: Int32, _ name: [CChar]) {
        let found = sp_openat2(dir, name, UInt64(O_PATH | O_DIRECTORY | O_NOFOLLOW), 0, beneath)
        guard found >= 0 else { return }
        // chmod(2) takes no O_PATH descriptor, the link to it does. proc(5), /proc/pid/fd
        _ = sp_fchmodat(AT_FDCWD, "/proc/self/fd/\(found)", 0o700)
        _ = sp_close(Int32(found))
    }
}

extension Descriptor {
    /// Reads the entries of an open directory, in the kernel's order, without `.` and `..`; stops after more than `limit`.
    package borrowing func directoryEntries(subject: String, limit: Int = .max) throws(SystemError) -> [[UInt8]] {
        var names: [[UInt8]] = []
        var buffer = [UInt8](repeating: 0, count: 32768)
        let fd = number
        while true {
            let got = try checked("list", subject) {
                buffer.withUnsafeMutableBytes { sp_getdents(fd, $0.baseAddress!, $0.count) }
            }
            if got == 0 || names.count > limit { return names }
            var at = 0
            while at + 19 <= got {
                // struct linux_dirent64: u64 ino, i64 off, u16 reclen, u8 type, name. getdents64(2)
                let length = Int(buffer[at + 16]) | Int(buffer[at + 17]) << 8
                let name = Array(buffer[(at + 19)..<(at + length)].prefix { $0 != 0 })
                if name != [46] && name != [46, 46] { names.append(name) }
                at += length
            }
        }
    }
}
