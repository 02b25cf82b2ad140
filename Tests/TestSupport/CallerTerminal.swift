// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// A program on a terminal of its own, whose outer end these tests hold: what a person would see, byte by byte.
package final class CallerTerminal: @unchecked Sendable {
    // Sendable: used by one test at a time; the class only exists so that the deinit can clean up.
    package let pid: Int32
    private let outer: Int32
    private let pidfd: Int32
    private let deadline: ContinuousClock.Instant
    package private(set) var seen: [UInt8] = []
    private var ended = false

    package var text: String { String(decoding: seen, as: UTF8.self) }

    package init(_ command: Command) throws(HarnessError) {
        let opened = sp_open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK, 0)
        guard opened >= 0 else { throw HarnessError("open", "/dev/ptmx", Int32(-opened)) }
        outer = Int32(opened)
        var name = [CChar](repeating: 0, count: 64)
        guard unlockpt(outer) == 0, ptsname_r(outer, &name, name.count) == 0 else {
            throw HarnessError("unlock", "a terminal", EIO)
        }
        _ = sp_set_window_size(outer, 40, 100)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // Opened after setsid: the first terminal that a session leader opens becomes its controlling one.
        posix_spawn_file_actions_addopen(&actions, 0, name, O_RDWR, 0)
        posix_spawn_file_actions_adddup2(&actions, 0, 1)
        posix_spawn_file_actions_adddup2(&actions, 0, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        // 0x80 is POSIX_SPAWN_SETSID, which Swift does not import.
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK) | 0x80)
        var argv = ([command.path] + command.arguments).map { strdup($0) } + [nil]
        var envp = command.environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in argv + envp { free(text) } }
        var child: pid_t = 0
        let failed = posix_spawn(&child, command.path, &actions, &attributes, &argv, &envp)
        guard failed == 0 else { throw HarnessError("start", command.path, failed) }
        pid = child
        let watched = sp_pidfd_open(child)
        guard watched >= 0 else { throw HarnessError("watch", command.path, Int32(-watched)) }
        pidfd = Int32(watched)
        deadline = ContinuousClock.now + command.deadline
    }

    deinit {
        if !ended {
            _ = sp_pidfd_signal(pidfd, SIGKILL, 0)
            var code: Int32 = 0
            var status: Int32 = 0
            _ = sp_wait_pidfd(pidfd, &code, &status)
        }
        _ = sp_close(outer)
        _ = sp_close(pidfd)
    }

    /// Types; the terminal's line discipline sees it first.
    package func type(_ text: String) throws(HarnessError) {
        let bytes = Array(text.utf8)
        let n = bytes.withUnsafeBytes { sp_write(outer, $0.baseAddress!, $0.count) }
        guard n == bytes.count else { throw HarnessError("type into", "the terminal", EIO) }
    }

    /// Reads until the text has appeared.
    package func wait(for text: String) throws(HarnessError) {
        while !self.text.contains(text) {
            guard try event() else {
                throw HarnessError("the program ended without \"\(text)\"; it said: \(self.text)")
            }
        }
    }

    /// Reads to the end of the program.
    package func finish() throws(HarnessError) -> Ending {
        while try event() {}
        var code: Int32 = 0
        var status: Int32 = 0
        _ = sp_wait_pidfd(pidfd, &code, &status)
        ended = true
        return code == Int32(CLD_EXITED) ? .exited(status) : .signalled(status)
    }

    /// Handles one event; false when the program has ended and all it said has been read.
    private func event() throws(HarnessError) -> Bool {
        var polled = [
            pollfd(fd: outer, events: Int16(POLLIN), revents: 0), pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0),
        ]
        let left = deadline - ContinuousClock.now
        guard left > .zero, poll(&polled, 2, Int32(clamping: left.components.seconds * 1000 + 1000)) > 0 else {
            throw HarnessError("the program on the terminal is past its deadline; it said: \(text)")
        }
        var buffer = [UInt8](repeating: 0, count: 65536)
        let n = buffer.withUnsafeMutableBytes { sp_read(outer, $0.baseAddress!, $0.count) }
        if n > 0 {
            seen += buffer[..<n]
            return true
        }
        return polled[1].revents == 0
    }
}
