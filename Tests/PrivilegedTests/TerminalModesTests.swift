// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

/// Which of the three standard descriptors is a terminal, and what becomes of the caller's own.
@Suite("terminal of the caller", .requires(.root), .requires(.terminal))
struct CallerTerminalTests {
    @Test(
        "standard output in a pipe stays one, and the terminal stays as the pipeline has it", .timeLimit(.minutes(25)))
    func pipeline() throws {
        let script = "tty; test -p /dev/stdout && echo pipe; test -t 2 && echo ready >&2; read line; echo got $line"
        let run = try SessionOnTerminal(piped: 1, ["sh", "-c", script])
        try run.program.waitFor("ready\r\n")
        #expect(try run.program.modes == run.program.modesBefore)
        try run.program.type("hello\n")
        let outcome = try run.finish()
        #expect(outcome.text == "/dev/pts/0\npipe\ngot hello\n")
        #expect(outcome.screen == "ready\r\nhello\r\n")
        #expect(outcome.result?["stdout"]?["bytes"] == .number(UInt64(outcome.text.utf8.count)))
    }

    @Test("Ctrl-C ends a command whose output goes into a pipe", .timeLimit(.minutes(25)))
    func pipelineInterrupt() throws {
        let run = try SessionOnTerminal(piped: 1, ["sh", "-c", "echo ready >&2; exec sleep 1000"])
        try run.program.waitFor("ready\r\n")
        try run.program.type("\u{3}")
        let outcome = try run.finish()
        #expect(outcome.code == 130)
        #expect(outcome.result?["signal"] == .number(2))
    }

    @Test("standard input from a pipe stays one, and nothing is typed into the session", .timeLimit(.minutes(25)))
    func input() throws {
        let pipe = try pipeHolding("from the pipe\n")
        defer { closeDescriptor(pipe) }
        let run = try SessionOnTerminal(input: pipe, ["sh", "-c", "test -p /dev/stdin && echo pipe; cat; tty <&1"])
        try run.program.waitFor("/dev/pts/0\r\n")
        let outcome = try run.finish()
        #expect(outcome.screen == "pipe\r\nfrom the pipe\r\n/dev/pts/0\r\n")
        #expect(try run.program.modes == run.program.modesBefore)
    }

    enum End: CaseIterable { case itself, signal, terminate, notFound, timeout }

    @Test(
        "the terminal is raw while the session lives and as it was afterwards", .timeLimit(.minutes(25)),
        arguments: End.allCases)
    func restored(end: End) throws {
        let argv = end == .notFound ? ["no-such-command"] : ["sh", "-c", "echo ready; read line"]
        let run = try SessionOnTerminal(options: end == .timeout ? ["--limit", "wall=1s"] : [], argv)
        if end != .notFound {
            try run.program.waitFor("ready\r\n")
            #expect(try run.program.modes.isRaw)
        }
        switch end {
        case .itself: try run.program.type("\n")
        case .signal: try run.program.type("\u{3}")
        case .terminate: try run.program.signal(15)
        case .notFound, .timeout: break
        }
        let outcome = try run.finish()
        #expect(try run.program.modes == run.program.modesBefore)
        #expect(!run.program.modesBefore.isRaw)
        switch end {
        case .itself: #expect(outcome.outcome == "exited")
        case .signal: #expect(outcome.code == 130)
        case .terminate: #expect(outcome.outcome == "killed")
        case .notFound: #expect(outcome.code == 127)
        case .timeout: #expect(outcome.outcome == "timed_out")
        }
    }

    @Test("a session that was stopped and goes on takes its raw mode again", .timeLimit(.minutes(25)))
    func resumed() throws {
        let run = try SessionOnTerminal(
            script: "trap 'echo resized' WINCH; echo ready; while ! read line; do :; done; echo got $line")
        try run.program.waitFor("ready\r\n")
        let raw = try run.program.modes
        try run.program.signal(19)
        try run.program.restoreModes()
        #expect(try run.program.modes == run.program.modesBefore)
        try run.program.signal(18)
        // The same event brings the size along, which shows inside when it has been handled.
        try run.program.resize(rows: 9, columns: 9)
        try run.program.waitFor("resized\r\n")
        #expect(try run.program.modes == raw)
        try run.program.type("on\n")
        try run.program.waitFor("got on\r\n")
        #expect(try run.finish().code == 0)
    }

    @Test("a run in the background leaves modes and keys to the shell", .timeLimit(.minutes(25)))
    func background() throws {
        let sallyport = try Sallyport()
        let record = sallyport.home.at("record.json")
        let line = sallyport.runCommand(profile: "strict", record: record, ["sh", "-c", "echo ready; sleep 1000"])
        let words = ([line.path] + line.arguments).map { "'\($0)'" }.joined(separator: " ")
        var command = Command(
            "/bin/bash", ["-c", "set -m; \(words) & read line; echo shell got $line; kill -TERM %1; wait"])
        command.environment = sallyport.environment
        let program = try TerminalProgram(command)
        try program.waitFor("ready\r")
        #expect(try program.modes == program.modesBefore)
        try program.type("mine\n")
        try program.waitFor("shell got mine")
        let outcome = try sallyport.outcome(of: try program.finish(), record: record)
        #expect(outcome.outcome == "killed")
        #expect(try program.modes == program.modesBefore)
    }

    @Test("a terminal that takes nothing delays the end only for a time", .timeLimit(.minutes(25)))
    func stalled() throws {
        // More than a terminal holds that nobody reads (about 14 KiB) and less than the gateway's queue (64 KiB): the
        // command can write it all and end.
        let run = try SessionOnTerminal(piped: 2, ["sh", "-c", "head -c 60000 /dev/zero | tr '\\0' z; exit 6"])
        let outcome = try run.finish(reading: false)
        #expect(outcome.code == 6)
        #expect(outcome.text == "", "what standard error says")
        #expect(outcome.outcome == "exited")
        let shown = outcome.screen.utf8.count
        #expect(shown > 0 && shown < 60_000, "\(shown)")
        #expect(outcome.result?["terminal"]?["truncated"] == .bool(true))
        #expect(try run.program.modes == run.program.modesBefore)
    }
}
