// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem

/// One walk over both layers, without recursion: how deep a tree goes is the task's choice.
final class CollectorWalk {
    /// A directory in the middle of being read. Without `upper`, everything beneath `lower` was deleted.
    private final class Frame {
        let upper: Held?
        let lower: Held?
        let path: [UInt8]
        let names: [[UInt8]]
        /// The caller removed names of the lower directory while the session ran, or all of it.
        let losesNames: Bool
        var next = 0

        init(upper: Held?, lower: Held?, path: [UInt8], names: [[UInt8]], losesNames: Bool = false) {
            self.losesNames = losesNames
            self.upper = upper
            self.lower = lower
            self.path = path
            self.names = names
        }
    }

    private let writer: ChangeSetWriter
    private let budget: ChangeBudget
    private let started: Int64
    /// Whether the layer is an overlay's, whose marks are in its attributes.
    private let isOverlay: Bool
    private var frames: [Frame] = []
    /// Entries that make the set partial.
    private(set) var leftOut: UInt64 = 0

    /// - Parameters:
    ///   - started: when the session began, in nanoseconds since 1970.
    ///   - isOverlay: false for a workspace that started empty: a task writes all attributes there itself.
    init(writer: ChangeSetWriter, budget: ChangeBudget, started: Int64, isOverlay: Bool) {
        self.isOverlay = isOverlay
        self.started = started
        self.writer = writer
        self.budget = budget
    }

    func run(upper: Held, lower: Held?) throws(ChangeError) {
        _ = try attributes(of: upper, "the upper layer")
        guard let names = try listing(of: upper, []) else { return }
        frames = [Frame(upper: upper, lower: lower, path: [], names: names, losesNames: try mayLoseNames(lower))]
        while let frame = frames.last {
            guard frame.next < frame.names.count else {
                frames.removeLast()
                continue
            }
            let name = frame.names[frame.next]
            frame.next += 1
            try visit(name, in: frame)
        }
    }

    private func attributes(of file: Held, _ subject: @autoclosure () -> String) throws(ChangeError)
        -> OverlayAttributes
    {
        guard isOverlay else { return try .unread(file, subject()) }
        return try OverlayAttributes.of(file, subject())
    }

    /// The names in a directory of the upper layer; nil when they are more than a set may hold. Then the set says so in
    /// the place of one of them, and ends.
    private func listing(of upper: Held, _ path: [UInt8]) throws(ChangeError) -> [[UInt8]]? {
        // What waits to be visited above this directory is held as well.
        let waiting = frames.reduce(0) { $1.names.reduce($0) { $0 + $1.count + Beneath.nameOverhead } }
        let room = max(0, budget.pathBytes + budget.entries &* Beneath.nameOverhead - waiting)
        let (names, isWhole) = try Beneath.listing(
            upper, room: room, path.isEmpty ? "the upper layer" : "\"\(escapedPath(path))\"")
        if isWhole { return names }
        var refused = ChangeEntry(path: PathRules.join(path, names[0]), kind: .refused)
        refused.refusal = .tooMany
        try writer.append(refused)
        leftOut += 1
        frames = []
        return nil
    }

    private func visit(_ name: [UInt8], in frame: Frame) throws(ChangeError) {
        let path = PathRules.join(frame.path, name)
        var below: FileStatus?
        var above: FileStatus?
        do throws(ChangeError) {
            if let lower = frame.lower { below = try Beneath.status(lower.number, name) }
            if let upper = frame.upper { above = try Beneath.status(upper.number, name) }
        } catch {
            // A directory that may be listed but not searched; the rest of the changes is not lost for it.
            guard path.count <= PathRules.maximumRefusedPath else { return }
            return try refuse(path, .unreadable, .absent)
        }
        let base = ChangeEntry.Base(below, started: started)
        guard let upper = frame.upper, let status = above else { return try deleted(path, name, base, frame) }
        // Mode 0000 and number 0:0: the overlay's mark, which mknod cannot make through an overlay. overlayfs.rst
        if status.isCharacterDevice && status.deviceNumber == 0 { return try deleted(path, name, base, frame) }
        guard path.count <= PathRules.maximumPath else { return try refuse(path, .pathTooLong, base) }
        switch status.type {
        case 0o040000: try directory(path, name, upper, status, base, frame)
        case 0o100000: try file(path, name, upper, status, base, frame)
        case 0o120000: try symlink(path, name, upper, status, base, frame)
        case 0o140000: try refuse(path, .socket, base)
        case 0o010000: try refuse(path, .fifo, base)
        default: try refuse(path, .device, base)
        }
    }

