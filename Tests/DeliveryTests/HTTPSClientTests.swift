// SPDX-License-Identifier: Apache-2.0
import Documents
import Glibc
import LinuxSystem
import TestSupport
import Testing
import Workspace

@testable import Delivery

/// The client by itself: whom it speaks to, what it sends, and where it stops.
@Suite("https client", .timeLimit(.minutes(25)))
struct HTTPSClientTests {
    private static let secret = "canary-0123456789-abcdefghij"  // not a secret

    private static func client(_ url: String) throws -> HTTPSClient {
        guard case .remote(let url) = try Upstream(url) else { throw HarnessError("no URL: \(url)") }
        return try HTTPSClient(url)
    }

    private static func request(_ target: String = "/x") -> HTTPSRequest {
        HTTPSRequest(
            "GET", target,
            headers: [
                (name: "Accept", value: "application/vnd.github+json"), (name: "User-Agent", value: "sallyport"),
                (name: "X-GitHub-Api-Version", value: "2022-11-28"),
            ])
    }

    private static func call(_ authorization: String? = nil) -> ContractServer.Call {
        ContractServer.Call("GET", "/x", authorization)
    }

    @Test("plain HTTP is spoken to this host only")
    func plain() throws {
        for url in [
            "http://example.invalid/x", "http://127.0.0.2/x", "http://10.0.0.1/x", "http://localhost.example/x",
        ] {
            #expect(throws: (any Error).self, "\(url)") { try Self.client(url) }
        }
        _ = try Self.client("https://example.invalid/x")
        _ = try Self.client("http://127.0.0.1/x")
    }

    @Test("a redirect is an answer, and nobody is sent there")
    func redirected() throws {
        let other = try ContractServer()
        let server = try ContractServer([
            Self.call("Bearer \(Self.secret)").answering(302, nil, [("Location", other.url + "/x")])
        ])
        let answer = try Self.client(server.url + "/x").send(
            Self.request(), credential: Secret(copying: Array(Self.secret.utf8)))
        #expect(answer.status == 302 && answer.header("location") == other.url + "/x")
        #expect(server.flaws.isEmpty && server.left == 0 && other.requests.isEmpty)
    }

    @Test("a header that comes twice means nothing, and one that is missing neither")
    func headers() throws {
        let server = try ContractServer([
            Self.call().answering(200, [1], [("X-A", " a b "), ("X-B", "1"), ("x-b", "2")])
        ])
        let answer = try Self.client(server.url + "/x").send(Self.request(), credential: nil)
        #expect(answer.header("X-A") == "a b" && answer.header("x-b") == nil && answer.header("x-c") == nil)
        #expect(answer.body == Array("[1]".utf8) && server.flaws.isEmpty)
    }

    @Test("an answer that is too long is given up, in its body and in its headers")
    func bounds() throws {
        let long = String(repeating: "x", count: 10_000)
        for call in [
            Self.call().answering(200, text: long, type: "text/plain"),
            Self.call().answering(200, [1], [("X-A", long)]),
        ] {
            let server = try ContractServer([call])
            var client = try Self.client(server.url + "/x")
            (client.limits.bodyBytes, client.limits.headerBytes) = (9_999, 9_999)
            let failure = try #require(throws: HTTPSFailure.self) { try client.send(Self.request(), credential: nil) }
            #expect(failure.kind == .tooLong && !failure.wasNotSent)
        }
    }

    @Test("a server that says nothing, or less than it promised, is a failure that says whether anything was sent")
    func silent() throws {
        let silent = try SilentServer(in: "/")
        var client = try Self.client("http://127.0.0.1:\(silent.port)/x")
        client.limits.totalMilliseconds = 300
        let late = try #require(throws: HTTPSFailure.self) { try client.send(Self.request(), credential: nil) }
        #expect(late.kind == .slow && !late.wasNotSent)

        let server = try ContractServer([
            Self.call().answering(200, [1], [("Content-Length", "100")])
        ])
        let short = try #require(throws: HTTPSFailure.self) {
            try Self.client(server.url + "/x").send(Self.request(), credential: nil)
        }
        #expect(short.kind == .cutShort && !short.wasNotSent)

