// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// A process as it was written down: its number may be another's by now, its number and start together are not.
package struct KnownProcess: Sendable {
    package let pid: Int32
    /// When it began, in clock ticks of this boot. proc_pid_stat(5)
    package let start: String

    package init(pid: Int32, start: String) {
        self.pid = pid
        self.start = start
    }

    /// Its pidfd; nil where it is gone, or only waits to be reaped.
    package func open() throws(SystemError) -> Descriptor? {
        let opened = sp_pidfd_open(pid)
        // EINVAL: no process ever has such a number. pidfd_open(2)
        if opened == -Int(ESRCH) || opened == -Int(EINVAL) { return nil }
        let pidfd = Descriptor(owning: Int32(try checked("watch", "process \(pid)") { opened }))
        // Held before it is compared: a number that was given away since is seen.
        guard try isRunning() else { return nil }
        return pidfd
    }

    package func isRunning() throws(SystemError) -> Bool { try processRuns(pid, start: start) }
}
