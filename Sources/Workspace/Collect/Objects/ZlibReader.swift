// SPDX-License-Identifier: Apache-2.0
internal import CZlib

/// A zlib stream, taken apart as far as somebody asks: what it claims to become costs nothing. RFC 1950
struct ZlibReader: ~Copyable {
    /// It keeps a pointer to itself, so it stays where it is. zlib.h
    private let stream: UnsafeMutablePointer<z_stream>
    private let source: () throws(LeftFlaw) -> [UInt8]
    private var input: [UInt8] = []
    private var position = 0
    private var isOver = false

    private static let largestPiece = 1 << 20

    /// - Parameter source: The next bytes of the stream; none at its end.
    init(_ source: @escaping () throws(LeftFlaw) -> [UInt8]) throws(LeftFlaw) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        self.source = source
        guard inflateInit_(stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw LeftFlaw(reason: "there is no memory to unpack it")
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// The next bytes, `most` of them or all that are left.
    mutating func take(_ most: Int) throws(LeftFlaw) -> [UInt8] {
        var result: [UInt8] = []
        while result.count < most, !isOver { result += try piece(min(most - result.count, Self.largestPiece)) }
        return result
    }

    /// Expects that nothing is left.
    mutating func finish() throws(LeftFlaw) {
        guard try take(1).isEmpty else { throw LeftFlaw(reason: "it unpacks to more than it says") }
    }

    private mutating func piece(_ most: Int) throws(LeftFlaw) -> [UInt8] {
        if position == input.count {
            input = try source()
            position = 0
            guard !input.isEmpty else { throw LeftFlaw(reason: "it is cut short") }
        }
        let (stream, start) = (stream, position)
        var status = Z_OK
        var left = 0
        let made = input.withUnsafeMutableBufferPointer { input in
            [UInt8](unsafeUninitializedCapacity: most) { output, count in
                stream.pointee.next_in = input.baseAddress! + start
                stream.pointee.avail_in = UInt32(input.count - start)
                stream.pointee.next_out = output.baseAddress!
                stream.pointee.avail_out = UInt32(most)
                status = inflate(stream, Z_NO_FLUSH)
                left = Int(stream.pointee.avail_in)
                count = most - Int(stream.pointee.avail_out)
            }
        }
        position = input.count - left
        // Z_BUF_ERROR is no more than a wish for more of either. zlib.h
        guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR else {
            throw LeftFlaw(reason: "it is no zlib stream")
        }
        isOver = status == Z_STREAM_END
        return made
    }
}
