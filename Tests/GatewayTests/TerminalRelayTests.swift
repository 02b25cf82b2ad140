// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Testing
import Wire

@Suite("gateway between pty and terminal", .requiresRoot)
struct TerminalRelayTests {
    private struct Setup {
        let gateway: GatewayUnderTest
        let pty: Pseudoterminal
        let terminal: Pseudoterminal
    }

    private func setup(
        options: GatewayStart.Options = [], window: WindowSize? = nil, outputBytes: UInt64 = .max,
        nonblocking: Bool = true, canonical: Bool = false
    ) throws -> Setup {
        let setup = Setup(
            gateway: try GatewayUnderTest(), pty: try Pseudoterminal(),
            terminal: try Pseudoterminal(nonblocking: nonblocking))
        if canonical {
            var mode = termios()
            try #require(tcgetattr(setup.pty.slave, &mode) == 0)
            mode.c_lflag |= tcflag_t(ICANON)
            try #require(tcsetattr(setup.pty.slave, TCSANOW, &mode) == 0)
        }
        try setup.gateway.start(
            GatewayStart(
                roles: [.ptyMaster, .terminalInput, .terminalOutput], options: options, window: window,
                outputBytes: outputBytes, frames: 0, frameFileBytes: 0),
            [
                .ptyMaster: setup.pty.master, .terminalInput: setup.terminal.slave,
                .terminalOutput: setup.terminal.slave,
            ])
        return setup
    }

    private static let hostile = "\u{1B}[32mgreen\u{1B}[m \u{1B}]52;c;aGVsbG8=\u{7}end\n"
    private static let shown = "\u{1B}[32mgreen\u{1B}[m ␛]52;c;aGVsbG8=end\n"

    @Test("lets colours through and defuses OSC 52", arguments: [true, false])
    func filters(nonblocking: Bool) throws {
        let s = try setup(nonblocking: nonblocking)
        try s.pty.workloadWrites(Self.hostile)
        #expect(try readExactly(Self.shown.utf8.count, from: s.terminal.master) == Array(Self.shown.utf8))
        s.pty.closeSlave()
        let totals = try s.gateway.ended()
        #expect(totals.outputBytes == UInt64(Self.hostile.utf8.count))
        #expect(totals.defused == 1)
        #expect(totals.marks == [])
    }

    @Test("lets everything through when the caller asked for raw output")
    func raw() throws {
        let s = try setup(options: .rawOutput)
        try s.pty.workloadWrites(Self.hostile)
        #expect(try readExactly(Self.hostile.utf8.count, from: s.terminal.master) == Array(Self.hostile.utf8))
        s.pty.closeSlave()
        #expect(try s.gateway.ended().defused == 0)
    }

    @Test("shows only ASCII on a terminal that is not UTF-8")
    func ascii() throws {
        let s = try setup(options: .asciiTerminal)
        try s.pty.workloadWrites("é\u{1B}]0;t\u{7}.")
        #expect(try readExactly(7, from: s.terminal.master) == Array("?^[]0;t.".utf8.prefix(7)))
    }

    @Test("puts the terminal back when the workload is gone")
    func restores() throws {
        let s = try setup()
        let left = "\u{1B}[?1049h\u{1B}[31mx"
        try s.pty.workloadWrites(left)
        s.pty.closeSlave()
        let expected = left + "\u{1B}[?1049l\u{1B}[0m"
        #expect(try readExactly(expected.utf8.count, from: s.terminal.master) == Array(expected.utf8))
        _ = try s.gateway.ended()
    }

    @Test("passes input as it is")
    func input() throws {
        let s = try setup()
        let bytes: [UInt8] = [0x03, 0x1B, 0x5B, 0x41, 0x9B, 0xFF, 0x00, 0x0D]
        try writeAll(bytes, to: s.terminal.master)
        #expect(try readExactly(bytes.count, from: s.pty.slave) == bytes)
    }

    @Test("sets the size of the window, first and later")
    func window() throws {
        let s = try setup(window: WindowSize(rows: 24, columns: 80))
        #expect(try s.pty.window == (24, 80))
        try s.gateway.send(.window(WindowSize(rows: 33, columns: 101)))
        // Control is heeded before output in every turn, so what is written afterwards arrives afterwards.
        try s.pty.workloadWrites("x")
        _ = try readExactly(1, from: s.terminal.master)
        #expect(try s.pty.window == (33, 101))
    }

