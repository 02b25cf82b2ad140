// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem

/// Whom the kernel ends first when the whole host has run out of memory: the processes of sessions,
/// and of the git brokers that work for them.
///
/// A group's limit holds for what the kernel counts in it, and some of what a task can have made for it is not: each
/// record lock on a file takes 200 bytes that are nobody's. And a supervisor that the host protects (OOMScoreAdjust= of a
/// unit) would hand its protection on. Set from outside by somebody with CAP_SYS_RESOURCE, the value is also the
/// least that the task may choose for itself; a supervisor without it, as root of a container is, does not bind the task. proc_pid_oom_score_adj(5)
enum FirstToGo {
    private static let most = "1000"

    static func mark(_ pids: [Int32]) throws(SystemError) {
        for pid in pids { try writeKernelFile("/proc/\(pid)/oom_score_adj", most) }
    }
}
