// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Control
internal import Glibc
internal import LinuxSystem
internal import TaskModel

/// Somebody who asks: one line in, lines out, and neither may take long.
final class Guest {
    private let socket: Descriptor
    let peer: Peer
    /// Its place in the daemon's wait.
    var token: UInt64 = 0
    /// The task whose events it waits for, and the last one that it has.
    var watched: (task: String, after: Int)?
    private var input: [UInt8] = []
    private var output: [UInt8] = []
    private var hasAsked = false
    private var isAnswered = false
    private var isGone = false
    /// When it must have asked, or taken what it was told; on the monotonic clock.
    private(set) var deadline: Int?

    private static let patience = 5_000
    /// Of one answer, and of all that it has not taken yet.
    private static let mostWaiting = 8 << 20
    /// So much is kept ready for it; the rest stays where it is until there is room.
    private static let ready = 256 << 10

    var number: Int32 { socket.number }
    var hasMoreToSay: Bool { !output.isEmpty }
    var hasRoom: Bool { output.count < Self.ready && !isGone }
    var isOver: Bool { isGone || isAnswered && output.isEmpty }

    init(_ socket: consuming Descriptor, now: Int) {
        peer = Peer(of: socket.number)
        self.socket = socket
        deadline = now + Self.patience
    }

    func isLate(at now: Int) -> Bool { deadline.map { now >= $0 } ?? false }

    /// Takes what has come.
    ///
    /// - Returns: The request, once, when it is whole.
    func read() throws(TaskRefusal) -> [UInt8]? {
        flush()
        var piece = [UInt8](repeating: 0, count: 65536)
        while true {
            let got = piece.withUnsafeMutableBytes { sp_read(number, $0.baseAddress!, $0.count) }
            if got == -Int(EINTR) { continue }
            if got == -Int(EAGAIN) { return nil }
            guard got > 0 else {
                // Whoever only stops talking may still listen, but a local client of ours does neither by halves.
                isGone = true
                return nil
            }
            // One request is one line: what follows it is never read as another.
            if hasAsked { continue }
            input += piece[..<got]
            if let end = input.firstIndex(of: 0x0A) {
                hasAsked = true
                deadline = nil
                defer { input = [] }
                guard end < ControlRequest.longestLine else { throw Self.tooLong }
                return Array(input[..<end])
            }
            if input.count > ControlRequest.longestLine {
                hasAsked = true
                input = []
                throw Self.tooLong
            }
        }
    }

    private static var tooLong: TaskRefusal {
        TaskRefusal(
            .validation,
            "cannot read a request: it has more than \(ControlRequest.longestLine) bytes. Put long texts into the repository."
        )
    }

    /// Says a line; the last one ends the visit. One that is too long to be said is refused, in words.
    func send(_ reply: ControlReply) {
        if isAnswered || isGone { return }
        let line = reply.line
        guard output.count + line.count <= Self.mostWaiting else {
            return send(
                .refused(
                    TaskRefusal(
                        .validation, "cannot answer: it would be \(line.count) bytes. Ask for less, as with --limit.")))
        }
        output += line
        isAnswered = reply.isLast
        flush()
    }

    private func flush() {
        while !output.isEmpty, !isGone {
            let sent = output.withUnsafeBytes { sp_write(number, $0.baseAddress!, $0.count) }
            if sent == -Int(EINTR) { continue }
            if sent == -Int(EAGAIN) {
                deadline = deadline ?? Int(sp_clock_ns(CLOCK_MONOTONIC) / 1_000_000) + Self.patience
                return
            }
            guard sent > 0 else {
                isGone = true
                return
            }
            deadline = nil
            output.removeFirst(sent)
        }
        if hasAsked { deadline = nil }
    }

    /// A last word to somebody who is not served.
    func turnAway(_ refusal: TaskRefusal) {
        _ = shutdown(number, Int32(SHUT_RD))
        send(.refused(refusal))
        // What is unread at the close would turn the answer into a reset.
        _ = sp_control_hang_up(number)
    }
}
