// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Isolation
internal import LinuxSystem

/// The processes that run with ids of one block.
///
/// Gateway and collector are in no group of their session, and a session without groups has only its ids: a block that
/// is given back while one of them lives would put two sessions under one id.
enum BlockProcesses {
    /// Pids with a real, effective, saved or file system id of the block; one that only waits to be reaped has ended.
    static func list(_ block: IdBlock) throws(SystemError) -> [Int32] {
        var found: [Int32] = []
        for name in try Directory.open("/proc").names() {
            guard let pid = Int32(String(decoding: name, as: UTF8.self)), try runs(pid, in: block) else { continue }
            found.append(pid)
        }
        return found
    }

    /// Ends what is left of a dead session's processes and waits until none is there.
    ///
    /// They end by themselves with their supervisor (PR_SET_PDEATHSIG, the life line), only not at once.
    static func end(_ block: IdBlock, deadline: Int) throws(SystemError) {
        let end = sp_clock_ns(CLOCK_MONOTONIC) + UInt64(deadline) * 1_000_000
        while true {
            let left = try list(block)
            if left.isEmpty { return }
            for pid in left { try kill(pid, in: block) }
            if sp_clock_ns(CLOCK_MONOTONIC) > end {
                throw SystemError(
                    "empty", "id block \(block.index) of \(left.count) processes", .busy,
                    remedy: "A process is stuck in the kernel; run `sallyport sweep` when it has gone.")
            }
            // No event tells that the last process of an id is gone; 1 ms is the fallback interval.
            _ = sp_poll_one(-1, 0, 1)
        }
    }

    /// Held by pidfd while its ids are read again, so that a reused pid is never hit.
    private static func kill(_ pid: Int32, in block: IdBlock) throws(SystemError) {
        let opened = sp_pidfd_open(pid)
        guard opened >= 0 else { return }
        let pidfd = Descriptor(owning: Int32(opened))
        if try runs(pid, in: block) { _ = sp_pidfd_signal(pidfd.number, SIGKILL, 0) }
    }

    private static func runs(_ pid: Int32, in block: IdBlock) throws(SystemError) -> Bool {
        let lines: [Substring]
        do { lines = try procText("/proc/\(pid)/status") } catch {
            if error.errno == .noEntry || error.errno == .noSuchProcess { return false }
            throw error
        }
        var isOurs = false
        for line in lines {
            if line.hasPrefix("State:"), line.contains("Z (") || line.contains("X (") { return false }
            guard line.hasPrefix("Uid:") else { continue }
            let ids = line.dropFirst(4).split(whereSeparator: { $0 == "\t" || $0 == " " }).compactMap { UInt32($0) }
            isOurs = ids.contains { $0 >= block.base && $0 <= block.last }
        }
        return isOurs
    }
}
