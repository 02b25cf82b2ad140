// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

/// The process between a session and its terminal or frame file.
@Suite("gateway of a session", .requires(.root), .requires(.terminal))
struct SessionGatewayTests {
    private static let waiting = "cat /proc/self/uid_map; echo ready; exec sleep 1000"

    /// The descendants of a supervisor whose ids lie in a range. Other tests' sessions may have the same ids, since
    /// each has a table of its own.
    private func children(of supervisor: Int32, _ uids: Range<UInt32>) -> [Int32] {
        let family = Set(descendants(of: supervisor).map(\.pid))
        return processes(uids: uids).filter(family.contains)
    }

    /// The one process with the last id of a block.
    private func gateway(of supervisor: Int32, _ base: UInt32) throws -> Int32 {
        let last = base + 65535
        let found = children(of: supervisor, last..<(last + 1))
        try #require(found.count == 1, "\(found)")
        return found[0]
    }

    /// Every process of a session, watched for its end.
    private func watch(_ supervisor: Int32, _ base: UInt32) throws -> [ProcessEnd] {
        let all = children(of: supervisor, base..<(base + 65536))
        try #require(all.count == 3, "sp-init, workload and gateway: \(all)")
        return try all.map { try ProcessEnd(of: $0) }
    }

    @Test("runs as the block's last id with no capability, no new privilege and a filter", .timeLimit(.minutes(25)))
    func status() throws {
        let run = try SessionOnTerminal(script: Self.waiting)
        let base = try run.idBase()
        try run.program.waitFor("ready\r\n")
        let pid = try gateway(of: run.program.pid, base)
        let last = "\(base + 65535)"
        #expect(statusField(pid, "Uid") == [last, last, last, last].joined(separator: " "))
        #expect(statusField(pid, "Gid") == [last, last, last, last].joined(separator: " "))
        #expect(statusField(pid, "Groups") == "")
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            #expect(statusField(pid, set) == "0000000000000000")
        }
        #expect(statusField(pid, "NoNewPrivs") == "1")
        #expect(statusField(pid, "Seccomp") == "2")
        #expect(statusField(pid, "Threads") == "1")
        // Non-dumpable: its own files belong to root.
        #expect(TestSupport.status("/proc/\(pid)/mem")?.uid == 0)
        let open = names("/proc/\(pid)/fd").compactMap { link("/proc/\(pid)/fd/\($0)") }
        #expect(open.filter { $0.hasPrefix("/dev/pts/") || $0.hasSuffix("/ptmx") }.count == 3, "\(open)")
        #expect(open.filter { $0 == "/dev/null" }.count == 3, "\(open)")
        #expect(open.count == 7, "\(open)")
        let ends = try watch(run.program.pid, base)
        try run.program.type("\u{3}")
        #expect(try run.finish().code == 130)
        for end in ends { try end.wait() }
    }

    @Test("takes its session with it when it is killed, loudly", .timeLimit(.minutes(25)))
    func killed() throws {
        let run = try SessionOnTerminal(script: Self.waiting)
        let base = try run.idBase()
        try run.program.waitFor("ready\r\n")
        let ends = try watch(run.program.pid, base)
        try signal(9, to: try gateway(of: run.program.pid, base))
        let outcome = try run.finish()
        #expect(outcome.code == 125)
        #expect(outcome.outcome == "killed")
        #expect(
            outcome.error.hasPrefix("cannot go on without the gateway, which ended early (signal 9)"),
            "\(outcome.error)")
        #expect(outcome.screen.contains(outcome.error))
        #expect(try run.program.modes == run.program.modesBefore)
        for end in ends { try end.wait() }
    }

    @Test("ends with its supervisor", .timeLimit(.minutes(25)))
    func supervisorKilled() throws {
        let run = try SessionOnTerminal(script: Self.waiting)
        let base = try run.idBase()
        try run.program.waitFor("ready\r\n")
        let ends = try watch(run.program.pid, base)
        try run.program.signal(9)
        for end in ends { try end.wait() }
        #expect(try run.program.finish().ending == .signalled(9))
        // What kill -9 leaves: a raw terminal (docs/decisions), and what a sweep removes.
        #expect(try run.program.modes.isRaw)
        #expect(try run.sallyport.command(["sweep"]).run().code == 0)
    }

    @Test("does not exist for a session with neither terminal nor frames", .timeLimit(.minutes(25)))
    func absent() throws {
        let sallyport = try Sallyport()
        let record = sallyport.home.at("record.json")
        let run = try sallyport.runCommand(
            profile: "strict", record: record, ["sh", "-c", "cat /proc/self/uid_map; read line"]
        ).start()
        let words = try #require(try run.line()).split(separator: " ")
        let base = try #require(words.count == 3 ? UInt32(words[1]) : nil)
        #expect(children(of: run.pid, (base + 65535)..<(base + 65536)) == [])
        // What would be seen if there were one: the workload itself is.
        #expect(children(of: run.pid, (base + 1000)..<(base + 1001)).count == 1)
        run.closeInput()
        let outcome = try sallyport.outcome(of: try run.finish(), record: record)
        #expect(outcome.result?["terminal"] == .null)
        #expect(outcome.result?["frames"] == .null)
    }

    // MARK: Frames

    private static let goldens = Executables.sources + "/Tests/Goldens/frames"

    private func frames(_ script: String) throws -> (outcome: Outcome, lines: [JSON]) {
        let sallyport = try Sallyport()
        let file = sallyport.home.at("frames.jsonl")
        let options = ["--frames", file, "--mount", "\(Self.goldens):/run/frames"]
        let outcome = try sallyport.run(profile: "strict", options: options, ["sh", "-c", script])
        let lines = try #require(text(file)).split(separator: "\n").map { try JSON.read(Array($0.utf8), file: file) }
        return (outcome, lines)
    }

    @Test("writes a checked line for each of the runner's frames", .timeLimit(.minutes(25)))
    func accepted() throws {
        let (outcome, lines) = try frames(
            "cat /run/frames/milestone-branch.bin /run/frames/note-text.bin >&4; echo out; exit 3")
        #expect(outcome.code == 3)
        #expect(outcome.text == "out\n")
        #expect(outcome.result?["frames"]?["accepted"] == .number(2))
        #expect(outcome.result?["frames"]?["refused"] == .number(0))
        #expect(outcome.result?["terminal"] == .null)
        #expect(lines.count == 2)
        #expect(lines.allSatisfy { $0["received_ms"] != nil })
    }

    @Test("takes no frame after a malformed one, and the session goes on", .timeLimit(.minutes(25)))
    func refused() throws {
        let (outcome, lines) = try frames(
            "cat /run/frames/note-text.bin >&4; echo these are no frames at all >&4; sh -c 'cat /run/frames/note-text.bin >&4'; exit 0"
        )
        #expect(outcome.code == 0)
        #expect(outcome.result?["frames"]?["accepted"] == .number(1))
        #expect(outcome.result?["frames"]?["refused"] == .number(1))
        #expect(lines.count == 2)
    }

    @Test("carries frames and a terminal at once", .timeLimit(.minutes(25)))
    func both() throws {
        let sallyport = try Sallyport()
        let file = sallyport.home.at("frames.jsonl")
        let record = sallyport.home.at("record.json")
        let command = sallyport.runCommand(
            profile: "strict", options: ["--frames", file, "--mount", "\(Self.goldens):/run/frames"], record: record,
            ["sh", "-c", "cat /run/frames/note-utf8.bin >&4; exec 4>&-; tty; read line; echo got $line"])
        let program = try TerminalProgram(command)
        try program.waitFor("/dev/pts/0\r\n")
        try program.type("it\n")
        try program.waitFor("got it\r\n")
        let outcome = try sallyport.outcome(of: try program.finish(), record: record)
        #expect(outcome.code == 0)
        #expect(outcome.result?["frames"]?["accepted"] == .number(1))
        #expect(text(file)?.split(separator: "\n").count == 1)
    }

    @Test(
        "a frame file that is a device or a link is refused before anything runs", .timeLimit(.minutes(25)),
        arguments: ["/dev/null", "link"])
    func frameFile(kind: String) throws {
        let sallyport = try Sallyport()
        if kind == "link" { try sallyport.home.symlink("link", to: "elsewhere") }
        let path = kind == "link" ? sallyport.home.at("link") : kind
        let outcome = try sallyport.run(profile: "strict", options: ["--frames", path], ["echo", "ran"])
        #expect(outcome.code == 125)
        #expect(outcome.text == "")
        #expect(outcome.outcome == "setup_failed")
        #expect(
            outcome.error.contains(
                "\"\(path)\": \(kind == "link" ? "Too many levels of symbolic links (ELOOP)" : "Invalid argument (EINVAL)")"
            ), "\(outcome.error)")
    }
}
