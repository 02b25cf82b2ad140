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
    package static func restore(_ backup: String, to path: String) throws(StoreError) -> String? {
        do {
            let source = try Connection(backup, mayWrite: false)
            try Schema.check(source)
            try copy(source, to: path + ".restored")
        }
        var kept: String?
        if access(path, F_OK) == 0 {
            // Its log goes into it first, since a log beside another database would be taken for that one's. wal.html
            do {
                let old = try Connection(path)
                try old.run("PRAGMA wal_checkpoint(TRUNCATE)")
            } catch  where error.code == .corrupted {
                // Kept as it is, log and all: somebody may still read something out of it.
            }
            let aside = path + ".before-restore"
            for suffix in ["", "-wal"] { try move(path + suffix, aside + suffix) }
            _ = sp_unlinkat(AT_FDCWD, path + "-shm", 0)
            kept = aside
        }
        try move(path + ".restored", path)
        return kept
    }

    private static func move(_ from: String, _ to: String) throws(StoreError) {
        let result = sp_renameat2(AT_FDCWD, from, AT_FDCWD, to, 0)
        if result < 0 && result != -Int(ENOENT) { throw failure("move", from, Errno(Int32(-result))) }
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
