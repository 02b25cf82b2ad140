// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Wire

/// Answers the one question that a session's egress gateway may ask: which process holds this socket.
///
/// From kernel files alone; the gateway, which reads hostile bytes, sees no process of the session.
final class OwnerSearch {
    private var diagnostics: SocketDiagnostics
    private let first: Int32
    /// The longest that one answer may hold up the session's own watch.
    private static let patience: UInt64 = 20_000_000

    /// - Parameters:
    ///   - socket: NETLINK_SOCK_DIAG, made in the session's network namespace.
    ///   - first: pid 1 of the session, as the host numbers it.
    init(_ socket: consuming Descriptor, first: Int32) {
        diagnostics = SocketDiagnostics(socket)
        self.first = first
    }

    /// Nil where nobody holds it any more, or where the kernel would not say.
    func owner(of pair: EgressReport.SocketPair) -> Wire.SocketOwner? {
        let flow = SocketFlow(
            pair.transport == 6 ? .tcp : .udp, local: pair.clientAddress, localPort: pair.clientPort,
            remote: pair.serverAddress, remotePort: pair.serverPort)
        let deadline = sp_clock_ns(CLOCK_MONOTONIC) + Self.patience
        do throws(SystemError) {
            guard let found = try diagnostics.find(flow),
                let holder = try SocketOwners.owner(
                    inode: found.inode, among: try SocketOwners.descendants(of: first), until: deadline)
            else { return nil }
            return Wire.SocketOwner(
                pid: UInt32(bitPattern: holder.pid), device: holder.device ?? 0, inode: holder.inode ?? 0,
                claimedName: Array(holder.claimedName.utf8), claimedCommand: Array(holder.claimedCommand.utf8))
        } catch {
            // A record without its process is better than none; the decision does not depend on it.
            return nil
        }
    }
}
