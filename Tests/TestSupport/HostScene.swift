// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Synchronization

/// A tmpfs that a test mounts on the host, gone when the test lets go of it.
package final class HostMount: Sendable {
    package let path: String

    package init(at path: String) throws(HarnessError) {
        self.path = path
        guard mount("sallyport-test", path, "tmpfs", 0, "size=1m") == 0 else {
            throw HarnessError("mount a tmpfs on", path, errno)
        }
    }

    deinit { umount2(path, Int32(MNT_DETACH)) }
}

/// Two names that a thread exchanges for as long as this is held: the race that checks on paths lose.
package final class Exchanger: Sendable {
    private let stop = Atomic<Bool>(false)
    private let done = ThreadSignal()
    private let count = Atomic<Int>(0)
    /// How often the names have changed places so far.
    package var exchanges: Int { count.load(ordering: .relaxed) }

    package init(_ first: String, _ second: String) throws(HarnessError) {
        var thread = pthread_t()
        let work = Work(first: first, second: second, owner: self)
        let failed = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                let work = Unmanaged<Work>.fromOpaque(argument).takeRetainedValue()
                while !work.owner.stop.load(ordering: .acquiring) {
                    if sp_renameat2(AT_FDCWD, work.first, AT_FDCWD, work.second, 2) == 0 {
                        work.owner.count.add(1, ordering: .relaxed)
                    }
                }
                work.owner.done.raise()
                return nil
            }, Unmanaged.passRetained(work).toOpaque())
        guard failed == 0 else { throw HarnessError("start a thread for", first, failed) }
        pthread_detach(thread)
    }

    /// Ends the exchange and waits for its thread.
    package func finish() {
        stop.store(true, ordering: .releasing)
        done.wait()
    }

    private final class Work: Sendable {
        let first: String
        let second: String
        let owner: Exchanger
        init(first: String, second: String, owner: Exchanger) {
            self.first = first
            self.second = second
            self.owner = owner
        }
    }
}

/// One event between two threads, by a pipe.
private final class ThreadSignal: Sendable {
    private let ends: (Int32, Int32)

    init() {
        var pair: [Int32] = [-1, -1]
        _ = pair.withUnsafeMutableBufferPointer { sp_pipe($0.baseAddress!, 0) }
        ends = (pair[0], pair[1])
    }

    deinit {
        _ = sp_close(ends.0)
        _ = sp_close(ends.1)
    }

    func raise() {
        var byte: UInt8 = 1
        _ = sp_write(ends.1, &byte, 1)
    }

    func wait() {
        var byte: UInt8 = 0
        while sp_read(ends.0, &byte, 1) == -Int(EINTR) {}
    }
}

/// Pids of the host whose real uid lies in a range: what a session left behind.
package func processes(uids: Range<UInt32>) -> [Int32] {
    names("/proc").compactMap { Int32($0) }.filter { pid in
        guard let status = text("/proc/\(pid)/status"),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("Uid:") }),
            let uid = line.split(separator: "\t").dropFirst().first.flatMap({ UInt32($0) })
        else { return false }
        return uids.contains(uid)
    }
}

/// Owner, mode and type of a file of the host; nil when there is none.
package func status(_ path: String) -> (uid: UInt32, mode: UInt32)? {
    var raw = statx()
    guard sp_statx(AT_FDCWD, path, Int32(AT_SYMLINK_NOFOLLOW), 0xfff, &raw) >= 0 else { return nil }
    return (raw.stx_uid, UInt32(raw.stx_mode))
}

/// Opens a file for a child to inherit; the caller closes it by ``close(_:)``.
package func openForChild(_ path: String, pathOnly: Bool = false) throws(HarnessError) -> Int32 {
    let fd = sp_open(path, pathOnly ? 0o10000000 : O_RDONLY, 0)
    guard fd >= 0 else { throw HarnessError("open", path, Int32(-fd)) }
    return Int32(fd)
}

package func closeDescriptor(_ fd: Int32) { _ = sp_close(fd) }

/// A field of /proc/<pid>/status; nil when the process is gone.
package func statusField(_ pid: Int32, _ name: String) -> String? {
    text("/proc/\(pid)/status")?.split(separator: "\n").first { $0.hasPrefix("\(name):") }
        .map {
            $0.dropFirst(name.utf8.count + 1).split(whereSeparator: { $0 == "\t" || $0 == " " }).joined(separator: " ")
        }
}

/// Processes that descend from one, with their program names.
package func descendants(of root: Int32) -> [(pid: Int32, name: String)] {
    var parents: [Int32: Int32] = [:]
    for pid in names("/proc").compactMap({ Int32($0) }) {
        parents[pid] = statusField(pid, "PPid").flatMap { Int32($0) }
    }
    func descends(_ pid: Int32) -> Bool {
        var at: Int32? = parents[pid]
        while let parent = at, parent > 1 {
            if parent == root { return true }
            at = parents[parent]
        }
        return false
    }
    return parents.keys.filter(descends).sorted().map { ($0, statusField($0, "Name") ?? "") }
}

/// A process that is no child of ours, watched by pidfd.
package final class ProcessWatch: Sendable {
    private let pid: Int32
    private let pidfd: Int32

    package init(_ pid: Int32) throws(HarnessError) {
        self.pid = pid
        let fd = sp_pidfd_open(pid)
        guard fd >= 0 else { throw HarnessError("watch", "process \(pid)", Int32(-fd)) }
        pidfd = Int32(fd)
    }

    deinit { _ = sp_close(pidfd) }

    package func waitForEnd(_ longest: Duration) throws(HarnessError) {
        let ready = sp_poll_one(pidfd, Int16(POLLIN), Int32(longest.components.seconds * 1000))
        guard ready > 0 else { throw HarnessError("process \(pid) is still there after \(longest)") }
    }
}
