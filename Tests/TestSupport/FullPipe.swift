// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// A standard input without room for one byte more: that there is room again says that its reader has begun to read.
package final class FullPipe {
    /// For ``Command/descriptors``.
    package private(set) var reading: Int32
    private let writing: Int32

    package init() throws(HarnessError) {
        var ends: [Int32] = [-1, -1]
        let made = ends.withUnsafeMutableBufferPointer { sp_pipe($0.baseAddress!, 0) }
        guard made >= 0 else { throw HarnessError("make", "a pipe", Int32(-made)) }
        (reading, writing) = (ends[0], ends[1])
        // Of one page, so that its reader empties it at once.
        let size = sp_set_pipe_size(writing, 4096)
        let page = [UInt8](repeating: UInt8(ascii: "x"), count: max(0, Int(size)))
        guard size > 0, page.withUnsafeBytes({ sp_write(writing, $0.baseAddress!, $0.count) }) == page.count else {
            throw HarnessError("fill", "a pipe", EIO)
        }
    }

    deinit {
        _ = sp_close(reading)
        _ = sp_close(writing)
    }

    /// Waits until its reader reads, and waits for more.
    package func waitForReader() throws(HarnessError) {
        // One that ends instead is an event too.
        _ = sp_close(reading)
        reading = -1
        guard sp_poll_one(writing, Int16(POLLOUT), 60_000) > 0 else { throw HarnessError("nobody reads the pipe") }
    }
}
