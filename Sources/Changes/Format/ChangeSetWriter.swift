// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import LinuxSystem

/// What a set holds, as its trailer says it.
package struct ChangeSummary: Equatable, Sendable {
    package let entries: UInt64
    /// Bytes of content.
    package let bytes: UInt64
    /// SHA-256 over everything before it, in hexadecimal; the name of this very set.
    package let digest: String
}

/// Writes one change set, from front to back, through a descriptor that need only be writable.
final class ChangeSetWriter {
    private let output: Int32
    private var buffer: [UInt8] = []
    private var running = RunningDigest()
    private(set) var entries: UInt64 = 0
    private(set) var bytes: UInt64 = 0
    private(set) var pathBytes = 0
    private var last: [UInt8] = []

    init(output: Int32, session: String, created: UInt64) throws(ChangeError) {
        self.output = output
        let name = Array(session.utf8)
        guard (1...Layout.maximumSession).contains(name.count), name.allSatisfy(Layout.isSessionByte) else {
            throw ChangeError(
                .malformed, "write", "a change set", "the session id is not 1 to 64 letters, digits, \"-\" or \"_\"",
                remedy: "Pass the id that the supervisor chose.")
        }
        buffer += Layout.magic
        buffer.put(Layout.version)
        buffer.put(UInt16(name.count))
        buffer.put(created)
        buffer += name
    }

    /// Appends an entry without content.
    func append(_ entry: ChangeEntry) throws(ChangeError) {
        precondition(!entry.hasContent)
        try begin(entry)
    }

    /// Appends an entry with content that is at hand whole, as a symlink's target is.
    func append(_ entry: ChangeEntry, content: [UInt8]) throws(ChangeError) {
        precondition(entry.hasContent && entry.size == UInt64(content.count))
        try begin(entry)
        try put(content)
        bytes += UInt64(content.count)
        var digest = RunningDigest()
        digest.update(content)
        try put(digest.finish())
    }

    /// Appends a file with the content of an open one, which must have exactly the size that the entry says.
    func append(_ entry: ChangeEntry, from file: Int32) throws(ChangeError) {
        precondition(entry.kind == .file)
        try begin(entry)
        var digest = RunningDigest()
        var done: UInt64 = 0
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while done < entry.size {
            let want = Int(min(UInt64(chunk.count), entry.size - done))
            let got = try readChunk(file, &chunk, want, done, entry)
            let piece = got == chunk.count ? chunk : Array(chunk.prefix(got))
            digest.update(piece)
            try put(piece)
            done += UInt64(got)
        }
        bytes += entry.size
        try put(digest.finish())
    }

    private func readChunk(_ file: Int32, _ chunk: inout [UInt8], _ want: Int, _ at: UInt64, _ entry: ChangeEntry)
        throws(ChangeError) -> Int
    {
        let subject = "\"\(entry.shownPath)\""
        let got = try call("read", subject) {
            chunk.withUnsafeMutableBytes { sp_pread(file, $0.baseAddress!, want, Int64(clamping: at)) }
        }
        guard got > 0 else {
            throw ChangeError(
                .changed, "read", subject, "it became shorter while being read",
                remedy:
                    "Something still writes to the workspace of a session that has ended; stop it and collect again.")
        }
        return got
    }

    /// Writes the trailer; nothing may be appended afterwards.
    func finish() throws(ChangeError) -> ChangeSummary {
        buffer.append(Layout.trailerMark)
        buffer.put(entries)
        buffer.put(bytes)
        running.update(buffer)
        let digest = running.finish()
        buffer += digest
        try flush()
        try call("flush", "the change set") { sp_fsync(output) }
        return ChangeSummary(entries: entries, bytes: bytes, digest: hexadecimal(digest))
    }

    private func begin(_ entry: ChangeEntry) throws(ChangeError) {
        // The reader refuses all of this; a collector that gets it wrong is to fail where the mistake is made.
        precondition(entry.flaw == nil && (last.isEmpty || PathRules.precedes(last, entry.path)))
        last = entry.path
        entries += 1
        pathBytes += entry.path.count
        var head: [UInt8] = [Layout.entryMark, entry.kind.rawValue, entry.notes.rawValue, entry.refusal.rawValue]
        head.put(entry.permissions)
        head.put(entry.modifiedNanoseconds)
        head.put(entry.size)
        head.append(entry.base.kind.rawValue)
        head.put(entry.base.permissions)
        head.put(entry.base.size)
        head.put(entry.base.modifiedNanoseconds)
        head.put(UInt16(entry.path.count))
        try put(head + entry.path)
    }

    private func put(_ more: [UInt8]) throws(ChangeError) {
        buffer += more
        guard buffer.count >= 1 << 17 else { return }
        running.update(buffer)
        try flush()
    }

    private func flush() throws(ChangeError) {
        var done = 0
        while done < buffer.count {
            done += try call("write", "the change set") {
                buffer.withUnsafeBytes { sp_write(output, $0.baseAddress! + done, $0.count - done) }
            }
        }
        buffer.removeAll(keepingCapacity: true)
    }
}
