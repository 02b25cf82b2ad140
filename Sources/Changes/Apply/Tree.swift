// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem

/// The caller's tree, with what a set expects of it.
final class Tree {
    let root: Int32
    private var cached: (path: [UInt8], held: Held)?

    init(root: Int32) { self.root = root }

    /// The directory of a path. Kept from one call to the next, since entries of one directory follow each other; a
    /// directory that is renamed away meanwhile stays the one that was checked.
    func directory(_ path: [UInt8]) -> Result<Held, Errno> {
        if let cached, cached.path == path { return .success(cached.held) }
        let result = Beneath.directory(root, path)
        if case .success(let held) = result { cached = (path, held) }
        return result
    }

    func forget() { cached = nil }

    /// Whether the tree still holds what the session started from.
    static func holdsBase(_ status: FileStatus?, _ base: ChangeEntry.Base) -> Bool {
        let now = ChangeEntry.Base(status)
        guard now.kind == base.kind else { return false }
        switch base.kind {
        case .absent, .directory: return true
        case .file, .symlink, .other: return now == base
        }
    }

    /// Whether the tree already holds what the entry would make of it.
    static func holdsResult(
        _ entry: ChangeEntry, _ set: ChangeSet, _ directory: Held, _ status: FileStatus?, umask: UInt32
    ) throws(ChangeError) -> Bool {
        let name = PathRules.split(entry.path).name
        switch entry.kind {
        case .deleted: return status == nil
        case .directory: return status?.isDirectory == true
        case .refused: return false
        case .mode:
            guard let status else { return false }
            let sameKind = entry.base.kind == .directory ? status.isDirectory : status.isRegular
            return sameKind && status.permissions & 0o777 == newMode(entry, umask: umask)
        case .symlink:
            guard status?.isSymlink == true, status?.size == entry.size else { return false }
            return Beneath.linkTarget(directory.number, name)
                == .success(try set.content(of: entry, limit: PathRules.maximumPath))
        case .file:
            guard let status, status.isRegular, status.size == entry.size else { return false }
            guard case .success(let file) = Beneath.open(directory.number, name, O_RDONLY) else { return false }
            var running = RunningDigest()
            try ChangeSet.stream(file.number, 0, entry.size, "\"\(entry.shownPath)\"") { running.update($0) }
            return running.finish() == entry.digest
        }
    }

    /// Bits that the mask forbids stay only where the base had them. setuid, setgid and sticky are never in a set.
    static func newMode(_ entry: ChangeEntry, umask: UInt32) -> UInt32 {
        let kept: UInt32 =
            switch (entry.kind, entry.base.kind) {
            case (.file, .file), (.mode, _): entry.base.permissions & umask
            default: 0
            }
        return entry.permissions & (~umask | kept)
    }

    static func conflict(_ errno: Errno) -> String {
        switch errno.code {
        case ENOENT: "its directory is no longer there"
        case ELOOP: "its directory is reached through a symlink"
        // O_DIRECTORY on a last name that is a symlink says the same as on a file. open(2)
        case ENOTDIR: "its directory is now a symlink or a file"
        case EXDEV: "its directory is on another file system"
        default: "its directory cannot be opened: \(errno.explanation) (\(errno))"
        }
    }
}
