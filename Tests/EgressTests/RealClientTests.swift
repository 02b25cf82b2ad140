// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import Egress

/// What real clients sent, recorded on loopback: a parser that is too strict for one of them breaks real work.
/// The files are seeds of scripts/fuzz as well.
@Suite("bytes of real clients")
struct RealClientTests {
    private func read(_ name: String) throws -> [UInt8] {
        let tests = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
        let path = "/\(tests)/Fixtures/fuzz/\(name)"
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        try #require(descriptor >= 0, "\(path) is missing")
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 70_000)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        try #require(count > 0)
        return Array(bytes[..<count])
    }

    @Test(
        "a ClientHello of each TLS library",
        arguments: [
            ("openssl", "api.example.test"), ("openssl-tls12", "api.example.test"), ("curl", "api.example.test"),
            ("python", "api.example.test"), ("node", "api.example.test"), ("java", "api.example.test"),
            ("wget", "localhost"), ("git", "localhost"), ("apt", "localhost"),
        ])
    func hello(_ client: String, _ name: String) throws {
        // The first byte of a seed is the fuzzer's choice.
        let bytes = Array(try read("clienthello/client-\(client)").dropFirst())
        var reader = ClientHelloReader()
        guard case .hello(let hello) = reader.append(bytes.span) else {
            Issue.record("\(reader.state)")
            return
        }
        #expect(hello.serverName == name)
        #expect(reader.received == bytes)
    }

    @Test("a ClientHello of a real client without a name")
    func noName() throws {
        var reader = ClientHelloReader()
        let bytes = Array(try read("clienthello/client-openssl-no-sni").dropFirst())
        let state = reader.append(bytes.span)
        #expect(state == .refused(.noServerName))
    }

    @Test(
        "what a real client sends behind its hello passes unread or as a second hello",
        arguments: ["openssl-retry", "openssl-key-exchange"])
    func following(_ client: String) throws {
        let bytes = Array(try read("clienthello/client-\(client)").dropFirst())
        var reader = ClientHelloReader()
        guard case .hello(let hello) = reader.append(bytes.span) else {
            Issue.record("\(reader.state)")
            return
        }
        #expect(hello.serverName == "a.test" && hello.offersTLS13)
        #expect(reader.received.count < bytes.count)
        var follower = SecondHelloReader(after: hello)
        let rest = reader.rest
        let sent = try follower.take(rest.span)
        #expect(sent == rest)
        #expect(follower.isDone)
    }

    struct Request: CustomTestStringConvertible {
        let client: String
        let line: String
        var framing = RequestHead.Framing.none
        var rest = ""
        var testDescription: String { client }
    }

    static let requests: [Request] = [
        Request(client: "curl", line: "GET /x?y=1 HTTP/1.1"),
        Request(client: "curl-post", line: "POST /x HTTP/1.1", framing: .length(3), rest: "a=b"),
        Request(client: "curl-chunked", line: "PUT /x HTTP/1.1", framing: .chunked),
        Request(client: "curl-expect", line: "PUT /x HTTP/1.1", framing: .length(3_000_000)),
        Request(client: "curl-h2c", line: "GET /x HTTP/1.1"),
        Request(client: "curl-10", line: "GET /x HTTP/1.0"),
        Request(client: "curl-proxy", line: "GET /x?y HTTP/1.1"),
        Request(client: "wget", line: "GET /x HTTP/1.1"),
        Request(client: "apt", line: "GET /dists/x/InRelease HTTP/1.1"),
        Request(client: "pip", line: "GET /simple/six/ HTTP/1.1"),
        Request(client: "python", line: "GET /x HTTP/1.1"),
        Request(client: "node", line: "POST /x HTTP/1.1", framing: .length(3), rest: "abc"),
        Request(client: "git", line: "GET /x/info/refs?service=git-upload-pack HTTP/1.1"),
        Request(client: "java", line: "POST /x?y=1 HTTP/1.1", framing: .length(3), rest: "abc"),
        Request(client: "npm", line: "GET /npm HTTP/1.1"),
    ]

    @Test("a request of each HTTP client", arguments: requests)
    func request(_ sample: Request) throws {
        var reader = RequestHeadReader()
        let bytes = try read("httphead/client-\(sample.client)")
        guard case .head(let head) = reader.append(bytes.span) else {
            Issue.record("\(reader.state)")
            return
        }
        #expect(head.isFor("api.example.test", port: 80))
        #expect(head.framing == sample.framing)
        #expect(reader.rest == Array(sample.rest.utf8))
        let rebuilt = String(decoding: head.rebuilt(), as: UTF8.self)
        #expect(rebuilt.hasPrefix(sample.line + "\r\nHost: api.example.test\r\n"))
        #expect(!rebuilt.lowercased().contains("upgrade") && !rebuilt.lowercased().contains("proxy-"))
    }

    @Test(
        "a query of each resolver",
        arguments: [
            "glibc-0", "glibc-1", "glibc-edns-0", "glibc-edns-1", "node-cares-0", "busybox-0", "busybox-1", "java-0",
            "java-1", "musl-0", "musl-1",
        ])
    func query(_ client: String) throws {
        let bytes = try read("dns/client-\(client)")
        let question = try DNSQuestion(parsing: bytes.span)
        #expect(question.name == "api.example.test")
        #expect(question.type == (client.hasSuffix("1") ? DNSQuestion.typeAAAA : DNSQuestion.typeA))
        #expect((question.extensions != nil) == client.contains("edns"))
        #expect(question.recursionDesired)
    }

    @Test("raw UTF-8 from musl is answered at once, in the form that musl takes for an end")
    func utf8() throws {
        let bytes = try read("dns/client-musl-utf8-0")
        let refusal: DNSRefusal
        do throws(DNSRefusal) {
            _ = try DNSQuestion(parsing: bytes.span)
            Issue.record("accepted")
            return
        } catch { refusal = error }
        #expect(refusal.reason == .characters)
        #expect(refusal.reply.map { $0[3] & 0x0f } == 3)
    }
}
