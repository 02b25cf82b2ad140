// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// Who is at the other end of a local socket, by the kernel's word from when the connection was made. unix(7)
package struct Peer: Sendable {
    /// The highest one, which nobody has, when the kernel does not say.
    package let uid: UInt32
    package let pid: Int32
    /// Its primary group, and its others.
    package let groups: [UInt32]
    /// Nil where the kernel gives none out: before Linux 6.5.
    private let process: Watched?

    /// A descriptor that copies of a peer share.
    private final class Watched: Sendable {
        let pidfd: Descriptor
        init(_ pidfd: consuming Descriptor) { self.pidfd = pidfd }
    }

    /// Of one who is in more of them none is known.
    package static let mostGroups = 1024

    package init(of socket: Int32) {
        var uid = UInt32.max
        var pid: Int32 = 0
        let known = sp_peer(socket, &uid, &pid) >= 0
        self.uid = known ? uid : .max
        self.pid = known ? pid : 0
        let pidfd = sp_peer_pidfd(socket)
        process = pidfd < 0 ? nil : Watched(Descriptor(owning: Int32(pidfd)))
        var primary = UInt32.max
        var others = [UInt32](repeating: 0, count: Self.mostGroups)
        let count = others.withUnsafeMutableBufferPointer {
            sp_peer_groups(socket, &primary, $0.baseAddress!, Int32(Self.mostGroups))
        }
        groups = count < 0 ? [] : [primary] + others.prefix(count)
    }

    /// Whether its process has ended. Before Linux 6.5 one that got its number since counts as that one still.
    package var hasEnded: Bool {
        if let process { return sp_poll_one(process.pidfd.number, Int16(POLLIN), 0) != 0 }
        do throws(SystemError) { return try !processRuns(pid, start: try processStartTime(pid)) } catch { return true }
    }

    package var isOwnerOrRoot: Bool { uid == 0 || uid == geteuid() }

    /// Whether it is in this process's user namespace; one that has ended meanwhile is not. user_namespaces(7)
    ///
    /// The agent of a session without id range has the caller's uid, but never that namespace.
    package var isNeighbour: Bool {
        guard pid > 0 else { return false }
        do throws(SystemError) {
            let subject = "a user namespace"
            let theirs = try FileStatus.at(
                AT_FDCWD, Array("/proc/\(pid)/ns/user".utf8CString), flags: 0, subject: subject)
            let ours = try FileStatus.at(AT_FDCWD, Array("/proc/self/ns/user".utf8CString), flags: 0, subject: subject)
            guard theirs.device == ours.device && theirs.inode == ours.inode else { return false }
            // Still there: its number was nobody else's when it was looked at. pidfd_open(2)
            return process.map { sp_poll_one($0.pidfd.number, Int16(POLLIN), 0) == 0 } ?? true
        } catch { return false }
    }
}
