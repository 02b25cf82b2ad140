// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// A program in a session of its own on a pty that a test types on and reads, as a person's terminal emulator would.
package final class TerminalProgram: @unchecked Sendable {
    // Sendable: used by one test at a time; the class only exists so that the deinit can clean up.
    package let pid: Int32
    private let name: String
    private let pidfd: Int32
    private let terminal: Int32
    /// The program's end, held so that the terminal does not hang up and its modes can be asked for at the end.
    private let line: Int32
    private let piped: Int32?
    private let deadline: ContinuousClock.Instant
    private var shown: [UInt8] = []
    private var pipedBytes: [UInt8] = []
    private var consumed = 0
    private var pipeIsOpen: Bool
    private var ending: Ending?

    /// The modes that the terminal has before the program starts.
    package let modesBefore: TerminalModes

    /// - Parameters:
    ///   - input: what standard input is instead of the terminal.
    ///   - number: which of 1 and 2 is a pipe instead.
    package init(
        _ command: Command, rows: UInt16 = 24, columns: UInt16 = 80, input: Int32? = nil, piped number: Int32? = nil
    ) throws(HarnessError) {
        name = command.path
        let opened = posix_openpt(O_RDWR | O_NOCTTY | 0o2000000)
        guard opened >= 0, grantpt(opened) == 0, unlockpt(opened) == 0 else { throw HarnessError("open", "a pty", EIO) }
        terminal = opened
        var path = [CChar](repeating: 0, count: 64)
        guard ptsname_r(opened, &path, path.count) == 0 else { throw HarnessError("name", "a pty", EIO) }
        line = Int32(sp_open(path, O_RDWR | O_NOCTTY, 0))
        guard line >= 0, sp_set_window_size(opened, rows, columns) >= 0 else {
            throw HarnessError("open", "a pty's inner end", EIO)
        }
        modesBefore = try TerminalModes(of: line)
        var pair: [Int32] = [-1, -1]
        if number != nil {
            guard pair.withUnsafeMutableBufferPointer({ sp_pipe($0.baseAddress!, 0) }) >= 0 else {
                throw HarnessError("make", "a pipe", EIO)
            }
            _ = sp_set_nonblocking(pair[0], 1)
        }
        piped = number == nil ? nil : pair[0]
        pipeIsOpen = number != nil
        _ = sp_set_nonblocking(terminal, 1)
        deadline = ContinuousClock.now + command.deadline
        pid = try Self.spawn(
            command, on: path, [input, number == 1 ? pair[1] : nil, number == 2 ? pair[1] : nil])
        if number != nil { _ = sp_close(pair[1]) }
        let watched = sp_pidfd_open(pid)
        guard watched >= 0 else { throw HarnessError("watch", command.path, Int32(-watched)) }
        pidfd = Int32(watched)
    }

    deinit {
        if ending == nil {
            _ = sp_pidfd_signal(pidfd, SIGKILL, 0)
            reap()
        }
        for fd in [pidfd, terminal, line] + [piped].compactMap({ $0 }) { _ = sp_close(fd) }
    }

    private static func spawn(
        _ command: Command, on terminal: [CChar], _ standard: [Int32?]
    ) throws(HarnessError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // The first terminal that a session leader opens becomes its controlling one.
        for (number, other) in standard.enumerated() {
            if let other {
                posix_spawn_file_actions_adddup2(&actions, other, Int32(number))
            } else {
                posix_spawn_file_actions_addopen(&actions, Int32(number), terminal, O_RDWR, 0)
            }
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        let newSession: Int32 = 0x80  // POSIX_SPAWN_SETSID, glibc 2.26
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | newSession))
        var pid: pid_t = 0
        var argv = ([command.path] + command.arguments).map { strdup($0) } + [nil]
        var envp = command.environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in argv + envp { free(text) } }
        let failed = posix_spawn(&pid, command.path, &actions, &attributes, &argv, &envp)
        guard failed == 0 else { throw HarnessError("start", command.path, failed) }
        return pid
    }

    // MARK: The person's side

    /// Types; the terminal takes it as keys.
    package func type(_ text: String) throws(HarnessError) {
        let bytes = Array(text.utf8)
        let wrote = bytes.withUnsafeBytes { sp_write(terminal, $0.baseAddress!, $0.count) }
        guard wrote == bytes.count else { throw HarnessError("type on", name, wrote < 0 ? Int32(-wrote) : EIO) }
    }

    /// Waits until the terminal shows a text, after what was waited for before; gives what was shown up to its end.
    @discardableResult
    package func waitFor(_ text: String) throws(HarnessError) -> String {
        let wanted = Array(text.utf8)
        while true {
            if let end = position(of: wanted) {
                defer { consumed = end }
                return String(decoding: shown[consumed..<end], as: UTF8.self)
            }
            guard ending == nil else {
                throw HarnessError("\(name) ended before \"\(text)\" was shown; shown: \(screen)")
            }
            try wait(for: "\"\(text)\"", reading: true)
        }
    }

    private func position(of wanted: [UInt8]) -> Int? {
        var at = consumed
        while at + wanted.count <= shown.count {
            if shown[at..<(at + wanted.count)].elementsEqual(wanted) { return at + wanted.count }
            at += 1
        }
        return nil
    }

    /// Changes the window's size, as an emulator does whose window is dragged.
    package func resize(rows: UInt16, columns: UInt16) throws(HarnessError) {
        let result = sp_set_window_size(terminal, rows, columns)
        guard result >= 0 else { throw HarnessError("resize the terminal of", name, Int32(-result)) }
    }

    package func signal(_ number: Int32) throws(HarnessError) {
        let result = sp_pidfd_signal(pidfd, number, 0)
        guard result >= 0 else { throw HarnessError("signal", name, Int32(-result)) }
    }

    /// Sets the modes from before, as a shell does for itself when its job has stopped.
    package func restoreModes() throws(HarnessError) { try modesBefore.set(on: line) }

    package var modes: TerminalModes { get throws(HarnessError) { try TerminalModes(of: line) } }

    /// Everything that was shown so far.
    package var screen: String { String(decoding: shown, as: UTF8.self) }

    // MARK: The end

    /// Waits for the end; `errors` of the result is what the terminal showed, `output` what went into the pipe.
    ///
    /// - Parameter reading: whether the terminal is read meanwhile; one that is not soon takes nothing more.
    package func finish(reading: Bool = true) throws(HarnessError) -> Finished {
        while ending == nil || pipeIsOpen { try wait(for: "the end", reading: reading) }
        drainTerminal()
        guard let ending else { throw HarnessError("\(name) was not waited for") }
        return Finished(ending: ending, output: pipedBytes, errors: shown)
    }

    private func wait(for what: String, reading: Bool) throws(HarnessError) {
        var polled: [pollfd] = []
        if ending == nil { polled.append(pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)) }
        if reading { polled.append(pollfd(fd: terminal, events: Int16(POLLIN), revents: 0)) }
        if pipeIsOpen, let piped { polled.append(pollfd(fd: piped, events: Int16(POLLIN), revents: 0)) }
        let left = deadline - ContinuousClock.now
        let milliseconds = left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000
        let count = milliseconds <= 0 ? 0 : poll(&polled, nfds_t(polled.count), Int32(clamping: milliseconds + 1))
        guard count != 0 else {
            throw HarnessError("\(name) is past its deadline, waiting for \(what); shown: \(screen.suffix(2000))")
        }
        for event in polled where event.revents != 0 {
            if event.fd == pidfd {
                // First what it has left to be read, or waiting for a text would miss its last words.
                reap()
                if reading { drainTerminal() }
            } else if event.fd == terminal {
                drainTerminal()
            } else {
                drainPipe(event.fd)
            }
        }
    }

    private func reap() {
        var code: Int32 = 0
        var status: Int32 = 0
        while sp_wait_pidfd(pidfd, &code, &status) == -Int(EINTR) {}
        ending = code == Int32(CLD_EXITED) ? .exited(status) : .signalled(status)
    }

    private func drainTerminal() {
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let n = buffer.withUnsafeMutableBytes { sp_read(terminal, $0.baseAddress!, $0.count) }
            guard n > 0 else { return }
            shown += buffer[..<n]
        }
    }

    private func drainPipe(_ fd: Int32) {
        var buffer = [UInt8](repeating: 0, count: 65536)
        let n = buffer.withUnsafeMutableBytes { sp_read(fd, $0.baseAddress!, $0.count) }
        if n > 0 { pipedBytes += buffer[..<n] } else if n != -Int(EAGAIN) { pipeIsOpen = false }
    }
}

