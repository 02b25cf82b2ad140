// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Wire

/// The terminal that the caller's standard input, output or error is.
///
/// It never goes into the sandbox: what the session sees is a pty of its own, and the gateway carries bytes between
/// the two. This process only reads and sets its modes and its size, and reads not one byte of it.
final class CallerTerminal {
    /// How much of the terminal a session takes.
    private enum Use {
        /// Keys go in as they are typed: raw mode outside, so that Ctrl-C is a byte that the inner terminal turns into
        /// SIGINT.
        case exclusive
        /// Standard output is a pipe, so the terminal belongs to the other programs of the pipeline as well (a pager
        /// sets modes of its own, and restoring ours would undo them): lines go in, the modes stay as they are, and
        /// Ctrl-C reaches the whole pipeline as a signal.
        case shared
        /// Nothing is typed into the session: standard input is something else, or the command runs in the background.
        case outputOnly
    }

    /// For each of descriptors 0, 1 and 2: whether it is a terminal.
    let covers: [Bool]
    private let use: Use
    /// The descriptor whose terminal shows the session's output.
    private let shown: Int32
    /// Modes as the caller left them, of the terminal that is typed on, or else of the one that is shown.
    private let saved: termios
    private var isRaw = false

    /// The caller's terminal, or nil when none of the three descriptors is one.
    static func detect() throws(SystemError) -> CallerTerminal? {
        var modes = termios()
        let covers = (0..<3).map { sp_terminal_modes(Int32($0), &modes) == 0 }
        guard covers.contains(true) else { return nil }
        return try CallerTerminal(covers)
    }

    private init(_ covers: [Bool]) throws(SystemError) {
        self.covers = covers
        shown = covers[1] ? 1 : covers[2] ? 2 : 0
        let typed = covers[0] ? 0 : shown
        var modes = termios()
        try checked("read the modes of", "the terminal") { sp_terminal_modes(typed, &modes) }
        saved = modes
        if !covers[0] || sp_terminal_is_background(0) != 0 {
            use = .outputOnly
        } else {
            let inPipeline = try Self.isPipe(1)
            use = inPipeline ? .shared : .exclusive
        }
    }

    private static func isPipe(_ fd: Int32) throws(SystemError) -> Bool {
        let fifo: UInt32 = 0o010000
        return try FileStatus.at(fd, [0], flags: SP_AT_EMPTY_PATH, subject: "standard output").type == fifo
    }

    var takesInput: Bool { use != .outputOnly }

    // MARK: Modes

    /// Puts the terminal into raw mode where the session has it for itself.
    ///
    /// Every signal is blocked by now and read from a descriptor, so each way out of this process but SIGKILL leads
    /// past ``leave()``; after that one, `stty sane` is what is left to do.
    func enter() throws(SystemError) {
        guard use == .exclusive else { return }
        var raw = withUnsafePointer(to: saved) { sp_terminal_raw($0) }
        // Before the call: modes that were set in part are put back as well.
        isRaw = true
        try checked("set the modes of", "the terminal") { sp_terminal_set_modes(0, &raw) }
    }

    /// After SIGCONT: the shell that had stopped this process has put its own modes back meanwhile.
    func enterAgain() throws(SystemError) {
        if isRaw && sp_terminal_is_background(0) == 0 { try enter() }
    }

    /// Puts the caller's modes back until ``enterAgain()``.
    func leaveForNow() {
        if isRaw { _ = withUnsafePointer(to: saved) { sp_terminal_set_modes(0, $0) } }
    }

    /// Puts the caller's modes back. A terminal that is gone has none to be put back.
    func leave() {
        guard isRaw else { return }
        isRaw = false
        _ = withUnsafePointer(to: saved) { sp_terminal_set_modes(0, $0) }
    }

    deinit { leave() }

    /// Gives the session's pty the caller's modes: which key erases, whether text is UTF-8. Where the outer terminal
    /// keeps its own, it echoes and returns the carriage already.
    func copyModes(to outer: borrowing Descriptor) throws(SystemError) {
        var modes = use == .exclusive ? saved : withUnsafePointer(to: saved) { sp_terminal_behind($0) }
        let fd = outer.number
        try checked("set the modes of", "the session's terminal") { sp_terminal_set_modes(fd, &modes) }
    }

    // MARK: What the gateway gets

    var window: WindowSize? {
        var rows: UInt16 = 0
        var columns: UInt16 = 0
        // A terminal that does not know its size (a serial line) says 0 by 0.
        guard sp_window_size(shown, &rows, &columns) >= 0, rows != 0 || columns != 0 else { return nil }
        return WindowSize(rows: rows, columns: columns)
    }

    /// Whether the terminal decodes UTF-8, by the locale, or where none is set by what the terminal says of itself.
    func isUTF8(_ environment: (String) -> String?) -> Bool {
        // The first that is not empty decides. locale(7)
        for name in ["LC_ALL", "LC_CTYPE", "LANG"] {
            guard let value = environment(name), !value.isEmpty else { continue }
            let letters = value.lowercased().filter { $0 != "-" }
            return letters.contains("utf8")
        }
        return withUnsafePointer(to: saved) { sp_terminal_is_utf8($0) } == 1
    }

    func openInput() throws(SystemError) -> Descriptor { try reopen(0, O_RDONLY) }
    func openOutput() throws(SystemError) -> Descriptor { try reopen(shown, O_WRONLY) }

    /// The same terminal as a description of its own, so that O_NONBLOCK does not stay behind in the caller's shell.
    ///
    /// Where it may not be opened again (another user's, after su) the caller's own description is handed on as it is,
    /// without that flag; the gateway then writes in small pieces.
    private func reopen(_ fd: Int32, _ access: Int32) throws(SystemError) -> Descriptor {
        let opened = sp_open("/proc/self/fd/\(fd)", access | O_NONBLOCK | O_NOCTTY, 0)
        if opened < 0 {
            return Descriptor(owning: Int32(try checked("duplicate", "the terminal") { sp_fdup_above(fd, 64) }))
        }
        let terminal = Descriptor(owning: Int32(opened))
        let here = try FileStatus.at(fd, [0], flags: SP_AT_EMPTY_PATH, subject: "the terminal")
        let there = try FileStatus.of(terminal, subject: "the terminal")
        guard there.isCharacterDevice, there.deviceNumber == here.deviceNumber else {
            throw SystemError("open", "the terminal again", .noDevice, remedy: "What was opened is another file.")
        }
        return terminal
    }
}
