// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Wire

/// The loop: waits on every descriptor at once and moves what is there.
///
///     pty master ──▶ filter ──▶ caller's terminal        caller's terminal ──▶ pty master (unread)
///     frame socket ──▶ decoder ──▶ frame file            control socket ──▶ window size, close
final class Relay {
    private let channel: ControlChannel
    private var pty: Int32
    private var input: Int32
    private let inputBlocks: Bool
    private var output: TerminalOutput?
    private var journal: FrameJournal?
    private var toPty = ByteQueue(limit: 16_384)
    private var buffer = [UInt8](repeating: 0, count: 16_384)
    private var reported = GatewayReport.Totals()
    private var isClosing = false
    /// Bytes that may still be moved after `close`: a full pty buffer and more, but not a writer that never ends.
    private var drainBudget = 1 << 20

    /// Takes the descriptors of a start message and checks that each is what its role says.
    init(
        start: GatewayStart, descriptors: [GatewayStart.Role: Int32], channel: ControlChannel
    ) throws(Refused) {
        self.channel = channel
        pty = descriptors[.ptyMaster] ?? -1
        input = descriptors[.terminalInput] ?? -1
        inputBlocks = input >= 0 && sp_gateway_is_nonblocking(input) != 1
        if pty >= 0 {
            try Self.demand(sp_gateway_expect_pty_master(pty))
            try Self.demand(sp_gateway_set_nonblocking(pty))
        }
        if pty >= 0, let size = start.window {
            try Self.demand(sp_gateway_set_window(pty, size.rows, size.columns))
        }
        if let terminal = descriptors[.terminalOutput] {
            let nonblocking = sp_gateway_is_nonblocking(terminal)
            try Self.demand(nonblocking)
            output = TerminalOutput(
                terminal: terminal, options: start.options, mostBytes: start.outputBytes, blocking: nonblocking == 0)
        }
        if let socket = descriptors[.frames], let file = descriptors[.frameFile] {
            try Self.demand(sp_gateway_expect_stream(socket))
            try Self.demand(sp_gateway_set_nonblocking(socket))
            try Self.demand(sp_gateway_expect_append_file(file))
            try Self.demand(sp_gateway_limit_file_size(start.frameFileBytes))
            journal = FrameJournal(
                socket: socket, file: file, frames: start.frames, bytes: start.frameFileBytes,
                clock: sp_gateway_realtime_ms)
        }
    }

    private static func demand(_ result: Int32) throws(Refused) {
        guard result >= 0 else { throw Refused(.descriptors, errno: -result) }
    }

    /// Runs until both directions are done.
    ///
    /// - Returns: False when the supervisor went away or broke the protocol.
    func run() -> Bool {
        while !isDone {
            var set = waitSet()
            let ready = sp_gateway_poll(&set, set.count, isClosing && output?.descriptor ?? -1 < 0 ? 0 : -1)
            guard ready >= 0 else { return abandon() }
            if set[0].revents != 0, !heedControl() { return abandon() }
            if set[1].revents & Self.readable != 0 { readPty() }
            if set[1].revents & Int16(POLLOUT) != 0 { writePty() }
            if set[2].revents != 0 { readInput() }
            if set[3].revents != 0 { output?.flush() }
            if set[4].revents != 0 { readFrames() }
            if isClosing { drain() }
            if pty < 0 { output?.finish() }
            reportChanges()
        }
        channel.report(.ended(totals))
        return true
    }

    private static let readable = Int16(POLLIN) | Int16(POLLHUP) | Int16(POLLERR)

    private var isDone: Bool {
        pty < 0 && (output?.descriptor ?? -1) < 0 && (journal?.isDone ?? true)
    }

