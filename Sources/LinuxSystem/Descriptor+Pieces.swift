// SPDX-License-Identifier: Apache-2.0
internal import CLinux

extension Descriptor {
    /// One read of at most `count` bytes; empty at the end.
    package borrowing func readSome(upTo count: Int, subject: String) throws(SystemError) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: count)
        let fd = number
        let got = try checked("read", subject) {
            buffer.withUnsafeMutableBytes { sp_read(fd, $0.baseAddress!, $0.count) }
        }
        buffer.removeLast(count - got)
        return buffer
    }

    /// The bytes from a place in the file on, at most `count` of them.
    package borrowing func readPiece(at offset: Int, upTo count: Int, subject: String) throws(SystemError) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: count)
        let fd = number
        let got = try checked("read", subject) {
            buffer.withUnsafeMutableBytes { sp_pread(fd, $0.baseAddress!, $0.count, Int64(offset)) }
        }
        buffer.removeLast(count - got)
        return buffer
    }
}
