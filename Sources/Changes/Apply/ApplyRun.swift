// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// Carries out a plan that has no conflicts.
final class ApplyRun {
    let entries: [ChangeEntry]
    let set: ChangeSet
    let tree: Tree
    let actions: [ApplyPlan.Action]
    let options: ApplyOptions
    private let observe: ((ApplyEffect) throws(ChangeError) -> Void)?
    var report: ApplyReport
    private var stopped = false

    init(
        _ entries: [ChangeEntry], _ set: ChangeSet, _ tree: Tree, _ plan: ApplyPlan, _ options: ApplyOptions,
        _ observe: ((ApplyEffect) throws(ChangeError) -> Void)?
    ) {
        self.entries = entries
        self.set = set
        self.tree = tree
        self.actions = plan.actions
        self.report = plan.report
        self.options = options
        self.observe = observe
    }

    func run() throws(ChangeError) -> ApplyReport {
        do throws(ChangeError) {
            for i in entries.indices { try stage(i) }
            // What is moved into place must be on the disk before its name is. rename(2), fsync(2)
            try call("flush", "the workspace") { sp_syncfs(tree.root) }
        } catch {
            if !stopped { for i in entries.indices { discardStaged(i) } }
            throw error
        }
        tree.forget()
        for i in entries.indices {
            do throws(ChangeError) { try publish(i) } catch {
                if !stopped { for j in i..<entries.count { discardStaged(j) } }
                throw error
            }
        }
        tree.forget()
        for i in entries.indices.reversed() { try remove(i) }
        // A directory loses its write bit only after what lies in it is settled.
        for i in entries.indices.reversed() { try changeMode(i) }
        try call("flush", "the workspace") { sp_syncfs(tree.root) }
        return report
    }

    /// The same for the same set and entry, so that a later call finds what an earlier one left.
    func temporary(_ i: Int) -> [UInt8] { SensitivePaths.temporaryPrefix + Array("\(set.session)-\(i)".utf8) }

    func note(_ effect: ApplyEffect) throws(ChangeError) {
        do throws(ChangeError) { try observe?(effect) } catch {
            stopped = true
            throw error
        }
    }

    /// The directory that holds entry `i`, and its name there, once `anchor` stands under its temporary name.
    func place(_ i: Int, anchor: Int?) throws(ChangeError) -> (Held, [UInt8]) {
        let path = entries[i].path
        var result: Result<Held, Errno>
        var name: [UInt8]
        if let anchor {
            let above = entries[anchor].path
            let rest = PathRules.split(Array(path.dropFirst(above.count + 1)))
            name = rest.name
            result = tree.directory(PathRules.split(above).directory)
            // In two steps: the temporary name may be longer than the real one and the path at its limit.
            if case .success(let outer) = result { result = Beneath.directory(outer.number, temporary(anchor)) }
            if case .success(let inner) = result { result = Beneath.directory(inner.number, rest.directory) }
        } else {
            let parts = PathRules.split(path)
            name = parts.name
            result = tree.directory(parts.directory)
        }
        switch result {
        case .success(let held): return (held, name)
        case .failure(let errno):
            throw ChangeError(SystemError("open", "the directory of \"\(entries[i].shownPath)\"", errno))
        }
    }

    private func stage(_ i: Int) throws(ChangeError) {
        let directory: Held
        let name: [UInt8]
        switch actions[i] {
        case .stage:
            discardStaged(i)
            try note(.stage(entries[i].path))
            directory = try place(i, anchor: nil).0
            name = temporary(i)
        case .inside(let anchor):
            try note(.stage(entries[i].path))
            (directory, name) = try place(i, anchor: anchor)
        case .none, .mode, .remove, .displaced: return
        }
        try make(entries[i], directory, name)
    }

    private func make(_ entry: ChangeEntry, _ directory: Held, _ name: [UInt8]) throws(ChangeError) {
        let subject = "\"\(entry.shownPath)\""
        let bytes = Beneath.terminated(name)
        switch entry.kind {
        case .directory:
            // The owner's bits are needed until everything in it is in place; ``changeMode`` takes them back.
            try call("create", subject) {
                sp_mkdirat(directory.number, bytes, Tree.newMode(entry, umask: options.umask) | 0o700)
            }
        case .symlink:
            let target = Beneath.terminated(try set.content(of: entry, limit: PathRules.maximumPath))
            try call("create", subject) { sp_symlinkat(target, directory.number, bytes) }
        case .file:
            try makeFile(entry, directory, name, subject)
        case .deleted, .mode, .refused: return
        }
    }

