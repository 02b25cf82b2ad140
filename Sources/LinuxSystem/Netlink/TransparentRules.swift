// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// The packet filter rules by which one listener takes the connections to every port: TPROXY.
///
/// One table of one chain, before routing: a TCP segment that opens a connection, to an address that is not the
/// session's own and to a port that is not the resolver's, is given to the socket that listens transparently on `port`.
/// The accepted socket carries the address and port that were asked. Later segments find that socket by themselves. When
/// nobody listens there, a segment goes its ordinary way. nft(8), "TPROXY STATEMENT"; net/netfilter/nft_tproxy.c
package struct TransparentRules: Sendable {
    /// Four and sixteen bytes, the session's own addresses; without the second, IPv6 has no rule.
    let ownV4: [UInt8]
    let ownV6: [UInt8]?
    let port: UInt16
    let resolverPort: UInt16

    package init(ownV4: [UInt8], ownV6: [UInt8]?, port: UInt16, resolverPort: UInt16) {
        self.ownV4 = ownV4
        self.ownV6 = ownV6
        self.port = port
        self.resolverPort = resolverPort
    }

    private static let table: [UInt8] = Array("sallyport".utf8) + [0]
    private static let chain: [UInt8] = Array("transparent".utf8) + [0]

    /// One batch: all of it takes effect or nothing. nfnetlink has no other way to make chains and rules.
    package var requests: NetlinkRequests {
        var requests = NetlinkRequests()
        // The kernel answers neither end of a batch, and the whole of one it has no part for with a refusal.
        requests.append(
            UInt16(NFNL_MSG_BATCH_BEGIN), acknowledge: false,
            body: Self.header(0, resource: UInt16(NFNL_SUBSYS_NFTABLES)))
        Self.append(
            NFT_MSG_NEWTABLE, [.init(Int32(NFTA_TABLE_NAME.rawValue), Self.table)], to: &requests)
        Self.append(NFT_MSG_NEWCHAIN, Self.chainAttributes, to: &requests)
        Self.append(NFT_MSG_NEWRULE, rule(.v4(ownV4)), to: &requests)
        if let ownV6 { Self.append(NFT_MSG_NEWRULE, rule(.v6(ownV6)), to: &requests) }
        requests.append(
            UInt16(NFNL_MSG_BATCH_END), acknowledge: false, body: Self.header(0, resource: UInt16(NFNL_SUBSYS_NFTABLES))
        )
        return requests
    }

    private static func header(_ family: UInt8, resource: UInt16) -> nfgenmsg {
        nfgenmsg(nfgen_family: family, version: UInt8(NFNETLINK_V0), res_id: resource.bigEndian)
    }

    private static func append(
        _ message: nf_tables_msg_types, _ attributes: [NetlinkAttribute], to requests: inout NetlinkRequests
    ) {
        requests.append(
            UInt16(NFNL_SUBSYS_NFTABLES) << 8 | UInt16(message.rawValue),
            flags: UInt16(NLM_F_CREATE), body: header(SP_NFPROTO_INET, resource: 0), attributes)
    }

    private static var chainAttributes: [NetlinkAttribute] {
        let mangle = UInt32(bitPattern: -150)
        return [
            .init(Int32(NFTA_CHAIN_TABLE.rawValue), table), .init(Int32(NFTA_CHAIN_NAME.rawValue), chain),
            .nested(
                Int32(NFTA_CHAIN_HOOK.rawValue),
                [
                    .init(Int32(NFTA_HOOK_HOOKNUM.rawValue), network: SP_NF_INET_PRE_ROUTING),
                    .init(Int32(NFTA_HOOK_PRIORITY.rawValue), network: mangle),
                ]), .init(Int32(NFTA_CHAIN_POLICY.rawValue), network: SP_NF_ACCEPT),
            .init(Int32(NFTA_CHAIN_TYPE.rawValue), Array("filter".utf8) + [0]),
        ]
    }

    // MARK: Rules

    private enum Family {
        case v4([UInt8])
        case v6([UInt8])
    }

    private func rule(_ family: Family) -> [NetlinkAttribute] {
        var expressions: [NetlinkAttribute] = []
        let number: UInt8
        switch family {
        case .v4(let own):
            number = SP_NFPROTO_IPV4
            expressions += Self.require(meta: NFT_META_NFPROTO, equal: [number])
            // Destination at 16: not 127.0.0.0/8 and not the session's own.
            expressions += [
                Self.load(NFT_PAYLOAD_NETWORK_HEADER, 16, 4), Self.mask([255, 0, 0, 0]),
                Self.compare(NFT_CMP_NEQ, [127, 0, 0, 0]),
                Self.load(NFT_PAYLOAD_NETWORK_HEADER, 16, 4), Self.compare(NFT_CMP_NEQ, own),
            ]
        case .v6(let own):
            number = SP_NFPROTO_IPV6
            expressions += Self.require(meta: NFT_META_NFPROTO, equal: [number])
            // Destination at 24: not ::1 and not the session's own.
            expressions += [
                Self.load(NFT_PAYLOAD_NETWORK_HEADER, 24, 16),
                Self.compare(NFT_CMP_NEQ, Array(repeating: 0, count: 15) + [1]), Self.compare(NFT_CMP_NEQ, own),
            ]
        }
        expressions += Self.require(meta: NFT_META_L4PROTO, equal: [UInt8(IPPROTO_TCP)])
        // Port at 2; flags at 13: SYN without ACK.
        expressions += [
            Self.load(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2), Self.compare(NFT_CMP_NEQ, Self.network(resolverPort)),
            Self.load(NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1), Self.mask([0x12]), Self.compare(NFT_CMP_EQ, [0x02]),
            Self.value(Self.network(port)), Self.proxy(number),
        ]
        return [
            .init(Int32(NFTA_RULE_TABLE.rawValue), Self.table), .init(Int32(NFTA_RULE_CHAIN.rawValue), Self.chain),
            .nested(Int32(NFTA_RULE_EXPRESSIONS.rawValue), expressions),
        ]
    }

    // MARK: Expressions: each works on the first register.

    private static let register = UInt32(NFT_REG_1.rawValue)

    private static func expression(_ name: String, _ data: [NetlinkAttribute]) -> NetlinkAttribute {
        .nested(
            Int32(NFTA_LIST_ELEM.rawValue),
            [
                .init(Int32(NFTA_EXPR_NAME.rawValue), Array(name.utf8) + [0]),
                .nested(Int32(NFTA_EXPR_DATA.rawValue), data),
            ])
    }

    private static func require(meta key: nft_meta_keys, equal bytes: [UInt8]) -> [NetlinkAttribute] {
        [
            expression(
                "meta",
                [
                    .init(Int32(NFTA_META_KEY.rawValue), network: UInt32(key.rawValue)),
                    .init(Int32(NFTA_META_DREG.rawValue), network: register),
                ]), compare(NFT_CMP_EQ, bytes),
        ]
    }

    private static func load(_ base: nft_payload_bases, _ offset: UInt32, _ count: UInt32) -> NetlinkAttribute {
        expression(
            "payload",
            [
                .init(Int32(NFTA_PAYLOAD_DREG.rawValue), network: register),
                .init(Int32(NFTA_PAYLOAD_BASE.rawValue), network: UInt32(base.rawValue)),
                .init(Int32(NFTA_PAYLOAD_OFFSET.rawValue), network: offset),
                .init(Int32(NFTA_PAYLOAD_LEN.rawValue), network: count),
            ])
    }

    private static func mask(_ bytes: [UInt8]) -> NetlinkAttribute {
        expression(
            "bitwise",
            [
                .init(Int32(NFTA_BITWISE_SREG.rawValue), network: register),
                .init(Int32(NFTA_BITWISE_DREG.rawValue), network: register),
                .init(Int32(NFTA_BITWISE_LEN.rawValue), network: UInt32(bytes.count)),
                data(Int32(NFTA_BITWISE_MASK.rawValue), bytes),
                data(Int32(NFTA_BITWISE_XOR.rawValue), Array(repeating: 0, count: bytes.count)),
            ])
    }

    private static func compare(_ operation: nft_cmp_ops, _ bytes: [UInt8]) -> NetlinkAttribute {
        expression(
            "cmp",
            [
                .init(Int32(NFTA_CMP_SREG.rawValue), network: register),
                .init(Int32(NFTA_CMP_OP.rawValue), network: UInt32(operation.rawValue)),
                data(Int32(NFTA_CMP_DATA.rawValue), bytes),
            ])
    }

    private static func value(_ bytes: [UInt8]) -> NetlinkAttribute {
        expression(
            "immediate",
            [
                .init(Int32(NFTA_IMMEDIATE_DREG.rawValue), network: register),
                data(Int32(NFTA_IMMEDIATE_DATA.rawValue), bytes),
            ])
    }

    private static func proxy(_ family: UInt8) -> NetlinkAttribute {
        expression(
            "tproxy",
            [
                .init(Int32(NFTA_TPROXY_FAMILY.rawValue), network: UInt32(family)),
                .init(Int32(NFTA_TPROXY_REG_PORT.rawValue), network: register),
            ])
    }

    private static func data(_ type: Int32, _ bytes: [UInt8]) -> NetlinkAttribute {
        .nested(type, [.init(Int32(NFTA_DATA_VALUE.rawValue), bytes)])
    }

    private static func network(_ port: UInt16) -> [UInt8] { [UInt8(port >> 8), UInt8(port & 0xff)] }
}
