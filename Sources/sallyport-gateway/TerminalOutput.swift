// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Terminal
import Wire

/// The way from the pty to the caller's terminal: counted, cut at the cap, filtered unless the caller wants it raw.
struct TerminalOutput {
    private let terminal: Int32
    private let mostBytes: UInt64
    private let piece: Int
    private var filter: EscapeFilter?
    private var queue = ByteQueue(limit: 65_536)
    private var isFinished = false

    /// Bytes that were passed on, before filtering.
    private(set) var passed: UInt64 = 0
    private(set) var truncated = false
    private(set) var lost = false

    /// - Parameter blocking: The terminal's description waits in write(2); then only as little is written at once as
    ///   a terminal that polls as ready takes without waiting.
    init(terminal: Int32, options: GatewayStart.Options, mostBytes: UInt64, blocking: Bool) {
        self.terminal = terminal
        self.mostBytes = mostBytes
        self.piece = blocking ? 256 : 65_536
        if !options.contains(.rawOutput) {
            filter = EscapeFilter(charset: options.contains(.asciiTerminal) ? .ascii : .utf8)
        }
    }

    var defused: UInt64 { filter?.defused ?? 0 }
    /// While this is true the pty is not read, and so the workload waits, as it would on a real terminal.
    var isFull: Bool { queue.isFull }
    /// The terminal when there is something to write, otherwise -1.
    var descriptor: Int32 { queue.isEmpty ? -1 : terminal }

    /// Takes what was read from the pty. Past the cap it is thrown away, so that the workload does not hang.
    mutating func take(_ bytes: Span<UInt8>) {
        guard !lost, !truncated else { return }
        let room = mostBytes - passed
        let count = UInt64(bytes.count) <= room ? bytes.count : Int(room)
        pass(bytes.extracting(first: count))
        passed += UInt64(count)
        guard count < bytes.count else { return }
        truncated = true
        restore()
        queue.append { $0 += Array("\r\n[sallyport: output cut at \(mostBytes) bytes]\r\n".utf8) }
    }

    /// Puts the terminal back as it was; nothing is taken afterwards.
    mutating func finish() {
        guard !isFinished else { return }
        isFinished = true
        if !truncated { restore() }
    }

    /// Writes what the terminal takes.
    mutating func flush() {
        guard case .failed = queue.write(to: terminal, most: piece) else { return }
        lost = true
        queue.removeAll()
    }

    private mutating func pass(_ bytes: Span<UInt8>) {
        guard var filter else {
            let count = bytes.count
            queue.append { output in
                for index in 0..<count { output.append(bytes[index]) }
            }
            return
        }
        queue.append { filter.filter(bytes, into: &$0) }
        self.filter = filter
    }

    private mutating func restore() {
        guard var filter else { return }
        queue.append { filter.finish(into: &$0) }
        self.filter = filter
    }
}
