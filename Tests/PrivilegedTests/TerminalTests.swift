// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

/// A `sallyport run` on a terminal of the test's.
struct SessionOnTerminal {
    let sallyport: Sallyport
    let program: TerminalProgram
    private let record: String

    init(
        options: [String] = [], environment: [String: String] = [:], rows: UInt16 = 24, columns: UInt16 = 80,
        input: Int32? = nil, piped: Int32? = nil, _ argv: [String]
    ) throws {
        sallyport = try Sallyport()
        record = sallyport.home.at("record.json")
        var command = sallyport.runCommand(profile: "strict", options: options, record: record, argv)
        command.environment.merge(environment) { $1 }
        program = try TerminalProgram(command, rows: rows, columns: columns, input: input, piped: piped)
    }

    init(options: [String] = [], rows: UInt16 = 24, columns: UInt16 = 80, script: String) throws {
        try self.init(options: options, rows: rows, columns: columns, ["sh", "-c", script])
    }

    func finish(reading: Bool = true) throws -> Outcome {
        try sallyport.outcome(of: try program.finish(reading: reading), record: record)
    }

    /// Reads the session's uid map, which its script must print first, and gives the first id of its block.
    func idBase() throws -> UInt32 {
        let line = try program.waitFor("\n").split(whereSeparator: { $0 == " " || $0.isNewline })
        return try #require(line.count == 3 ? UInt32(line[1]) : nil)
    }
}

extension Outcome {
    /// What the terminal showed.
    var screen: String { errorText }
    var error: String { result?["error"]?.stringValue ?? "" }
}

@Suite("terminal of a session", .requires(.root), .requires(.terminal))
struct TerminalTests {
    private static let hostile = #"printf '\033[32mgreen\033[m \033]52;c;aGVsbG8=\007end\n'"#

    @Test("colours pass and a sequence that writes the clipboard is shown instead", .timeLimit(.minutes(25)))
    func filter() throws {
        let run = try SessionOnTerminal(script: Self.hostile).finish()
        #expect(run.code == 0)
        #expect(run.screen == "\u{1B}[32mgreen\u{1B}[m ␛]52;c;aGVsbG8=end\r\n")
        #expect(run.result?["terminal"]?["defused"] == .number(1))
        #expect(run.result?["terminal"]?["bytes"] == .number(35))
        #expect(run.result?["terminal"]?["truncated"] == .bool(false))
    }

    @Test("--raw-output lets every sequence pass", .timeLimit(.minutes(25)))
    func rawOutput() throws {
        let run = try SessionOnTerminal(options: ["--raw-output"], script: Self.hostile).finish()
        #expect(run.screen == "\u{1B}[32mgreen\u{1B}[m \u{1B}]52;c;aGVsbG8=\u{7}end\r\n")
        #expect(run.result?["terminal"]?["defused"] == .number(0))
    }

    @Test(
        "a terminal of another locale than UTF-8 gets ASCII", .timeLimit(.minutes(25)),
        arguments: ["C", "de_DE.ISO-8859-1"])
    func ascii(locale: String) throws {
        let run = try SessionOnTerminal(environment: ["LANG": locale], ["printf", #"\303\251.\n"#]).finish()
        #expect(run.screen == "?.\r\n")
    }

    @Test("a terminal of a UTF-8 locale gets UTF-8", .timeLimit(.minutes(25)))
    func utf8() throws {
        #expect(try SessionOnTerminal(["printf", #"\303\251.\n"#]).finish().screen == "é.\r\n")
    }

    @Test("the terminal inside has a name, is the controlling one, and is not the caller's", .timeLimit(.minutes(25)))
    func name() throws {
        let run = try SessionOnTerminal(script: "tty; echo here >/dev/tty; ls -ln /dev/pts/0 | cut -d' ' -f1,3,4")
            .finish()
        #expect(run.screen == "/dev/pts/0\r\nhere\r\ncrw--w---- 1000 5\r\n")
    }

    @Test("letting go of the terminal for a moment does not hang it up", .timeLimit(.minutes(25)))
    func reopened() throws {
        let run = try SessionOnTerminal(
            script: "exec 0<&- 1>&- 2>&-; sh -c :; sh -c :; echo still here >/dev/tty; exit 4"
        ).finish()
        #expect(run.screen == "still here\r\n")
        #expect(run.code == 4)
    }

    @Test("the window inside has the caller's size and follows it", .timeLimit(.minutes(25)))
    func window() throws {
        let run = try SessionOnTerminal(
            rows: 33, columns: 101,
            script: "stty size; trap 'stty size; exit 0' WINCH; echo ready; sleep 1000 & wait; exit 9")
        try run.program.waitFor("33 101\r\nready\r\n")
        try run.program.resize(rows: 12, columns: 34)
        try run.program.waitFor("12 34\r\n")
        #expect(try run.finish().code == 0)
    }

    @Test("Ctrl-C ends a command inside", .timeLimit(.minutes(25)))
    func interrupt() throws {
        let run = try SessionOnTerminal(script: "echo ready; exec sleep 1000")
        try run.program.waitFor("ready\r\n")
        try run.program.type("\u{3}")
        let outcome = try run.finish()
        #expect(outcome.code == 130)
        #expect(outcome.outcome == "signalled")
        #expect(outcome.result?["signal"] == .number(2))
    }

    @Test("Ctrl-C is a key for a program that reads keys", .timeLimit(.minutes(25)))
    func key() throws {
        let run = try SessionOnTerminal(script: "stty raw -echo; echo ready; head -c 3 | od -An -tx1")
        try run.program.waitFor("ready")
        try run.program.type("\u{3}\u{1A}\r")
        try run.program.waitFor("03 1a 0d")
        #expect(try run.finish().code == 0)
    }

    @Test("a shell inside has a prompt and job control", .timeLimit(.minutes(25)))
    func jobs() throws {
        let run = try SessionOnTerminal(
            options: ["--env", "PS1=prompt> "], ["bash", "--norc", "--noprofile", "-i"])
        let program = run.program
        try program.waitFor("prompt> ")
        try program.type(#"sh -c 'echo st""arted; exec sed -u s/ping/pong/'"# + "\n")
        try program.waitFor("started\r\n")
        try program.type("ping one\n")
        try program.waitFor("pong one\r\n")
        try program.type("\u{1A}")
        try program.waitFor("Stopped")
        try program.waitFor("prompt> ")
        try program.type("fg\n")
        try program.type("ping two\n")
        try program.waitFor("pong two\r\n")
        try program.type("\u{3}")
        try program.waitFor("prompt> ")
        try program.type("exit 7\n")
        let outcome = try run.finish()
        #expect(outcome.code == 7)
        #expect(!outcome.screen.contains("no job control"))
    }

    @Test("limits.log_bytes is for logs: what a person watches is not cut", .timeLimit(.minutes(25)))
    func cap() throws {
        let run = try SessionOnTerminal(
            options: ["--limit", "log_bytes=64KiB"], script: "yes 12345678 | head -c 200000; exit 5"
        ).finish()
        #expect(run.code == 5)
        #expect(run.screen.utf8.count > 200_000)
        #expect(run.limitsHit == [])
        #expect(run.result?["terminal"]?["truncated"] == .bool(false))
    }

    @Test("the last words arrive", .timeLimit(.minutes(25)))
    func lastWords() throws {
        let run = try SessionOnTerminal(script: "seq 1 400; echo end").finish()
        #expect(run.screen == (1...400).map { "\($0)\r\n" }.joined() + "end\r\n")
    }
}
