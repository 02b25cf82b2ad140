// SPDX-License-Identifier: Apache-2.0
import Glibc
import TestSupport
import Testing

/// The process that reads hostile bytes, looked at while it waits for them.
@Suite("confined steps", .timeLimit(.minutes(5)))
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
        var command = Command(
            Executables.path("sallyport-task"),
            [
                "step-import", "--base", base, "--reference", "refs/heads/sallyport/t/x", "--quarantine", quarantine,
                "--become", "\(Self.identity):\(Self.identity)", "--task-id", "t", "--prompt-version", "0",
                "--evidence", "0",
            ])
        command.environment = ["LC_ALL": "C"]
        let running = try command.start()

        // It waits for its standard input, which is open: the filter is the last thing that it puts on.
        let deadline = ContinuousClock.now + .seconds(20)
        var fields: [String: String] = [:]
        while fields["Seccomp"] != "2", ContinuousClock.now < deadline {
            fields = Self.fields(text("/proc/\(running.pid)/status") ?? "")
            sched_yield()
        }
        #expect(fields["Seccomp"] == "2" && fields["NoNewPrivs"] == "1")
        for name in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            #expect(fields[name] == "0000000000000000", "\(name)")
        }
        let ids = Array(repeating: "\(Self.identity)", count: 4).joined(separator: " ")
        #expect(fields["Uid"] == ids && fields["Gid"] == ids && fields["Groups"] == "")
        var root = [CChar](repeating: 0, count: 4096)
        let length = readlink("/proc/\(running.pid)/root", &root, 4095)
        #expect(
            String(decoding: root.prefix(max(0, length)).map { UInt8(bitPattern: $0) }, as: UTF8.self) == quarantine)

        // And it is at work: without input it refuses what it was given.
        running.closeInput()
        let end = try running.finish()
        #expect(end.code == 0 && end.text.hasPrefix("refused cannot take the received bundle: its header has no end"))
        #expect(end.text.hasSuffix("\nend\n"))
    }

    @Test(
        "the process that speaks with a forge holds no privilege before it reads", .requires(.root), .requires(.runner))
    func forge() throws {
        let void = open("/dev/null", O_RDWR | O_CLOEXEC)
        defer { close(void) }
        var command = Command(
            Executables.path("sallyport-task"), ["step-forge", "--become", "\(Self.identity):\(Self.identity)"])
        command.environment = ["LC_ALL": "C"]
        command.descriptors = [3: void, 4: void, 5: void]
        let running = try command.start()
        let deadline = ContinuousClock.now + .seconds(20)
        var fields: [String: String] = [:]
        while fields["Seccomp"] != "2", ContinuousClock.now < deadline {
            fields = Self.fields(text("/proc/\(running.pid)/status") ?? "")
            sched_yield()
        }
        #expect(fields["Seccomp"] == "2" && fields["NoNewPrivs"] == "1")
        for name in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            #expect(fields[name] == "0000000000000000", "\(name)")
        }
        let ids = Array(repeating: "\(Self.identity)", count: 4).joined(separator: " ")
        #expect(fields["Uid"] == ids && fields["Gid"] == ids && fields["Groups"] == "")
        running.closeInput()
        let end = try running.finish()
        #expect(end.code == 0 && end.text.hasPrefix("error ") && end.text.hasSuffix("\nend\n"), "\(end.text)")
    }

    private static func fields(_ status: String) -> [String: String] {
        var result: [String: String] = [:]
        for line in status.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            result[String(parts[0])] = parts[1].split(whereSeparator: { $0 == "\t" || $0 == " " }).joined(
                separator: " ")
        }
        return result
    }
}
