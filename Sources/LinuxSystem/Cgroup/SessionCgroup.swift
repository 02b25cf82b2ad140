// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// What a session may use, as the kernel's cgroup files take it.
package struct CgroupLimits: Sendable {
    package let memoryBytes: UInt64
    package let pids: Int
    /// Thousandths of one processor.
    package let cpuMillis: Int
    /// Whether all of a group ends when its memory is used up, or the process alone that has most of it (v2; on v1 the kernel
    /// knows the latter only).
    package let endsTogether: Bool
    /// Whether block devices get a limit, see ``SessionCgroup/limitDevice(_:bytesPerSecond:)``.
    package let limitsDevices: Bool
    package init(
        memoryBytes: UInt64, pids: Int, cpuMillis: Int, endsTogether: Bool = true, limitsDevices: Bool = false
    ) {
        self.limitsDevices = limitsDevices
        self.memoryBytes = memoryBytes
        self.pids = pids
        self.cpuMillis = cpuMillis
        self.endsTogether = endsTogether
    }
}

/// The control groups of one session: one directory on v2, one per controller on v1.
///
/// Made and removed by the supervisor; the child joins by descriptor. Owner of the directories is whoever runs the
/// supervisor, so nothing inside can write them, and no cgroup file system is mounted inside.
package struct SessionCgroup: ~Copyable, Sendable {
    package let version: CgroupLayout.Version
    /// Directories by controller; on v2 one entry with the empty name.
    package let directories: [(controller: String, path: String)]

    package init(version: CgroupLayout.Version, directories: [(controller: String, path: String)]) {
        self.version = version
        self.directories = directories
    }

    /// What the groups of a session's brokers are called: they lie beside the session's own.
    package static func broker(of id: String) -> String { id + brokerSuffix }

    /// The session that a name of groups belongs to: its own or its brokers'.
    package static func session(of name: String) -> String {
        name.hasSuffix(brokerSuffix) ? String(name.dropLast(brokerSuffix.count)) : name
    }

    private static let brokerSuffix = "-broker"

    /// Where the groups of session `id` go on this host; nothing is created.
    ///
    /// - Parameter devices: With the group for block devices (v1), which a session has only where its limits want one.
    package static func placement(_ id: String, _ layout: CgroupLayout, root: Bool, devices: Bool = false) -> [(
        controller: String, path: String
    )] {
        switch layout.version {
        case .v1:
            layout.ownDirectories.filter { devices || $0.controller != CgroupLayout.io(.v1) }
                .map { ($0.controller, "\($0.directory)/sallyport/\(id)") }
        case .v2:
            root
                ? [("", "\(layout.mountPoint)/sallyport/\(id)")]
                : [("", "\(layout.ownDirectories[0].directory)/sallyport/\(id)")]
        }
    }

    /// Creates the groups and sets every limit; on any error what was made is removed again.
    package static func create(_ id: String, _ limits: CgroupLimits, _ layout: CgroupLayout, root: Bool)
        throws(SystemError) -> SessionCgroup
    {
        let directories = placement(id, layout, root: root, devices: limits.limitsDevices)
        let io = CgroupLayout.io(layout.version)
        switch layout.version {
        case .v1:
            guard !limits.limitsDevices || directories.contains(where: { $0.controller == io }) else {
                throw SystemError("find", "cgroup controller \"\(io)\"", .noDevice, remedy: ioRemedy)
            }
        case .v2:
            try delegateV2(
                layout, root: root, limits.limitsDevices ? CgroupLayout.required + [io] : CgroupLayout.required)
        }
        let group = SessionCgroup(version: layout.version, directories: directories)
        do {
            for (_, path) in directories { try makeWithParent(path) }
            switch layout.version {
            case .v1: try group.limitV1(limits)
            case .v2: try group.limitV2(limits)
            }
        } catch {
            group.removeQuietly()
            throw error
        }
        return group
    }

    private static func makeWithParent(_ path: String) throws(SystemError) {
        let result = sp_mkdirat(AT_FDCWD, path, 0o755)
        if result == -Int(ENOENT), let slash = path.lastIndex(of: "/") {
            let parent = String(path[..<slash])
            let made = sp_mkdirat(AT_FDCWD, parent, 0o755)
            if made < 0 && made != -Int(EEXIST) { throw notDelegated(parent, made) }
            let again = sp_mkdirat(AT_FDCWD, path, 0o755)
            if again < 0 { throw notDelegated(path, again) }
        } else if result < 0 {
            throw notDelegated(path, result)
        }
    }

    private static func notDelegated(_ path: String, _ result: Int) -> SystemError {
        let errno = Errno(Int32(-result))
        return SystemError(
            "create", "cgroup \"\(path)\"", errno,
            remedy: errno == .accessDenied || errno == .notPermitted ? delegation : nil)
    }

    private static let delegation =
        "No cgroup controller is delegated to this user. On a cgroup v2 host ask for a delegated group (systemd-run "
        + "--user --scope -p Delegate=yes), or choose a profile with limits.enforcement: rlimit (strict-rlimit)."

    private static let ioRemedy =
        "limits.io is held by the controller of block devices (v2 io, v1 blkio), which this host does not offer here: remove "
        + "limits.io, or choose a workspace that fits into memory."

    /// Puts the controllers at our disposal beneath `<base>/sallyport`.
    ///
    /// v2 allows no process in a group that has children with controllers, so a rootless caller first moves what is
    /// in its own delegated group into a leaf. Documentation/admin-guide/cgroup-v2.rst, "No Internal Process Constraint"
    private static func delegateV2(
        _ layout: CgroupLayout, root: Bool, _ controllers: [String]
    ) throws(SystemError) {
        let base = root ? layout.mountPoint : layout.ownDirectories[0].directory
        let ours = base + "/sallyport"
        if sp_mkdirat(AT_FDCWD, ours, 0o755) == -Int(EEXIST) {
            let enabled = try procText(ours + "/cgroup.subtree_control").first?.split(separator: " ") ?? []
            if controllers.allSatisfy({ enabled.contains(Substring($0)) }) { return }
        }
        var failed = ""
        do {
            if !root { try moveIntoLeaf(base) }
            for directory in [base, ours] {
                for controller in controllers {
                    failed = controller
                    try writeKernelFile(directory + "/cgroup.subtree_control", "+" + controller)
                }
            }
        } catch {
            let remedy = failed == CgroupLayout.io(.v2) ? ioRemedy : delegation
            throw SystemError(error.operation, error.subject, error.errno, remedy: remedy)
        }
    }

    /// Moves the caller's processes out of the way. A delegated group admits the move of any process in it, so other
    /// users' are refused here: where they sit, the group is not the caller's alone.
    private static func moveIntoLeaf(_ base: String) throws(SystemError) {
        let leaf = base + "/" + CgroupLayout.callers
        let made = sp_mkdirat(AT_FDCWD, leaf, 0o755)
        if made < 0 && made != -Int(EEXIST) { throw SystemError("create", "cgroup \"\(leaf)\"", Errno(Int32(-made))) }
        // Again while there are new ones: what was moved may have forked before it was.
        for _ in 0..<100 {
            let pids = try procText(base + "/cgroup.procs").compactMap { Int32($0) }
            if pids.isEmpty { return }
            for pid in pids {
                do throws(SystemError) {
                    guard try FileStatus.path("/proc/\(pid)").uid == geteuid() else {
                        throw SystemError(
                            "move", "process \(pid) of another user out of cgroup \"\(base)\"", .notPermitted)
                    }
                    try writeKernelFile(leaf + "/cgroup.procs", String(pid))
                } catch { if error.errno != .noSuchProcess && error.errno != .noEntry { throw error } }
            }
        }
        throw SystemError("empty", "cgroup \"\(base)\", whose processes fork faster than they are moved", .busy)
    }

    private borrowing func directory(_ controller: String) -> String? {
        directories.first { $0.controller == controller }?.path
    }

    private borrowing func limitV1(_ limits: CgroupLimits) throws(SystemError) {
        if let memory = directory("memory") {
            try writeKernelFile(memory + "/memory.limit_in_bytes", String(limits.memoryBytes))
            // Memory and swap together no more than memory alone: swappiness 0 would only discourage. kernel.org
            // cgroup-v1/memory.rst, 2.4
            try writeKernelFile(memory + "/memory.memsw.limit_in_bytes", String(limits.memoryBytes))
            // Buffers of TCP and UDP are no memory to version 1, and are not even counted without a limit of their own.
            try writeKernelFile(memory + "/memory.kmem.tcp.limit_in_bytes", String(limits.memoryBytes / 8))
        }
        if let pids = directory("pids") { try writeKernelFile(pids + "/pids.max", String(limits.pids)) }
        if let cpu = directory("cpu") {
            try writeKernelFile(cpu + "/cpu.cfs_quota_us", String(limits.cpuMillis * 100))
        }
    }

    private borrowing func limitV2(_ limits: CgroupLimits) throws(SystemError) {
        let path = directories[0].path
        try writeKernelFile(path + "/memory.max", String(limits.memoryBytes))
        // A kernel without swap accounting has no such file; a host without it cannot hold the limit.
        try writeKernelFile(path + "/memory.swap.max", "0")
        try writeKernelFile(path + "/memory.oom.group", limits.endsTogether ? "1" : "0")
        try writeKernelFile(path + "/pids.max", String(limits.pids))
        try writeKernelFile(path + "/cpu.max", "\(limits.cpuMillis * 100) 100000")
    }

    /// What a child joins the groups by, kept open by `held`: on v1 each `tasks`, to which it writes `0`, on v2 the
    /// directory, for `CLONE_INTO_CGROUP`.
    ///
    /// The child is its process's only thread, so that moving the thread moves the process. A write to `cgroup.procs`
    /// takes the lock against all thread groups of the host, which waits for an RCU grace period (5 to 15 ms); a thread that
    /// moves itself does not. kernel/cgroup/cgroup.c, cgroup_procs_write_start()
    package borrowing func entrances(_ held: DescriptorSet) throws(SystemError) -> [Int32] {
        var numbers: [Int32] = []
        for (_, path) in directories {
            switch version {
            // Above the numbers that a launch plan assigns.
            case .v1: numbers.append(held.keep(try Descriptor.open(path + "/tasks", O_WRONLY).duplicate()))
            case .v2: numbers.append(held.keep(try Descriptor.open(path, O_RDONLY | O_DIRECTORY)))
            }
        }
        return numbers
    }

    /// Pids in any of the groups, as the host numbers them.
    package borrowing func members() throws(SystemError) -> Set<Int32> {
        var all: Set<Int32> = []
        for (_, path) in directories {
            do { all.formUnion(try procText(path + "/cgroup.procs").compactMap { Int32($0) }) } catch {
                if error.errno != .noEntry && error.errno != .noDevice { throw error }
            }
        }
        return all
    }

    /// Kills every member and waits until none is left, at most `deadline` milliseconds.
    ///
    /// v2 kills in the kernel (cgroup.kill, 5.14). v1 stops new processes with `pids.max` 0, then signals until the
    /// group is empty. A frozen task does not die there before it is thawed, so it is signalled first: no instruction of
    /// its own comes between.
    package borrowing func kill(deadline: Int) throws(SystemError) {
        let end = sp_clock_ns(CLOCK_MONOTONIC) + UInt64(deadline) * 1_000_000
        // Whoever could start another process in it is in it.
        if try members().isEmpty { return }
        switch version {
        case .v2:
            try ignoringAbsent { () throws(SystemError) in
                try writeKernelFile(directories[0].path + "/cgroup.kill", "1")
            }
        case .v1:
            if let pids = directory("pids") {
                try ignoringAbsent { () throws(SystemError) in try writeKernelFile(pids + "/pids.max", "0") }
            }
            for pid in try members() { _ = sp_kill(pid, SIGKILL) }
            if let freezer = directory("freezer") {
                try ignoringAbsent { () throws(SystemError) in try writeKernelFile(freezer + "/freezer.state", "THAWED")
                }
            }
        }
        while true {
            let left = try members()
            if left.isEmpty { return }
            if version == .v1 { for pid in left { _ = sp_kill(pid, SIGKILL) } }
            if sp_clock_ns(CLOCK_MONOTONIC) > end {
                throw SystemError(
                    "empty", "cgroup \"\(directories[0].path)\" of \(left.count) processes", .busy,
                    remedy: "A process is stuck in the kernel; run `sallyport sweep` when it has gone.")
            }
            // No event tells a v1 group's end; 1 ms is the fallback interval.
            _ = sp_poll_one(-1, 0, 1)
        }
    }

    private func ignoringAbsent(_ body: () throws(SystemError) -> Void) throws(SystemError) {
        do { try body() } catch { if error.errno != .noEntry && error.errno != .noDevice { throw error } }
    }

    /// Removes the groups if nobody is in them, which the kernel says in the same step; false when one is still there.
    package borrowing func removeIfEmpty() -> Bool {
        directories.allSatisfy { _, path in
            let result = sp_unlinkat(AT_FDCWD, path, AT_REMOVEDIR)
            return result >= 0 || result == -Int(ENOENT)
        }
    }

    /// Removes the groups; a group that still counts an exiting task is retried until `deadline` milliseconds.
    package borrowing func remove(deadline: Int) throws(SystemError) {
        let end = sp_clock_ns(CLOCK_MONOTONIC) + UInt64(deadline) * 1_000_000
        for (_, path) in directories {
            while true {
                let result = sp_unlinkat(AT_FDCWD, path, AT_REMOVEDIR)
                if result >= 0 || result == -Int(ENOENT) { break }
                if result != -Int(EBUSY) || sp_clock_ns(CLOCK_MONOTONIC) > end {
                    throw SystemError("remove", "cgroup \"\(path)\"", Errno(Int32(-result)))
                }
                _ = sp_poll_one(-1, 0, 1)
            }
        }
    }

    // Used only while an earlier error is being reported, which must not be hidden by a later one; sweep removes
    // what stays.
    private borrowing func removeQuietly() {
        for (_, path) in directories { _ = sp_unlinkat(AT_FDCWD, path, AT_REMOVEDIR) }
    }
}
