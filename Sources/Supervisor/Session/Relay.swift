// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import LinuxSystem
internal import Synchronization

/// Moves bytes from the session's pipe to where the caller wants them, counted and cut at a cap, never looked at.
///
/// Runs on a thread of its own, so that a slow reader of the output holds up neither the deadline nor the refusals. The
/// thread starts with the first byte: most streams of most commands never carry one.
/// splice(2) moves pages inside the kernel; where it cannot (a file opened for appending), bytes are copied.
package final class Relay: Sendable {
    package struct Count: Sendable {
        package var bytes: UInt64 = 0
        package var truncated = false
        package var failure: SystemError?
    }

    /// Where the bytes come from, for waiting on the first.
    package let source: Int32
    private let sink: Int32
    private let cap: UInt64
    private let name: String
    private let closesSink: Bool
    private let count = Mutex(Count())
    private let thread = Mutex<pthread_t?>(nil)

    /// - Parameters:
    ///   - source: owned from here on. - sink: owned only when `closesSink`.
    ///   - cap: bytes after which the rest is taken and dropped, so that the writer does not block for ever.
    package init(name: String, source: consuming Descriptor, sink: Int32, closesSink: Bool, cap: UInt64) {
        self.name = name
        self.source = source.release()
        self.sink = sink
        self.closesSink = closesSink
        self.cap = cap
    }

    package func start() throws(SystemError) {
        var id = pthread_t()
        let result = pthread_create(
            &id, nil,
            { argument in
                if let argument { Unmanaged<Relay>.fromOpaque(argument).takeRetainedValue().main() }
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        guard result == 0 else { throw SystemError("start", "the thread for \(name)", Errno(result)) }
        thread.withLock { $0 = id }
    }

    /// Waits until the session's end of the pipe is closed everywhere. A relay that was never started does what there
    /// is to do here and now.
    package func join() -> Count {
        if let id = thread.withLock({ $0.take() }) { pthread_join(id, nil) } else { main() }
        return count.withLock { $0 }
    }

    private func main() {
        var moved: UInt64 = 0
        do throws(SystemError) { moved = try move() } catch {
            // The caller closed its end: what still comes is dropped, and the record says so.
            count.withLock { $0.failure = error }
        }
        // One byte past the cap decides between an exact fit and a cut.
        if drain() > 0 { count.withLock { $0.truncated = true } }
        count.withLock { $0.bytes = moved }
        _ = sp_close(source)
        if closesSink { _ = sp_close(sink) }
    }

    private func move() throws(SystemError) -> UInt64 {
        var moved: UInt64 = 0
        while moved < cap {
            let want = Int(min(cap - moved, 1 << 20))
            var got = sp_splice(source, sink, want, 0)
            if got == -Int(EINVAL) { got = try copy(want) }
            if got == -Int(EINTR) { continue }
            if got == -Int(EAGAIN) {
                // The sink is non-blocking (a pipe that somebody else made so): wait until it takes more.
                try checked("wait for", name) { sp_poll_one(sink, Int16(POLLOUT), -1) }
                continue
            }
            if got < 0 { throw SystemError("write", name, Errno(Int32(-got))) }
            if got == 0 { break }
            moved += UInt64(got)
        }
        return moved
    }

    private func copy(_ want: Int) throws(SystemError) -> Int {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: min(want, 65536), alignment: 16)
        defer { buffer.deallocate() }
        let got = try checked("read", name) { sp_read(source, buffer.baseAddress!, buffer.count) }
        var done = 0
        while done < got {
            let start = done
            let wrote = sp_write(sink, buffer.baseAddress! + start, got - start)
            if wrote == -Int(EAGAIN) {
                try checked("wait for", name) { sp_poll_one(sink, Int16(POLLOUT), -1) }
            } else {
                done += try checked("write", name) { wrote }
            }
        }
        return got
    }

    private func drain() -> UInt64 {
        var dropped: UInt64 = 0
        // Not cleared: most of the time the end of file is all there is to read.
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65536, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let got = sp_read(source, buffer.baseAddress!, buffer.count)
            if got == -Int(EINTR) { continue }
            if got <= 0 { return dropped }
            dropped += UInt64(got)
        }
    }
}