    @Test("cuts output at the cap, says so there and in its report, and keeps the workload going")
    func cap() throws {
        let s = try setup(outputBytes: 10)
        try s.pty.workloadWrites("\u{1B}[31m")
        try s.pty.workloadWrites("0123456789")
        let expected = "\u{1B}[31m01234\u{1B}[0m\r\n[sallyport: output cut at 10 bytes]\r\n"
        #expect(try readExactly(expected.utf8.count, from: s.terminal.master) == Array(expected.utf8))
        guard case .progress(let progress) = try s.gateway.report() else {
            Issue.record("no progress report")
            return
        }
        #expect(progress.marks == .outputTruncated)
        // More than the pty and the queue hold: it can only be written if it is read.
        for _ in 0..<300 { try s.pty.workloadWrites(String(repeating: "y", count: 1_000)) }
        s.pty.closeSlave()
        let totals = try s.gateway.ended()
        #expect(totals.outputBytes == 10)
        #expect(totals.marks == .outputTruncated)
    }

    @Test("makes the workload wait for a slow terminal and holds little meanwhile")
    func backpressure() throws {
        let s = try setup()
        let flags = fcntl(s.pty.slave, F_GETFL)
        try #require(fcntl(s.pty.slave, F_SETFL, flags | O_NONBLOCK) == 0)
        let piece = [UInt8](repeating: UInt8(ascii: "z"), count: 4_096)
        var written = 0
        var set = [pollfd(fd: s.pty.slave, events: Int16(POLLOUT), revents: 0)]
        // A second without room, while nobody reads the terminal, is what "waits" means here.
        while sp_gateway_poll(&set, 1, 1_000) == 1 {
            let count = sp_gateway_write(s.pty.slave, piece, piece.count)
            try #require(count > 0)
            written += count
            try #require(written < 4 << 20, "the gateway takes whatever it is given")
        }
        #expect(written > 0)
        let received = try readExactly(written, from: s.terminal.master)
        #expect(received.allSatisfy { $0 == UInt8(ascii: "z") })
    }

    @Test("goes on without a terminal that went away")
    func terminalLost() throws {
        let pty = try Pseudoterminal()
        let gateway = try GatewayUnderTest()
        var pair: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
        try gateway.start(
            GatewayStart(roles: [.ptyMaster, .terminalOutput], frames: 0, frameFileBytes: 0),
            [.ptyMaster: pty.master, .terminalOutput: pair[1]])
        close(pair[0])
        close(pair[1])
        for _ in 0..<300 { try pty.workloadWrites(String(repeating: "y", count: 1_000)) }
        pty.closeSlave()
        #expect(try gateway.ended().marks == .terminalLost)
    }

    @Test("tells a workload that reads by lines when input ended")
    func endOfInput() throws {
        let pty = try Pseudoterminal()
        var mode = termios()
        try #require(tcgetattr(pty.slave, &mode) == 0)
        mode.c_lflag |= tcflag_t(ICANON)
        try #require(tcsetattr(pty.slave, TCSANOW, &mode) == 0)
        let gateway = try GatewayUnderTest()
        let terminal = try Pseudoterminal(nonblocking: true)
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        try gateway.start(
            GatewayStart(roles: [.ptyMaster, .terminalInput, .terminalOutput], frames: 0, frameFileBytes: 0),
            [.ptyMaster: pty.master, .terminalInput: ends[0], .terminalOutput: terminal.slave])
        try writeAll(Array("line\n".utf8), to: ends[1])
        close(ends[0])
        close(ends[1])
        #expect(try readExactly(5, from: pty.slave) == Array("line\n".utf8))
        try waitUntilReadable(pty.slave)
        var byte: UInt8 = 0
        #expect(read(pty.slave, &byte, 1) == 0)
    }

    @Test("moves what is there when it is told to close, and waits for no more")
    func close_() throws {
        let s = try setup()
        try s.pty.workloadWrites("last words")
        try s.gateway.send(.close)
        #expect(try readExactly(10, from: s.terminal.master) == Array("last words".utf8))
        // The slave is still open here: only the command ends this.
        #expect(try s.gateway.ended().outputBytes == 10)
    }

    @Test("ends when its supervisor is gone")
    func supervisorGone() throws {
        let s = try setup()
        s.gateway.closeControl()
        #expect(try s.gateway.exitStatus() == 125)
    }
}
