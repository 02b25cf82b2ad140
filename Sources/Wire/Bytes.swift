// SPDX-License-Identifier: Apache-2.0
internal import Documents

/// Puts fixed-size big-endian integers one after the other.
package struct ByteWriter {
    private(set) var bytes: [UInt8] = []

    mutating func append<Integer: FixedWidthInteger & UnsignedInteger>(_ value: Integer) {
        for shift in stride(from: Integer.bitWidth - 8, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> Integer(shift)))
        }
    }

    /// A 16-bit count and so many bytes.
    mutating func append(counted content: [UInt8]) {
        append(UInt16(content.count))
        bytes += content
    }
}

/// Takes fixed-size big-endian integers off a message whose length was checked before.
package struct ByteReader {
    private let bytes: [UInt8]
    private var index = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func next<Integer: FixedWidthInteger & UnsignedInteger>(
        _: Integer.Type = Integer.self
    ) throws(MessageError) -> Integer {
        let size = Integer.bitWidth / 8
        guard index + size <= bytes.count else { throw .size(bytes.count) }
        var value: Integer = 0
        for byte in bytes[index..<index + size] {
            value = Integer.bitWidth == 8 ? Integer(byte) : value << 8 | Integer(byte)
        }
        index += size
        return value
    }

    /// Bytes behind their 16-bit count, which must not be above `most`.
    mutating func nextCounted(most: Int) throws(MessageError) -> [UInt8] {
        let count = Int(try next(UInt16.self))
        guard count <= most else { throw .value }
        guard index + count <= bytes.count else { throw .size(bytes.count) }
        defer { index += count }
        return Array(bytes[index..<index + count])
    }

    /// Fields without a meaning must be zero, so that a later version can give them one.
    mutating func expectZero<Integer: FixedWidthInteger & UnsignedInteger>(_: Integer.Type) throws(MessageError) {
        guard try next(Integer.self) == 0 else { throw .reserved }
    }

    func expectEnd() throws(MessageError) {
        guard index == bytes.count else { throw .size(bytes.count) }
    }
}

/// How every datagram between two of our processes begins: u8 version, u8 kind, u16 zero.
enum MessageHeader {
    static let version: UInt8 = 1
}

extension ByteWriter {
    mutating func appendHeader(_ kind: some RawRepresentable<UInt8>) { appendHeader(kind: kind.rawValue) }

    mutating func appendHeader(kind: UInt8) {
        append(MessageHeader.version)
        append(kind)
        append(UInt16(0))
    }
}

extension ByteReader {
    /// Reads the header and returns the kind, which must be one of these.
    mutating func nextHeader<Kind: RawRepresentable<UInt8>>(_: Kind.Type) throws(MessageError) -> Kind {
        let number = try nextHeader()
        guard let kind = Kind(rawValue: number) else { throw .kind(number) }
        return kind
    }

    /// Reads the header and returns the number of its kind.
    mutating func nextHeader() throws(MessageError) -> UInt8 {
        let version = try next(UInt8.self)
        guard version == MessageHeader.version else { throw .version(version) }
        let number = try next(UInt8.self)
        try expectZero(UInt16.self)
        return number
    }
}

/// Why a datagram between two of our processes is not one of theirs.
package enum MessageError: Error, Equatable, Sendable {
    /// The message has this many bytes, which is not the size of its kind.
    case size(Int)
    case version(UInt8)
    case kind(UInt8)
    /// A bit or field that has no meaning in this version is set.
    case reserved
    /// A field is outside the range that its documentation gives.
    case value
    /// The descriptors that came along are not those that the message names.
    case descriptors(announced: Int, received: Int)
}

extension MessageError: CustomStringConvertible {
    package var description: String {
        let reason =
            switch self {
            case .size(let size): "\(size) bytes is not the size of its kind"
            case .version(let version): "version \(version) is not 1"
            case .kind(let kind): "kind \(kind) is unknown"
            case .reserved: "a reserved bit is set"
            case .value: "a field is out of range"
            case .descriptors(let announced, let received):
                "\(announced) descriptors announced, \(received) received"
            }
        return "cannot read a message of another process of this session: \(reason) (EBADMSG). "
            + "Use programs of the same build."
    }
}

extension ByteWriter {
    /// An id behind its count; nothing but a count of zero for none.
    mutating func append(_ id: CorrelationID?) { append(counted: Array((id?.description ?? "").utf8)) }
}

extension ByteReader {
    mutating func nextCorrelationID() throws(MessageError) -> CorrelationID? {
        let bytes = try nextCounted(most: CorrelationID.longest)
        if bytes.isEmpty { return nil }
        guard let text = String(validating: bytes, as: UTF8.self), let id = CorrelationID(text) else { throw .value }
        return id
    }
}
