// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Isolation
internal import LinuxSystem
internal import Wire

/// Answers the one question that a session's egress gateway may ask: which process holds this socket.
///
/// From kernel files alone; the gateway, which reads hostile bytes, sees no process of the session.
///
/// A session decides how many processes and descriptors there are to look at, and how often the question comes, while
/// the supervisor that looks also watches over its limits. A search therefore ends when its answer would come too late,
/// and all of them together take a fifth of a processor's time; who asks for more goes without an answer.
final class OwnerSearch {
    private var diagnostics: SocketDiagnostics
    private let first: Int32
    /// Nanoseconds that searches may still take, and when they were last counted.
    private var credit = OwnerSearch.mostCredit
    private var counted = sp_clock_ns(CLOCK_MONOTONIC)

    /// The gateway waits 50 ms for an answer.
    private static let longest: UInt64 = 40_000_000
    private static let mostCredit: Int64 = 200_000_000
    private static let timePerCredit: UInt64 = 5

    /// - Parameters:
    ///   - socket: NETLINK_SOCK_DIAG, made in the session's network namespace.
    ///   - first: pid 1 of the session, as the host numbers it.
    init(_ socket: consuming Descriptor, first: Int32) {
        diagnostics = SocketDiagnostics(socket)
        self.first = first
    }

    /// Nil where nobody holds it any more, or where the kernel would not say.
    func owner(of pair: EgressReport.SocketPair) -> SocketOwner? {
        let began = sp_clock_ns(CLOCK_MONOTONIC)
        let earned = min((began - counted) / Self.timePerCredit, UInt64(Self.mostCredit))
        credit = min(Self.mostCredit, credit + Int64(earned))
        counted = began
        guard credit > 0 else { return nil }
        let found = search(pair, until: began + Self.longest)
        credit -= Int64(sp_clock_ns(CLOCK_MONOTONIC) - began)
        return found
    }

    private func search(_ pair: EgressReport.SocketPair, until deadline: UInt64) -> SocketOwner? {
        let flow = SocketFlow(
            pair.transport == 6 ? .tcp : .udp, local: pair.clientAddress, localPort: pair.clientPort,
            remote: pair.serverAddress, remotePort: pair.serverPort)
        do throws(SystemError) {
            guard let found = try diagnostics.find(flow) else { return nil }
            return try SocketOwners.owner(
                inode: found.inode, among: try SocketOwners.descendants(of: first, until: deadline), until: deadline)
        } catch {
            // A record without its process is better than none; the decision does not depend on it.
            return nil
        }
    }
}
