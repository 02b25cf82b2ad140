// SPDX-License-Identifier: Apache-2.0

/// Addresses that every session's network namespace has.
///
/// 198.18.0.0/15 is set aside for benchmarking and never appears on a real network (RFC 2544); the IPv6 ones are of a
/// unique local prefix (RFC 4193) that spells the product's first letters.
package enum SessionAddresses {
    /// The session's own address on `lo`, from which its connections come.
    package static let ownV4 = IPAddress.v4(0xC612_0001)
    package static let ownV6 = IPAddress.v6(prefixV6, 1)
    /// Where a session's resolv.conf says that its resolver is.
    package static let resolverV4 = IPAddress.v4(0xC612_0035)
    package static let prefixV6: UInt64 = 0xfd53_414c_4c59_0000
    /// Everything that can stand for a name, the resolver included.
    package static let blocks = [
        AddressBlock(containing: ownV4, prefixLength: 15), AddressBlock(containing: ownV6, prefixLength: 64),
    ]
}
