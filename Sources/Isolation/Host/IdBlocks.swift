// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import LinuxSystem

/// 65,536 user and group ids that one session has for itself.
package struct IdBlock: Sendable, Equatable {
    package static let size: UInt32 = 65536
    package let index: Int
    package let base: UInt32
    package init(index: Int, base: UInt32) {
        self.index = index
        self.base = base
    }
    /// The id of the gateway: last of the block, on the host only.
    package var last: UInt32 { base + Self.size - 1 }
    /// The id of the process with the session's secrets. It has a number inside, which no process there has: none is the
    /// agent's or sp-init's, and nobody inside can become another. The two above it are the gateway's and the owner's of
    /// the namespace.
    package var broker: UInt32 { base + Self.size - 3 }
    /// The id of the process that serves the session's forge, likewise.
    package var forge: UInt32 { base + Self.size - 4 }
    /// The id of the process that serves the session's repository, where that belongs to a client of ours.
    package var repository: UInt32 { base + Self.size - 5 }
    /// The id of the process that serves the session's packages, with the secrets of their indexes.
    package var packages: UInt32 { base + Self.size - 6 }
}

/// The ids that sessions may be given; configured in the host file, checked by `doctor`.
package struct IdRange: Sendable, Equatable {
    package let first: UInt32
    package let blocks: Int
    package init(first: UInt32, blocks: Int) {
        self.first = first
        self.blocks = blocks
    }
    /// Above systemd-nspawn's range, and below all else that we give out.
    package static let standard = IdRange(
        first: OwnIdentities.sessions.lowerBound, blocks: OwnIdentities.sessions.count / Int(IdBlock.size))
}

