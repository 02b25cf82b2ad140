// SPDX-License-Identifier: Apache-2.0
internal import CZlib

/// Unpacks one gzip stream piece by piece, and stops at a limit: a kilobyte can unpack to a megabyte.
///
/// - SeeAlso: RFC 1952; zlib.h, inflateInit2.
package final class Inflater {
    package enum Flaw: String, Error, Sendable {
        case damaged = "the compressed body is damaged"
        case tooLarge = "the body unpacks to more than is taken"
        case trailing = "something follows the compressed body"
        case unavailable = "there is no memory to unpack the body"
    }

    private let stream: UnsafeMutablePointer<z_stream>
    private var room: Int
    package private(set) var isFinished = false

    /// - Parameter limit: Bytes that may come out.
    package init(limit: Int) throws(Flaw) {
        room = limit
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        // 15 bits of window, and 16 says that the stream is gzip and nothing else.
        let result = inflateInit2_(stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard result == Z_OK else {
            stream.deallocate()
            throw .unavailable
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Appends what the next bytes unpack to.
    package func take(_ bytes: [UInt8], into output: inout [UInt8]) throws(Flaw) {
        if bytes.isEmpty { return }
        guard !isFinished else { throw .trailing }
        var input = bytes
        var buffer = [UInt8](repeating: 0, count: 65536)
        var flaw: Flaw?
        input.withUnsafeMutableBufferPointer { input in
            stream.pointee.next_in = input.baseAddress
            stream.pointee.avail_in = UInt32(input.count)
            while flaw == nil, !isFinished {
                let produced = buffer.withUnsafeMutableBufferPointer { buffer -> Int? in
                    stream.pointee.next_out = buffer.baseAddress
                    stream.pointee.avail_out = UInt32(buffer.count)
                    let result = inflate(stream, Z_NO_FLUSH)
                    isFinished = result == Z_STREAM_END
                    // Z_BUF_ERROR: it wants more input than there is, and that is no error.
                    guard result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR else { return nil }
                    return buffer.count - Int(stream.pointee.avail_out)
                }
                guard let produced else {
                    flaw = .damaged
                    break
                }
                room -= produced
                if room < 0 { flaw = .tooLarge } else { output += buffer[..<produced] }
                if stream.pointee.avail_in == 0, produced < buffer.count { break }
            }
            if isFinished, flaw == nil, stream.pointee.avail_in > 0 { flaw = .trailing }
            stream.pointee.next_in = nil
            stream.pointee.avail_in = 0
        }
        if let flaw { throw flaw }
    }
}
