// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Policy

/// The part of a launch that makes the session's network: addresses, routes, and the sockets through which it is served
/// from outside.
///
/// They run with CAP_NET_ADMIN (addresses), CAP_NET_BIND_SERVICE (ports below 1024) and CAP_NET_RAW (tap) over the
/// namespace's owner: in the child as inside root, before its capabilities go. A socket belongs for ever to the
/// namespace it was made in, whoever holds it. network_namespaces(7)
enum NetworkSteps {
    private static let backlog: UInt64 = 512
    /// A flood of large datagrams fills it, and what is lost then is counted (PACKET_STATISTICS). Twice the value is
    /// what the kernel takes; more than this an unprivileged owner may not ask for. socket(7), SO_RCVBUF
    private static let tapBytes: UInt32 = 208 << 10

    static func add(_ network: NetworkPlan, _ plan: inout PlanBuilder) {
        let requests = NetlinkRequests.anyAddressLocal(
            v4: SessionAddresses.ownV4.bytes, v6: network.ipv6 ? SessionAddresses.ownV6.bytes : nil,
            reachable: network.reachable.map { blocks in
                blocks.map { NetlinkRequests.Block($0.base.bytes, prefix: $0.prefixLength) }
            })
        plan.add(
            .netlink, "net.addresses", data: requests.bytes, a: UInt64(NETLINK_ROUTE),
            detail: network.ipv6 ? "every v4 and v6 address is local" : "every v4 address is local")
        for (index, role) in network.roles.enumerated() {
            let slot = NetworkPlan.firstSlot + index
            switch role {
            case .dnsUDP(let family): datagram(family, "net.\(role)", slot, &plan)
            case .dnsTCP(let family): listener(NetworkPlan.dnsPort, family, "net.\(role)", slot, &plan)
            case .listener(let port, let family): listener(port, family, "net.\(role)", slot, &plan)
            case .transparent(let family): transparent(family, "net.\(role)", slot, &plan)
            case .tap: tap(network, "net.\(role)", slot, &plan)
            case .diagnostics:
                open(AF_NETLINK, SOCK_RAW, "net.\(role)", slot, &plan, protocol: NETLINK_SOCK_DIAG)
            }
        }
        if network.transparent { rules(network, &plan) }
    }

    /// Where the plan of a session needs what the kernel may lack: nf_tables and its transparent proxy.
    static let rulesLabel = "net.transparent_rules"

    static func rules(_ network: NetworkPlan, _ plan: inout PlanBuilder) {
        let rules = TransparentRules(
            ownV4: SessionAddresses.ownV4.bytes, ownV6: network.ipv6 ? SessionAddresses.ownV6.bytes : nil,
            port: NetworkPlan.transparentPort, resolverPort: NetworkPlan.dnsPort)
        plan.add(
            .netlink, rulesLabel, data: rules.requests.bytes, a: UInt64(NETLINK_NETFILTER),
            detail: "connections to other addresses go to port \(NetworkPlan.transparentPort)")
    }

    /// Sends the sockets out in a message of their own; the child's copies end with its exec.
    static func send(_ network: NetworkPlan, on socket: Int32, _ plan: inout PlanBuilder) {
        let mask = network.roles.indices.reduce(0 as UInt64) { $0 | 1 << UInt64(NetworkPlan.firstSlot + $1) }
        plan.add(.send, "net.send", fd: .descriptor(socket), a: mask, detail: "\(network.roles.count) sockets")
    }

    // MARK: Sockets

    /// Answers leave from the very address that was asked, which the resolver of a client checks.
    private static func datagram(_ family: AddressFamily, _ label: String, _ slot: Int, _ plan: inout PlanBuilder) {
        socket(family, SOCK_DGRAM, label, slot, &plan)
        let (level, name) =
            family == .v4 ? (IPPROTO_IP, SP_IP_PKTINFO) : (IPPROTO_IPV6, SP_IPV6_RECVPKTINFO)
        option(Int32(level), name, 1, label, slot, &plan)
        // For IPv6 the local route is not enough: an answer may only leave from an address of an interface, or freely.
        if family == .v6 { option(Int32(IPPROTO_IPV6), SP_IPV6_FREEBIND, 1, label, slot, &plan) }
        bind(family, NetworkPlan.dnsPort, label, slot, &plan)
    }

