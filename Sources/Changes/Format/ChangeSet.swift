// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import LinuxSystem

/// A sealed set of changes, open for reading; its digest was verified when it was opened.
///
/// The file stays open, so a name that is swapped later changes nothing; content is checked again whenever it is read.
package final class ChangeSet {
    package let session: String
    package let createdMilliseconds: UInt64
    package let summary: ChangeSummary

    private let file: Descriptor
    private let subject: String
    private let entriesStart: UInt64
    private let trailerStart: UInt64

    /// Opens a set by name. Throws `.malformed` when its bytes are not what its trailer says.
    package static func open(_ directory: borrowing Directory, _ name: String) throws(ChangeError) -> ChangeSet {
        let subject = "\"\(directory.path)/\(name)\""
        switch Beneath.open(directory.fd.number, Array(name.utf8), O_RDONLY) {
        case .failure(let errno): throw ChangeError(SystemError("open", subject, errno))
        case .success(let held):
            let copy = try call("duplicate", subject) { sp_fdup_above(held.number, 3) }
            return try ChangeSet(owning: Descriptor(owning: Int32(copy)), subject: subject)
        }
    }

    /// Takes an open regular file, and reads it whole once to verify its digest.
    package init(owning file: consuming Descriptor, subject: String) throws(ChangeError) {
        let number = file.number
        self.file = file
        self.subject = subject
        let status: FileStatus
        do throws(SystemError) {
            status = try FileStatus.at(number, [0], flags: SP_AT_EMPTY_PATH, subject: subject)
        } catch { throw ChangeError(error) }
        guard status.isRegular else { throw .malformed(subject, "it is not a regular file") }
        let least = UInt64(Layout.headerSize + 1 + Layout.trailerSize)
        guard status.size >= least, status.size <= UInt64(Int64.max) else {
            throw .malformed(subject, "it is \(status.size) bytes long")
        }
        trailerStart = status.size - UInt64(Layout.trailerSize)

        let head = try Self.bytes(number, 0, Layout.headerSize, subject)
        guard Array(head.prefix(8)) == Layout.magic else {
            throw .malformed(subject, "it does not begin as a change set")
        }
        var fields = Fields(Array(head.dropFirst(8)))
        guard let version: UInt16 = fields.take(), let length: UInt16 = fields.take(),
            let created: UInt64 = fields.take()
        else { throw .malformed(subject, "its header is cut off") }
        guard version == Layout.version else {
            throw .malformed(subject, "it has version \(version) and this program reads \(Layout.version)")
        }
        guard length >= 1, length <= Layout.maximumSession, UInt64(Layout.headerSize) + UInt64(length) <= trailerStart
        else {
            throw .malformed(subject, "its session id is \(length) bytes long")
        }
        let id = try Self.bytes(number, UInt64(Layout.headerSize), Int(length), subject)
        guard id.allSatisfy(Layout.isSessionByte) else {
            throw .malformed(subject, "its session id has an odd character")
        }
        session = String(decoding: id, as: UTF8.self)
        createdMilliseconds = created
        entriesStart = UInt64(Layout.headerSize) + UInt64(length)

        let tail = try Self.bytes(number, trailerStart, Layout.trailerSize, subject)
        var totals = Fields(Array(tail.dropFirst()))
        guard tail[0] == Layout.trailerMark, let entries: UInt64 = totals.take(), let bytes: UInt64 = totals.take()
        else {
            throw .malformed(subject, "it has no trailer")
        }
        let sealed = Array(tail.suffix(Layout.digestSize))
        var running = RunningDigest()
        try Self.stream(number, 0, status.size - UInt64(Layout.digestSize), subject) { running.update($0) }
        guard running.finish() == sealed else { throw .malformed(subject, "its digest does not match") }
        summary = ChangeSummary(entries: entries, bytes: bytes, digest: hexadecimal(sealed))
    }

    /// Calls `body` with each entry in order; everything about the entries is validated on the way, content is skipped.
    package func forEach(_ body: (ChangeEntry) throws(ChangeError) -> Void) throws(ChangeError) {
        var source = Source(file: file.number, at: entriesStart, end: trailerStart, subject: subject)
        var order = EntryOrder()
        var entries: UInt64 = 0
        var bytes: UInt64 = 0
        while source.at < trailerStart {
            let entry = try source.entry()
            if let flaw = entry.flaw ?? order.flaw(adding: entry) {
                throw .malformed(subject, "entry \(entries + 1), \"\(entry.shownPath)\": \(flaw)")
            }
            entries += 1
            // Cannot overflow: each entry's content lies within the file.
            bytes += entry.size
            try body(entry)
        }
        guard entries == summary.entries, bytes == summary.bytes else {
            throw .malformed(subject, "its totals are not those of its entries")
        }
    }

    /// All entries, about 200 bytes of memory each.
    package func entries() throws(ChangeError) -> [ChangeEntry] {
        var all: [ChangeEntry] = []
        try forEach { entry throws(ChangeError) in all.append(entry) }
        return all
    }

    /// Passes the content of an entry on in pieces of at most 64 KiB; throws at the end if it is not what was sealed.
    package func content(of entry: ChangeEntry, _ body: (UnsafeRawBufferPointer) throws(ChangeError) -> Void)
        throws(ChangeError)
    {
        var running = RunningDigest()
        try Self.stream(file.number, entry.contentOffset, entry.size, subject) { piece throws(ChangeError) in
            running.update(piece)
            try body(piece)
        }
        guard running.finish() == entry.digest else {
            throw .malformed(subject, "the content of \"\(entry.shownPath)\" does not match its digest")
        }
    }

    /// Content held whole; throws when it is longer than `limit`.
    package func content(of entry: ChangeEntry, limit: Int) throws(ChangeError) -> [UInt8] {
        guard entry.size <= UInt64(limit) else {
            throw .malformed(subject, "the content of \"\(entry.shownPath)\" is longer than \(limit) bytes")
        }
        var all: [UInt8] = []
        try content(of: entry) { piece throws(ChangeError) in all.append(contentsOf: piece) }
        return all
    }

    static func bytes(_ file: Int32, _ at: UInt64, _ count: Int, _ subject: String) throws(ChangeError) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        try stream(file, at, UInt64(count), subject) { bytes.append(contentsOf: $0) }
        return bytes
    }

    static func stream(
        _ file: Int32, _ start: UInt64, _ count: UInt64, _ subject: String,
        _ body: (UnsafeRawBufferPointer) throws(ChangeError) -> Void
    ) throws(ChangeError) {
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { chunk.deallocate() }
        var done: UInt64 = 0
        while done < count {
            let want = Int(min(UInt64(chunk.count), count - done))
            let room = UnsafeMutableRawBufferPointer(rebasing: chunk[0..<want])
            guard try Beneath.read(file, into: room, at: start + done, subject) == want else {
                throw .malformed(subject, "it became shorter while being read")
            }
            try body(UnsafeRawBufferPointer(room))
            done += UInt64(want)
        }
    }
}