        let closed = try ClosedPort()
        let nobody = try #require(throws: HTTPSFailure.self) {
            try Self.client("http://127.0.0.1:\(closed.port)/x").send(Self.request(), credential: nil)
        }
        #expect(nobody.kind == .unreachable && nobody.wasNotSent)
    }

    @Test("what would become another request, or another header, is not sent")
    func injected() throws {
        let server = try ContractServer()
        let client = try Self.client(server.url + "/x")
        for target in ["x", "/a b", "/a\r\nX: y", "/\u{E9}"] {
            #expect(throws: HTTPSFailure.self) { try client.send(Self.request(target), credential: nil) }
        }
        var request = Self.request()
        request.headers.append((name: "X-A", value: "a\r\nX-B: b"))
        #expect(throws: HTTPSFailure.self) { try client.send(request, credential: nil) }
        #expect(server.requests.isEmpty)
    }

    @Test("a proxy of the environment is not used")
    func proxy() async {
        await #expect(processExitsWith: .success) {
            let trap = try ContractServer()
            for name in ["http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"] { setenv(name, trap.url, 1) }
            let server = try ContractServer([HTTPSClientTests.call().answering(200, [1])])
            let answer = try HTTPSClientTests.client(server.url + "/x").send(
                HTTPSClientTests.request(), credential: nil)
            guard answer.status == 200, server.flaws.isEmpty, trap.requests.isEmpty else { exit(1) }
        }
    }

    @Test("a server is believed by its certificate only", .requires(.forge), .requires(.git))
    func certificates() throws {
        let home = try Scratch()
        let source = try home.directory("source")
        _ = try Command("/usr/bin/git", ["init", "--quiet", "--bare", source]).run()
        let server = try UpstreamServer(home, cloneOf: source)
        let url = server.url("name.git/info/refs")
        var client = try Self.client(url)
        let failure = try #require(throws: HTTPSFailure.self) {
            try client.send(Self.request("/name.git/info/refs"), credential: Secret(copying: Array(Self.secret.utf8)))
        }
        #expect(failure.kind == .untrusted && failure.wasNotSent, "\(failure)")
        #expect(server.requests.isEmpty)
        client.authorities = server.authority[1]
        #expect(try client.send(Self.request("/name.git/info/refs"), credential: nil).status >= 400)
    }

    @Test("a certificate is of a name, and not of whoever answers at the address", .requires(.openssl))
    func names() throws {
        let home = try Scratch()
        for name in ["localhost", "other.invalid"] {
            var make = Command(
                "/usr/bin/openssl",
                [
                    "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", home.at("key"), "-out", home.at(name),
                    "-days", "2", "-subj", "/CN=\(name)", "-addext", "subjectAltName=DNS:\(name)",
                ])
            make.directory = home.path
            try #require(try make.run().code == 0)
            let server = try Command(
                "/usr/bin/openssl",
                ["s_server", "-accept", "127.0.0.1:0", "-cert", home.at(name), "-key", home.at("key"), "-www"]
            ).start()
            var port: Substring?
            while port == nil, let line = try server.line() {
                if line.hasPrefix("ACCEPT ") { port = line.split(separator: ":").last }
            }
            var client = try Self.client("https://localhost:\(try #require(port))/x")
            client.authorities = home.at(name)
            if name == "localhost" {
                #expect(try client.send(Self.request(), credential: nil).status == 200, "control")
            } else {
                let failure = try #require(throws: HTTPSFailure.self) {
                    try client.send(Self.request(), credential: Secret(copying: Array(Self.secret.utf8)))
                }
                #expect(failure.kind == .untrusted && failure.wasNotSent, "\(failure)")
            }
            try server.signal(SIGKILL)
        }
    }
}
