// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem

/// What is to be done for each entry, found without writing anything.
struct ApplyPlan {
    enum Action: Equatable {
        case none
        /// Made under a temporary name beside its place, then moved there.
        case stage
        /// Made inside a new directory that is staged: `anchor` is that directory.
        case inside(anchor: Int)
        case mode
        /// Removed at the end; with an anchor, from the directory that the anchor's new content displaced.
        case remove(anchor: Int?)
        /// Done by an earlier call that may not have removed what it displaced.
        case displaced
    }

    private(set) var actions: [Action] = []
    private(set) var report = ApplyReport()

    private let entries: [ChangeEntry]
    private let set: ChangeSet
    private let tree: Tree
    private let umask: UInt32
    private let removed: Set<[UInt8]>
    /// The entries that the current one lies beneath, with what was decided for each.
    private var above: [(index: Int, action: Action)] = []

    init(_ review: Review, _ set: ChangeSet, _ tree: Tree, _ options: ApplyOptions) throws(ChangeError) {
        entries = review.entries
        self.set = set
        self.tree = tree
        let withheld = review.withheld(acceptFlagged: options.acceptFlagged)
        umask = options.umask
        var removed: Set<[UInt8]> = []
        for (i, entry) in entries.enumerated() where entry.kind == .deleted && withheld[i] == nil {
            removed.insert(entry.path)
        }
        self.removed = removed
        for i in entries.indices {
            while let top = above.last, !PathRules.isBeneath(entries[i].path, entries[top.index].path) {
                above.removeLast()
            }
            var action = Action.none
            if entries[i].isLeftOut {
                report.leftOut.append(.init(path: entries[i].path, reason: entries[i].refusal.explanation))
            } else if let why = withheld[i] {
                report.withheld.append(.init(path: entries[i].path, reason: why))
            } else {
                action = try decide(i)
            }
            actions.append(action)
            above.append((i, action))
        }
    }

    private mutating func decide(_ i: Int) throws(ChangeError) -> Action {
        let entry = entries[i]
        for (index, action) in above {
            switch action {
            case .stage where entries[index].kind == .directory: return .inside(anchor: index)
            case .displaced where entry.kind == .deleted: return .remove(anchor: index)
            case .none, .displaced, .stage, .inside, .mode, .remove: continue
            }
        }
        let (parent, name) = PathRules.split(entry.path)
        let directory: Held
        switch tree.directory(parent) {
        case .success(let held): directory = held
        case .failure(.noEntry) where entry.kind == .deleted:
            report.already.append(entry.path)
            return .none
        case .failure(let errno):
            report.conflicts.append(.init(path: entry.path, reason: Tree.conflict(errno)))
            return .none
        }
        let status = try Beneath.status(directory.number, name)
        guard Tree.holdsBase(status, entry.base) else { return try settled(entry, directory, status) }
        if entry.base.kind == .directory && entry.kind != .mode { try checkListed(entry, directory, name) }
        return action(i)
    }

    private func action(_ i: Int) -> Action {
        switch entries[i].kind {
        case .directory, .file, .symlink: return .stage
        case .mode: return .mode
        case .deleted:
            // The nearest entry above that is not itself a removal has displaced the directory, if any has.
            let anchor = above.first { entries[$0.index].kind != .deleted && entries[$0.index].kind != .mode }
            return .remove(anchor: anchor?.index)
        case .refused: return .none
        }
    }

    /// The tree does not hold the base: either it holds the result already, or the caller changed it.
    private mutating func settled(_ entry: ChangeEntry, _ directory: Held, _ status: FileStatus?) throws(ChangeError)
        -> Action
    {
        if try Tree.holdsResult(entry, set, directory, status, umask: umask) {
            report.already.append(entry.path)
            let displaces =
                entry.kind != .deleted && entry.kind != .mode
                && (entry.base.kind == .directory) != (entry.kind == .directory) && entry.base.kind != .absent
            return displaces ? .displaced : .none
        }
        let then = Self.word(entry.base.kind)
        let now = Self.word(ChangeEntry.Base(status).kind)
        let reason =
            then == now ? "the \(now) was changed after the session started" : "it was \(then) and is now \(now)"
        report.conflicts.append(.init(path: entry.path, reason: reason))
        return .none
    }

    /// A directory goes only if everything in it was seen by the session and goes too.
    private mutating func checkListed(_ entry: ChangeEntry, _ directory: Held, _ name: [UInt8]) throws(ChangeError) {
        switch Beneath.directory(directory.number, name) {
        case .failure(let errno):
            report.conflicts.append(
                .init(path: entry.path, reason: "it cannot be listed: \(errno.explanation) (\(errno))"))
        case .success(let held):
            for child in try Beneath.names(held, "\"\(entry.shownPath)\"") {
                let path = PathRules.join(entry.path, child)
                if !removed.contains(path) {
                    report.conflicts.append(
                        .init(path: path, reason: "it would be lost, and the session did not remove it"))
                }
            }
        }
    }

    private static func word(_ kind: ChangeEntry.Base.Kind) -> String {
        switch kind {
        case .absent: "absent"
        case .file: "file"
        case .directory: "directory"
        case .symlink: "symlink"
        case .other: "special file"
        }
    }
}
