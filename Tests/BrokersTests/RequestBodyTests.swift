// SPDX-License-Identifier: Apache-2.0
import CZlib
import Egress
import Testing

@testable import Brokers

@Suite("bodies of requests")
struct RequestBodyTests {
    /// What a body comes to, whole and in pieces.
    private func read(
        _ framing: String, _ bytes: [UInt8], isCompressed: Bool = false, limit: Int = 1 << 20, by size: Int = .max
    ) throws -> Result<[UInt8], RequestBody.Flaw> {
        var reader = RequestHeadReader()
        let state = reader.append(Array("POST / HTTP/1.1\r\nHost: a.test\r\n\(framing)\r\n\r\n".utf8).span)
        guard case .head(let head) = state else {
            Issue.record("\(state)")
            return .failure(.cut)
        }
        return Result { () throws(RequestBody.Flaw) -> [UInt8] in
            var body = try RequestBody(head, isCompressed: isCompressed, limit: limit)
            var output: [UInt8] = []
            var index = 0
            while index < bytes.count {
                let end = index + min(size, bytes.count - index)
                output += try body.take(bytes[index..<end].span)
                index = end
            }
            try body.end()
            return output
        }
    }

    static func gzip(_ bytes: [UInt8]) throws -> [UInt8] {
        var stream = z_stream()
        try #require(
            deflateInit2_(
                &stream, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
                == Z_OK)
        defer { deflateEnd(&stream) }
        var output = [UInt8](repeating: 0, count: bytes.count / 2 + 1024)
        var input = bytes
        let count = input.withUnsafeMutableBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                stream.next_in = input.baseAddress
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(output.count)
                return deflate(&stream, Z_FINISH) == Z_STREAM_END ? output.count - Int(stream.avail_out) : -1
            }
        }
        try #require(count > 0)
        return Array(output[..<count])
    }

    @Test("takes the framing off", arguments: [1, 2, 7, Int.max])
    func framing(_ size: Int) throws {
        #expect(try read("Content-Length: 3", Array("abcGET".utf8), by: size) == .success(Array("abc".utf8)))
        let chunks = Array("3\r\nabc\r\n00A\r\n0123456789\r\n0\r\nX: y\r\n\r\nGET".utf8)
        #expect(try read("Transfer-Encoding: chunked", chunks, by: size) == .success(Array("abc0123456789".utf8)))
        #expect(
            try read("Transfer-Encoding: chunked", Array("3;x\r\nabc\r\n0\r\n\r\n".utf8), by: size)
                == .failure(.framing(.chunk)))
        #expect(try read("Content-Length: 4", Array("abc".utf8), by: size) == .failure(.cut))
        #expect(try read("Transfer-Encoding: chunked", Array("3\r\nabc\r\n".utf8), by: size) == .failure(.cut))
    }

    @Test("unpacks one gzip stream and nothing else", arguments: [1, 5, Int.max])
    func compression(_ size: Int) throws {
        let text = Array(repeatElement(Array("0032want 0123456789\n".utf8), count: 5000).joined())
        let packed = try Self.gzip(text)
        func body(_ bytes: [UInt8], _ limit: Int = 1 << 20) throws -> Result<[UInt8], RequestBody.Flaw> {
            try read("Content-Length: \(bytes.count)", bytes, isCompressed: true, limit: limit, by: size)
        }
        #expect(try body(packed) == .success(text))
        #expect(try body(packed + [0]) == .failure(.compression(.trailing)))
        #expect(try body(packed + packed) == .failure(.compression(.trailing)))
        #expect(try body(packed.dropLast()) == .failure(.compression(.damaged)))
        #expect(try body(text) == .failure(.compression(.damaged)))
        var wrong = packed
        wrong[wrong.count - 6] ^= 1
        #expect(try body(wrong) == .failure(.compression(.damaged)))
        #expect(try body(packed, text.count) == .success(text))
        #expect(try body(packed, text.count - 1) == .failure(.tooLarge))
    }

    @Test("stops at the limit, however small the bomb")
    func bomb() throws {
        let packed = try Self.gzip([UInt8](repeating: 0, count: 64 << 20))
        #expect(packed.count < 1 << 17)
        #expect(
            try read("Content-Length: \(packed.count)", packed, isCompressed: true, limit: 1 << 20)
                == .failure(.tooLarge))
        #expect(try read("Content-Length: 2000", [], limit: 1000) == .failure(.tooLarge))
        let chunks = Array("5\r\nabcde\r\n0\r\n\r\n".utf8)
        #expect(try read("Transfer-Encoding: chunked", chunks, limit: 4) == .failure(.tooLarge))
    }
}