    /// A negative descriptor is left out by poll(2): one that nobody reads would report its hang-up for ever.
    private func waitSet() -> [pollfd] {
        let readsPty = !(output?.isFull ?? false)
        let ptyEvents = (readsPty ? Int16(POLLIN) : 0) | (toPty.isEmpty ? 0 : Int16(POLLOUT))
        return [
            pollfd(fd: channel.descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: ptyEvents == 0 ? -1 : pty, events: ptyEvents, revents: 0),
            pollfd(fd: toPty.isFull || pty < 0 ? -1 : input, events: Int16(POLLIN), revents: 0),
            pollfd(fd: output?.descriptor ?? -1, events: Int16(POLLOUT), revents: 0),
            pollfd(fd: journal?.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
        ]
    }

    private func heedControl() -> Bool {
        switch channel.receive() {
        case .command(.window(let size), _):
            // A pty whose last user is gone has no size to set; the end is noticed by reading it.
            if pty >= 0 { _ = sp_gateway_set_window(pty, size.rows, size.columns) }
            return true
        case .command(.close, _):
            isClosing = true
            return true
        case .command(.start, let descriptors):
            for descriptor in descriptors { close(descriptor) }
            return false
        case .closed, .broken:
            return false
        }
    }

    /// Reads once; EIO says that no process has the other end open any more. pty(7)
    private func readPty() {
        guard pty >= 0, !(output?.isFull ?? false) else { return }
        let count = sp_gateway_read(pty, &buffer, buffer.count)
        if count > 0 {
            output?.take(buffer.span.extracting(first: count))
            if isClosing { drainBudget -= count }
        }
        let isEmptyForGood = isClosing && (count == -Int(EAGAIN) || drainBudget <= 0)
        if count == 0 || (count < 0 && count != -Int(EAGAIN)) || isEmptyForGood { closePty() }
    }

    private func closePty() {
        close(pty)
        pty = -1
        toPty.removeAll()
    }

    private func writePty() {
        guard pty >= 0 else { return }
        if case .failed = toPty.write(to: pty, most: 4_096) { toPty.removeAll() }
    }

    private func readInput() {
        guard input >= 0, pty >= 0 else { return }
        // A description that waits has been polled as readable; it is read once and for what is there.
        let count = sp_gateway_read(input, &buffer, inputBlocks ? 1_024 : 8_192)
        if count > 0 {
            toPty.append { $0 += buffer[..<count] }
        } else if count != -Int(EAGAIN) {
            input = -1
            // The workload reads from its terminal; the only way to say "end" there is the character for it.
            let character = sp_gateway_end_of_input(pty)
            if character >= 0 { toPty.append { $0.append(UInt8(truncatingIfNeeded: character)) } }
        }
    }

    private func readFrames() {
        guard journal != nil else { return }
        let count = journal?.read(into: &buffer) ?? 0
        guard isClosing else { return }
        drainBudget -= count
        if count == 0 || drainBudget <= 0 { journal?.end() }
    }

    /// After `close` nothing is waited for: what is readable now is moved, and then each source is done.
    private func drain() {
        if pty >= 0 { readPty() }
        if !(journal?.isDone ?? true) { readFrames() }
    }

    private var totals: GatewayReport.Totals {
        var totals = GatewayReport.Totals()
        totals.outputBytes = output?.passed ?? 0
        totals.defused = output?.defused ?? 0
        totals.framesAccepted = journal?.accepted ?? 0
        totals.framesRefused = journal?.refused ?? 0
        if output?.truncated ?? false { totals.marks.insert(.outputTruncated) }
        if output?.lost ?? false { totals.marks.insert(.terminalLost) }
        if journal?.truncated ?? false { totals.marks.insert(.framesTruncated) }
        return totals
    }

    private func reportChanges() {
        let now = totals
        guard now.marks != reported.marks || now.framesRefused != reported.framesRefused else { return }
        reported = now
        channel.report(.progress(now))
    }

    /// Puts the terminal back if it takes that at once: the session is lost, and nobody is left to hear a report.
    private func abandon() -> Bool {
        output?.finish()
        var set = [pollfd(fd: output?.descriptor ?? -1, events: Int16(POLLOUT), revents: 0)]
        if sp_gateway_poll(&set, 1, 0) > 0 { output?.flush() }
        return false
    }
}
