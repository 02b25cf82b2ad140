// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Isolation
package import LinuxSystem
package import Wire

/// Finds the owner of a socket among the processes of one session, from kernel files alone. proc_pid_fd(5)
///
/// A socket that was closed, or passed on and closed, has no owner any more; one that several hold is the first one's.
package enum SocketOwners {
    /// - Parameters:
    ///   - processes: the session's, as the host numbers them; see ``descendants(of:until:)``.
    ///   - deadline: on the monotonic clock, in nanoseconds; what is not found by then is nobody's.
    package static func owner(
        inode: UInt32, among processes: some Sequence<Int32>, until deadline: UInt64 = .max
    ) throws(SystemError) -> SocketOwner? {
        guard inode != 0 else { return nil }
        let wanted = Array("socket:[\(inode)]".utf8)
        for pid in processes {
            guard sp_clock_ns(CLOCK_MONOTONIC) < deadline else { return nil }
            if try holds(pid, wanted) { return try describe(pid) }
        }
        return nil
    }

    /// Every process that descends from a session's pid 1, that one included.
    ///
    /// For sessions without a group of their own. Complete, since whoever loses its parent in a pid namespace is given
    /// to its pid 1, but a process that ends meanwhile can hide its neighbour. pid_namespaces(7), proc_tid_children(5)
    ///
    /// - Parameter deadline: on the monotonic clock, in nanoseconds; those that were found by then are returned.
    package static func descendants(of root: Int32, until deadline: UInt64 = .max) throws(SystemError) -> [Int32] {
        var found = [root]
        var next = 0
        while next < found.count, sp_clock_ns(CLOCK_MONOTONIC) < deadline {
            let pid = found[next]
            next += 1
            let tasks = try ofLiving { () throws(SystemError) in try Directory.open("/proc/\(pid)/task").names() } ?? []
            for task in tasks {
                let path = "/proc/\(pid)/task/\(String(decoding: task, as: UTF8.self))/children"
                let children = try ofLiving { () throws(SystemError) in try procBytes(path) } ?? []
                found += children.split(separator: UInt8(ascii: " ")).compactMap {
                    Int32(String(decoding: $0, as: UTF8.self))
                }
            }
        }
        return found
    }

    private static func holds(_ pid: Int32, _ wanted: [UInt8]) throws(SystemError) -> Bool {
        let held = try ofLiving { () throws(SystemError) -> Bool in
            let directory = try Directory.open("/proc/\(pid)/fd")
            for name in try directory.names() {
                // One that is closed between listing and reading is not the one that is looked for.
                if try ofLiving({ () throws(SystemError) in try directory.linkTarget(name) }) == wanted { return true }
            }
            return false
        }
        return held ?? false
    }

    private static func describe(_ pid: Int32) throws(SystemError) -> SocketOwner {
        let program = try ofLiving { () throws(SystemError) in
            try FileStatus.at(
                AT_FDCWD, Array("/proc/\(pid)/exe".utf8CString), flags: 0, subject: "\"/proc/\(pid)/exe\"")
        }
        let name = try ofLiving { () throws(SystemError) in try procBytes("/proc/\(pid)/comm") } ?? []
        let command = try ofLiving { () throws(SystemError) in
            try Descriptor.open("/proc/\(pid)/cmdline", O_RDONLY).readStart(
                SocketOwner.longestCommand, subject: "a command line")
        }
        return SocketOwner(
            pid: UInt32(bitPattern: pid), device: program?.device ?? 0, inode: program?.inode ?? 0,
            claimedName: name.prefix { $0 != 0x0a }, claimedCommand: command ?? [])
    }

    /// A process may end between any two of these calls; what it had is then nobody's. One that may not be looked into
    /// is ours, not the session's: sp-init, which has no socket. proc(5), "dumpable"
    private static func ofLiving<R>(_ body: () throws(SystemError) -> R) throws(SystemError) -> R? {
        do throws(SystemError) { return try body() } catch {
            if [.noEntry, .noSuchProcess, .accessDenied].contains(error.errno) { return nil }
            throw error
        }
    }
}
