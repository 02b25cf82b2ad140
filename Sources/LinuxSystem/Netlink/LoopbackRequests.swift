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
    package static func anyAddressLocal(v4: [UInt8], v6: [UInt8]?) -> NetlinkRequests {
        var requests = loopbackUp(v4: v4, v6: v6)
        requests.addLocalRoute(AF_INET, from: v4)
        if let v6 { requests.addLocalRoute(AF_INET6, from: v6) }
        return requests
    }

    /// The same for some addresses only: whoever dials another hears EACCES from the kernel, and nobody else hears of
    /// it, since no packet is made.
    ///
    /// - Parameter blocks: first address in network order and length of the prefix; those of IPv6 are left out without it.
    package static func someAddressesLocal(
        v4: [UInt8], v6: [UInt8]?, blocks: [(base: [UInt8], length: Int)]
    ) -> NetlinkRequests {
        var requests = loopbackUp(v4: v4, v6: v6)
        for block in blocks {
            let isV4 = block.base.count == v4.count
            guard let source = isV4 ? v4 : v6 else { continue }
            requests.addLocalRoute(isV4 ? AF_INET : AF_INET6, to: block, from: source)
        }
        requests.addProhibition(AF_INET)
        if v6 != nil { requests.addProhibition(AF_INET6) }
        return requests
    }

    private static func loopbackUp(v4: [UInt8], v6: [UInt8]?) -> NetlinkRequests {
        var requests = NetlinkRequests()
        var link = ifinfomsg()
        link.ifi_index = loopback
        link.ifi_flags = UInt32(IFF_UP)
        link.ifi_change = UInt32(IFF_UP)
        requests.append(UInt16(RTM_NEWLINK), body: link)
        requests.addAddress(AF_INET, v4)
        if let v6 { requests.addAddress(AF_INET6, v6) }
        return requests
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

    /// A route of the local table; without a block it is for every address.
    private mutating func addLocalRoute(
        _ family: Int32, to block: (base: [UInt8], length: Int)? = nil, from source: [UInt8]
    ) {
        var route = rtmsg()
        route.rtm_family = UInt8(family)
        route.rtm_dst_len = UInt8(block?.length ?? 0)
        route.rtm_table = UInt8(RT_TABLE_LOCAL.rawValue)
        route.rtm_protocol = UInt8(RTPROT_STATIC)
        route.rtm_scope = UInt8((family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE).rawValue)
        route.rtm_type = UInt8(RTN_LOCAL)
        let target = block.map { [NetlinkAttribute(Int32(RTA_DST.rawValue), $0.base)] } ?? []
        append(
            UInt16(RTM_NEWROUTE), flags: Self.create, body: route,
            target + [
                .init(Int32(RTA_OIF.rawValue), host: UInt32(Self.loopback)),
                .init(Int32(RTA_PREFSRC.rawValue), source),
            ])
    }

    /// What no route of the local table holds is prohibited: EACCES, which no unreachable network gives. ip-route(8)
    private mutating func addProhibition(_ family: Int32) {
        var route = rtmsg()
        route.rtm_family = UInt8(family)
        route.rtm_table = UInt8(RT_TABLE_MAIN.rawValue)
        route.rtm_protocol = UInt8(RTPROT_STATIC)
        route.rtm_scope = UInt8(RT_SCOPE_UNIVERSE.rawValue)
        route.rtm_type = UInt8(RTN_PROHIBIT)
        append(UInt16(RTM_NEWROUTE), flags: Self.create, body: route)
    }
}
