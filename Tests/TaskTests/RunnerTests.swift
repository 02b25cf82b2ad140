// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

/// The runner on the host, outside a sandbox: its arguments, frames and ends.
@Suite("runner", .timeLimit(.minutes(25)))
struct RunnerTests {
    private let program = Executables.path("sallyport-runner")

    struct Golden: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let arguments: [String]

        init(_ name: String, _ arguments: String...) {
            testDescription = name
            self.arguments = arguments
        }
    }

    static let goldens = [
        Golden("milestone-empty", "milestone"),
        Golden("milestone-branch", "milestone", "name=branch_created", "branch=sallyport/t-01/fix-the-sum"),
        Golden("note-text", "note", "text=agent started"),
        Golden("note-empty-value", "note", "text="),
        Golden("note-utf8", "note", "text=naïve 語 😀 \u{202E}"),
        Golden("test-before-red", "test", "phase=before", "exit_code=1", "duration_ms=1234"),
        Golden("test-after-signal", "test", "phase=after", "signal=9", "duration_ms=60000"),
        Golden("turn-first", "turn", "number=1"),
        Golden("tool-failed", "tool", "name=Bash", "outcome=failed"),
        Golden("cost-so-far", "cost", "micro_dollars=120000"),
    ]

    @Test("writes the frames that the gateway reads", .requires(.runner), arguments: goldens)
    func frames(_ c: Golden) throws {
        let done = try Command(program, ["frame"] + c.arguments).run()
        let golden = try #require(contents("\(Executables.sources)/Tests/Goldens/frames/\(c.testDescription).bin"))
        #expect(done.code == 0 && done.output == golden)
    }

    @Test("escapes what a line cannot hold", .requires(.runner))
    func escapes() throws {
        // The golden note-escaped ends with a NUL, which no argument can carry: the rest of it must agree.
        let done = try Command(program, ["frame", "note", "text=100% a=b\nline two\r\t\u{1B}[31mred\u{1B}[0m\u{7F}"])
            .run()
        let golden = try #require(contents("\(Executables.sources)/Tests/Goldens/frames/note-escaped.bin"))
        #expect(done.output[6...].dropLast() == golden[6...].dropLast(4))
        #expect(done.output[3] + 3 == golden[3])
    }

    @Test(
        "refuses arguments it does not know", .requires(.runner),
        arguments: [
            [], ["other"], ["task", "--no-such", "x"], ["task", "--base"], ["task", "--base", "a", "--base", "b"],
            ["frame", "other"], ["frame", "note", "text"],
        ])
    func usage(_ arguments: [String]) throws {
        #expect(try Command(program, arguments).run().code == 2)
    }

    @Test("says 125 when it cannot come to the test", .requires(.runner), .requires(.git))
    func cannotVerify() throws {
        let scratch = try Scratch()
        let done = try Command(
            program,
            [
                "verify", "--source", scratch.at("absent"), "--commit", "HEAD", "--test-command", "true", "--workspace",
                scratch.at("clone"),
            ]
        ).run()
        #expect(done.code == 125)
        #expect(done.errorText.contains("git clone"))
    }

    @Test(
        "becomes the test, with the test's own exit status", .requires(.runner), .requires(.git), arguments: [0, 1, 42])
    func verify(status: Int32) throws {
        let scene = try TaskScene()
        let commit = try scene.git(scene.repository, "rev-parse", "HEAD")
        let done = try Command(
            program,
            [
                "verify", "--source", scene.repository, "--commit", commit, "--workspace",
                scene.sallyport.home.at("clone"), "--test-command", "cat file; exit \(status)",
            ]
        ).run()
        #expect(done.code == status && done.text == "broken\n")
    }

    @Test("ends a test at its deadline and goes on", .requires(.runner), .requires(.git))
    func deadline() throws {
        let scene = try TaskScene()
        let home = scene.sallyport.home
        try home.file("prompt", "x")
        let commit = try scene.git(scene.repository, "rev-parse", "HEAD")
        let done = try Command(
            program,
            [
                "task", "--source", scene.repository, "--base", commit, "--branch", "b", "--task-id", "t", "--prompt",
                home.at("prompt"), "--agent-command", "true", "--test-command", "exec sleep 600", "--test-timeout", "1",
                "--workspace", home.at("clone"),
            ]
        ).run()
        #expect(done.code == 3)
        #expect(done.errorText.contains("baseline test timed_out"))
    }
}