    private func deleted(_ path: [UInt8], _ name: [UInt8], _ base: ChangeEntry.Base, _ frame: Frame) throws(ChangeError)
    {
        // A whiteout over nothing hides nothing.
        guard base.kind != .absent, path.count <= PathRules.maximumPath else { return }
        guard try append(ChangeEntry(path: path, kind: .deleted, base: base)) else { return }
        try deletions(path, name, base, frame)
    }

    /// Goes on with what lies beneath a directory of the base that is gone: each thing gets its own deletion, so that
    /// applying never removes what the base did not show.
    private func deletions(_ path: [UInt8], _ name: [UInt8], _ base: ChangeEntry.Base, _ frame: Frame)
        throws(ChangeError)
    {
        guard base.kind == .directory, frames.count < budget.depth, let lower = frame.lower else { return }
        // What cannot be listed has no deletions; applying then finds the directory not empty and says so.
        guard case .success(let held) = Beneath.directory(lower.number, name) else { return }
        let names = try Beneath.names(held, "\"\(escapedPath(path))\"")
        frames.append(Frame(upper: nil, lower: held, path: path, names: names))
    }

    private func directory(
        _ path: [UInt8], _ name: [UInt8], _ upper: Held, _ status: FileStatus, _ base: ChangeEntry.Base, _ frame: Frame
    ) throws(ChangeError) {
        guard frames.count < budget.depth else { return try refuse(path, .tooDeep, base) }
        guard case .success(let held) = Beneath.directory(upper.number, name) else {
            return try refuse(path, .unreadable, base)
        }
        let attributes = try attributes(of: held, "\"\(escapedPath(path))\"")
        var lower: Held?
        if base.kind == .directory, let above = frame.lower {
            if case .success(let found) = Beneath.directory(above.number, name) { lower = found }
        }
        // The caller's directory was there when the session changed something in it: it is not one of the session's making,
        // and what lies in it finds no place when applied.
        let removed = base.kind == .absent && attributes.copied && !attributes.opaque
        if removed {
            guard let names = try listing(of: held, path) else { return }
            frames.append(Frame(upper: held, lower: nil, path: path, names: names, losesNames: true))
            return
        }
        if base.kind != .directory {
            guard try append(entry(path, .directory, status, base, attributes)) else { return }
        } else if status.permissions & 0o777 != base.permissions & 0o777 {
            guard try append(entry(path, .mode, status, base, attributes)) else { return }
        }
        guard var names = try listing(of: held, path) else { return }
        if attributes.opaque, let lower {
            let hidden = try Beneath.names(lower, "\"\(escapedPath(path))\"")
            names = Array(Set(names).union(hidden)).sorted { $0.lexicographicallyPrecedes($1) }
        }
        frames.append(
            Frame(upper: held, lower: lower, path: path, names: names, losesNames: try mayLoseNames(lower)))
    }

    /// Whether names can have gone from a directory since the session began. inode(7), mtime
    private func mayLoseNames(_ lower: Held?) throws(ChangeError) -> Bool {
        guard let lower else { return false }
        return try Beneath.status(of: lower, "the caller's tree").modifiedNanoseconds >= started &+ 1_000_000
    }

