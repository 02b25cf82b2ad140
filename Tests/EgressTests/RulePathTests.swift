// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Egress

@Suite("path that a rule compares")
struct RulePathTests {
    private func path(_ target: String, fields: String = "") throws -> String {
        try RequestHeadTests.head("GET \(target) HTTP/1.1\r\nHost: a.test\r\n\(fields)\r\n").rulePath()
    }

    @Test(
        "is decoded and without the query",
        arguments: [
            ("/", "/"), ("/a/b/", "/a/b/"), ("/a?b/../c", "/a"), ("/a%20b", "/a b"), ("/%61%C3%A9", "/aé"),
            ("/a/...", "/a/..."),
            ("/.well-known/x", "/.well-known/x"), ("/a;v=1/b", "/a;v=1/b"), ("/a..b/.c", "/a..b/.c"),
        ])
    func decoded(_ target: String, _ expected: String) throws {
        #expect(try path(target) == expected)
    }

    @Test(
        "is refused where servers know a second spelling",
        arguments: [
            "/a/../b", "/a/./b", "/..", "/.", "/a/..", "//a", "/a//b", "/a\\b", "/a/..;/b", "/a/.;x/b", "/%2e%2e/b",
            "/a%2fb",
            "/a%2Fb", "/a%5cb", "/a%5C..%5Cb", "/a%00", "/a%0d%0aX", "/a%7f", "/a%252e", "/a%3b", "/%c0%ae%c0%ae/b",
            "/%ff", "/%",
            "/%2", "/%zz", "/%u002e",
        ])
    func refused(_ target: String) throws {
        #expect(throws: HTTPRefusal.path) { try path(target) }
    }

    @Test(
        "is refused beside a field that overrides method or path",
        arguments: ["X-HTTP-Method-Override: DELETE", "x-original-url: /admin", "X-Rewrite-URL: /admin"])
    func overrides(_ field: String) throws {
        #expect(try path("/a") == "/a")
        #expect(throws: HTTPRefusal.override) { try path("/a", fields: "\(field)\r\n") }
    }
}
