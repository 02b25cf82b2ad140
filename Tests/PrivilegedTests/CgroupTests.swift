// SPDX-License-Identifier: Apache-2.0
import CLinux
import LinuxSystem
import TestSupport
import Testing

extension HostNeed {
    /// Whole disks, as the kernel numbers them.
    static var disks: [String] {
        names("/sys/dev/block").filter { status("/sys/dev/block/\($0)/partition") == nil }.sorted()
    }

    /// A block device, and the controller for it.
    static let disk = HostNeed("disk") {
        do {
            let layout = try CgroupLayout.detect()
            guard layout.version == .v2 else {
                return !disks.isEmpty && layout.ownDirectories.contains { $0.controller == "blkio" }
            }
            let offered = try procText(layout.mountPoint + "/cgroup.controllers").first?.split(separator: " ") ?? []
            return !disks.isEmpty && offered.contains("io")
        } catch { return false }
    }
}

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
        "a limit on a disk reads back as it was set, and one on no disk is refused", .requires(.root), .requires(.disk))
    func devicesReadBack() throws {
        let limits = CgroupLimits(memoryBytes: 256 << 20, pids: 50, cpuMillis: 250, limitsDevices: true)
        let group = try SessionCgroup.create(
            "test-\(UInt32.random(in: 0...UInt32.max))", limits, try CgroupLayout.detect(), root: true)
        let before = try group.deviceLimits()
        #expect(before.isEmpty)
        let disk = try #require(HostNeed.disks.first)
        let parts = disk.split(separator: ":").compactMap { UInt64($0) }
        try group.limitDevice(parts[0] << 32 | parts[1], bytesPerSecond: 8 << 20)
        let held = try group.deviceLimits()
        let wanted =
            group.version == .v2
            ? ["io.max": "\(disk) rbps=8388608 wbps=8388608 riops=max wiops=max"]
            : [
                "blkio.throttle.read_bps_device": "\(disk) 8388608",
                "blkio.throttle.write_bps_device": "\(disk) 8388608",
            ]
        #expect(Dictionary(uniqueKeysWithValues: held.map { ($0.name, $0.value) }) == wanted)
        // A tmpfs has a device number, and no device.
        let memory = try FileStatus.path("/dev/shm").device
        do throws(SystemError) {
            try group.limitDevice(memory, bytesPerSecond: 8 << 20)
            Issue.record("a limit on memory was taken")
        } catch { #expect(error.errno == .noDevice, "\(error)") }
        try group.remove(deadline: 5000)
        // Who asks for none has no group for it.
        let plain = try self.group()
        let without = try plain.deviceLimits()
        #expect(without.isEmpty && !plain.directories.contains { $0.controller == "blkio" })
        try plain.remove(deadline: 5000)
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
