// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import LinuxSystem
internal import Policy

/// What this host's own routing says about an address that a name resolved to.
///
/// Lists of special ranges cannot know the host's public address or the public range of its own network; the kernel
/// does (threats E18, E26).
final class HostRoutes {
    enum Verdict: Equatable {
        /// Leaves through a router.
        case outward
        /// One of the host's own addresses, a broadcast or multicast address, or one the host refuses to reach.
        case own
        /// A neighbour on a network that the host is attached to.
        case onLink
        /// No route.
        case unreachable
    }

    private let socket: Descriptor
    /// What was said a moment ago. A client that opens many connections to one place would have it asked each time.
    private var recent: [IPAddress: (verdict: Verdict, at: UInt64)] = [:]
    private static let freshNanoseconds: UInt64 = 2_000_000_000
    private static let mostRecent = 256

    init() throws(SystemError) {
        socket = Descriptor(owning: Int32(try checked("open", "a route socket") { sp_route_socket() }))
    }

    /// Judges where the packets end up: a connection to `::ffff:a.b.c.d` is one to a.b.c.d, whatever the IPv6 table says
    /// of it (ipv6(7)), and translators and 6to4 relays may bring one to a wrapped address of this host back to it.
    ///
    /// - Parameter now: nanoseconds of the loop's clock.
    func verdict(on address: IPAddress, now: UInt64) throws(SystemError) -> Verdict {
        if let known = recent[address], now - known.at < Self.freshNanoseconds { return known.verdict }
        let verdict = try judge(address)
        if recent.count >= Self.mostRecent { recent.removeAll() }
        recent[address] = (verdict, now)
        return verdict
    }

    private func judge(_ address: IPAddress) throws(SystemError) -> Verdict {
        guard address.isWrapping else { return try ask(address) }
        let inner = try ask(address.unwrapped)
        // An IPv6-only host has no route to what its translator reaches.
        return address.isMapped || inner == .own || inner == .onLink ? inner : try ask(address)
    }

    private func ask(_ address: IPAddress) throws(SystemError) -> Verdict {
        var endpoint = Endpoint(address, 0).raw
        var route = sp_route()
        let result = sp_route_to(socket.number, &endpoint, &route)
        if result < 0 {
            let errno = Errno(Int32(-result))
            // A route of type unreachable, prohibit or blackhole answers with its error.
            let meansNone: Set<Int32> = [101, 113, 13, 22]  // ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL
            if meansNone.contains(errno.code) { return .unreachable }
            throw SystemError("ask the route to", "\(address)", errno)
        }
        let unicast: UInt8 = 1  // RTN_UNICAST
        guard route.type == unicast else { return .own }
        // A default route without a router (point-to-point links) leads outward all the same.
        return route.has_gateway != 0 || route.prefix == 0 ? .outward : .onLink
    }
}
