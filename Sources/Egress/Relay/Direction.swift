// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem

/// One direction of a relayed connection: bytes are spliced from a socket into a pipe and on, never read. splice(2)
struct Direction {
    enum Outcome: Equatable {
        /// The source has nothing for now.
        case idle
        /// The destination takes nothing for now.
        case blocked
        /// Both go on, but others have their turn first.
        case more
        /// The source ended, and the destination was told so.
        case finished
        /// The source has more, and the session may send no more.
        case usedUp
        case failed(Errno)
    }

    private var pipe: RelayPipe?
    private var buffered = 0
    private var sourceEnded = false
    /// False from EAGAIN until the next event: a connection's events mostly concern one direction, and the other is spared
    /// a call that moves nothing.
    private var sourceMayHaveMore = true
    private(set) var isFinished = false
    /// Bytes that reached the destination.
    private(set) var moved: UInt64 = 0

    /// A turn ends after this many fills of the pipe.
    private static let turns = 8
    private static let flags: UInt32 = 1 | 2  // SPLICE_F_MOVE | SPLICE_F_NONBLOCK

    /// Says that the source's descriptor had an event. epoll(7)
    mutating func sourceIsReady() { sourceMayHaveMore = true }

    /// Says that the source is watched, and has had no event but that it can be written to.
    mutating func waitForSource() { sourceMayHaveMore = false }

    /// Moves what is there. Descriptors are watched edge-triggered, so this goes on until one side says EAGAIN: less
    /// than there was room for does not mean that the source is empty, since many small segments fill a pipe's slots
    /// before its bytes. epoll(7)
    ///
    /// - Parameters:
    ///   - allowance: What may be taken from the source; nil where nothing is counted.
    ///   - isLast: The other direction is finished: both sockets are closed next, and that says it all.
    mutating func pump(
        from source: Int32, to destination: Int32, _ pool: PipePool, within allowance: Allowance? = nil, isLast: Bool
    ) -> Outcome {
        guard !isFinished else { return .finished }
        for _ in 0..<Self.turns {
            if buffered == 0 && !sourceEnded {
                guard sourceMayHaveMore else { return .idle }
                if let allowance, allowance.isUsedUp, let outcome = look(at: source) { return outcome }
                if pipe == nil {
                    do throws(SystemError) { pipe = try pool.take() } catch { return .failed(error.errno) }
                }
                guard let pipe else { return .idle }
                let most = allowance.map { min($0.left, UInt64(pipe.capacity)) } ?? UInt64(pipe.capacity)
                // Of length 0 only where the source has ended: that is to be found out, and one byte more is not there.
                let got = sp_splice(source, pipe.writer, Int(max(1, most)), Self.flags)
                if got < 0 {
                    giveBack(pool)
                    sourceMayHaveMore = false
                    return got == -Int(EAGAIN) ? .idle : .failed(Errno(Int32(-got)))
                }
                sourceEnded = got == 0
                buffered = got
                allowance?.take(got)
            }
            while buffered > 0, let pipe {
                let put = sp_splice(pipe.reader, destination, buffered, Self.flags)
                if put < 0 { return put == -Int(EAGAIN) ? .blocked : .failed(Errno(Int32(-put))) }
                buffered -= put
                moved += UInt64(put)
            }
            if sourceEnded {
                giveBack(pool)
                isFinished = true
                // ENOTCONN: the other side is gone already, and knows.
                if !isLast { _ = sp_shutdown_write(destination) }
                return .finished
            }
        }
        return .more
    }

    /// Whether a source of which no more may be taken has more; nil when it has ended.
    private mutating func look(at source: Int32) -> Outcome? {
        var next: UInt8 = 0
        let got = sp_peek_bytes(source, &next, 1)
        if got == 0 { return nil }
        if got > 0 { return .usedUp }
        sourceMayHaveMore = false
        return got == -Int(EAGAIN) ? .idle : .failed(Errno(Int32(-got)))
    }

    /// Lets go of the pipe at the connection's end; one with bytes in it is closed.
    mutating func end(_ pool: PipePool) {
        if buffered > 0 {
            pipe?.close()
            pipe = nil
            buffered = 0
        }
        giveBack(pool)
    }

    private mutating func giveBack(_ pool: PipePool) {
        if let pipe { pool.give(pipe) }
        pipe = nil
    }
}
