// SPDX-License-Identifier: Apache-2.0

// What the parsers of hostile bytes share. A Span traps on an index outside it, so a wrong check here ends the gateway
// (egress is shut) and never reads beyond the buffer.

extension Span where Element == UInt8 {
    /// Two bytes in network byte order; the caller has checked that both are there.
    func number16(at index: Int) -> Int {
        Int(self[index]) << 8 | Int(self[index + 1])
    }

    /// Three bytes in network byte order; the caller has checked that all are there.
    func number24(at index: Int) -> Int {
        Int(self[index]) << 16 | number16(at: index + 1)
    }

    /// A copy of one range.
    func copy(_ range: Range<Int>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(range.count)
        for index in range { bytes.append(self[index]) }
        return bytes
    }
}

extension [UInt8] {
    mutating func append16(_ value: UInt16) {
        append(UInt8(truncatingIfNeeded: value >> 8))
        append(UInt8(truncatingIfNeeded: value))
    }

    mutating func append32(_ value: UInt32) {
        append16(UInt16(truncatingIfNeeded: value >> 16))
        append16(UInt16(truncatingIfNeeded: value))
    }
}

extension UInt8 {
    /// A to Z become a to z, every other byte stays: locale and Unicode have no say in host names.
    var asciiLowercased: UInt8 { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self }

    var isASCIIDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }

    var isASCIILetter: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(asciiLowercased) }
}
