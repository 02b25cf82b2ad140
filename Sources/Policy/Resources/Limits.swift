// SPDX-License-Identifier: Apache-2.0

/// What holds the limits on memory, processes and processor time.
package enum LimitEnforcement: String, Sendable, Hashable, CaseIterable {
    case cgroup
    /// Per-process resource limits, for hosts without a delegated controller. Weaker: a session's sum is not bounded.
    case rlimit
}

/// Whether what a task writes to its workspace is counted.
package enum WorkspaceMetering: String, Sendable, Hashable, CaseIterable {
    case metered
    /// Neither bytes nor inodes are bounded: only for hosts that have no quota to offer a rootless session.
    case unmetered
}

/// Upper bounds of one session.
package struct Limits: Sendable, Hashable {
    package var enforcement: LimitEnforcement
    package var pids: Int
    package var memoryBytes: UInt64
    /// Size of /dev/shm.
    package var shmBytes: UInt64
    /// Size of /tmp.
    package var tmpBytes: UInt64
    package var workspaceBytes: UInt64
    package var workspaceInodes: UInt64
    package var openFiles: UInt64
    /// Thousandths of one processor.
    package var cpuMillis: Int
    /// Cap of each of standard output and standard error.
    package var logBytes: UInt64
    /// What a session may send beyond this host, all its connections together; nil for no bound.
    package var egressBytes: UInt64?
    /// Bytes in a second, read and written each, on the device that the workspace's changes lie on; nil for no bound.
    package var ioBytesPerSecond: UInt64?
    package var wallSeconds: UInt64
    package var workspaceMetered: Bool
}
