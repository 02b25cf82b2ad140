// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem

extension ChangeEntry.Base {
    /// What a tree holds under a name.
    init(_ status: FileStatus?) {
        guard let status else {
            self = .absent
            return
        }
        let kind: Kind =
            switch status.type {
            case 0o040000: .directory
            case 0o100000: .file
            case 0o120000: .symlink
            default: .other
            }
        self.init(
            kind: kind, permissions: status.permissions, size: status.size,
            modifiedNanoseconds: status.modifiedNanoseconds)
    }

    /// What the caller's tree holds at the end of a session, which is what the session started from only if it was not
    /// changed since: then no later look at it equals this, and applying is a conflict instead of a lost edit.
    ///
    /// - Parameter started: nanoseconds since 1970. What changed within the same millisecond counts as before.
    init(_ status: FileStatus?, started: Int64) {
        self.init(status)
        guard let status, !status.isDirectory, status.changedNanoseconds >= started &+ 1_000_000 else { return }
        self.init(kind: kind, permissions: permissions, size: size, modifiedNanoseconds: Int64.min)
    }
}

extension ChangeEntry.Base {
    /// A file that the session changed and that the caller has removed meanwhile: nothing equals it.
    static let removedFile = Self(kind: .file, permissions: 0, size: 0, modifiedNanoseconds: Int64.min)
}

/// Compares two open files without holding either.
enum SameContent {
    static func check(_ a: Int32, _ b: Int32, size: UInt64, _ subject: String) throws(ChangeError) -> Bool {
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 17, alignment: 16)
        defer { room.deallocate() }
        let left = UnsafeMutableRawBufferPointer(rebasing: room[0..<(1 << 16)])
        let right = UnsafeMutableRawBufferPointer(rebasing: room[(1 << 16)...])
        var done: UInt64 = 0
        while done < size {
            let got = try Beneath.read(a, into: left, at: done, subject)
            guard got > 0, try Beneath.read(b, into: right, at: done, subject) == got,
                left[0..<got].elementsEqual(right[0..<got])
            else { return false }
            done += UInt64(got)
        }
        return true
    }
}
