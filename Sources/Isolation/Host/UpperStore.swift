// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import LinuxSystem
package import Policy

/// Where the changes of a workspace are written while the session runs.
package enum UpperPlace: Sendable, Equatable {
    /// A tmpfs of the session's own: sized at once, charged to the session's memory, gone with it.
    case memory
    /// A directory of the host-wide pool under the session's project id, with block and inode limits.
    case pool
    /// A directory without limits, which only a profile that says so by name may have.
    case unmetered

    /// Up to this size changes are held in memory where the kernel can.
    package static let memoryLimit: UInt64 = 1 << 30

    /// Chooses by size, kernel and mode; what cannot be held is an error that names the way out.
    ///
    /// An overlay inside a user namespace marks removals in user.* attributes, which tmpfs has from Linux 6.6 on; before
    /// that a removed lower directory gives EIO. Documentation/filesystems/overlayfs.rst, "userxattr"
    package static func choose(_ limits: Limits, mode: Mode, paths: HostPaths) throws(SystemError) -> UpperPlace {
        if !limits.workspaceMetered { return .unmetered }
        let attributes = try tmpfsTakesAttributes()
        let fits = limits.workspaceBytes + limits.tmpBytes + limits.shmBytes <= limits.memoryBytes
        if attributes && (limits.workspaceBytes <= memoryLimit || fits || mode == .rootless) { return .memory }
        if mode == .host { return .pool }
        throw SystemError(
            "hold", "the workspace in memory", .notSupported,
            remedy:
                "This kernel's tmpfs has no user attributes (Linux 6.6 brings them). A profile can accept changes on disk "
                + "without a limit by name: limits.workspace: unmetered.")
    }

    private static func tmpfsTakesAttributes() throws(SystemError) -> Bool {
        let file = Descriptor(owning: Int32(try checked("create", "a memory file") { sp_memfd("attribute-probe") }))
        // A memory file is a file of tmpfs.
        let result = sp_try_user_attribute(file.number)
        if result == -Int(EOPNOTSUPP) { return false }
        try checked("set an attribute on", "a memory file") { result }
        return true
    }
}

