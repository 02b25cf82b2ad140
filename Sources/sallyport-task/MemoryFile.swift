// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import LinuxSystem

/// Bytes for the standard input of a step, in memory that no name leads to.
enum MemoryFile {
    /// A file whose reader starts at its first byte.
    static func make(_ bytes: [UInt8]) throws(TaskFailure) -> Descriptor {
        try host { () throws(SystemError) in
            let file = Descriptor(owning: Int32(try checked("make", "a file in memory") { sp_memfd("step-input") }))
            let number = file.number
            guard !bytes.isEmpty else { return file }
            // At a place of its own: the position belongs to whoever reads. pwrite(2)
            let written = try checked("write", "a file in memory") {
                bytes.withUnsafeBytes { sp_pwrite(number, $0.baseAddress!, $0.count, 0) }
            }
            guard written == bytes.count else { throw SystemError("write", "a file in memory", .noSpace) }
            return file
        }
    }
}
