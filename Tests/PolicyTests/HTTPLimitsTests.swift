// SPDX-License-Identifier: Apache-2.0
import Policy
import Testing

@Suite("limits on requests")
struct HTTPLimitsTests {
    private static let limits = HTTPLimits(methods: ["GET", "HEAD"], paths: ["/pub/"])

    @Test(
        "requests are held against methods and paths",
        arguments: [
            ("GET", "/pub/x", .allowed), ("GET", "/pub/", .allowed), ("HEAD", "/pub/x?q=/../..", .allowed),
            ("POST", "/pub/x", .methodNotAllowed), ("get", "/pub/x", .methodNotAllowed),
            ("GET", "/pub", .pathNotAllowed),
            ("GET", "/", .pathNotAllowed), ("GET", "/public/", .pathNotAllowed), ("GET", "/pub/../etc", .pathAmbiguous),
            ("GET", "/pub/%2e%2e/etc", .pathAmbiguous), ("GET", "/pub/.%2E/etc", .pathAmbiguous),
            ("GET", "/pub%2f..", .pathAmbiguous), ("GET", "/pub//x", .pathAmbiguous),
            ("GET", "/pub/\\..", .pathAmbiguous),
            ("GET", "/pub/%00", .pathAmbiguous), ("GET", "/pub/%252e", .pathAmbiguous),
            ("GET", "/pub/x%2", .pathAmbiguous),
            ("GET", "http://h/pub/", .pathAmbiguous), ("GET", "*", .pathAmbiguous), ("GET", "", .pathAmbiguous),
            ("GET", "/pub/a%20b", .pathAmbiguous), ("GET", "/pub/a;b", .pathAmbiguous), ("GET", "/pub/%41", .allowed),
        ] as [(String, String, HTTPLimits.Verdict)])
    func requests(method: String, target: String, verdict: HTTPLimits.Verdict) {
        #expect(Self.limits.verdict(method: method, target: target) == verdict)
    }

    @Test(
        "a path that every server reads alike is compared, without the query",
        arguments: [
            "/", "/a/b/", "/a?b/../c", "/%61%C3%A9", "/a/...", "/.well-known/x", "/a..b/.c", "/a%3f", "/a%2bb",
            "/a?//;\\",
        ])
    func plain(_ target: String) {
        #expect(HTTPLimits(methods: nil, paths: ["/"]).verdict(method: "GET", target: target) == .allowed)
    }

    @Test(
        "one that some server brings to another form is refused, whatever it is that the rule limits",
        arguments: [
            "/a/../b", "/a/./b", "/..", "/.", "/a/..", "//a", "/a//b", "/a\\b", "/a/..;/b", "/a/.;x/b", "/a;v=1/b",
            "/%2e%2e/b", "/a%2e", "/a%2fb", "/a%2Fb", "/a%5cb", "/a%5C..%5Cb", "/a%00", "/a%0d%0aX", "/a%7f", "/a%252e",
            "/a%3b", "/a%20b", "/%c0%ae%c0%ae/b", "/%ff", "/%e2%82", "/%", "/%2", "/%zz", "/%u002e", "/%+1",
            "/" + String(repeating: "a", count: 4096),
        ])
    func ambiguous(_ target: String) {
        for limits in [HTTPLimits(methods: nil, paths: ["/"]), HTTPLimits(methods: ["GET"], paths: nil)] {
            #expect(limits.verdict(method: "GET", target: target) == .pathAmbiguous)
        }
    }
}
