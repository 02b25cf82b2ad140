// SPDX-License-Identifier: Apache-2.0
import BuiltinAgent
import Testing

@Suite("answers as the built-in agent reads them")
struct HTTPAnswerTests {
    /// In pieces of one size; the end of the connection comes after.
    private func read(_ text: String, pieces: Int) throws -> HTTPAnswer {
        var reader = HTTPAnswerReader()
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: pieces) {
            if let answer = try reader.append(bytes[start..<min(start + pieces, bytes.count)]) { return answer }
        }
        return try reader.finish()
    }

    static let whole = [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b \r\n\r\nhello",
        "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n2\r\nhe\r\n03\r\nllo\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nx-a: b\r\n\r\nhello",
    ]

    @Test("are the same in pieces of any size", arguments: whole)
    func framings(_ text: String) throws {
        for size in 1...text.utf8.count {
            let answer = try read(text, pieces: size)
            #expect(answer.status == 200 && answer["x-a"] == "b" && answer.body == Array("hello".utf8))
        }
    }

    @Test("that end too early are cut", arguments: whole.prefix(2))
    func cut(_ text: String) throws {
        for length in 0..<text.utf8.count {
            let error = #expect(throws: HTTPAnswerReader.Flaw.self) {
                _ = try read(String(decoding: text.utf8.prefix(length), as: UTF8.self), pieces: 7)
            }
            #expect(error?.isCut == true)
        }
    }

    @Test(
        "with two meanings are refused",
        arguments: [
            "HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "ICY 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "HTTP/1.1 200 OK\r\n folded\r\n\r\n",
            "HTTP/1.1 200 OK\r\na b: c\r\n\r\n", "HTTP/1.1 200 OK\r\na: b\u{0}\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nab\r\n0\r\n\r\n",
        ])
    func flaws(_ text: String) {
        let error = #expect(throws: HTTPAnswerReader.Flaw.self) { _ = try read(text, pieces: 3) }
        #expect(error?.isCut == false, "\(String(describing: error))")
    }

    @Test("are bounded in head and body")
    func bounds() {
        let head = "HTTP/1.1 200 OK\r\n" + String(repeating: "a: b\r\n", count: 20_000)
        #expect(throws: HTTPAnswerReader.Flaw.self) { _ = try read(head, pieces: 4096) }
        let body = "HTTP/1.1 200 OK\r\n\r\n" + String(repeating: "x", count: 17 << 20)
        #expect(throws: HTTPAnswerReader.Flaw.self) { _ = try read(body, pieces: 65_536) }
    }
}

@Suite("what follows from a refusal")
struct RetryRuleTests {
    private static func answer(_ status: Int, _ fields: (name: String, value: String)...) -> HTTPAnswer {
        HTTPAnswer(status: status, fields: fields, body: Array(#"{"error":{"message":"no\u0007 more"}}"#.utf8))
    }

    @Test(
        "what is of a moment is tried six times, each wait twice the last",
        arguments: [408, 409, 429, 500, 502, 503, 529])
    func backoff(_ status: Int) {
        var rule = RetryRule()
        let words = "status \(status): no  more"
        for wait in [1000, 2000, 4000, 8000, 16000] {
            #expect(rule.judge(Self.answer(status)) == .wait(milliseconds: wait, words))
        }
        #expect(rule.judge(Self.answer(status)) == .failed("\(words) (6 times)"))
    }

    @Test("what another try cannot change ends it", arguments: [400, 401, 403, 404, 413, 422])
    func final(_ status: Int) {
        var rule = RetryRule()
        #expect(rule.judge(Self.answer(status)) == .failed("status \(status): no  more"))
    }

    @Test("a refusal that says so is final whatever its status, and is no failure")
    func refused() {
        var rule = RetryRule()
        #expect(rule.judge(Self.answer(403, ("x-should-retry", "false"))) == .refused("status 403: no  more"))
        #expect(rule.judge(Self.answer(429, ("x-should-retry", "false"))) == .refused("status 429: no  more"))
        #expect(rule.judge(Self.answer(502, ("x-should-retry", "false"))) == .failed("status 502: no  more"))
        #expect(
            rule.judge(Self.answer(403, ("x-should-retry", "true")))
                == .wait(milliseconds: 1000, "status 403: no  more"))
    }

    @Test("retry-after makes a wait longer and never shorter, within two minutes")
    func patience() {
        func first(_ field: (name: String, value: String)) -> RetryRule.Verdict {
            var rule = RetryRule()
            return rule.judge(Self.answer(429, field))
        }
        let words = "status 429: no  more"
        #expect(first(("retry-after", "7")) == .wait(milliseconds: 7000, words))
        #expect(first(("retry-after", "0")) == .wait(milliseconds: 1000, words))
        #expect(first(("retry-after-ms", "1500")) == .wait(milliseconds: 1500, words))
        #expect(first(("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")) == .wait(milliseconds: 1000, words))
        #expect(first(("retry-after", "120")) == .wait(milliseconds: 120_000, words))
        #expect(first(("retry-after", "121")) == .failed("\(words) (and it asks for 121 s of patience)"))
    }

    @Test("a broken connection is of a moment, too")
    func broken() {
        var rule = RetryRule()
        #expect(rule.judge(broken: "it was cut") == .wait(milliseconds: 1000, "it was cut"))
        #expect(rule.judge(Self.answer(529)) == .wait(milliseconds: 2000, "status 529: no  more"))
    }
}