    private func file(
        _ path: [UInt8], _ name: [UInt8], _ upper: Held, _ status: FileStatus, _ base: ChangeEntry.Base, _ frame: Frame
    ) throws(ChangeError) {
        // No content can be larger than the file system was: a hole, and one that would fill the set.
        guard status.size <= budget.bytes else { return try refuse(path, .tooLarge, base) }
        guard case .success(let held) = Beneath.open(upper.number, name, O_RDONLY) else {
            return try refuse(path, .unreadable, base)
        }
        let opened = try Beneath.status(of: held, "\"\(escapedPath(path))\"")
        guard opened.isRegular, opened.inode == status.inode, opened.size == status.size else {
            throw ChangeError(
                .changed, "collect", "\"\(escapedPath(path))\"", "it changed while being read",
                remedy:
                    "Something still writes to the workspace of a session that has ended; stop it and collect again.")
        }
        let attributes = try attributes(of: held, "\"\(escapedPath(path))\"")
        if base.kind == .file, base.size == status.size, let lower = frame.lower,
            case .success(let old) = Beneath.open(lower.number, name, O_RDONLY),
            try SameContent.check(held.number, old.number, size: status.size, "\"\(escapedPath(path))\"")
        {
            guard status.permissions & 0o777 != base.permissions & 0o777 else { return }
            _ = try append(entry(path, .mode, status, base, attributes))
            return
        }
        // A file of the lower layer that was only moved here looks the same; in a directory that the caller did not
        // change, that is what it is.
        let base = base.kind == .absent && attributes.copied && frame.losesNames ? .removedFile : base
        var entry = entry(path, .file, status, base, attributes)
        entry.size = status.size
        if status.links > 1 { entry.notes.insert(.hardlinked) }
        guard try fits(entry) else { return }
        try writer.append(entry, from: held.number)
        try deletions(path, name, base, frame)
    }

    private func symlink(
        _ path: [UInt8], _ name: [UInt8], _ upper: Held, _ status: FileStatus, _ base: ChangeEntry.Base, _ frame: Frame
    ) throws(ChangeError) {
        guard case .success(let target) = Beneath.linkTarget(upper.number, name),
            (1...PathRules.maximumPath).contains(target.count)
        else { return try refuse(path, .unreadable, base) }
        if base.kind == .symlink, let lower = frame.lower, Beneath.linkTarget(lower.number, name) == .success(target) {
            return
        }
        var entry = entry(path, .symlink, status, base, OverlayAttributes())
        entry.permissions = 0o777
        entry.size = UInt64(target.count)
        guard try fits(entry) else { return }
        try writer.append(entry, content: target)
        try deletions(path, name, base, frame)
    }

    private func refuse(_ path: [UInt8], _ why: ChangeEntry.Refusal, _ base: ChangeEntry.Base) throws(ChangeError) {
        var entry = ChangeEntry(path: path, kind: .refused, base: base)
        entry.refusal = why
        if try append(entry), why.makesPartial { leftOut += 1 }
    }

    /// False when the set is full, and the walk at its end.
    private func append(_ entry: ChangeEntry) throws(ChangeError) -> Bool {
        guard try fits(entry) else { return false }
        try writer.append(entry)
        return true
    }

    private func entry(
        _ path: [UInt8], _ kind: ChangeEntry.Kind, _ status: FileStatus, _ base: ChangeEntry.Base,
        _ attributes: OverlayAttributes
    ) -> ChangeEntry {
        var entry = ChangeEntry(path: path, kind: kind, base: base)
        entry.permissions = status.permissions & 0o777
        entry.modifiedNanoseconds = status.modifiedNanoseconds
        if status.permissions & 0o7000 != 0 { entry.notes.insert(.specialBits) }
        if attributes.others { entry.notes.insert(.attributes) }
        return entry
    }

    /// Whether the set has room for an entry; where it has not, it gets one that says so instead.
    ///
    /// What is left out hides nothing beneath it: a directory of the base in whose place it came stays whole.
    private func fits(_ entry: ChangeEntry) throws(ChangeError) -> Bool {
        var why = ChangeEntry.Refusal.overBudget
        if writer.entries >= UInt64(budget.entries) || writer.pathBytes + entry.path.count > budget.pathBytes {
            why = .tooMany
            frames = []
        } else if writer.bytes <= budget.bytes, entry.size <= budget.bytes - writer.bytes {
            return true
        }
        var refused = ChangeEntry(path: entry.path, kind: .refused, base: entry.base)
        refused.refusal = why
        try writer.append(refused)
        leftOut += 1
        return false
    }
}
