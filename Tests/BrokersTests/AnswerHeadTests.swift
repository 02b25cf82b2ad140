// SPDX-License-Identifier: Apache-2.0
import LinuxSystem
import Testing

@testable import Brokers

@Suite("heads of upstreams' answers")
struct AnswerHeadTests {
    private let sieve = SecretSieve([Secret(copying: Array("s3cret".utf8))])

    private func passed(_ status: Int, _ fields: [(String, String)]) throws(UpstreamFailure) -> [String] {
        try AnswerHead.passed(
            ModelAnswerHead(status: status, fields: fields.map { ModelField($0.0, $0.1) }), sieve
        ).map { $0.name }
    }

    private func reason(_ status: Int, _ fields: [(String, String)]) -> UpstreamFailure.Reason? {
        do throws(UpstreamFailure) {
            _ = try passed(status, fields)
            return nil
        } catch { return error.reason }
    }

    private let json = ("content-type", "application/json; charset=utf-8")

    @Test("only fields of one meaning pass")
    func fields() throws {
        let names = try passed(
            200,
            [
                json, ("set-cookie", "a=b"), ("server", "x"), ("location", "http://a"), ("retry-after", "3"),
                ("anthropic-ratelimit-tokens-remaining", "5"), ("x-ratelimit-limit-tokens", "5"),
                ("anthropic-organization-id", "o"), ("transfer-encoding", "chunked"), ("content-length", "5"),
                ("request-id", String(repeating: "x", count: 2000)),
            ])
        #expect(
            names == [
                "content-type", "retry-after", "anthropic-ratelimit-tokens-remaining", "x-ratelimit-limit-tokens",
            ])
    }

    @Test("what is no model's answer is named")
    func failures() {
        #expect(reason(302, [json]) == .redirect)
        #expect(reason(401, [json]) == .credential && reason(403, [json]) == .credential)
        #expect(reason(200, [("content-type", "text/html")]) == .format)
        #expect(reason(200, []) == .format && reason(200, [json, json]) == .format)
        #expect(reason(200, [json, ("content-encoding", "gzip")]) == .format)
        #expect(reason(700, [json]) == .format && reason(150, [json]) == .format)
        #expect(reason(200, [json, ("request-id", "is s3cret")]) == .leak)
        for status in [200, 400, 404, 429, 500, 529] { #expect(reason(status, [json]) == nil) }
        #expect(reason(200, [("content-type", "text/event-stream")]) == nil)
    }

    @Test("the head that is sent has one framing and ends the connection")
    func bytes() {
        let head = String(
            decoding: AnswerHead.bytes(529, [ModelField("retry-after", "3")], isChunked: true), as: UTF8.self)
        #expect(
            head
                == "HTTP/1.1 529 Overloaded\r\nretry-after: 3\r\nTransfer-Encoding: chunked\r\nCache-Control: no-store\r\n"
                + "Connection: close\r\n\r\n")
    }
}
