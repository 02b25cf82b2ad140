// SPDX-License-Identifier: Apache-2.0

/// The index of a pack, version 2: where each object begins. gitformat-pack(5)
package struct PackIndex {
    private let bytes: [UInt8]
    package let count: Int

    private static let header = 8
    private static let names = header + 256 * 4
    private static let nameLength = 20
    /// A name, a checksum and a place for each object, and two digests behind them all.
    private static let rowLength = nameLength + 4 + 4
    private static let trailer = 40

    /// Nil when the bytes are none, or not as many as it says.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count >= Self.names + Self.trailer, bytes.starts(with: [0xFF, 0x74, 0x4F, 0x63, 0, 0, 0, 2]) else {
            return nil
        }
        self.bytes = bytes
        var last = 0
        for byte in 0..<256 {
            let next = Self.number(bytes, Self.header + byte * 4)
            guard next >= last else { return nil }
            last = next
        }
        count = last
        let large = bytes.count - Self.names - Self.trailer - count * Self.rowLength
        guard large >= 0, large % 8 == 0 else { return nil }
    }

    /// Where an object begins; nil when it is not in the pack, or the place is none.
    package func offset(of name: [UInt8]) -> Int? {
        guard let first = name.first else { return nil }
        var low = first == 0 ? 0 : Self.number(bytes, Self.header + (Int(first) - 1) * 4)
        var high = Self.number(bytes, Self.header + Int(first) * 4)
        while low < high {
            let middle = (low + high) / 2
            let start = Self.names + middle * Self.nameLength
            let other = bytes[start..<(start + Self.nameLength)]
            if other.elementsEqual(name) { return place(middle) }
            if other.lexicographicallyPrecedes(name) { low = middle + 1 } else { high = middle }
        }
        return nil
    }

    private func place(_ row: Int) -> Int? {
        let places = Self.names + count * (Self.nameLength + 4)
        let short = Self.number(bytes, places + row * 4)
        guard short & 0x8000_0000 != 0 else { return short }
        let start = places + count * 4 + (short & 0x7FFF_FFFF) * 8
        guard start + 8 <= bytes.count - Self.trailer else { return nil }
        let high = Self.number(bytes, start)
        return high < 0x8000_0000 ? high << 32 | Self.number(bytes, start + 4) : nil
    }

    private static func number(_ bytes: [UInt8], _ at: Int) -> Int {
        Int(bytes[at]) << 24 | Int(bytes[at + 1]) << 16 | Int(bytes[at + 2]) << 8 | Int(bytes[at + 3])
    }
}
