// SPDX-License-Identifier: Apache-2.0

/// What an address is for. Only ``public`` ones may be dialled unless a rule names the others in `addresses`.
package enum AddressClass: String, Sendable, Hashable, CaseIterable {
    case `public`
    case `private`
    case loopback
    case linkLocal = "link_local"
    /// Services of a cloud that hand out credentials to whoever asks from the right machine.
    case metadata
    case carrierGradeNAT = "carrier_grade_nat"
    case multicast
    case broadcast
    case unspecified
    case reserved
    case documentation
    case benchmarking
    case uniqueLocal = "unique_local"
    /// NAT64 of the local network: where it leads only that network knows (RFC 8215).
    case translation
    /// Teredo and ISATAP carry IPv4 inside where a filter does not look.
    case tunnel

    /// The class of an address, seen through IPv6 forms that wrap an IPv4 one.
    package static func of(_ address: IPAddress) -> AddressClass { range(of: address).name }

    /// The class of an address and the block that gives it; no block where the class comes from no range.
    static func range(of address: IPAddress) -> (name: AddressClass, block: AddressBlock?) {
        guard address.isWrapping else { return assigned(address) }
        let inner = assigned(address.unwrapped)
        if inner.name != .public { return inner }
        return localTranslation.contains(address) ? (.translation, localTranslation) : (.public, nil)
    }

    /// Whether a rule can ask for addresses of this class: some take no connection at all.
    package var canBeNamed: Bool {
        switch self {
        case .multicast, .broadcast, .unspecified: false
        case .public, .private, .loopback, .linkLocal, .metadata, .carrierGradeNAT, .reserved, .documentation,
            .benchmarking, .uniqueLocal, .translation, .tunnel:
            true
        }
    }

    /// The class in words of a sentence: "... is a loopback address".
    package var words: String {
        switch self {
        case .public: "a public address"
        case .private: "a private address"
        case .loopback: "a loopback address of the host"
        case .linkLocal: "a link-local address"
        case .metadata: "a cloud's metadata service"
        case .carrierGradeNAT: "a carrier's shared address"
        case .multicast: "a multicast address"
        case .broadcast: "the broadcast address"
        case .unspecified: "an address of this host itself"
        case .reserved: "a reserved address"
        case .documentation: "an address for documentation"
        case .benchmarking: "an address for benchmarks"
        case .uniqueLocal: "a unique local address"
        case .translation: "an address of local translation"
        case .tunnel: "an address of a tunnel over IPv4"
        }
    }

    private static func assigned(_ address: IPAddress) -> (name: AddressClass, block: AddressBlock?) {
        for (name, blocks) in table {
            if let block = blocks.first(where: { $0.contains(address) }) { return (name, block) }
        }
        switch address {
        case .v4: return (.public, nil)
        // Only 2000::/3 is handed out at all: IANA's registry of IPv6 address space.
        case .v6(let high, _): return address.isISATAP ? (.tunnel, nil) : (high >> 61 == 1 ? .public : .reserved, nil)
        }
    }

    /// All special ranges, in the order in which they decide: IANA's special-purpose address registries (RFC 6890),
    /// and the metadata addresses of the clouds, which lie inside them or in the middle of public space.
    static let table: [(name: AddressClass, blocks: [AddressBlock])] = [
        (.metadata, metadataBlocks),
        (.unspecified, [.init(v4: 0, 0, 0, 0, length: 8), .init(v6: 0, 0, length: 128)]),
        (.loopback, [.init(v4: 127, 0, 0, 0, length: 8), .init(v6: 0, 1, length: 128)]),
        (
            .private,
            [
                .init(v4: 10, 0, 0, 0, length: 8), .init(v4: 172, 16, 0, 0, length: 12),
                .init(v4: 192, 168, 0, 0, length: 16), .init(v6: 0xFEC0 << 48, length: 10),
            ]
        ),
        (.uniqueLocal, [.init(v6: 0xFC00 << 48, length: 7)]),
        (.linkLocal, [.init(v4: 169, 254, 0, 0, length: 16), .init(v6: 0xFE80 << 48, length: 10)]),
        (.carrierGradeNAT, [.init(v4: 100, 64, 0, 0, length: 10)]),
        (
            .documentation,
            [
                .init(v4: 192, 0, 2, 0, length: 24), .init(v4: 198, 51, 100, 0, length: 24),
                .init(v4: 203, 0, 113, 0, length: 24), .init(v6: 0x2001_0DB8 << 32, length: 32),
                .init(v6: 0x3FFF << 48, length: 20),
            ]
        ),
        (.benchmarking, [.init(v4: 198, 18, 0, 0, length: 15), .init(v6: 0x2001_0002 << 32, length: 48)]),
        (.multicast, [.init(v4: 224, 0, 0, 0, length: 4), .init(v6: 0xFF00 << 48, length: 8)]),
        (.broadcast, [.init(v4: 255, 255, 255, 255, length: 32)]),
        (.translation, [localTranslation]),
        (.tunnel, [.init(v6: 0x2001 << 48, length: 32)]),
        (
            .reserved,
            [
                .init(v4: 192, 0, 0, 0, length: 24), .init(v4: 192, 88, 99, 0, length: 24),
                .init(v4: 240, 0, 0, 0, length: 4), .init(v6: 0x0100 << 48, length: 64),
                .init(v6: 0x2001 << 48, length: 23), .init(v6: 0x5F00 << 48, length: 16),
            ]
        ),
    ]

    static let localTranslation = AddressBlock(v6: 0x0064_FF9B_0001_0000, length: 48)

    private static let metadataBlocks: [AddressBlock] = [
        // EC2, GCE, Azure and most others; tasks and pods of EC2.
        .init(v4: 169, 254, 169, 254, length: 32), .init(v4: 169, 254, 170, 2, length: 32),
        .init(v4: 169, 254, 170, 23, length: 32), .init(v6: 0xFD00_0EC2 << 32, 0x254, length: 128),
        .init(v6: 0xFD00_0EC2 << 32, 0x23, length: 128),
        // GCE over IPv6, OpenStack over IPv6, Azure's host agent, Alibaba, Oracle's older one.
        .init(v6: 0xFD20_00CE << 32, 0x254, length: 128), .init(v6: 0xFE80 << 48, 0xA9FE_A9FE, length: 128),
        .init(v4: 168, 63, 129, 16, length: 32), .init(v4: 100, 100, 100, 200, length: 32),
        .init(v4: 192, 0, 0, 192, length: 32),
    ]
}