/// Reads entries one after another, through a small window.
private struct Source {
    let file: Int32
    var at: UInt64
    let end: UInt64
    let subject: String
    private var window: [UInt8] = []
    private var windowStart: UInt64 = 0

    init(file: Int32, at: UInt64, end: UInt64, subject: String) {
        self.file = file
        self.at = at
        self.end = end
        self.subject = subject
    }

    private mutating func take(_ count: Int) throws(ChangeError) -> [UInt8] {
        guard UInt64(count) <= end - at else { throw .malformed(subject, "an entry is cut off") }
        if at < windowStart || at - windowStart > UInt64(window.count)
            || UInt64(window.count) - (at - windowStart) < UInt64(count)
        {
            window = try ChangeSet.bytes(file, at, Int(min(end - at, UInt64(max(count, 8192)))), subject)
            windowStart = at
        }
        let from = Int(at - windowStart)
        at += UInt64(count)
        return Array(window[from..<(from + count)])
    }

    mutating func entry() throws(ChangeError) -> ChangeEntry {
        var fields = Fields(try take(Layout.entrySize))
        guard let mark: UInt8 = fields.take(), let kindCode: UInt8 = fields.take(), let notes: UInt8 = fields.take(),
            let refusalCode: UInt8 = fields.take(), let permissions: UInt32 = fields.take(),
            let modified: Int64 = fields.take(), let size: UInt64 = fields.take(), let baseCode: UInt8 = fields.take(),
            let basePermissions: UInt32 = fields.take(), let baseSize: UInt64 = fields.take(),
            let baseModified: Int64 = fields.take(), let length: UInt16 = fields.take()
        else { throw .malformed(subject, "an entry is cut off") }
        guard mark == Layout.entryMark, let kind = ChangeEntry.Kind(rawValue: kindCode),
            let refusal = ChangeEntry.Refusal(rawValue: refusalCode), notes & ~ChangeEntry.Notes.all.rawValue == 0,
            let base = ChangeEntry.Base.Kind(rawValue: baseCode)
        else { throw .malformed(subject, "an entry has an unknown code") }
        guard length >= 1, Int(length) <= PathRules.maximumRefusedPath else {
            throw .malformed(subject, "a path is \(length) bytes long")
        }
        var entry = ChangeEntry(path: try take(Int(length)), kind: kind)
        entry.notes = ChangeEntry.Notes(rawValue: notes)
        entry.refusal = refusal
        entry.permissions = permissions
        entry.modifiedNanoseconds = modified
        entry.size = size
        entry.base = ChangeEntry.Base(
            kind: base, permissions: basePermissions, size: baseSize, modifiedNanoseconds: baseModified)
        guard entry.hasContent else { return entry }
        entry.contentOffset = at
        guard size <= end - at else { throw .malformed(subject, "the content of an entry is cut off") }
        at += size
        entry.digest = try take(Layout.digestSize)
        return entry
    }
}

/// Checks that entries come sorted, once each, and only beneath what can hold them.
struct EntryOrder {
    private var last: [UInt8] = []
    private var above: [(path: [UInt8], allows: ChangeEntry.Beneath)] = []

    /// What is wrong with an entry at this place, or nil.
    mutating func flaw(adding entry: ChangeEntry) -> String? {
        guard last.isEmpty || PathRules.precedes(last, entry.path) else { return "it is out of order or there twice" }
        last = entry.path
        while let top = above.last, !PathRules.isBeneath(entry.path, top.path) { above.removeLast() }
        // Each ancestor counts: a mode change of a directory within a new one says no more than the new one.
        for ancestor in above {
            switch ancestor.allows {
            case .anything: continue
            case .additionsOnly:
                if entry.base.kind != .absent { return "it changes something in a directory that was not there" }
            case .deletionsOnly:
                if entry.kind != .deleted && entry.refusal != .tooMany {
                    return "it lies beneath something that is not a directory"
                }
            case .nothing: return "it lies beneath something that cannot hold it"
            }
        }
        above.append((entry.path, entry.allowedBeneath))
        return nil
    }
}
