// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import LinuxSystem

/// Makes a tree what it was when a set was collected: everything the set holds, whatever it does on a host.
///
/// For a workspace inside a fresh sandbox, before anything else runs there. In the caller's own tree changes are applied
/// by ``Applier``, which withholds, survives being cut short and knows that others write meanwhile; none of that is
/// needed here, and modes and times of modification are kept as they were.
package final class Replay {
    private let set: ChangeSet
    private let entries: [ChangeEntry]
    private let tree: Tree
    /// Directories of the caller's that were opened for writing, with the modes they get back.
    private var unlocked: [(path: [UInt8], mode: UInt32)] = []

    /// - Returns: how many entries only name what the set does not hold.
    /// - Throws: ``ChangeError``, with `.changed` before anything is written when the tree is not what the session began
    ///   from.
    package static func run(_ set: ChangeSet, in workspace: borrowing Directory) throws(ChangeError) -> Int {
        let replay = Replay(set, try set.entries(), Tree(root: workspace.fd.number))
        try replay.compare()
        try replay.run()
        return replay.entries.count { $0.kind == .refused }
    }

    private init(_ set: ChangeSet, _ entries: [ChangeEntry], _ tree: Tree) {
        self.set = set
        self.entries = entries
        self.tree = tree
    }

    private func compare() throws(ChangeError) {
        for entry in entries where entry.kind != .refused {
            let parts = PathRules.split(entry.path)
            var status: FileStatus?
            switch tree.directory(parts.directory) {
            case .success(let held): status = try Beneath.status(held.number, parts.name)
            case .failure(.noEntry), .failure(.notDirectory): break
            case .failure(let errno): throw ChangeError(SystemError("open", "the directory of \(shown(entry))", errno))
            }
            guard Tree.holdsBase(status, entry.base) else {
                throw ChangeError(
                    .changed, "show", shown(entry), "the tree is not what session \(set.session) began from",
                    remedy: "Look at it in a tree that is: --workspace DIR.")
            }
        }
        tree.forget()
    }

    /// What lies in a directory goes before it does, and stands before its mode is what it was.
    private func run() throws(ChangeError) {
        for entry in entries where entry.kind == .mode && entry.base.kind == .directory {
            try change(entry, to: entry.permissions | 0o700)
        }
        for entry in entries.reversed() { try remove(entry) }
        tree.forget()
        for entry in entries { try make(entry) }
        tree.forget()
        for entry in entries.reversed() {
            if entry.kind == .mode || entry.kind == .directory { try change(entry, to: entry.permissions) }
            if entry.kind == .directory || entry.hasContent {
                let (directory, name) = try place(entry)
                try call("set the time of", shown(entry)) {
                    sp_set_modified(directory.number, Beneath.terminated(name), entry.modifiedNanoseconds)
                }
            }
        }
        for (path, mode) in unlocked.reversed() {
            // One that was itself removed has no mode any more.
            guard case .success(let held) = Beneath.directory(tree.root, path) else { continue }
            try call("set the mode of", "\"\(escapedPath(path))\"") { sp_fchmod(held.number, mode) }
        }
    }

    private func remove(_ entry: ChangeEntry) throws(ChangeError) {
        switch entry.kind {
        case .mode, .refused: return
        case .deleted, .directory, .file, .symlink: if entry.base.kind == .absent { return }
        }
        let (directory, name) = try place(entry)
        let flags = entry.base.kind == .directory ? AT_REMOVEDIR : 0
        try call("remove", shown(entry)) { sp_unlinkat(directory.number, Beneath.terminated(name), flags) }
    }

    private func make(_ entry: ChangeEntry) throws(ChangeError) {
        guard entry.kind == .directory || entry.hasContent else { return }
        let (directory, name) = try place(entry)
        let bytes = Beneath.terminated(name)
        switch entry.kind {
        case .directory:
            try call("create", shown(entry)) { sp_mkdirat(directory.number, bytes, 0o700) }
        case .symlink:
            let target = Beneath.terminated(try set.content(of: entry, limit: PathRules.maximumPath))
            try call("create", shown(entry)) { sp_symlinkat(target, directory.number, bytes) }
        case .file:
            let file = try file(entry, directory, name)
            try set.content(of: entry) { piece throws(ChangeError) in
                var done = 0
                while done < piece.count {
                    done += try call("write", shown(entry)) {
                        sp_write(file.number, piece.baseAddress! + done, piece.count - done)
                    }
                }
            }
            try call("set the mode of", shown(entry)) { sp_fchmod(file.number, entry.permissions) }
        case .deleted, .mode, .refused: return
        }
    }

    private func file(_ entry: ChangeEntry, _ directory: Held, _ name: [UInt8]) throws(ChangeError) -> Held {
        switch Beneath.open(directory.number, name, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600) {
        case .success(let held): return held
        case .failure(let errno): throw ChangeError(SystemError("create", shown(entry), errno))
        }
    }

    private func change(_ entry: ChangeEntry, to mode: UInt32) throws(ChangeError) {
        let (directory, name) = try place(entry)
        try call("set the mode of", shown(entry)) {
            sp_fchmodat(directory.number, Beneath.terminated(name), mode)
        }
    }

    /// The directory of an entry, writable for as long as this goes on, and the entry's name in it.
    private func place(_ entry: ChangeEntry) throws(ChangeError) -> (Held, [UInt8]) {
        let parts = PathRules.split(entry.path)
        switch tree.directory(parts.directory) {
        case .failure(let errno): throw ChangeError(SystemError("open", "the directory of \(shown(entry))", errno))
        case .success(let held):
            let mode = try Beneath.status(of: held, shown(entry)).permissions & 0o7777
            if mode & 0o300 != 0o300 {
                try call("open for writing", "the directory of \(shown(entry))") {
                    sp_fchmod(held.number, mode | 0o700)
                }
                unlocked.append((parts.directory, mode))
            }
            return (held, parts.name)
        }
    }

    private func shown(_ entry: ChangeEntry) -> String { "\"\(entry.shownPath)\"" }
}
