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

    /// Everything up to the line of the user ids, which is the ninth; the rest of the file is several times as long.
    private static let statusHead = 512

    private static func runs(_ pid: Int32, in block: IdBlock) throws(SystemError) -> Bool {
        var bytes = [UInt8](repeating: 0, count: statusHead)
        let path = "/proc/\(pid)/status"
        do throws(SystemError) {
            let file = try Descriptor.open(path, O_RDONLY)
            let fd = file.number
            let got = try checked("read", "\"\(path)\"") {
                bytes.withUnsafeMutableBytes { sp_read(fd, $0.baseAddress!, $0.count) }
            }
            bytes.removeSubrange(got...)
        } catch {
            if error.errno == .noEntry || error.errno == .noSuchProcess { return false }
            throw error
        }
        var ids: [UInt32]?
        for line in bytes.split(separator: 0x0a) {
            // One that has ended and waits for its parent to ask holds nothing.
            if line.starts(with: Array("State:\tZ".utf8)) || line.starts(with: Array("State:\tX".utf8)) { return false }
            guard line.starts(with: Array("Uid:".utf8)) else { continue }
            ids = line.dropFirst(5).split(separator: 0x09).compactMap { UInt32(String(decoding: $0, as: UTF8.self)) }
            break
        }
        guard let ids, ids.count == 4 else { throw SystemError("read the ids in", "\"\(path)\"", .invalid) }
        return ids.contains { $0 >= block.base && $0 <= block.last }
    }
}
