// SPDX-License-Identifier: Apache-2.0
import Documents
import Testing

@testable import Egress

@Suite("HTTP denial")
struct HTTPDenialTests {
    private let denial = HTTPDenial(.forbidden, reason: "no rule allows \"b.test\"", remedy: "Ask.", event: "e-1")

    @Test("is one closed response with a reason that a program can read")
    func response() throws {
        let text = String(decoding: denial.response(), as: UTF8.self)
        let body =
            "{\"error\":\"denied_by_sallyport\",\"reason\":\"no rule allows \\\"b.test\\\"\",\"remedy\":\"Ask.\",\"event\":\"e-1\"}\n"
        #expect(
            text == "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
                + "Cache-Control: no-store\r\nConnection: close\r\n\r\n" + body)
    }

    @Test("has no body for HEAD")
    func head() {
        #expect(String(decoding: denial.response(to: "HEAD"), as: UTF8.self).hasSuffix("Connection: close\r\n\r\n"))
    }

    @Test("every refusal has a status of its own kind")
    func statuses() {
        let forbidden = HTTPRefusal.allCases.filter { $0.status == .forbidden }
        #expect(forbidden == [.connect, .http2, .upgrade, .override])
        #expect(HTTPRefusal.allCases.allSatisfy { $0.status != .badGateway })
    }
}