    private func makeFile(_ entry: ChangeEntry, _ directory: Held, _ name: [UInt8], _ subject: String)
        throws(ChangeError)
    {
        let file: Held
        switch Beneath.open(directory.number, name, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600) {
        case .success(let held): file = held
        case .failure(let errno): throw ChangeError(SystemError("create", subject, errno))
        }
        try set.content(of: entry) { piece throws(ChangeError) in
            var done = 0
            while done < piece.count {
                done += try call("write", subject) {
                    sp_write(file.number, piece.baseAddress! + done, piece.count - done)
                }
            }
        }
        try call("set the mode of", subject) { sp_fchmod(file.number, Tree.newMode(entry, umask: options.umask)) }
    }

    private func publish(_ i: Int) throws(ChangeError) {
        guard actions[i] == .stage else {
            if case .inside = actions[i] { report.applied.append(entries[i].path) }
            return
        }
        let entry = entries[i]
        try note(.publish(entry.path))
        let (directory, name) = try place(i, anchor: nil)
        guard Tree.holdsBase(try Beneath.status(directory.number, name), entry.base) else {
            throw ChangeError(
                .changed, "replace", "\"\(entry.shownPath)\"", "it was changed while the changes were being applied",
                remedy: "Apply again; what is in place already is kept.")
        }
        let flags: UInt32
        if entry.base.kind == .absent {
            flags = UInt32(RENAME_NOREPLACE)
        } else if entry.base.kind == .directory || entry.kind == .directory {
            // What was there takes the temporary name, until the removals. rename(2)
            flags = UInt32(RENAME_EXCHANGE)
        } else {
            flags = 0
        }
        let from = Beneath.terminated(temporary(i))
        let to = Beneath.terminated(name)
        try call("put in place", "\"\(entry.shownPath)\"") {
            sp_renameat2(directory.number, from, directory.number, to, flags)
        }
        report.applied.append(entry.path)
    }

    private func changeMode(_ i: Int) throws(ChangeError) {
        let entry = entries[i]
        let wanted = Tree.newMode(entry, umask: options.umask)
        switch actions[i] {
        case .mode: try note(.mode(entry.path))
        case .stage, .inside:
            guard entry.kind == .directory, wanted & 0o700 != 0o700 else { return }
        case .none, .remove, .displaced: return
        }
        let (directory, name) = try place(i, anchor: nil)
        let flags = entry.kind == .directory || entry.base.kind == .directory ? O_RDONLY | O_DIRECTORY : O_RDONLY
        switch Beneath.open(directory.number, name, flags) {
        case .failure(let errno):
            report.left.append(
                .init(path: entry.path, reason: "its mode cannot be changed: \(errno.explanation) (\(errno))"))
        case .success(let file):
            try call("set the mode of", "\"\(entry.shownPath)\"") { sp_fchmod(file.number, wanted) }
            if actions[i] == .mode { report.applied.append(entry.path) }
        }
    }

    /// Removes what was staged for an entry, by this call or by one that was cut short. Best effort: a temporary name
    /// that stays is taken up by the next call.
    private func discardStaged(_ i: Int) {
        guard actions[i] == .stage,
            case .success(let directory) = tree.directory(PathRules.split(entries[i].path).directory)
        else { return }
        let name = Beneath.terminated(temporary(i))
        if entries[i].kind == .directory {
            var end = i + 1
            while end < entries.count, PathRules.isBeneath(entries[end].path, entries[i].path) { end += 1 }
            for j in ((i + 1)..<end).reversed() {
                guard actions[j] == .inside(anchor: i), let found = inside(j, anchor: i) else { continue }
                _ = sp_unlinkat(found.0.number, found.1, entries[j].kind == .directory ? AT_REMOVEDIR : 0)
            }
        }
        _ = sp_unlinkat(directory.number, name, entries[i].kind == .directory ? AT_REMOVEDIR : 0)
    }

    private func inside(_ j: Int, anchor: Int) -> (Held, [CChar])? {
        do throws(ChangeError) {
            let (held, name) = try place(j, anchor: anchor)
            return (held, Beneath.terminated(name))
        } catch { return nil }
    }
}
