// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

extension ApplyRun {
    func remove(_ i: Int) throws(ChangeError) {
        let entry = entries[i]
        switch actions[i] {
        case .remove(let anchor):
            try note(.remove(entry.path))
            if try unlink(i, anchor) { report.applied.append(entry.path) }
        case .stage, .displaced:
            guard entry.base.kind != .absent, (entry.base.kind == .directory) || (entry.kind == .directory) else {
                return
            }
            try note(.remove(entry.path))
            let directory = try place(i, anchor: nil).0
            try unlink(directory, temporary(i), entry)
        case .none, .inside, .mode: return
        }
    }

    private func unlink(_ i: Int, _ anchor: Int?) throws(ChangeError) -> Bool {
        let directory: Held
        let name: [UInt8]
        do throws(ChangeError) { (directory, name) = try place(i, anchor: anchor) } catch {
            // An earlier call got further than this.
            if error.code == .refused(.noEntry) { return false }
            throw error
        }
        return try unlink(directory, name, entries[i])
    }

    /// Removes what the base showed; what is something else by now stays, and is reported.
    @discardableResult
    private func unlink(_ directory: Held, _ name: [UInt8], _ entry: ChangeEntry) throws(ChangeError) -> Bool {
        guard let status = try Beneath.status(directory.number, name) else { return false }
        guard Tree.holdsBase(status, entry.base) else {
            leave(entry, name, "it was changed while the changes were being applied")
            return false
        }
        let bytes = Beneath.terminated(name)
        let result = Beneath.retry {
            sp_unlinkat(directory.number, bytes, entry.base.kind == .directory ? AT_REMOVEDIR : 0)
        }
        if case .failure(let errno) = result {
            leave(entry, name, "it cannot be removed: \(errno.explanation) (\(errno))")
            return false
        }
        return true
    }

    private func leave(_ entry: ChangeEntry, _ name: [UInt8], _ why: String) {
        let own = PathRules.split(entry.path).name
        let place = name == own ? "" : "; it is kept beside it as \(escapedPath(name))"
        report.left.append(.init(path: entry.path, reason: why + place))
    }
}
