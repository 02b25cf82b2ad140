// SPDX-License-Identifier: Apache-2.0
import Glibc
import TestSupport
import Testing

/// The process that reads hostile bytes, looked at while it waits for them.
@Suite("confined steps", .timeLimit(.minutes(25)))
struct StepConfinementTests {
    /// An id that no session and no person has.
    private static let identity: UInt32 = 2_134_000_000

    @Test("the import holds no privilege before it reads", .requires(.root), .requires(.git), .requires(.runner))
    func status() throws {
        let scene = try TaskScene()
        let done = try scene.task(agent: "true")
        let home = scene.sallyport.home
        let quarantine = try home.directory("quarantine")
        #expect(rename(done.repository, quarantine + "/result.git") == 0)
        let base = try scene.git(quarantine + "/result.git", "rev-parse", "base")
        let owned = try Command("/bin/chown", ["-R", "\(Self.identity):\(Self.identity)", quarantine]).run()
        try #require(owned.code == 0)
        let command = Command(
            Executables.path("sallyport-task"),
            [
                "step-import", "--base", base, "--reference", "refs/heads/sallyport/t/x", "--quarantine", quarantine,
                "--become", "\(Self.identity):\(Self.identity)", "--task-id", "t", "--prompt-version", "0",
                "--evidence", "0",
            ])
        let end = try runConfined(command, as: Self.identity, root: quarantine)
        // It was at work: it refuses what it was given.
        #expect(
            end.code == 0 && end.text.hasPrefix("refused cannot take the received bundle: it is no version 2 bundle"))
        #expect(end.text.hasSuffix("\nend\n"))
    }

    @Test(
        "the process that speaks with a forge holds no privilege before it reads", .requires(.root), .requires(.runner))
    func forge() throws {
        let void = open("/dev/null", O_RDWR | O_CLOEXEC)
        defer { close(void) }
        var input: FullPipe? = try FullPipe()
        var command = Command(
            Executables.path("sallyport-task"), ["step-forge", "--become", "\(Self.identity):\(Self.identity)"])
        command.environment = ["LC_ALL": "C"]
        command.descriptors = [3: void, 4: void, 5: void]
        command.descriptors[0] = input?.reading
        let running = try command.start()
        try input?.waitForReader()
        expectConfined(running.pid, as: Self.identity)
        input = nil
        let end = try running.finish()
        #expect(end.code == 0 && end.text.hasPrefix("error ") && end.text.hasSuffix("\nend\n"), "\(end.text)")
    }
}

/// Starts a step, looks at it while it reads its standard input, which comes after the last that it gives up, and
/// returns how it ended.
func runConfined(_ command: Command, as identity: UInt32, root: String) throws -> Finished {
    var input: FullPipe? = try FullPipe()
    var command = command
    command.environment = ["LC_ALL": "C"]
    command.descriptors[0] = input?.reading
    let running = try command.start()
    try input?.waitForReader()
    expectConfined(running.pid, as: identity)
    #expect(linkTarget("/proc/\(running.pid)/root") == root)
    input = nil
    return try running.finish()
}

/// A step has one id, no capability, no new privileges, and a filter.
private func expectConfined(_ pid: Int32, as identity: UInt32) {
    let found = { (name: String) in statusField(pid, name) }
    #expect(found("Seccomp") == "2" && found("NoNewPrivs") == "1")
    for name in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        #expect(found(name) == "0000000000000000", "\(name)")
    }
    let ids = Array(repeating: "\(identity)", count: 4).joined(separator: " ")
    #expect(found("Uid") == ids && found("Gid") == ids && found("Groups") == "")
}