/// Which session holds which block: one table for the whole host, changed only under its lock.
///
/// One table, whatever runtime directory a session uses, because ids are the host's. Where there are two all the same (a
/// chroot or a container with a /run of its own, a table that somebody removed), ``KeyUsers`` tells what the other has
/// handed out. A block is taken before clone and given back only after the session's group is empty and its
/// files are gone; a crash leaves the entry, which `sweep` clears when the session is dead. Entries: 64 bytes, zeros
/// or "session pid start-time base": the supervisor, and the block's first id, since the range can be configured
/// anew while sessions of the old one live.
package struct IdBlocks: ~Copyable {
    private let table: Descriptor
    private let range: IdRange
    private static let entrySize = 64
    private static let path = "/run/sallyport.ids"

    package static func open(_ range: IdRange) throws(SystemError) -> IdBlocks {
        return IdBlocks(table: try Descriptor.open(Self.path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600), range: range)
    }

    private init(table: consuming Descriptor, range: IdRange) {
        self.table = table
        self.range = range
    }

    private borrowing func locked<R>(_ body: () throws(SystemError) -> R) throws(SystemError) -> R {
        let fd = table.number
        try checked("lock", "\"\(Self.path)\"") { sp_flock(fd, LOCK_EX) }
        defer { _ = sp_flock(fd, LOCK_UN) }
        return try body()
    }

    /// Every entry up to the last one that was ever written, those of an earlier, longer range included. What lies past
    /// the end is free: a table of all blocks would be a quarter of a megabyte to read at every start.
    private borrowing func entries() throws(SystemError) -> [UInt8] {
        let size = Int(try FileStatus.of(table, subject: "\"\(Self.path)\"").size)
        var bytes = [UInt8](repeating: 0, count: size / Self.entrySize * Self.entrySize)
        let fd = table.number
        if bytes.isEmpty { return bytes }
        try checked("read", "\"\(Self.path)\"") {
            bytes.withUnsafeMutableBytes { sp_pread(fd, $0.baseAddress!, $0.count, 0) }
        }
        return bytes
    }

    private static func isFree(_ index: Int, _ bytes: [UInt8]) -> Bool {
        index * entrySize >= bytes.count || bytes[index * entrySize] == 0
    }

    private borrowing func put(_ index: Int, _ text: [UInt8]) throws(SystemError) {
        let padded = text + [UInt8](repeating: 0, count: Self.entrySize - text.count)
        let fd = table.number
        let wrote = try checked("write", "\"\(Self.path)\"") {
            padded.withUnsafeBytes { sp_pwrite(fd, $0.baseAddress!, $0.count, Int64(index * Self.entrySize)) }
        }
        guard wrote == padded.count else { throw SystemError("write", "\"\(Self.path)\"", .io) }
    }

    private borrowing func fields(_ index: Int, _ bytes: [UInt8]) -> [Substring] {
        if Self.isFree(index, bytes) { return [] }
        let at = index * Self.entrySize
        return String(decoding: bytes[at..<(at + Self.entrySize)].prefix { $0 != 0 }, as: UTF8.self).split(
            separator: " ")
    }

    /// The first id of an entry's block, as it was when it was taken.
    private borrowing func base(of index: Int, _ bytes: [UInt8]) -> UInt32 {
        let parts = fields(index, bytes)
        return (parts.count == 4 ? UInt32(parts[3]) : nil) ?? range.first + UInt32(index) * IdBlock.size
    }

    /// Takes a free block for a session of this process; the entry is on disk before this returns.
    ///
    /// - Parameter start: this process's start time, as /proc/<pid>/stat has it.
    package borrowing func allocate(_ session: String, start: String) throws(SystemError) -> IdBlock {
        // The key of a session that has just ended is collected a moment later; only where nothing else is left does
        // anybody wait for that. No event tells of it: 10 ms is the fallback interval.
        for _ in 0..<100 {
            if let block = try take(session, start) { return block }
            _ = sp_poll_one(-1, 0, 10)
        }
        throw SystemError(
            "allocate", "a block of 65536 ids", .noSpace,
            remedy: "All that are free in the table have a process of another installation on this kernel "
                + "(/proc/key-users). Give each its own id_range in the host file.")
    }

    /// Every index, the first of them anywhere among the first 64.
    ///
    /// The key of a session that has just ended still claims its block for a moment (RCU): were the lowest free one
    /// always tried first, quick successors would each claim and give up the blocks of those before them.
    private static func order(_ blocks: Int) -> some Sequence<Int> {
        let near = min(blocks, 64)
        let first = Int(getpid())
        return (0..<blocks).lazy.map { $0 < near ? (first + $0) % near : $0 }
    }

    /// Nil when each block that is free here is somebody's elsewhere.
    private borrowing func take(_ session: String, _ start: String) throws(SystemError) -> IdBlock? {
        let range = self.range
        return try locked { () throws(SystemError) -> IdBlock? in
            var isElsewhere = false
            let bytes = try entries()
            let taken = (0..<(bytes.count / Self.entrySize)).filter { !Self.isFree($0, bytes) }.map {
                base(of: $0, bytes)
            }
            for index in Self.order(range.blocks) where Self.isFree(index, bytes) {
                let base = range.first + UInt32(index) * IdBlock.size
                if taken.contains(where: { max($0, base) - min($0, base) < IdBlock.size }) { continue }
                let block = IdBlock(index: index, base: base)
                guard try KeyUsers.claim(block) else {
                    isElsewhere = true
                    continue
                }
                try put(index, Array("\(session) \(getpid()) \(start) \(base)".utf8))
                return block
            }
            if isElsewhere { return nil }
            throw SystemError(
                "allocate", "a block of 65536 ids", .noSpace,
                remedy:
                    "All \(range.blocks) blocks are in use. Run `sallyport sweep`, or widen id_range in the host file.")
        }
    }

    /// Gives a block back; a block that names another session is left alone and is an error.
    package borrowing func release(_ block: IdBlock, of session: String) throws(SystemError) {
        try locked { () throws(SystemError) in
            guard fields(block.index, try entries()).first == Substring(session) else {
                throw SystemError(
                    "release", "id block \(block.index)", .invalid, remedy: "It does not belong to session \(session).")
            }
            try put(block.index, [])
            try cut()
        }
    }

    /// Ends the table after its last entry in use: what every later start reads is as long as what is held.
    private borrowing func cut() throws(SystemError) {
        let bytes = try entries()
        let count = bytes.count / Self.entrySize
        let used = (0..<count).last { !Self.isFree($0, bytes) }.map { $0 + 1 } ?? 0
        guard used < count else { return }
        let fd = table.number
        try checked("shorten", "\"\(Self.path)\"") { sp_ftruncate(fd, Int64(used * Self.entrySize)) }
    }

    /// Every block in use with the session that holds it.
    package borrowing func inUse() throws(SystemError) -> [(block: IdBlock, session: String)] {
        try locked { () throws(SystemError) -> [(block: IdBlock, session: String)] in
            let bytes = try entries()
            return (0..<(bytes.count / Self.entrySize)).compactMap { index in
                guard !Self.isFree(index, bytes) else { return nil }
                let name = String(fields(index, bytes).first ?? "")
                return (IdBlock(index: index, base: base(of: index, bytes)), name)
            }
        }
    }

    /// Whether the supervisor that took a block is gone, by pid and start time.
    package borrowing func isAbandoned(_ block: IdBlock) throws(SystemError) -> Bool {
        let bytes = try locked { () throws(SystemError) in try entries() }
        let fields = fields(block.index, bytes)
        guard fields.count >= 3, let pid = Int32(fields[1]) else { return true }
        return try !processRuns(pid, start: fields[2])
    }
}
