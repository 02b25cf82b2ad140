// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Wire

/// Reads the runner's frames and writes one checked line for each into the frame file.
struct FrameJournal {
    private let socket: Int32
    private let file: Int32
    private let mostFrames: UInt64
    private let mostBytes: UInt64
    private let clock: () -> Int64
    private var decoder = FrameDecoder()
    private var lines: UInt64 = 0
    private var written: UInt64 = 0

    private(set) var accepted: UInt64 = 0
    private(set) var refused: UInt64 = 0
    /// A cap was reached, or the file could not be written.
    private(set) var truncated = false
    /// Nothing more is read; the socket is closed, so the runner's next write fails.
    private(set) var isDone = false

    /// Room that is kept for the line that says why reading stopped.
    private static let lastLine: UInt64 = 512

    init(socket: Int32, file: Int32, frames: UInt32, bytes: UInt64, clock: @escaping () -> Int64) {
        self.socket = socket
        self.file = file
        self.mostFrames = UInt64(frames)
        self.mostBytes = bytes
        self.clock = clock
    }

    /// The socket to wait on, or -1 when it is done.
    var descriptor: Int32 { isDone ? -1 : socket }

    /// Reads once.
    ///
    /// - Returns: The number of bytes that were there; 0 when there were none for now, or never will be.
    mutating func read(into buffer: inout [UInt8]) -> Int {
        guard !isDone else { return 0 }
        let count = sp_gateway_read(socket, &buffer, buffer.count)
        if count == -Int(EAGAIN) { return 0 }
        guard count > 0 else {
            end()
            return 0
        }
        var frames: [Frame] = []
        var failure: FrameError?
        do throws(FrameError) {
            try decoder.take(buffer.span.extracting(first: count)) { frames.append($0) }
        } catch {
            failure = error
        }
        for frame in frames where !isDone { accept(frame) }
        if let failure, !isDone { refuse(failure) }
        return count
    }

    /// Ends the journal when no more can come: the stream's end, or the supervisor's word.
    mutating func end() {
        guard !isDone else { return }
        do throws(FrameError) {
            try decoder.finish()
            stop()
        } catch {
            refuse(error)
        }
    }

    private mutating func accept(_ frame: Frame) {
        guard accepted < mostFrames else {
            truncated = true
            stop(reason: "frame count reached its cap of \(mostFrames)")
            return
        }
        let line = ClaimLine.accepted(frame, sequence: lines, receivedMilliseconds: clock())
        let (room, overflow) = mostBytes.subtractingReportingOverflow(written + Self.lastLine)
        guard !overflow, UInt64(line.count) <= room else {
            truncated = true
            stop(reason: "frame file reached its cap of \(mostBytes) bytes")
            return
        }
        guard write(line) else {
            truncated = true
            stop()
            return
        }
        accepted += 1
    }

    private mutating func refuse(_ error: FrameError) {
        refused += 1
        stop(reason: error.reason)
    }

    private mutating func stop(reason: String) {
        let line = ClaimLine.stopped(
            reason: reason, offset: decoder.acceptedBytes, sequence: lines, receivedMilliseconds: clock())
        if !write(line) { truncated = true }
        stop()
    }

    private mutating func stop() {
        isDone = true
        // Before the close, since another process may hold the same socket: the runner must hear of it either way.
        _ = shutdown(socket, Int32(SHUT_RDWR))
        close(socket)
    }

    /// Writes a whole line. A part of one can only be left behind by a full disk, and then it is the last.
    private mutating func write(_ line: [UInt8]) -> Bool {
        var start = 0
        while start < line.count {
            let count = line.withUnsafeBytes { raw -> Int in
                guard let base = raw.baseAddress else { return 0 }
                return sp_gateway_write(file, base + start, line.count - start)
            }
            guard count > 0 else { return false }
            start += count
        }
        lines += 1
        written += UInt64(line.count)
        return true
    }
}
