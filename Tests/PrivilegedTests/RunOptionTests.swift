// SPDX-License-Identifier: Apache-2.0
import Glibc
import TestSupport
import Testing

/// What a caller reads who asked for what cannot be, or looks at a session from outside.
@Suite("run, as its caller sees it")
struct RunOptionTests {
    @Test(
        "what shows or takes changes is refused where there can be none",
        arguments: [
            (["--diff"], "--diff needs --workspace DIR"), (["--apply"], "--apply needs --workspace DIR"),
            (["--diff", "--read-only", "--workspace", "/var/tmp"], "--diff and --read-only exclude each other"),
            (
                ["--apply", "--profile", "review", "--workspace", "/var/tmp"],
                "profile \"review\" makes the workspace read-only"
            ),
        ])
    func nothingToShow(_ options: [String], _ reason: String) throws {
        let run = try Sallyport().command(["run"] + options + ["--", "true"]).run()
        #expect(run.code == 125)
        #expect(run.errorText.contains(reason), "\(run.errorText)")
    }

    @Test("pid 1 bears the name of its program", .requires(.root))
    func name() throws {
        let run = try Sallyport().run(profile: "strict", ["cat", "/proc/1/comm"])
        #expect(run.text == "sp-init\n", "\(run.errorText)")
    }

    @Test(
        "a run that is stopped from outside stops what runs inside, and both go on", .requires(.root),
        .timeLimit(.minutes(25)))
    func suspended() throws {
        let operation = try Sallyport()
        let running = try operation.runCommand(
            profile: "strict", record: operation.home.at("record.json"),
            ["sh", "-c", "echo up; read word; echo got $word"]
        ).start()
        #expect(try running.line() == "up")
        let workload = try #require(descendants(of: running.pid).first { $0.name == "sh" }?.pid)
        try running.signal(SIGTSTP)
        // Nobody is told when a process that is no child of his stops.
        while statusField(running.pid, "State")?.first != "T" || statusField(workload, "State")?.first != "T" {
            sched_yield()
        }
        try running.signal(SIGCONT)
        try running.send(Array("it\n".utf8))
        #expect(try running.line() == "got it")
        #expect(try running.finish().code == 0)
    }
}
