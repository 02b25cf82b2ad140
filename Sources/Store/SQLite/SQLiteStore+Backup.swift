// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

extension SQLiteStore {
    package func backUp(to path: String) throws(StoreError) {
        try Self.copy(connection, to: path)
    }

    /// Puts a backup in the place of a store that nobody has open; what was there stays beside it.
    ///
    /// - Returns: Where the old store is now; nil when there was none.
    /// There is a store at the path at any moment, the old one or the new: they change places in one step.
    package static func restore(_ backup: String, to path: String) throws(StoreError) -> String? {
        let beside = path + restored
        // What a restore left that was cut short: the new one, or the old.
        _ = try putAside(beside, as: path)
        do {
            let source = try Connection(backup, mayWrite: false)
            try Schema.check(source)
            try copy(source, to: beside)
        }
        guard access(path, F_OK) == 0 else {
            try move(beside, path, RENAME_NOREPLACE)
            return nil
        }
        // Its log goes into it first, since a log beside another database would be taken for that one's. wal.html
        do {
            let old = try Connection(path)
            try old.run("PRAGMA wal_checkpoint(TRUNCATE)")
        } catch  where error.code == .corrupted {
            // Kept as it is, log and all: somebody may still read something out of it.
        }
        let log = access(path + "-wal", F_OK) == 0 ? try putAside(path + "-wal", as: path) : nil
        _ = sp_unlinkat(AT_FDCWD, path + "-shm", 0)
        try move(beside, path, RENAME_EXCHANGE)
        let kept = try putAside(beside, as: path)
        // By the name that SQLite looks for.
        if let log, let kept { try move(log, kept + "-wal", RENAME_NOREPLACE) }
        return kept
    }

    static let restored = ".restored"

    /// A store is not opened beside one that was to take its place, or that has just lost it: which of the two is the right
    /// one is for whoever began that to say.
    static func requireWhole(_ path: String) throws(StoreError) {
        guard access(path + restored, F_OK) == 0 else { return }
        throw StoreError(
            .foreign, "open", "store \"\(path)\"", "a restore was cut short, \"\(path)\(restored)\" is there",
            remedy: "Restore the backup again: sallyportd restore FILE. Nothing is overwritten.")
    }

    /// Gives a file a name that no other has; nil when there is none.
    private static func putAside(_ file: String, as path: String) throws(StoreError) -> String? {
        for number in 1...9999 {
            let name = path + ".before-restore" + (number == 1 ? "" : "-\(number)")
            // Its log may be there alone.
            if access(name + "-wal", F_OK) == 0 { continue }
            let result = sp_renameat2(AT_FDCWD, file, AT_FDCWD, name, UInt32(RENAME_NOREPLACE))
            if result >= 0 { return name }
            if result == -Int(ENOENT) { return nil }
            if result != -Int(EEXIST) { throw failure("move", file, Errno(Int32(-result))) }
        }
        throw failure("move", file, .exists)
    }

    private static func move(_ from: String, _ to: String, _ flags: Int32 = 0) throws(StoreError) {
        let result = sp_renameat2(AT_FDCWD, from, AT_FDCWD, to, UInt32(flags))
        if result < 0 { throw failure("move", from, Errno(Int32(-result))) }
    }

    /// A copy is there whole, synced and for its owner alone, or not at all.
    private static func copy(_ source: Connection, to path: String) throws(StoreError) {
        let partial = path + ".partial"
        for suffix in ["", "-journal", "-wal", "-shm"] { _ = sp_unlinkat(AT_FDCWD, partial + suffix, 0) }
        do throws(SystemError) { _ = try Descriptor.create(partial) } catch {
            throw failure("create", partial, error.errno)
        }
        do {
            let target = try Connection(partial)
            try source.copy(to: target)
            // One file, without a log beside it.
            try target.run("PRAGMA journal_mode = DELETE")
            try Schema.check(target)
        }
        do throws(SystemError) {
            let file = try Descriptor.open(partial, O_RDONLY)
            let number = file.number
            try checked("write", "\"\(partial)\"") { sp_fsync(number) }
        } catch { throw failure("write", partial, error.errno) }
        try move(partial, path)
    }

    private static func failure(_ operation: String, _ path: String, _ errno: Errno) -> StoreError {
        let code: StoreError.Code =
            switch errno {
            case .noSpace, .quota: .full
            case .accessDenied, .notPermitted: .readOnly
            default: .io
            }
        return StoreError(
            code, operation, "\"\(path)\"", "\(errno.explanation) (\(errno))",
            remedy: "Name a file in a directory of your own.")
    }
}
