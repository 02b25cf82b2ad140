// SPDX-License-Identifier: Apache-2.0
import CLinux
import LinuxSystem
import TestSupport
import Testing

/// The groups of a session on this host's version of cgroups: limits, freeze, kill, removal.
@Suite("control groups", .serialized)
struct CgroupTests {
    private static let limits = CgroupLimits(memoryBytes: 256 << 20, pids: 50, cpuMillis: 250)

    private func group() throws -> SessionCgroup {
        try SessionCgroup.create(
            "test-\(UInt32.random(in: 0...UInt32.max))", Self.limits, try CgroupLayout.detect(), root: true)
    }

    /// A shell in the group, with two children that ignore TERM.
    private func family(_ group: borrowing SessionCgroup) throws -> Running {
        let running = try Command(
            "/bin/sh", ["-c", "trap '' TERM; read go; sleep 600 & sleep 600 & echo forked; wait"]
        ).start()
        for (_, path) in group.directories { try writeKernelFile(path + "/cgroup.procs", "\(running.pid)") }
        try running.send(Array("go\n".utf8))
        #expect(try running.line() == "forked")
        return running
    }

    private func isFrozen(_ group: borrowing SessionCgroup) throws -> Bool {
        if group.version == .v2 {
            return try procText(group.directories[0].path + "/cgroup.events").contains("frozen 1")
        }
        let freezer = try #require(group.directories.first { $0.controller == "freezer" })
        return try procText(freezer.path + "/freezer.state") == ["FROZEN"]
    }

    @Test("limits read back as they were set", .requires(.root))
    func limitsReadBack() throws {
        let group = try group()
        let held = try group.readBack()
        let wanted =
            group.version == .v2
            ? ["memory.max": "268435456", "memory.swap.max": "0", "pids.max": "50", "cpu.max": "25000 100000"]
            : [
                "memory.limit_in_bytes": "268435456", "memory.memsw.limit_in_bytes": "268435456",
                "memory.kmem.tcp.limit_in_bytes": "33554432", "pids.max": "50", "cpu.cfs_quota_us": "25000",
            ]
        #expect(Dictionary(uniqueKeysWithValues: held.map { ($0.name, $0.value) }) == wanted)
        try group.remove(deadline: 5000)
    }

    @Test(
        "a frozen tree stands still as a whole and is killed as it stands", .requires(.root), .timeLimit(.minutes(25)))
    func frozenAndKilled() throws {
        let group = try group()
        let running = try family(group)
        #expect(try group.members().count == 3)
        try group.freeze(true)
        // Freezing ends some time after the write; the clock only bounds the wait.
        let end = ContinuousClock.now + .seconds(20)
        while try !isFrozen(group), ContinuousClock.now < end { _ = sp_poll_one(-1, 0, 1) }
        #expect(try isFrozen(group))
        try group.kill(deadline: 10_000)
        #expect(try group.members() == [])
        #expect(try running.finish().ending == .signalled(9))
        try group.remove(deadline: 5000)
        #expect(group.directories.allSatisfy { status($0.path) == nil })
    }

    @Test("a thawed tree goes on", .requires(.root), .timeLimit(.minutes(25)))
    func thawed() throws {
        let group = try group()
        let running = try Command("/bin/sh", ["-c", "read go; echo on; read end"]).start()
        for (_, path) in group.directories { try writeKernelFile(path + "/cgroup.procs", "\(running.pid)") }
        try group.freeze(true)
        let end = ContinuousClock.now + .seconds(20)
        while try !isFrozen(group), ContinuousClock.now < end { _ = sp_poll_one(-1, 0, 1) }
        #expect(try isFrozen(group))
        try running.send(Array("go\n".utf8))
        try group.freeze(false)
        #expect(try running.line() == "on")
        running.closeInput()
        #expect(try running.finish().ending == .exited(1))
        try group.remove(deadline: 5000)
    }
}
