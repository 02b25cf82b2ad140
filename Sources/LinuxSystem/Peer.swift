// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// Who is at the other end of a local socket, by the kernel's word from when the connection was made. unix(7)
package struct Peer: Sendable {
    /// The highest one, which nobody has, when the kernel does not say.
    package let uid: UInt32
    private let pid: Int32

    package init(of socket: Int32) {
        var uid = UInt32.max
        var pid: Int32 = 0
        let known = sp_peer(socket, &uid, &pid) >= 0
        self.uid = known ? uid : .max
        self.pid = known ? pid : 0
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
            return theirs.device == ours.device && theirs.inode == ours.inode
        } catch { return false }
    }
}