/// What stty(1) prints: how a terminal treats keys and output.
package struct TerminalModes: Equatable, Sendable, CustomStringConvertible {
    private let modes: termios

    init(of fd: Int32) throws(HarnessError) {
        var modes = termios()
        let result = sp_terminal_modes(fd, &modes)
        guard result >= 0 else { throw HarnessError("read the modes of", "a terminal", Int32(-result)) }
        self.modes = modes
    }

    func set(on fd: Int32) throws(HarnessError) {
        let result = withUnsafePointer(to: modes) { sp_terminal_set_modes(fd, $0) }
        guard result >= 0 else { throw HarnessError("set the modes of", "a terminal", Int32(-result)) }
    }

    private var flags: [UInt32] { [modes.c_iflag, modes.c_oflag, modes.c_cflag, modes.c_lflag] }
    private var keys: [UInt8] { withUnsafeBytes(of: modes.c_cc) { Array($0) } }

    package static func == (a: TerminalModes, b: TerminalModes) -> Bool { a.flags == b.flags && a.keys == b.keys }

    /// Keys are passed on as they are: no lines, no echo, no signals.
    package var isRaw: Bool { modes.c_lflag & UInt32(ICANON | ECHO | ISIG) == 0 }
    package var description: String { "\(flags) \(keys)" }
}

