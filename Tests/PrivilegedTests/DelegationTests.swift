// SPDX-License-Identifier: Apache-2.0
import Documents
import TestSupport
import Testing

/// An ordinary user's sandbox in a version 2 cgroup that was delegated to the user: `strict` holds as for root.
@Suite("rootless in a delegated cgroup", .serialized)
struct DelegationTests {
    private let user: OrdinaryUser

    init() throws { user = try OrdinaryUser() }

    private let small = ["memory=192MiB", "tmp=32MiB", "shm=16MiB", "workspace_bytes=32MiB"].flatMap {
        ["--limit", $0]
    }

    /// The delegated group, whether or not a run has moved the tests into the group of callers.
    private func delegated() throws -> String {
        let own = try #require(OrdinaryUser.ownGroup)
        let callers = "/sallyport-callers"
        return "/sys/fs/cgroup" + (own.hasSuffix(callers) ? String(own.dropLast(callers.utf8.count)) : own)
    }

    @Test("strict runs, and its limits read back as asked", .requires(.delegation))
    func strict() throws {
        let run = try user.run(
            profile: "strict", options: ["--limit", "memory=1000MiB", "--limit", "pids=99", "--limit", "cpu=0.5"],
            ["id", "-u"])
        #expect(run.code == 0 && run.text == "1000\n", "\(run.errorText)")
        #expect(run.result?["mode"]?.stringValue == "rootless")
        #expect(run.result?["enforcement"]?.stringValue == "cgroup")
        let held = run.result?["layers"]?["cgroup"]
        #expect(held?["memory.max"]?.stringValue == "\(1000 << 20)" && held?["memory.swap.max"]?.stringValue == "0")
        #expect(held?["pids.max"]?.stringValue == "99")
        #expect(held?["cpu.max"]?.stringValue == "50000 100000")
    }

    @Test(
        "memory stops the whole session", .requires(.delegation), .timeLimit(.minutes(25)),
        arguments: ["heap", "memfd", "shm"])
    func memory(bomb: String) throws {
        let run = try user.probe(profile: "strict", options: small, ["bomb", bomb, "4096"])
        #expect(
            run.outcome == "oom" && run.limit == "memory" && run.code == 137,
            "\(run.outcome) \(run.text)\(run.errorText)")
        #expect(run.limitsHit.contains("memory"))
    }

    @Test("processes stop at their limit", .requires(.delegation), .timeLimit(.minutes(25)))
    func pids() throws {
        let run = try user.probe(profile: "strict", options: ["--limit", "pids=64"], ["bomb", "fork"])
        #expect(run.lines.first?.hasPrefix("fork\tstopped\tEAGAIN\t") == true, "\(run.text)\(run.errorText)")
        #expect(run.limitsHit.contains("pids"))
    }

    @Test(
        "runs from one shell make their groups side by side, never one in another", .requires(.delegation),
        .timeLimit(.minutes(25)))
    func sideBySide() throws {
        let base = try delegated()
        let group = String(base.dropFirst("/sys/fs/cgroup".utf8.count))
        let once = "\(user.sallyport) run -- true || exit 1; "
        let shell = try user.command("/bin/sh", ["-c", once + once + once + "cat /proc/self/cgroup"]).run()
        #expect(shell.code == 0, "\(shell.errorText)")
        #expect(shell.text == "0::\(group)/sallyport-callers\n")
        #expect(status(base + "/sallyport-callers/sallyport-callers") == nil)
        #expect(status(base + "/sallyport-callers/sallyport") == nil)
        #expect(names(base + "/sallyport").filter { $0.hasPrefix("s-") } == [])
    }

    @Test(
        "what a killed supervisor leaves is swept from the delegated group", .requires(.delegation),
        .timeLimit(.minutes(25)))
    func swept() throws {
        let running = try user.sallyport(["run", "--", "sh", "-c", "echo started; sleep 600"]).start()
        #expect(try running.line() == "started")
        let groups = try delegated() + "/sallyport"
        #expect(names(groups).filter { $0.hasPrefix("s-") }.count == 1)
        try running.signal(9)
        #expect(try running.finish().ending == .signalled(9))
        let swept = try user.sallyport(["sweep"]).run()
        #expect(swept.code == 0, "\(swept.text)\(swept.errorText)")
        #expect(names(groups).filter { $0.hasPrefix("s-") } == [])
    }

    @Test("doctor holds the controllers here", .requires(.delegation))
    func doctor() throws {
        let report = try JSON.read(try user.sallyport(["doctor", "--json"]).run().output, file: "doctor")
        let check = report["checks"]?.arrayValue?.first { $0["layer"]?.stringValue == "cgroup" }
        #expect(check?["status"]?.stringValue == "ok", "\(report)")
    }
}
