// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Egress

@Suite("HTTP request body")
struct BodyReaderTests {
    struct Result: Equatable {
        var output = ""
        var consumed = 0
        var refusal: HTTPRefusal?
        var isComplete = false
    }

    private func read(_ framing: RequestHead.Framing, _ text: String, by size: Int = .max) -> Result {
        let bytes = Array(text.utf8)
        var reader = BodyReader(framing)
        var result = Result()
        var output: [UInt8] = []
        var index = 0
        do throws(HTTPRefusal) {
            while index < bytes.count {
                let end = index + min(size, bytes.count - index)
                result.consumed += try reader.take(bytes[index..<end].span, into: &output)
                index = end
            }
        } catch {
            result.refusal = error
        }
        result.output = String(decoding: output, as: UTF8.self)
        result.isComplete = reader.isComplete
        return result
    }

    @Test("passes exactly the bytes that were announced", arguments: [1, 2, 3, Int.max])
    func counted(_ size: Int) {
        #expect(
            read(.length(3), "abcGET / HTTP/1.1\r\n", by: size) == Result(output: "abc", consumed: 3, isComplete: true))
        #expect(read(.length(9), "abc", by: size) == Result(output: "abc", consumed: 3))
        #expect(read(.length(0), "abc", by: size) == Result(isComplete: true))
        #expect(read(.none, "abc", by: size) == Result(isComplete: true))
    }

    @Test("counts what a relay moved past it")
    func passed() {
        var reader = BodyReader(.length(10))
        #expect(reader.remaining == 10)
        reader.passed(4)
        #expect(reader.remaining == 6)
        #expect(!reader.isComplete)
        reader.passed(6)
        #expect(reader.remaining == 0)
        #expect(reader.isComplete)
        #expect(BodyReader(.chunked).remaining == nil)
    }

    @Test("writes chunks anew, without the client's spelling, trailers or what is behind the end")
    func chunked() {
        let text = "3\r\nabc\r\n00A\r\n0123456789\r\n000\r\nX: y\r\nHost: b.test\r\n\r\n"
        let expected = Result(output: "d\r\nabc0123456789\r\n0\r\n\r\n", consumed: text.utf8.count, isComplete: true)
        #expect(read(.chunked, text) == expected)
        #expect(read(.chunked, text + "GET / HTTP/1.1\r\n") == expected)
        let single = read(.chunked, text + "GET", by: 1)
        #expect(single.output == "abc0123456789".map { "1\r\n\($0)\r\n" }.joined() + "0\r\n\r\n")
        #expect(single.consumed == text.utf8.count)
        #expect(read(.chunked, "0\r\n\r\n").output == "0\r\n\r\n")
        #expect(!read(.chunked, String(text.dropLast())).isComplete)
    }

    @Test(
        "refuses a malformed chunk",
        arguments: [
            "\r\n", "g\r\n", "+1\r\na", "-1\r\n", "0x1\r\na", " 1\r\na", "1 \r\na", "1;x=y\r\na", "1;\r\na", "1\na\n",
            "1\r\rab",
            "1\r\nab\r\n", "1\r\na\n", "1\r\na\r0", "00000000000000001\r\na", "1_0\r\n", "1\t\r\n", "\r\n0\r\n\r\n",
            "1\r\na\r\n\r\n",
        ])
    func malformed(_ text: String) {
        for size in [Int.max, 1] { #expect(read(.chunked, text, by: size).refusal == .chunk) }
    }

    @Test(
        "refuses a malformed or endless trailer",
        arguments: [
            ("0\r\nX\r\n\r\n", HTTPRefusal.field), ("0\r\n X: y\r\n\r\n", .folded),
            ("0\r\nX : y\r\n\r\n", .spaceBeforeColon),
            ("0\r\n\n", .lineEnd), ("0\r\nX: \0\r\n\r\n", .character),
            ("0\r\nX: \(String(repeating: "y", count: 9000))\r\n\r\n", .oversized),
        ])
    func trailers(_ text: String, _ refusal: HTTPRefusal) {
        for size in [Int.max, 1] { #expect(read(.chunked, text, by: size).refusal == refusal) }
    }

    @Test("takes a size of sixteen digits as it stands")
    func largest() {
        #expect(read(.chunked, "ffffffffffffffff\r\nabc") == Result(output: "3\r\nabc\r\n", consumed: 21))
    }

    @Test("sends nothing of a piece that it refuses")
    func nothing() {
        #expect(read(.chunked, "3\r\nabc\r\n;").output.isEmpty)
    }
}
