// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import LinuxSystem
package import Policy

/// The family of an internet socket.
package enum AddressFamily: Sendable, Hashable, CaseIterable {
    case v4
    case v6
}

/// What a socket made in a session's network namespace is for.
package enum NetworkRole: Sendable, Hashable, CustomStringConvertible {
    case dnsUDP(AddressFamily)
    case dnsTCP(AddressFamily)
    /// Sees the first packet of every attempt to go anywhere that no listener takes.
    case tap
    /// Takes the TCP connections to one port of any address.
    case listener(port: UInt16, AddressFamily)
    /// Takes the TCP connections to any port of any address that is not the session's own.
    case transparent(AddressFamily)
    /// Answers which socket of the namespace has a flow: see ``SocketDiagnostics``.
    case diagnostics

    package var description: String {
        switch self {
        case .dnsUDP(let family): "dns_udp_\(family)"
        case .dnsTCP(let family): "dns_tcp_\(family)"
        case .tap: "tap"
        case .listener(let port, let family): "listener_\(port)_\(family)"
        case .transparent(let family): "transparent_\(family)"
        case .diagnostics: "diagnostics"
        }
    }
}

/// The network of a session whose policy lets something out: which sockets its namespace has.
///
/// The namespace itself has only `lo`, on which every unicast address is local; nothing leads out of it but these
/// sockets, which are held outside.
package struct NetworkPlan: Sendable, Equatable {
    /// TCP ports with a listener of their own, ascending. An agent cannot have a server on these.
    package let ports: [UInt16]
    /// False on a host whose new namespaces have IPv6 off: see ``IPv6Availability``.
    package let ipv6: Bool
    /// Every port but the resolver's is taken by one listener, whatever server the agent has there: TPROXY.
    package let transparent: Bool
    package let tap: Bool
    /// The only addresses that have a route; nil for all, so that an attempt on any other can be recorded and explained.
    package let reachable: [AddressBlock]?

    /// Each listener is two descriptors, which travel in one message.
    package static let maximumPorts = 20
    static let dnsPort: UInt16 = 53
    /// Where the one listener for all ports is bound: below 1024, so that no server of an agent is in its way.
    static let transparentPort: UInt16 = 1

    /// - Throws: ``SystemError`` for ports that cannot have a listener; `transparent` serves any number of them.
    package init(
        ports: [UInt16], ipv6: Bool, transparent: Bool, tap: Bool, reachable: [AddressBlock]? = nil
    ) throws(SystemError) {
        let distinct = Set(ports).sorted()
        for port in distinct where port == 0 || port == Self.dnsPort {
            throw SystemError(
                "listen on", "port \(port) of a session", .invalid,
                remedy: port == 0 ? "Ports begin at 1." : "The session's resolver answers there; it relays no DNS.")
        }
        if transparent && distinct.contains(Self.transparentPort) {
            throw SystemError(
                "listen on", "port \(Self.transparentPort) of a session", .invalid,
                remedy: "The one listener for all ports is bound there and takes that port too.")
        }
        guard distinct.count <= Self.maximumPorts else {
            throw SystemError(
                "listen on", "\(distinct.count) ports of a session", Errno(E2BIG),
                remedy: "More than \(Self.maximumPorts) ports need one listener for all of them.")
        }
        self.ports = distinct
        self.ipv6 = ipv6
        self.transparent = transparent
        self.tap = tap
        self.reachable = reachable
    }

    /// TCP ports on which a connection to any address is accepted, the resolver's included; nil for all.
    var listened: [UInt16]? { transparent ? nil : [Self.dnsPort] + ports }

    var families: [AddressFamily] { ipv6 ? [.v4, .v6] : [.v4] }

    /// Every socket of the plan, in the order in which they are made.
    package var roles: [NetworkRole] {
        var roles = families.map { NetworkRole.dnsUDP($0) } + families.map { .dnsTCP($0) }
        if transparent { roles += families.map { .transparent($0) } }
        for port in ports { roles += families.map { .listener(port: port, $0) } }
        if tap { roles.append(.tap) }
        return roles + [.diagnostics]
    }

    /// Slots of the child's own that sockets take one after the other, in the order of ``roles``.
    static let firstSlot = Slot.allCases.count
}
