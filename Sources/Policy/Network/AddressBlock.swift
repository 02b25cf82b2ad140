// SPDX-License-Identifier: Apache-2.0

/// All addresses that share their first bits, as `203.0.113.0/24` writes them.
package struct AddressBlock: Hashable, Sendable, CustomStringConvertible {
    /// The lowest address of the block.
    package let base: IPAddress
    package let prefixLength: Int

    /// Why a text is no block.
    package enum Flaw: Error, Sendable, Hashable {
        case notABlock
        /// An address without a length.
        case noLength
        /// Bits behind the prefix are set; the block it lies in.
        case hostBits(AddressBlock)
        /// IPv6 that only wraps IPv4: the same hosts would have two spellings.
        case wrapped
    }

    /// The block of a text in canonical form; nil when it is none.
    package init?(text: String) {
        do throws(Flaw) { try self.init(checking: text) } catch { return nil }
    }

    package init(checking text: String) throws(Flaw) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let address = IPAddress(text: String(parts[0])) else { throw .notABlock }
        guard parts.count == 2 else { throw .noLength }
        let digits = String(parts[1])
        guard let length = Units.count(digits), String(length) == digits, length <= UInt64(address.bitCount) else {
            throw .notABlock
        }
        let block = AddressBlock(containing: address, prefixLength: Int(length))
        if address.isWrapping, length >= 96, !AddressClass.localTranslation.covers(block) { throw .wrapped }
        guard block.base == address else { throw .hostBits(block) }
        self = block
    }

    /// The block of a length that an address lies in.
    package init(containing address: IPAddress, prefixLength: Int) {
        self.prefixLength = max(0, min(prefixLength, address.bitCount))
        base = address.masked(self.prefixLength)
    }

    init(v4 a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8, length: Int) {
        let value = [a, b, c, d].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        self.init(containing: .v4(value), prefixLength: length)
    }

    init(v6 high: UInt64, _ low: UInt64 = 0, length: Int) {
        self.init(containing: .v6(high, low), prefixLength: length)
    }

    /// Whether an address lies inside. A block of IPv4 also holds the IPv6 addresses that wrap one of its own.
    package func contains(_ address: IPAddress) -> Bool {
        switch (base, address) {
        case (.v4, .v4), (.v6, .v6): address.masked(prefixLength) == base
        case (.v4, .v6):
            if case .v4 = address.unwrapped { contains(address.unwrapped) } else { false }
        case (.v6, .v4): false
        }
    }

    /// Whether every address of `other` lies inside.
    package func covers(_ other: AddressBlock) -> Bool {
        base.bitCount == other.base.bitCount && prefixLength <= other.prefixLength && contains(other.base)
    }

    /// The two halves; nil for a single address.
    package var halves: (AddressBlock, AddressBlock)? {
        guard prefixLength < base.bitCount else { return nil }
        let longer = prefixLength + 1
        let second: IPAddress =
            switch base {
            case .v4(let value): .v4(value | 1 << UInt32(32 - longer))
            case .v6(let high, let low):
                longer <= 64 ? .v6(high | 1 << UInt64(64 - longer), low) : .v6(high, low | 1 << UInt64(128 - longer))
            }
        return (
            AddressBlock(containing: base, prefixLength: longer), AddressBlock(containing: second, prefixLength: longer)
        )
    }

    package var description: String { "\(base)/\(prefixLength)" }
}

extension IPAddress {
    var bitCount: Int {
        switch self {
        case .v4: 32
        case .v6: 128
        }
    }

    /// The address with all bits behind the first `length` cleared.
    func masked(_ length: Int) -> IPAddress {
        switch self {
        case .v4(let value): .v4(length == 0 ? 0 : value & ~0 << UInt32(32 - length))
        case .v6(let high, let low):
            length <= 64
                ? .v6(length == 0 ? 0 : high & ~0 << UInt64(64 - length), 0)
                : .v6(high, low & ~0 << UInt64(128 - length))
        }
    }
}
