// SPDX-License-Identifier: Apache-2.0
internal import CLinux

/// An open file descriptor that is closed when its owner goes away.
///
/// Every descriptor is close-on-exec; what a child is to keep is named step by step in a launch plan.
package struct Descriptor: ~Copyable, Sendable {
    package let number: Int32

    /// Takes ownership of an open descriptor.
    package init(owning number: Int32) { self.number = number }

    deinit {
        // A close that fails has still closed; there is no second owner who could act on it. close(2)
        _ = sp_close(number)
    }

    /// Gives the number to someone else, who must close it.
    package consuming func release() -> Int32 {
        let number = self.number
        discard self
        return number
    }

    /// A second descriptor for the same open file, numbered 64 or above: below lie the numbers that a plan assigns.
    package borrowing func duplicate(above floor: Int32 = 64) throws(SystemError) -> Descriptor {
        let number = self.number
        return Descriptor(
            owning: Int32(try checked("duplicate", "descriptor \(number)") { sp_fdup_above(number, floor) }))
    }
}

extension Descriptor {
    /// Opens a path of the trusted host; for paths that others can write, use ``Directory``.
    package static func open(_ path: String, _ flags: Int32, mode: UInt32 = 0) throws(SystemError) -> Descriptor {
        Descriptor(owning: Int32(try checked("open", "\"\(path)\"") { sp_open(path, flags, mode) }))
    }

    /// Reads to the end of the file, at most `limit` bytes; a longer file is an error, not a cut.
    package borrowing func readAll(limit: Int, subject: String) throws(SystemError) -> [UInt8] {
        var bytes: [UInt8] = []
        var room = 16384
        while true {
            let start = bytes.count
            bytes.append(contentsOf: repeatElement(0, count: room))
            let fd = number
            let want = room
            let got = try checked("read", subject) {
                bytes.withUnsafeMutableBytes { sp_read(fd, $0.baseAddress! + start, want) }
            }
            bytes.removeLast(room - got)
            if got == 0 { return bytes }
            if bytes.count > limit {
                throw SystemError("read", subject, Errno(27), remedy: "It is larger than \(limit) bytes.")
            }
            room = min(1 << 20, room * 2)
        }
    }

    /// Writes all bytes, or throws.
    package borrowing func writeAll(_ bytes: [UInt8], subject: @autoclosure () -> String) throws(SystemError) {
        var done = 0
        let fd = number
        while done < bytes.count {
            let start = done
            done += try checked("write", subject()) {
                bytes.withUnsafeBytes { sp_write(fd, $0.baseAddress! + start, bytes.count - start) }
            }
        }
    }
}

/// The two ends of a pipe.
package struct Pipe: ~Copyable {
    package let readEnd: Descriptor
    package let writeEnd: Descriptor

    package init(nonblocking: Bool = false) throws(SystemError) {
        var ends: [Int32] = [-1, -1]
        try checked("create", "a pipe") { ends.withUnsafeMutableBufferPointer { sp_pipe($0.baseAddress!, nonblocking ? 0o4000 : 0) } }
        readEnd = Descriptor(owning: ends[0])
        writeEnd = Descriptor(owning: ends[1])
    }

    /// Splits the pipe into its two owned ends.
    package consuming func split() -> PipeEnds { PipeEnds(readEnd: readEnd, writeEnd: writeEnd) }
}

/// Two connected message sockets (SOCK_SEQPACKET): one write is one read.
package struct PipeEnds: ~Copyable {
    package var readEnd: Descriptor?
    package var writeEnd: Descriptor?
    package init(readEnd: consuming Descriptor, writeEnd: consuming Descriptor) {
        self.readEnd = consume readEnd
        self.writeEnd = consume writeEnd
    }
}