/// One session's directory on disk, `<pool>/<session>/top`: `u` for changes, `w` for the overlay's own work.
///
/// `<session>` is locked for as long as its supervisor lives, and the pool shared while one is made or removed: whoever
/// has the pool for himself sees no directory between two states, and may remove those whose lock is free. flock(2)
package struct PoolDirectory: ~Copyable {
    package let directory: Directory
    package let metered: Bool
    /// Held for its lock.
    private let outer: Directory
    private let session: String
    private let project: UInt32
    private let pool: String

    /// Makes it, with limits before anything can be written.
    ///
    /// The ids of `top`, `u` and `w` are the session's, so that the overlay needs no map there; the directory above
    /// belongs to us and is closed to everybody else, so no setuid file in it can be reached from the host.
    package static func make(
        _ session: String, paths: HostPaths, metered: Bool, block: IdBlock?, permissions: UInt32, bytes: UInt64,
        inodes: UInt64
    ) throws(SystemError) -> PoolDirectory {
        let state = try Directory.open(paths.state)
        let gate = state.fd.number
        // The verbs of the pool hold this alone while they mount it or take it away: a directory that is made meanwhile
        // would be hidden beneath the mount, or keep it busy.
        try checked("lock", "\"\(paths.state)\"") { sp_flock(gate, LOCK_SH) }
        defer { _ = sp_flock(gate, LOCK_UN) }
        try state.make("pool", mode: 0o700, existing: true)
        let pool = try state.directory("pool")
        let shared = pool.fd.number
        try checked("lock", "\"\(pool.path)\"") { sp_flock(shared, LOCK_SH) }
        defer { _ = sp_flock(shared, LOCK_UN) }
        try pool.make(session, mode: 0o700)
        let outer = try pool.directory(session)
        let mark = outer.fd.number
        try checked("lock", "\"\(outer.path)\"") { sp_flock(mark, LOCK_EX | LOCK_NB) }
        try outer.make("top", mode: 0o700)
        let made = PoolDirectory(
            directory: try outer.directory("top"), outer: outer, metered: metered, session: session,
            project: block?.base ?? 0, pool: pool.path)
        do throws(SystemError) {
            if metered { try made.limit(bytes: bytes, inodes: inodes) }
            let top = made.directory.fd.number
            // The overlay's mounter, inside root, must pass through here; the directory above keeps the host out.
            if let block { try checked("give away", "\"top\"") { sp_fchown(top, block.base, block.base) } }
            for (name, id, mode) in [("u", SandboxSpec.agent, permissions), ("w", 0, 0o700)]
                as [(String, UInt32, UInt32)]
            {
                try made.directory.make(name, mode: 0o700)
                let fd = try made.directory.open(name, O_RDONLY | O_DIRECTORY)
                if let block {
                    try checked("give away", "\"\(name)\"") { sp_fchown(fd.number, block.base + id, block.base + id) }
                }
                try checked("set the mode of", "\"\(name)\"") { sp_fchmod(fd.number, mode) }
            }
        } catch {
            try made.remove()
            throw error
        }
        return made
    }

    private init(
        directory: consuming Directory, outer: consuming Directory, metered: Bool, session: String, project: UInt32,
        pool: String
    ) {
        self.directory = directory
        self.outer = outer
        self.metered = metered
        self.session = session
        self.project = project
        self.pool = pool
    }

    private borrowing func limit(bytes: UInt64, inodes: UInt64) throws(SystemError) {
        let fd = directory.fd.number
        let remedy =
            "There is no project quota at \"\(pool)\". Run `sallyport pool create`, or after a restart of the host "
            + "`sallyport pool mount`. Or lower limits.workspace_bytes so that it fits into memory (Linux 6.6), or accept "
            + "limits.workspace: unmetered by name."
        var result = sp_set_project(fd, project)
        if result >= 0 { result = sp_set_project_limits(fd, project, bytes, inodes) }
        if result < 0 { throw SystemError("limit", "the workspace on disk", Errno(Int32(-result)), remedy: remedy) }
    }

    /// Which of its limits is reached.
    package borrowing func limitsReached() -> [String] {
        guard metered else { return [] }
        var usage: [UInt64] = [0, 0, 0, 0]
        let fd = directory.fd.number
        let got = usage.withUnsafeMutableBufferPointer { sp_project_usage(fd, project, $0.baseAddress!) }
        guard got >= 0 else { return [] }
        var reached: [String] = []
        // Less than a block left is none.
        if usage[1] > 0 && usage[0] + 4096 > usage[1] { reached.append("workspace_bytes") }
        if usage[3] > 0 && usage[2] >= usage[3] { reached.append("workspace_inodes") }
        return reached
    }

    /// Removes everything and gives the project id's limits back.
    package borrowing func remove() throws(SystemError) {
        if metered {
            let fd = directory.fd.number
            let result = sp_set_project_limits(fd, project, 0, 0)
            // A file system without quota never set any.
            if result < 0 && ![-Int(ENOTSUP), -Int(ESRCH), -Int(ENOSYS), -Int(EINVAL)].contains(result) {
                throw SystemError("lift", "the limits of session \(session)", Errno(Int32(-result)))
            }
        }
        try Self.removeAll(session, pool: pool)
    }

    /// Removes one session's directory by name, and the parts of it that a removal which was killed had moved out.
    package static func removeAll(_ session: String, pool path: String) throws(SystemError) {
        let pool: Directory
        do { pool = try Directory.open(path) } catch {
            if error.errno == .noEntry { return }
            throw error
        }
        let gate = pool.fd.number
        try checked("lock", "\"\(path)\"") { sp_flock(gate, LOCK_SH) }
        defer { _ = sp_flock(gate, LOCK_UN) }
        try pool.removeTree(Array(session.utf8))
    }

    /// Removes the directories that no living supervisor holds, and what a removal that was killed had moved out.
    ///
    /// - Parameter mayRemove: whether a session, by name, is one that the caller may take for dead when its lock is free.
    /// - Returns: the names that went.
    package static func sweep(pool path: String, mayRemove: (String) -> Bool) throws(SystemError) -> [String] {
        let pool: Directory
        do { pool = try Directory.open(path) } catch {
            if error.errno == .noEntry { return [] }
            throw error
        }
        let gate = pool.fd.number
        try checked("lock", "\"\(path)\"") { sp_flock(gate, LOCK_EX) }
        defer { _ = sp_flock(gate, LOCK_UN) }
        var removed: [String] = []
        for name in try pool.names() {
            let text = String(decoding: name, as: UTF8.self)
            let rest = Directory.leftOver(name)
            guard mayRemove(rest ?? text) else { continue }
            if rest == nil, try !isFree(text, pool) { continue }
            try pool.removeTree(name)
            removed.append(text)
        }
        return removed
    }

    private static func isFree(_ session: String, _ pool: borrowing Directory) throws(SystemError) -> Bool {
        let directory = try pool.directory(session)
        let mark = directory.fd.number
        let result = sp_flock(mark, LOCK_EX | LOCK_NB)
        if result == -Int(EAGAIN) { return false }
        try checked("lock", "\"\(directory.path)\"") { result }
        return true
    }
}
