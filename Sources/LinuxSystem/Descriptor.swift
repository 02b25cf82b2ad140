// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

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

    /// Creates or empties a regular file for writing; anything else by that name is refused rather than waited for.
    package static func create(_ path: String, mode: UInt32 = 0o600) throws(SystemError) -> Descriptor {
        // A FIFO would hold the open until somebody reads. open(2), O_NONBLOCK
        let file = try open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, mode: mode)
        guard try FileStatus.of(file, subject: "\"\(path)\"").isRegular else {
            throw SystemError("write", "\"\(path)\"", .invalid, remedy: "It exists and is not a regular file.")
        }
        let number = file.number
        try checked("empty", "\"\(path)\"") { sp_ftruncate(number, 0) }
        return file
    }

    /// Reads to the end of the file, at most `limit` bytes; a longer file is an error, not a cut.
    package borrowing func readAll(limit: Int, subject: @autoclosure () -> String) throws(SystemError) -> [UInt8] {
        var bytes: [UInt8] = []
        var room = 16384
        while true {
            let fd = number
            var got = 0
            // Not cleared first: most files read here are far smaller than the room given.
            let part = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
                repeat {
                    got = sp_read(fd, buffer.baseAddress! + count, buffer.count - count)
                    count += max(0, got)
                } while got > 0 && count < buffer.count || got == -Int(EINTR)
            }
            if got < 0 { throw SystemError("read", subject(), Errno(Int32(-got))) }
            if bytes.isEmpty { bytes = part } else { bytes += part }
            if bytes.count > limit {
                throw SystemError("read", subject(), Errno(27), remedy: "It is larger than \(limit) bytes.")
            }
            if got == 0 { return bytes }
            room = min(1 << 20, room * 2)
        }
    }

    /// The first bytes of a file, at most `limit` of them.
    package borrowing func readStart(_ limit: Int, subject: @autoclosure () -> String) throws(SystemError) -> [UInt8] {
        let fd = number
        var bytes = [UInt8](repeating: 0, count: limit)
        let got = try checked("read", subject()) {
            bytes.withUnsafeMutableBytes { sp_pread(fd, $0.baseAddress!, $0.count, 0) }
        }
        bytes.removeSubrange(got...)
        return bytes
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

/// Descriptors kept open together, by number, until their owner goes away.
///
/// For numbers that a launch plan mentions: an array cannot hold ``Descriptor`` values, which are not copyable.
package final class DescriptorSet: @unchecked Sendable {
    // Sendable: filled by one thread before it is shared, then only read.
    private var numbers: [Int32] = []

    package init() {}

    deinit { closeAll() }

    /// Takes ownership and returns the number.
    @discardableResult
    package func keep(_ descriptor: consuming Descriptor) -> Int32 {
        let number = descriptor.release()
        numbers.append(number)
        return number
    }

    package func closeAll() {
        for number in numbers { _ = sp_close(number) }
        numbers = []
    }
}

/// A pipe, or two connected message sockets: two ends that are handed to different owners.
package struct Channel: ~Copyable {
    package let first: Descriptor
    package let second: Descriptor

    private init(_ numbers: [Int32]) {
        first = Descriptor(owning: numbers[0])
        second = Descriptor(owning: numbers[1])
    }

    /// `first` is read from, `second` written to. pipe(7)
    package static func pipe(nonblocking: Bool = false) throws(SystemError) -> Channel {
        var ends: [Int32] = [-1, -1]
        try checked("create", "a pipe") {
            ends.withUnsafeMutableBufferPointer { sp_pipe($0.baseAddress!, nonblocking ? 0o4000 : 0) }
        }
        return Channel(ends)
    }

    /// SOCK_SEQPACKET: one write is one read, whole or not at all. unix(7)
    package static func messages() throws(SystemError) -> Channel {
        var ends: [Int32] = [-1, -1]
        try checked("create", "a socket pair") {
            ends.withUnsafeMutableBufferPointer { sp_socketpair_seqpacket($0.baseAddress!) }
        }
        return Channel(ends)
    }

    /// SOCK_STREAM: bytes in order, without the sender's boundaries. unix(7)
    package static func stream() throws(SystemError) -> Channel {
        var ends: [Int32] = [-1, -1]
        try checked("create", "a socket pair") {
            ends.withUnsafeMutableBufferPointer { sp_socketpair_stream($0.baseAddress!) }
        }
        return Channel(ends)
    }

    /// Closes the second end here, after a child has got it, and keeps the first.
    package consuming func closingSecond() -> Descriptor { first }

    /// Hands both ends to separate owners.
    package consuming func split(_ body: (consuming Descriptor, consuming Descriptor) -> Void) {
        body(first, second)
    }
}

/// A message received on a socket with the descriptors that came with it.
package struct Received: Sendable {
    package let bytes: [UInt8]
    /// Owned by the receiver, who must take each exactly once.
    package let descriptors: [Int32]
}

extension Descriptor {
    /// Receives one message of at most `limit` bytes and `room` descriptors; nil at the end of the stream.
    package borrowing func receive(limit: Int, room: Int = 8, subject: String) throws(SystemError) -> Received? {
        var bytes = [UInt8](repeating: 0, count: limit)
        var fds = [Int32](repeating: -1, count: room)
        var count: Int32 = 0
        let fd = number
        let got = try checked("receive", subject) {
            bytes.withUnsafeMutableBytes { b in
                fds.withUnsafeMutableBufferPointer {
                    sp_receive(fd, b.baseAddress!, b.count, $0.baseAddress!, Int32(room), &count)
                }
            }
        }
        if got == 0 && count == 0 { return nil }
        return Received(bytes: Array(bytes.prefix(got)), descriptors: Array(fds.prefix(Int(count))))
    }

    /// Sends one message with descriptors, which stay the sender's.
    package borrowing func send(_ bytes: [UInt8], descriptors: [Int32], subject: String) throws(SystemError) {
        let fd = number
        try checked("send", subject) {
            bytes.withUnsafeBytes { b in
                descriptors.withUnsafeBufferPointer {
                    sp_send(fd, b.baseAddress!, b.count, $0.baseAddress, Int32($0.count))
                }
            }
        }
    }
}
