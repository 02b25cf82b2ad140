// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// What the kernel counted in a session's groups.
package struct CgroupCounts: Sendable, Equatable {
    package var oomKills: UInt64 = 0
    package var pidsRefused: UInt64 = 0
    package var cpuThrottled: UInt64 = 0
    package var memoryPeakBytes: UInt64 = 0
    package var cpuMicroseconds: UInt64 = 0
    package init() {}
}

extension SessionCgroup {
    private borrowing func path(_ controller: String) -> String? {
        directories.first { $0.controller == controller || $0.controller.isEmpty }?.path
    }

    /// The event counters, read before the groups are removed.
    package borrowing func counts() throws(SystemError) -> CgroupCounts {
        var counts = CgroupCounts()
        let v2 = version == .v2
        if let memory = path("memory") {
            counts.oomKills = try keyed(memory + (v2 ? "/memory.events" : "/memory.oom_control"), "oom_kill")
            if v2 {
                counts.oomKills = max(counts.oomKills, try keyed(memory + "/memory.events", "oom_group_kill"))
            } else {
                counts.memoryPeakBytes = UInt64(try procText(memory + "/memory.max_usage_in_bytes").first ?? "") ?? 0
            }
        }
        if let pids = path("pids") { counts.pidsRefused = try keyed(pids + "/pids.events", "max") }
        if let cpu = path("cpu") {
            counts.cpuThrottled = try keyed(cpu + "/cpu.stat", "nr_throttled")
            if v2 { counts.cpuMicroseconds = try keyed(cpu + "/cpu.stat", "usage_usec") }
        }
        return counts
    }

    private borrowing func keyed(_ file: String, _ key: String) throws(SystemError) -> UInt64 {
        for line in try procText(file) {
            let parts = line.split(separator: " ")
            if parts.count == 2 && parts[0] == key { return UInt64(parts[1]) ?? 0 }
        }
        return 0
    }

    /// A descriptor that becomes readable (v1, eventfd) or has priority data (v2) when the group runs out of memory.
    package borrowing func memoryEvent() throws(SystemError) -> Descriptor? {
        guard let memory = path("memory") else { return nil }
        if version == .v2 { return try Descriptor.open(memory + "/memory.events", O_RDONLY) }
        let event = Descriptor(owning: Int32(try checked("create", "an eventfd") { sp_eventfd() }))
        let control = try Descriptor.open(memory + "/memory.oom_control", O_RDONLY)
        try writeKernelFile(memory + "/cgroup.event_control", "\(event.number) \(control.number)")
        return event
    }

    /// What to wait for on ``memoryEvent()``: a v2 events file is always readable, so only its priority data counts.
    package borrowing func memoryEventMask() -> UInt32 { version == .v2 ? SP_EPOLLPRI : SP_EPOLLIN }

    /// The file that counts the buffers of TCP and UDP, where the group's memory does not hold them (v1).
    package borrowing func socketCounter() -> String? {
        version == .v1 ? path("memory").map { $0 + "/memory.kmem.tcp.usage_in_bytes" } : nil
    }

    /// The limits as the kernel holds them now, for the record.
    package borrowing func readBack() throws(SystemError) -> [(name: String, value: String)] {
        let files: [(String, String)] =
            version == .v2
            ? [("memory", "memory.max"), ("memory", "memory.swap.max"), ("pids", "pids.max"), ("cpu", "cpu.max")]
            : [
                ("memory", "memory.limit_in_bytes"), ("memory", "memory.memsw.limit_in_bytes"),
                ("memory", "memory.kmem.tcp.limit_in_bytes"), ("pids", "pids.max"), ("cpu", "cpu.cfs_quota_us"),
            ]
        var out: [(name: String, value: String)] = []
        for (controller, file) in files {
            guard let directory = path(controller) else { continue }
            out.append((file, String(try procText(directory + "/" + file).first ?? "")))
        }
        return out
    }

    /// Waits until every member stands still, at most `deadline` milliseconds: one in the kernel stops when it leaves it.
    package borrowing func waitUntilFrozen(deadline: Int) throws(SystemError) {
        let end = sp_clock_ns(CLOCK_MONOTONIC) + UInt64(deadline) * 1_000_000
        while true {
            let isFrozen: Bool
            switch version {
            case .v2: isFrozen = try procText(directories[0].path + "/cgroup.events").contains("frozen 1")
            case .v1: isFrozen = try procText((path("freezer") ?? "") + "/freezer.state").first == "FROZEN"
            }
            if isFrozen { return }
            if sp_clock_ns(CLOCK_MONOTONIC) > end {
                throw SystemError(
                    "freeze", "cgroup \"\(directories[0].path)\"", Errno(ETIMEDOUT),
                    remedy: "A process of it is stuck in the kernel; try again when it is not.")
            }
            // v1 moves on only when it is asked; 1 ms is the interval. cgroup-v1/freezer-subsystem.rst
            _ = sp_poll_one(-1, 0, 1)
        }
    }

    /// Stops (`true`) or continues (`false`) every member.
    package borrowing func freeze(_ frozen: Bool) throws(SystemError) {
        switch version {
        case .v2: try writeKernelFile(directories[0].path + "/cgroup.freeze", frozen ? "1" : "0")
        case .v1:
            guard let freezer = directories.first(where: { $0.controller == "freezer" }) else {
                throw SystemError("find", "cgroup controller \"freezer\"", .noDevice)
            }
            try writeKernelFile(freezer.path + "/freezer.state", frozen ? "FROZEN" : "THAWED")
        }
    }
}
