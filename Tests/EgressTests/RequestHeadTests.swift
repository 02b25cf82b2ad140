// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Egress

@Suite("HTTP request head")
struct RequestHeadTests {
    static func read(_ text: String, by size: Int = .max) -> RequestHeadReader { read(Array(text.utf8), by: size) }

    static func read(_ bytes: [UInt8], by size: Int = .max) -> RequestHeadReader {
        var reader = RequestHeadReader()
        var index = 0
        while index < bytes.count {
            let end = index + min(size, bytes.count - index)
            _ = reader.append(bytes[index..<end].span)
            index = end
        }
        return reader
    }

    static func head(_ text: String) throws -> RequestHead {
        guard case .head(let head) = read(text).state else {
            throw Unread(state: read(text).state)
        }
        return head
    }

    struct Unread: Error {
        let state: RequestHeadReader.State
    }

    private static let end = "Host: a.test\r\n\r\n"

    @Test("reads a plain request and keeps what came behind it", arguments: [1, 2, 5, Int.max])
    func accepted(_ size: Int) throws {
        let text = "GET /x?y=%2e HTTP/1.1\r\nhOsT:\tA.Test:80 \r\nAccept:  a, b \r\nX-Empty:\r\n\r\n"
        let reader = Self.read(text, by: size)
        guard case .head(let head) = reader.state else { throw Unread(state: reader.state) }
        #expect(head.method == "GET")
        #expect(head.target == "/x?y=%2e")
        #expect(head.minorVersion == 1)
        #expect(head.framing == .none)
        #expect(head.isFor("a.test", port: 80))
        #expect(!head.isFor("a.test", port: 8080))
        #expect(!head.isFor("b.test", port: 80))
        #expect(head.fields == [HTTPField(name: "Accept", value: "a, b"), HTTPField(name: "X-Empty", value: "")])
        #expect(
            String(decoding: head.rebuilt(), as: UTF8.self)
                == "GET /x?y=%2e HTTP/1.1\r\nHost: a.test\r\nAccept: a, b\r\nX-Empty: \r\nConnection: close\r\n\r\n")
    }

    @Test("what is behind the head is the body's, and nothing is taken after the verdict")
    func behind() {
        var reader = Self.read("POST / HTTP/1.1\r\nContent-Length: 3\r\n\(Self.end)abc")
        #expect(reader.rest == Array("abc".utf8))
        let late: [UInt8] = [1, 2]
        _ = reader.append(late.span)
        #expect(reader.rest == Array("abc".utf8))
    }

    struct Sample: CustomTestStringConvertible {
        let testDescription: String
        let text: String
        let refusal: HTTPRefusal

        init(_ refusal: HTTPRefusal, _ description: String, _ text: String) {
            (self.refusal, testDescription, self.text) = (refusal, description, text)
        }
    }

    static let lines: [Sample] = [
        Sample(.lineEnd, "LF alone after the request line", "GET / HTTP/1.1\n\(end)"),
        Sample(.lineEnd, "LF alone after a field", "GET / HTTP/1.1\r\nX: y\n\(end)"),
        Sample(.lineEnd, "CR alone in a value", "GET / HTTP/1.1\r\nX: y\rHost: b.test\r\n\(end)"),
        Sample(.lineEnd, "CR CR LF", "GET / HTTP/1.1\r\r\n\(end)"),
        Sample(.requestLine, "empty line first", "\r\nGET / HTTP/1.1\r\n\(end)"),
        Sample(.character, "NUL in a value", "GET / HTTP/1.1\r\nX: a\0b\r\n\(end)"),
        Sample(.character, "NUL in the host", "GET / HTTP/1.1\r\nHost: a.test\0.b.test\r\n\r\n"),
        Sample(.character, "vertical tab", "GET / HTTP/1.1\r\nTransfer-Encoding:\u{b}chunked\r\n\(end)"),
        Sample(.character, "byte 0x85", "GET / HTTP/1.1\r\nX: a\u{85}b\r\n\(end)"),
        Sample(.character, "tab in the request line", "GET\t/ HTTP/1.1\r\n\(end)"),
        Sample(.character, "UTF-8 in the target", "GET /ü HTTP/1.1\r\n\(end)"),
        Sample(.character, "a TLS hello", "\u{16}\u{3}\u{1}\u{0}"),
        Sample(.requestLine, "HTTP/0.9", "GET /\r\n\(end)"),
        Sample(.requestLine, "two spaces", "GET  / HTTP/1.1\r\n\(end)"),
        Sample(.requestLine, "space at the end", "GET / HTTP/1.1 \r\n\(end)"),
        Sample(.requestLine, "space in the target", "GET /a b HTTP/1.1\r\n\(end)"),
        Sample(.requestLine, "no method", " / HTTP/1.1\r\n\(end)"),
        Sample(.requestLine, "method with a colon", "GET: / HTTP/1.1\r\n\(end)"),
        Sample(.requestLine, "method of 33", "\(String(repeating: "A", count: 33)) / HTTP/1.1\r\n\(end)"),
        Sample(.version, "HTTP/1.2", "GET / HTTP/1.2\r\n\(end)"),
        Sample(.version, "HTTP/2.0", "GET / HTTP/2.0\r\n\(end)"),
        Sample(.version, "http/1.1", "GET / http/1.1\r\n\(end)"),
        Sample(.version, "HTTP/1.10", "GET / HTTP/1.10\r\n\(end)"),
        Sample(.connect, "CONNECT", "CONNECT a.test:443 HTTP/1.1\r\n\(end)"),
        Sample(.connect, "connect in lower case", "connect a.test:443 HTTP/1.1\r\n\(end)"),
        Sample(.http2, "HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        Sample(.target, "asterisk", "OPTIONS * HTTP/1.1\r\n\(end)"),
        Sample(.target, "relative", "GET x HTTP/1.1\r\n\(end)"),
        Sample(.target, "fragment", "GET /#a HTTP/1.1\r\n\(end)"),
        Sample(.target, "authority-form", "GET a.test:80 HTTP/1.1\r\n\(end)"),
        Sample(.target, "https", "GET https://a.test/ HTTP/1.1\r\n\(end)"),
        Sample(.target, "user information", "GET http://a.test@b.test/ HTTP/1.1\r\n\(end)"),
        Sample(.target, "no authority", "GET http:/// HTTP/1.1\r\n\(end)"),
        Sample(.target, "one slash", "GET http:/a.test/ HTTP/1.1\r\n\(end)"),
        Sample(.target, "backslash for slash", "GET http:\\\\a.test/ HTTP/1.1\r\n\(end)"),
        Sample(.targetAuthority, "another authority", "GET http://b.test/ HTTP/1.1\r\n\(end)"),
        Sample(.targetAuthority, "another port", "GET http://a.test:81/ HTTP/1.1\r\n\(end)"),
        Sample(.folded, "folded value", "GET / HTTP/1.1\r\nX: a\r\n b\r\n\(end)"),
        Sample(.folded, "folded Transfer-Encoding", "GET / HTTP/1.1\r\nTransfer-Encoding:\r\n\tchunked\r\n\(end)"),
        Sample(.folded, "space before the first field", "GET / HTTP/1.1\r\n \(end)"),
        Sample(.spaceBeforeColon, "space before the colon", "GET / HTTP/1.1\r\nHost : a.test\r\n\r\n"),
        Sample(.spaceBeforeColon, "tab before the colon", "GET / HTTP/1.1\r\nTransfer-Encoding\t: chunked\r\n\(end)"),
        Sample(.field, "no colon", "GET / HTTP/1.1\r\nHost\r\n\(end)"),
        Sample(.field, "no name", "GET / HTTP/1.1\r\n: a\r\n\(end)"),
        Sample(.field, "space in the name", "GET / HTTP/1.1\r\nX Y: a\r\n\(end)"),
        Sample(.field, "quote in the name", "GET / HTTP/1.1\r\n\"Host\": a\r\n\(end)"),
        Sample(.oversized, "101 fields", "GET / HTTP/1.1\r\n\(String(repeating: "X: y\r\n", count: 100))\(end)"),
        Sample(.oversized, "one long field", "GET / HTTP/1.1\r\nX: \(String(repeating: "y", count: 70_000))\r\n\(end)"),
        Sample(.oversized, "an endless method", String(repeating: "A", count: 70_000)),
    ]

    static let meanings: [Sample] = [
        Sample(.noHost, "no Host", "GET / HTTP/1.1\r\n\r\n"),
        Sample(.noHost, "no Host in HTTP/1.0", "GET / HTTP/1.0\r\n\r\n"),
        Sample(.noHost, "no Host beside an absolute target", "GET http://a.test/ HTTP/1.1\r\n\r\n"),
        Sample(.duplicateHost, "two hosts", "GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n"),
        Sample(.duplicateHost, "the same host twice", "GET / HTTP/1.1\r\nhost: a.test\r\nHOST: a.test\r\n\r\n"),
        Sample(.alias, "Content_Length", "POST / HTTP/1.1\r\nContent_Length: 5\r\n\(end)"),
        Sample(.alias, "transfer_encoding", "POST / HTTP/1.1\r\ntransfer_encoding: chunked\r\n\(end)"),
        Sample(.twoLengths, "CL.TE", "POST / HTTP/1.1\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\(end)"),
        Sample(.twoLengths, "TE.CL", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 6\r\n\(end)"),
        Sample(
            .twoLengths, "unknown coding with a length",
            "POST / HTTP/1.1\r\nContent-Length: 6\r\nTransfer-Encoding: identity\r\n\(end)"),
        Sample(.contentLength, "two lengths", "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\(end)"),
        Sample(
            .contentLength, "the same length twice",
            "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\(end)"),
        Sample(.contentLength, "a list", "POST / HTTP/1.1\r\nContent-Length: 5, 5\r\n\(end)"),
        Sample(.contentLength, "plus", "POST / HTTP/1.1\r\nContent-Length: +5\r\n\(end)"),
        Sample(.contentLength, "minus", "POST / HTTP/1.1\r\nContent-Length: -0\r\n\(end)"),
        Sample(.contentLength, "hexadecimal", "POST / HTTP/1.1\r\nContent-Length: 0x5\r\n\(end)"),
        Sample(.contentLength, "empty", "POST / HTTP/1.1\r\nContent-Length:\r\n\(end)"),
        Sample(.contentLength, "2^64", "POST / HTTP/1.1\r\nContent-Length: 18446744073709551616\r\n\(end)"),
        Sample(.contentLength, "space inside", "POST / HTTP/1.1\r\nContent-Length: 5 6\r\n\(end)"),
        Sample(.transferEncoding, "xchunked", "POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\(end)"),
        Sample(.transferEncoding, "gzip, chunked", "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\(end)"),
        Sample(
            .transferEncoding, "chunked, identity", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\(end)"),
        Sample(
            .transferEncoding, "chunked twice",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\(end)"),
        Sample(.transferEncoding, "quoted", "POST / HTTP/1.1\r\nTransfer-Encoding: \"chunked\"\r\n\(end)"),
        Sample(.transferEncoding, "with a parameter", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked;q=1\r\n\(end)"),
        Sample(.transferEncoding, "empty coding", "POST / HTTP/1.1\r\nTransfer-Encoding:\r\n\(end)"),
        Sample(.transferEncoding, "HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\(end)"),
        Sample(.body, "GET with a length", "GET / HTTP/1.1\r\nContent-Length: 5\r\n\(end)"),
        Sample(.body, "HEAD with chunks", "HEAD / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\(end)"),
        Sample(.connection, "Connection takes Host away", "GET / HTTP/1.1\r\nConnection: close, Host\r\n\(end)"),
        Sample(
            .connection, "Connection takes the length away",
            "POST / HTTP/1.1\r\nContent-Length: 5\r\nConnection: content-length\r\n\(end)"),
        Sample(.connection, "no token", "GET / HTTP/1.1\r\nConnection: a b\r\n\(end)"),
        Sample(.upgrade, "WebSocket", "GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\(end)"),
        Sample(.upgrade, "HTTP/2 beside another", "GET / HTTP/1.1\r\nUpgrade: h2c, websocket\r\n\(end)"),
        Sample(.expect, "another expectation", "POST / HTTP/1.1\r\nExpect: 200-ok\r\nContent-Length: 5\r\n\(end)"),
        Sample(
            .expect, "two expectations", "POST / HTTP/1.1\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n\(end)"),
    ]

    @Test("refuses", arguments: lines + meanings)
    func refuses(_ sample: Sample) {
        for size in [Int.max, 1] { #expect(Self.read(sample.text, by: size).state == .refused(sample.refusal)) }
    }

    @Test(
        "refuses a Host that is no name or address",
        arguments: [
            "", ".", "a.test.", "a..test", "a.test:", "a.test:0", "a.test:080", "a.test:65536", "a.test:8o",
            "a.test:80:80",
            "allowed@b.test", "a.test/", "a.test, b.test", "a.test b.test", "http://a.test", "1.2.3", "1.2.3.256",
            "01.2.3.4",
            "0x7f.1", "[::1", "[]", "[::1%25eth0]", "[::1]x", "%61.test", "a.test#", "a_b.test?", "*.a.test",
            "a\\b.test",
        ])
    func hosts(_ host: String) {
        #expect(Self.read("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n").state == .refused(.badHost))
    }

    @Test(
        "takes a Host in every legal form",
        arguments: [
            ("A.Test", "a.test", 80), ("a.test:80", "a.test", 80), ("a.test:8080", "a.test", 8080),
            ("a_b.test", "a_b.test", 80),
            ("192.0.2.1", "192.0.2.1", 80), ("192.0.2.1:81", "192.0.2.1", 81),
            ("[2001:DB8::1]:81", "[2001:db8::1]", 81),
        ])
    func goodHosts(_ text: String, _ name: String, _ port: Int) throws {
        let head = try Self.head("GET / HTTP/1.1\r\nHost: \(text)\r\n\r\n")
        #expect(head.isFor(name, port: UInt16(port)))
        let field = port == 80 ? name : "\(name):\(port)"
        #expect(String(decoding: head.rebuilt(), as: UTF8.self).hasPrefix("GET / HTTP/1.1\r\nHost: \(field)\r\n"))
    }

    @Test(
        "an absolute target becomes one in origin-form",
        arguments: [
            ("http://a.test/x?y", "/x?y"), ("HTTP://A.test:80/", "/"), ("http://a.test", "/"),
            ("http://a.test?q", "/?q"),
        ])
    func absolute(_ target: String, _ expected: String) throws {
        #expect(try Self.head("GET \(target) HTTP/1.1\r\n\(Self.end)").target == expected)
    }

    @Test("drops what belongs to one connection, and what Connection names")
    func hopByHop() throws {
        let dropped = """
            Connection: keep-alive, X-Private\r\nConnection: Upgrade,,HTTP2-Settings\r\nKeep-Alive: 5\r\nX-Private: 1\r
            Proxy-Authorization: x\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\nTrailer: X\r\nUpgrade: h2c\r
            HTTP2-Settings: AAA\r\n
            """
        let head = try Self.head("GET / HTTP/1.1\r\n\(dropped)X-Kept: 1\r\n\(Self.end)")
        #expect(head.fields == [HTTPField(name: "X-Kept", value: "1")])
        let rebuilt = String(decoding: head.rebuilt(), as: UTF8.self)
        #expect(rebuilt == "GET / HTTP/1.1\r\nHost: a.test\r\nX-Kept: 1\r\nConnection: close\r\n\r\n")
    }

    @Test("states the length anew and keeps a client's wish to wait")
    func framing() throws {
        let counted = try Self.head("PUT / HTTP/1.1\r\nContent-Length: 007\r\nExpect: 100-Continue\r\n\(Self.end)")
        #expect(counted.framing == .length(7))
        #expect(
            String(decoding: counted.rebuilt(), as: UTF8.self)
                == "PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 7\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
        )
        let chunked = try Self.head("PUT / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\(Self.end)")
        #expect(chunked.framing == .chunked)
        #expect(String(decoding: chunked.rebuilt(), as: UTF8.self).contains("\r\nTransfer-Encoding: chunked\r\n"))
        let old = try Self.head("PUT / HTTP/1.0\r\nContent-Length: 7\r\nExpect: 100-continue\r\n\(Self.end)")
        #expect(!old.expectsContinue)
        #expect(String(decoding: old.rebuilt(), as: UTF8.self).hasPrefix("PUT / HTTP/1.0\r\n"))
        let empty = try Self.head("GET / HTTP/1.1\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\(Self.end)")
        #expect(empty.framing == .length(0))
        #expect(!empty.expectsContinue)
    }

    @Test("takes 100 fields and a head of 64 KiB")
    func limits() throws {
        let fields = String(repeating: "X: y\r\n", count: 99)
        #expect(try Self.head("GET / HTTP/1.1\r\n\(fields)\(Self.end)").fields.count == 99)
        let frame = "GET / HTTP/1.1\r\nX: \r\n\(Self.end)".utf8.count
        for (extra, isGood) in [(0, true), (1, false)] {
            let value = String(repeating: "y", count: RequestHeadReader.longest - frame + extra)
            let state = Self.read("GET / HTTP/1.1\r\nX: \(value)\r\n\(Self.end)").state
            #expect((state == .refused(.oversized)) != isGood)
        }
    }

    @Test(
        "a field that overrides method or path is seen, and no other",
        arguments: [
            ("X-HTTP-Method-Override: DELETE", true), ("x-original-url: /admin", true), ("X-Rewrite-URL: /admin", true),
            ("X-Original: /admin", false), ("X-Requested-With: x", false),
        ])
    func overrides(_ field: String, _ overrides: Bool) throws {
        let head = try Self.head("GET /a HTTP/1.1\r\nHost: a.test\r\n\(field)\r\n\r\n")
        #expect(head.overridesItself == overrides)
    }
}
