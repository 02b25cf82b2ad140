// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Isolation
package import LinuxSystem
package import Wire

/// Finds the process of a session that holds a socket, from kernel files alone. sock_diag(7), proc_pid_fd(5)
///
/// A socket that was closed, or passed on and closed, has no owner any more; one that several hold is the first one's.
package final class SocketOwners {
    private var diagnostics: SocketDiagnostics
    private let processes: () throws(SystemError) -> [Int32]

    /// - Parameters:
    ///   - socket: NETLINK_SOCK_DIAG, made in the session's network namespace, which it keeps alive.
    ///   - processes: The session's, as the host numbers them; see ``descendants(of:)``.
    package init(_ socket: consuming Descriptor, processes: @escaping () throws(SystemError) -> [Int32]) {
        diagnostics = SocketDiagnostics(socket)
        self.processes = processes
    }

    /// The owner of the client's end of a connection, or of a datagram's sender; nil when it has none any more.
    package func owner(of pair: EgressReport.SocketPair) throws(SystemError) -> SocketOwner? {
        let flow = SocketFlow(
            pair.transport == UInt8(IPPROTO_UDP) ? .udp : .tcp, local: pair.clientAddress, localPort: pair.clientPort,
            remote: pair.serverAddress, remotePort: pair.serverPort)
        guard let found = try diagnostics.find(flow), found.inode != 0 else { return nil }
        let wanted = Array("socket:[\(found.inode)]".utf8)
        for pid in try processes() where try Self.holds(pid, wanted) { return try Self.describe(pid) }
        return nil
    }

    /// Every process that descends from a session's pid 1, that one included.
    ///
    /// Complete, since whoever loses its parent in a pid namespace is given to its pid 1; but a process that ends
    /// meanwhile can hide its neighbour. pid_namespaces(7), proc_tid_children(5)
    package static func descendants(of root: Int32) throws(SystemError) -> [Int32] {
        var found = [root]
        var next = 0
        while next < found.count {
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
            // One that is closed between listing and reading is not the one that is looked for.
            for name in try directory.names() {
                if try ofLiving({ () throws(SystemError) in try directory.linkTarget(name) }) == wanted { return true }
            }
            return false
        }
        return held ?? false
    }

    /// Nil when the process has ended meanwhile: half an answer would be about nobody.
    private static func describe(_ pid: Int32) throws(SystemError) -> SocketOwner? {
        try ofLiving { () throws(SystemError) in
            // Of the program that runs, which the process cannot choose; name and command line it can write itself.
            let program = try FileStatus.at(
                AT_FDCWD, Array("/proc/\(pid)/exe".utf8CString), flags: 0, subject: "\"/proc/\(pid)/exe\"")
            let command = try Descriptor.open("/proc/\(pid)/cmdline", O_RDONLY)
            return SocketOwner(
                pid: UInt32(pid), device: program.device, inode: program.inode,
                claimedName: Array(try procBytes("/proc/\(pid)/comm").prefix { $0 != 0x0a }),
                claimedCommand: try command.readStart(SocketOwner.longestCommand, subject: "a command line"))
        }
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