/// Sends a signal to a process that is no child of the test's.
package func signal(_ number: Int32, to pid: Int32) throws(HarnessError) {
    let result = sp_kill(pid, number)
    guard result >= 0 else { throw HarnessError("signal", "process \(pid)", Int32(-result)) }
}

/// A pipe that holds some input and then ends, for a program to read; the caller closes it by ``closeDescriptor(_:)``.
package func pipeHolding(_ text: String) throws(HarnessError) -> Int32 {
    var pair: [Int32] = [-1, -1]
    guard pair.withUnsafeMutableBufferPointer({ sp_pipe($0.baseAddress!, 0) }) >= 0 else {
        throw HarnessError("make", "a pipe", EIO)
    }
    let bytes = Array(text.utf8)
    let wrote = bytes.withUnsafeBytes { $0.isEmpty ? 0 : sp_write(pair[1], $0.baseAddress!, $0.count) }
    _ = sp_close(pair[1])
    guard wrote == bytes.count else { throw HarnessError("fill", "a pipe", EIO) }
    return pair[0]
}

/// The end of a process that is no child of the test's.
package final class ProcessEnd: Sendable {
    private let pidfd: Int32
    package let pid: Int32

    package init(of pid: Int32) throws(HarnessError) {
        let watched = sp_pidfd_open(pid)
        guard watched >= 0 else { throw HarnessError("watch", "process \(pid)", Int32(-watched)) }
        pidfd = Int32(watched)
        self.pid = pid
    }

    deinit { _ = sp_close(pidfd) }

    package func wait() throws(HarnessError) {
        guard sp_poll_one(pidfd, Int16(POLLIN), 20_000) > 0 else { throw HarnessError("process \(pid) has not ended") }
    }
}

/// Where a symbolic link leads, as the kernel prints it; nil when there is none.
package func link(_ path: String) -> String? {
    var buffer = [CChar](repeating: 0, count: 4096)
    let n = buffer.withUnsafeMutableBufferPointer { sp_readlinkat(AT_FDCWD, path, $0.baseAddress!, 4095) }
    return n < 0 ? nil : String(decoding: buffer[..<n].map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
