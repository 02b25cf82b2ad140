// SPDX-License-Identifier: Apache-2.0

/// The bytes of a change set, version 1. All numbers are little-endian; nothing is aligned or optional.
///
///     header   magic 8 | version u16 | session length u16 | created ms u64 | session
///     entry    'E' | kind u8 | notes u8 | refusal u8 | permissions u32 | mtime ns i64 | size u64
///              | base: kind u8, permissions u32, size u64, mtime ns i64 | path length u16 | path
///              | content (size bytes) | SHA-256 of the content      (files and symlinks only)
///     ...
///     trailer  'T' | entries u64 | content bytes u64 | SHA-256 of everything before it
///
/// Digests and totals follow what they describe, so that a set is written in one pass through a descriptor that can
/// only write. A base of kind absent has zeros. Entries are in the order of ``PathRules/precedes(_:_:)``, each path
/// once.
enum Layout {
    static let magic: [UInt8] = [0x89, 0x53, 0x50, 0x43, 0x48, 0x0D, 0x0A, 0x1A]
    static let version: UInt16 = 1
    static let headerSize = 8 + 2 + 2 + 8
    static let maximumSession = 64
    static let entryMark = UInt8(ascii: "E")
    static let entrySize = 4 + 4 + 8 + 8 + 1 + 4 + 8 + 8 + 2
    static let trailerMark = UInt8(ascii: "T")
    static let digestSize = 32
    static let trailerSize = 1 + 8 + 8 + 32

    static func isSessionByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"): true
        default: false
        }
    }
}

/// Puts numbers at the end of an array.
extension [UInt8] {
    mutating func put<T: FixedWidthInteger>(_ value: T) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}

/// Takes numbers from the front of an array that the caller has sized.
struct Fields {
    private let bytes: [UInt8]
    private var at = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Nil past the end.
    mutating func take<T: FixedWidthInteger>(_ type: T.Type = T.self) -> T? {
        let width = T.bitWidth / 8
        guard bytes.count - at >= width else { return nil }
        var value: T = 0
        for i in 0..<width { value |= T(truncatingIfNeeded: bytes[at + i]) << T(i * 8) }
        at += width
        return value
    }
}
