// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import LinuxSystem
internal import Synchronization

/// Moves bytes from the session's pipe to where the caller wants them, counted and cut at a cap, never looked at.
///
/// Runs on a thread of its own, so that a slow reader of the output holds up neither the deadline nor the refusals. The
/// thread starts with the first byte: most streams of most commands never carry one.
/// splice(2) moves pages inside the kernel; where it must not, bytes are copied.
package final class Relay: Sendable {
    package struct Count: Sendable {
        /// Taken by the reader.
        package var bytes: UInt64 = 0
        /// The cap was reached.
        package var truncated = false
        /// Written by the session, and not taken by a reader that has gone or has stopped.
        package var undelivered: UInt64 = 0
    }

    /// Where the bytes come from, for waiting on the first.
    package let source: Int32
    private let sink: Int32
    private let cap: UInt64
    private let name: String
    private let closesSink: Bool
    private let taken = Atomic<UInt64>(0)
    private let moved = Atomic<UInt64>(0)
    private let ended = Atomic<Bool>(false)
    /// Set once, at the end.
    private let rest = Mutex(Count())
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

    deinit {
        _ = sp_close(source)
        if closesSink { _ = sp_close(sink) }
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

    /// Everything is where it belongs, or nothing came.
    package var isDone: Bool {
        if ended.load(ordering: .acquiring) { return true }
        return thread.withLock { $0 == nil } && sp_readable(source) == 0
    }

    /// What has been moved so far, and what waits in the pipe.
    package var count: Count {
        if ended.load(ordering: .acquiring) { return rest.withLock { $0 } }
        let moved = moved.load(ordering: .relaxed)
        let held = taken.load(ordering: .relaxed) &- moved
        return Count(bytes: moved, undelivered: held &+ UInt64(clamping: sp_readable(source)))
    }

    /// Waits until the session's end of the pipe is closed everywhere and the reader has taken what was in it.
    ///
    /// Precondition: no process of the session lives, so that nothing more comes. A reader that takes nothing for
    /// `patience` is not waited for: what is left goes with this process. One that only takes its time loses nothing.
    ///
    /// - Parameter patience: milliseconds.
    package func join(patience: Int32) -> Count {
        if isDone { return count }
        // One that was never started, since its first byte came with the end, may have to wait for its reader as well.
        if thread.withLock({ $0 == nil }) {
            do throws(SystemError) { try start() } catch { return count }
        }
        guard let id = thread.withLock({ $0.take() }) else { return count }
        if !ended.load(ordering: .acquiring) { widen() }
        var last = moved.load(ordering: .relaxed)
        // The thread that is left waiting ends with this process; it holds the relay, so its descriptors stay open.
        while sp_join(id, patience) == -Int(ETIMEDOUT) {
            let now = moved.load(ordering: .relaxed)
            if now == last { break }
            last = now
        }
        return count
    }

    /// Makes room in the caller's pipe for all that the session's can hold, and for a few words of our own: what lies
    /// there outlives this process, so that a pager which is read for an hour gets everything. fcntl(2), F_SETPIPE_SZ
    ///
    /// Refused for what is no pipe, and beyond a quota of the caller's; then it is waited for.
    private func widen() {
        let (own, callers) = (sp_pipe_size(source), sp_pipe_size(sink))
        if own > 0 && callers > 0 { _ = sp_set_pipe_size(sink, Int32(clamping: callers + 2 * own)) }
    }

    private func main() {
        var gone = false
        do throws(SystemError) { try move() } catch {
            // The caller closed its end: what still comes is dropped, and the record says so.
            gone = true
        }
        let held = taken.load(ordering: .relaxed) &- moved.load(ordering: .relaxed)
        // One byte past the cap decides between an exact fit and a cut.
        let dropped = drain()
        rest.withLock {
            $0 = Count(
                bytes: moved.load(ordering: .relaxed), truncated: !gone && dropped > 0,
                undelivered: gone ? held &+ dropped : 0)
        }
        ended.store(true, ordering: .releasing)
    }

    private func move() throws(SystemError) {
        let status = try FileStatus.at(sink, [0], flags: SP_AT_EMPTY_PATH, subject: name)
        // splice(2) holds the lock of the pipe it reads while a socket or a terminal keeps it waiting, and whoever asks
        // that pipe for anything then waits too. Into a file it writes at the place that was current when it began to wait
        // for input, over what another process with the same open file has written since; write(2) does not.
        let splices = status.isFifo || status.isNullDevice || closesSink
        var total: UInt64 = 0
        while total < cap {
            let want = Int(min(cap - total, 1 << 20))
            var got = splices ? sp_splice(source, sink, want, 0) : -Int(EINVAL)
            if got == -Int(EINVAL) {
                got = try copy(want, toSocket: status.isSocket)
            } else if got > 0 {
                taken.add(UInt64(got), ordering: .relaxed)
                moved.add(UInt64(got), ordering: .relaxed)
            }
            if got == -Int(EINTR) { continue }
            if got == -Int(EAGAIN) {
                // The sink is non-blocking (a pipe that somebody else made so): wait until it takes more.
                try checked("wait for", name) { sp_poll_one(sink, Int16(POLLOUT), -1) }
                continue
            }
            if got < 0 { throw SystemError("write", name, Errno(Int32(-got))) }
            if got == 0 { break }
            total += UInt64(got)
        }
    }

    private func copy(_ want: Int, toSocket: Bool) throws(SystemError) -> Int {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: min(want, 65536), alignment: 16)
        defer { buffer.deallocate() }
        let got = try checked("read", name) { sp_read(source, buffer.baseAddress!, buffer.count) }
        taken.add(UInt64(got), ordering: .relaxed)
        var done = 0
        while done < got {
            let start = done
            let piece = buffer.baseAddress! + start
            // A write(2) that has to wait tells how much it wrote only when all is written.
            let wrote = toSocket ? sp_write_at_once(sink, piece, got - start) : sp_write(sink, piece, got - start)
            if wrote == -Int(EAGAIN) {
                try checked("wait for", name) { sp_poll_one(sink, Int16(POLLOUT), -1) }
            } else {
                done += try checked("write", name) { wrote }
                moved.add(UInt64(wrote), ordering: .relaxed)
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
