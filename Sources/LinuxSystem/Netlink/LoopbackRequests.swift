// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

extension NetlinkRequests {
    /// Makes every unicast address of both families local to a fresh network namespace, which has nothing but `lo`.
    ///
    /// `lo` comes up with an address of its own beside 127.0.0.1 and ::1: with loopback addresses alone, getaddrinfo
    /// with AI_ADDRCONFIG finds no name at all (getaddrinfo(3)). The default routes lie in the local table, so that
    /// whatever is dialled arrives at a listener of this namespace, or at none. Each names the address that connections
    /// come from: without it a connection would come from the very address it goes to, and one to a closed port in the
    /// range of ephemeral ports sooner or later connects to itself.
    ///
    /// - Parameters:
    ///   - v4: four bytes in network order.
    ///   - v6: sixteen bytes, or nil on a host whose new namespaces have IPv6 off, where these requests fail.
    ///   - reachable: the only blocks that are local; nil for every address. What lies outside gets EACCES at once, and no
    ///     packet ever exists that could be seen. ip-route(8), "prohibit"
    package static func anyAddressLocal(v4: [UInt8], v6: [UInt8]?, reachable: [Block]? = nil) -> NetlinkRequests {
        var requests = NetlinkRequests()
        var link = ifinfomsg()
        link.ifi_index = loopback
        link.ifi_flags = UInt32(IFF_UP)
        link.ifi_change = UInt32(IFF_UP)
        requests.append(UInt16(RTM_NEWLINK), body: link)
        requests.addAddress(AF_INET, v4)
        if let v6 { requests.addAddress(AF_INET6, v6) }
        for (family, own, scope) in [(AF_INET, v4, RT_SCOPE_HOST), (AF_INET6, v6 ?? [], RT_SCOPE_UNIVERSE)] {
            guard !own.isEmpty else { continue }
            guard let reachable else {
                requests.addLocalRoute(family, own, to: nil, scope: scope)
                continue
            }
            for block in reachable where block.address.count == own.count {
                requests.addLocalRoute(family, own, to: block, scope: scope)
            }
            requests.prohibitTheRest(family)
        }
        return requests
    }

    /// Addresses that begin alike: four or sixteen bytes, and how many of their bits count.
    package struct Block: Sendable {
        let address: [UInt8]
        let prefix: UInt8

        package init(_ address: [UInt8], prefix: Int) {
            self.address = address
            self.prefix = UInt8(prefix)
        }
    }

    /// Index of `lo`: the first interface of every namespace, made with it.
    private static let loopback: Int32 = 1
    private static let create = UInt16(NLM_F_CREATE) | UInt16(NLM_F_REPLACE)

    private mutating func addAddress(_ family: Int32, _ address: [UInt8]) {
        var own = ifaddrmsg()
        own.ifa_family = UInt8(family)
        own.ifa_prefixlen = UInt8(address.count * 8)
        // Without duplicate detection an IPv6 address can be used at once; there is nobody to ask.
        own.ifa_flags = family == AF_INET6 ? UInt8(IFA_F_NODAD) : 0
        // Not a host's scope: AI_ADDRCONFIG counts addresses that could lead elsewhere.
        own.ifa_scope = UInt8(RT_SCOPE_UNIVERSE.rawValue)
        own.ifa_index = UInt32(Self.loopback)
        append(
            UInt16(RTM_NEWADDR), flags: Self.create, body: own,
            [.init(Int32(IFA_LOCAL), address), .init(Int32(IFA_ADDRESS), address)])
    }

    private mutating func addLocalRoute(_ family: Int32, _ own: [UInt8], to block: Block?, scope: rt_scope_t) {
        var route = rtmsg()
        route.rtm_family = UInt8(family)
        route.rtm_table = UInt8(RT_TABLE_LOCAL.rawValue)
        route.rtm_protocol = UInt8(RTPROT_STATIC)
        route.rtm_scope = UInt8(scope.rawValue)
        route.rtm_type = UInt8(RTN_LOCAL)
        var attributes: [NetlinkAttribute] = [
            .init(Int32(RTA_OIF.rawValue), host: UInt32(Self.loopback)), .init(Int32(RTA_PREFSRC.rawValue), own),
        ]
        if let block, block.prefix > 0 {
            route.rtm_dst_len = block.prefix
            attributes.insert(.init(Int32(RTA_DST.rawValue), block.address), at: 0)
        }
        append(UInt16(RTM_NEWROUTE), flags: Self.create, body: route, attributes)
    }

    private mutating func prohibitTheRest(_ family: Int32) {
        var route = rtmsg()
        route.rtm_family = UInt8(family)
        route.rtm_table = UInt8(RT_TABLE_MAIN.rawValue)
        route.rtm_protocol = UInt8(RTPROT_STATIC)
        route.rtm_scope = UInt8(RT_SCOPE_UNIVERSE.rawValue)
        route.rtm_type = UInt8(RTN_PROHIBIT)
        append(UInt16(RTM_NEWROUTE), flags: Self.create, body: route)
    }
}
