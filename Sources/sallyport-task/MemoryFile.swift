// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Workspace

/// Bytes between us and what we start, in memory that no name leads to.
enum MemoryFile {
    /// A file whose reader starts at its first byte; an empty one is for what comes back.
    static func make(_ bytes: [UInt8] = [], name: String = "step") throws(TaskFailure) -> Descriptor {
        try host { () throws(SystemError) in
            let file = try create(name)
            try check(bytes.withUnsafeBytes { put($0, into: file) }, bytes.count)
            return file
        }
    }

    /// A file that nobody can change any more; empty for nothing.
    static func sealed(_ content: Secret?, name: String) throws(TaskFailure) -> Descriptor {
        try host { () throws(SystemError) in
            let file = try create(name)
            if let content { try check(content.withBytes { put($0, into: file) }, content.count) }
            let number = file.number
            try checked("seal", "a file in memory") { sp_add_seals(number) }
            return file
        }
    }

    /// Makes the next reader start at the first byte.
    static func rewind(_ file: borrowing Descriptor) { _ = lseek(file.number, 0, SEEK_SET) }

    private static func create(_ name: String) throws(SystemError) -> Descriptor {
        Descriptor(owning: Int32(try checked("make", "a file in memory") { sp_memfd(name) }))
    }

    /// Writes at a place of its own: the position belongs to whoever reads. pwrite(2)
    private static func put(_ bytes: UnsafeRawBufferPointer, into file: borrowing Descriptor) -> Int {
        guard let start = bytes.baseAddress else { return 0 }
        return sp_pwrite(file.number, start, bytes.count, 0)
    }

    private static func check(_ written: Int, _ count: Int) throws(SystemError) {
        guard written == count else {
            throw SystemError("write", "a file in memory", written < 0 ? Errno(Int32(-written)) : .noSpace)
        }
    }
}
