// SPDX-License-Identifier: Apache-2.0
package import Policy

/// The addresses that stand for names inside one session, in both families.
///
/// A name gets the next free index, and an index is never given to another name: an agent that kept an old answer
/// could otherwise reach the new owner under the old name (threat E35). Both families carry the same index, so that
/// one look-up serves A and AAAA. 198.18.0.0/15 is set aside for benchmarking and never appears on a real network
/// (RFC 2544); its first 256 addresses are kept for the session's own address, resolver and virtual hosts.
package struct NameTable: Sendable {
    /// The session's own address on `lo`, and where its resolver listens.
    package static let ownV4 = SessionAddresses.ownV4
    package static let resolverV4 = SessionAddresses.resolverV4
    package static let ownV6 = SessionAddresses.ownV6
    private static let baseV4: UInt32 = 0xC612_0100
    private static let prefixV6 = SessionAddresses.prefixV6
    private static let baseV6: UInt64 = 0x100

    private var names: [HostName] = []
    private var indices: [HostName: Int] = [:]
    /// Names that a session may have; a flood of them fails closed.
    package let limit: Int

    package init(limit: Int = 4096) { self.limit = min(limit, 0x1_FF00) }

    package var count: Int { names.count }

    /// The index of a name that already has one.
    package func knownIndex(of name: HostName) -> Int? { indices[name] }

    /// The index of a name that policy allows, made on first use; nil when the table is full.
    package mutating func index(of name: HostName) -> Int? {
        if let known = indices[name] { return known }
        guard names.count < limit else { return nil }
        indices[name] = names.count
        names.append(name)
        return names.count - 1
    }

    package func v4(_ index: Int) -> IPAddress { .v4(Self.baseV4 + UInt32(index)) }
    package func v6(_ index: Int) -> IPAddress { .v6(Self.prefixV6, Self.baseV6 + UInt64(index)) }

    /// The name that an address stands for; nil for every address that was never handed out.
    package func name(of address: IPAddress) -> HostName? {
        let index: UInt64
        switch address {
        case .v4(let value):
            guard value >= Self.baseV4 else { return nil }
            index = UInt64(value - Self.baseV4)
        case .v6(let high, let low):
            guard high == Self.prefixV6, low >= Self.baseV6 else { return nil }
            index = low - Self.baseV6
        }
        return index < UInt64(names.count) ? names[Int(index)] : nil
    }
}