    /// Neither SO_REUSEADDR nor SO_REUSEPORT: with them somebody inside could bind the same port beside it. socket(7)
    private static func listener(
        _ port: UInt16, _ family: AddressFamily, _ label: String, _ slot: Int, _ plan: inout PlanBuilder
    ) {
        socket(family, SOCK_STREAM, label, slot, &plan)
        bind(family, port, label, slot, &plan)
        plan.add(.listen, label, fd: .slot(Int32(slot)), a: backlog, detail: "listen")
    }

    /// May take connections to addresses that it is not bound to; its accepted sockets have the asked address and port.
    /// ip(7), IP_TRANSPARENT
    private static func transparent(_ family: AddressFamily, _ label: String, _ slot: Int, _ plan: inout PlanBuilder) {
        socket(family, SOCK_STREAM, label, slot, &plan)
        let (level, name) =
            family == .v4 ? (IPPROTO_IP, SP_IP_TRANSPARENT) : (IPPROTO_IPV6, SP_IPV6_TRANSPARENT)
        option(Int32(level), name, 1, label, slot, &plan)
        bind(family, NetworkPlan.transparentPort, label, slot, &plan)
        plan.add(.listen, label, fd: .slot(Int32(slot)), a: backlog, detail: "listen")
    }

    private static func socket(
        _ family: AddressFamily, _ type: __socket_type, _ label: String, _ slot: Int, _ plan: inout PlanBuilder
    ) {
        open(family == .v4 ? AF_INET : AF_INET6, type, label, slot, &plan)
        // Each family has its own socket, so that an address is never the wrapped form of another. ipv6(7)
        if family == .v6 { option(Int32(IPPROTO_IPV6), SP_IPV6_V6ONLY, 1, label, slot, &plan) }
    }

    private static func open(
        _ domain: Int32, _ type: __socket_type, _ label: String, _ slot: Int, _ plan: inout PlanBuilder,
        protocol number: Int32 = 0
    ) {
        let flags = Int32(type.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        plan.add(
            .socket, label, data: bytes(domain) + bytes(flags) + bytes(number), b: UInt64(slot), detail: "make")
    }

    private static func option(
        _ level: Int32, _ name: Int32, _ value: UInt32, _ label: String, _ slot: Int, _ plan: inout PlanBuilder
    ) {
        plan.add(
            .socketOption, label, fd: .slot(Int32(slot)), data: bytes(value), a: UInt64(level), b: UInt64(name),
            detail: "level \(level) option \(name) = \(value)")
    }

    private static func bind(
        _ family: AddressFamily, _ port: UInt16, _ label: String, _ slot: Int, _ plan: inout PlanBuilder
    ) {
        let address: [UInt8]
        switch family {
        case .v4:
            var any = sockaddr_in()
            any.sin_family = sa_family_t(AF_INET)
            any.sin_port = port.bigEndian
            address = bytes(any)
        case .v6:
            var any = sockaddr_in6()
            any.sin6_family = sa_family_t(AF_INET6)
            any.sin6_port = port.bigEndian
            address = bytes(any)
        }
        plan.add(.bind, label, fd: .slot(Int32(slot)), data: address, detail: "port \(port)")
    }

    private static func tap(_ network: NetworkPlan, _ label: String, _ slot: Int, _ plan: inout PlanBuilder) {
        // Protocol 0: no packet comes before the filter is there and the socket bound. packet(7)
        open(AF_PACKET, SOCK_DGRAM, label, slot, &plan)
        let filter = AttemptFilter.program(listened: network.listened)
        plan.add(.socketFilter, label, fd: .slot(Int32(slot)), data: filter, detail: "first packets")
        option(SOL_SOCKET, SO_LOCK_FILTER, 1, label, slot, &plan)
        option(SOL_SOCKET, SO_RCVBUF, tapBytes, label, slot, &plan)
        var address = sockaddr_ll()
        address.sll_family = UInt16(AF_PACKET)
        address.sll_protocol = SP_ETH_P_ALL.bigEndian
        address.sll_ifindex = 1  // lo
        plan.add(.bind, label, fd: .slot(Int32(slot)), data: bytes(address), detail: "lo")
    }

    /// A C structure as the kernel takes it; one with a union in it is not known as `BitwiseCopyable`.
    private static func bytes<Value>(_ value: Value) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }
}
