// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Egress

@Suite("ClientHello")
struct ClientHelloTests {
    private func read(_ bytes: [UInt8], by size: Int = .max, ech: Bool = false) -> ClientHelloReader {
        var reader = ClientHelloReader(allowsEncryptedHello: ech)
        var index = 0
        while index < bytes.count {
            let end = index + min(size, bytes.count - index)
            _ = reader.append(bytes[index..<end].span)
            index = end
        }
        return reader
    }

    private func name(_ state: ClientHelloReader.State) -> String? {
        if case .hello(let hello) = state { hello.serverName } else { nil }
    }

    @Test("gives the server name and the protocols, and keeps every byte for sending onwards")
    func accepted() {
        let bytes = HelloMessage("Api.Example.TEST").adding(16, [0, 12, 2, 104, 50, 8] + "http/1.1".utf8).records()
        let reader = read(bytes)
        #expect(
            reader.state
                == .hello(
                    ClientHello(
                        serverName: "api.example.test", protocols: [Array("h2".utf8), Array("http/1.1".utf8)],
                        hasEncryptedHello: false, offersTLS13: true, offersEarlyData: false)))
        #expect(reader.received == bytes)
    }

    @Test(
        "the verdict is the same for any record and segment size", arguments: [1, 2, 3, 5, 7, 64, 1000],
        [1, 2, 4, 6, 99])
    func fragments(_ record: Int, _ segment: Int) {
        let good = HelloMessage().records(of: record)
        #expect(name(read(good, by: segment).state) == "a.test")
        #expect(read(good, by: segment).received == good)
        let bad = HelloMessage().with { $0.extensions?.append(HelloMessage.serverName([98])) }.records(of: record)
        #expect(read(bad, by: segment).state == .refused(.duplicateServerName))
    }

    @Test("every piece that lacks the last byte asks for more")
    func prefixes() {
        let bytes = HelloMessage().records(of: 50)
        for count in bytes.indices { #expect(read(Array(bytes[..<count])).state == .needMore, "\(count)") }
        #expect(name(read(bytes).state) == "a.test")
    }

    @Test("bytes behind the hello's last record are kept unread, and nothing is taken after the verdict")
    func behind() {
        let bytes = HelloMessage().records()
        let behind: [UInt8] = [20, 3, 3, 0, 1, 1, 23, 3, 3]
        var reader = read(bytes + behind)
        #expect(name(reader.state) == "a.test")
        #expect(reader.received == bytes)
        #expect(reader.rest == behind)
        let late: [UInt8] = [1, 2, 3]
        let state = reader.append(late.span)
        #expect(name(state) == "a.test")
        #expect(reader.rest == behind)
    }

    struct Sample: CustomTestStringConvertible {
        let testDescription: String
        let bytes: [UInt8]
        let refusal: TLSRefusal
    }

    private static func sample(_ text: String, _ refusal: TLSRefusal, _ hello: HelloMessage) -> Sample {
        Sample(testDescription: text, bytes: hello.records(), refusal: refusal)
    }

    static let refusedRecords: [Sample] = [
        Sample(testDescription: "HTTP", bytes: Array("GET / HTTP/1.1\r\n".utf8), refusal: .notTLS),
        Sample(testDescription: "SSH", bytes: Array("SSH-2.0-x\r\n".utf8), refusal: .notTLS),
        Sample(testDescription: "an alert first", bytes: [21, 3, 1, 0, 2, 2, 0], refusal: .notTLS),
        Sample(testDescription: "SSL 2", bytes: [0x80, 0x2e, 1, 3, 1], refusal: .sslv2),
        Sample(testDescription: "upper bit, no SSL 2", bytes: [0xff, 0xff, 0xff], refusal: .notTLS),
        Sample(
            testDescription: "record of SSL 3", bytes: HelloMessage.records(HelloMessage().message, version: [3, 0]),
            refusal: .version),
        Sample(
            testDescription: "record of TLS 1.3", bytes: HelloMessage.records(HelloMessage().message, version: [3, 4]),
            refusal: .version),
        Sample(testDescription: "record of version 2", bytes: [22, 2], refusal: .version),
        Sample(testDescription: "empty record", bytes: [22, 3, 1, 0, 0], refusal: .interrupted),
        Sample(
            testDescription: "empty record in the middle", bytes: [22, 3, 1, 0, 1, 1, 22, 3, 1, 0, 0],
            refusal: .interrupted),
        Sample(
            testDescription: "alert in the middle", bytes: [22, 3, 1, 0, 1, 1, 21, 3, 1, 0, 2], refusal: .interrupted),
        Sample(
            testDescription: "change cipher spec in the middle", bytes: [22, 3, 1, 0, 1, 1, 20, 3, 1, 0, 1],
            refusal: .interrupted),
        Sample(testDescription: "record of 16385", bytes: [22, 3, 1, 0x40, 1], refusal: .oversized),
        Sample(testDescription: "hello of 16 MB", bytes: [22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff], refusal: .oversized),
        Sample(
            testDescription: "one byte more than a hello may have", bytes: [22, 3, 1, 0, 4, 1, 0, 0x3f, 0xfd],
            refusal: .oversized),
        Sample(
            testDescription: "a second message in the record",
            bytes: HelloMessage.records(HelloMessage().message + HelloMessage("b.test").message), refusal: .trailing),
        Sample(
            testDescription: "a byte behind the hello in its record",
            bytes: HelloMessage.records(HelloMessage().message + [0]), refusal: .trailing),
        Sample(
            testDescription: "5,000 records",
            bytes: HelloMessage().adding(99, [UInt8](repeating: 0, count: 5000)).records(of: 1), refusal: .oversized),
        Sample(
            testDescription: "64 KiB of records",
            bytes: HelloMessage().adding(99, [UInt8](repeating: 0, count: 16_000)).records(of: 1), refusal: .oversized),
    ]

    static let refusedHellos: [Sample] = [
        sample("ServerHello", .notClientHello, HelloMessage().with { $0.handshakeType = 2 }),
        sample("SSL 3", .version, HelloMessage().with { $0.version = [3, 0] }),
        sample("version of TLS 1.3", .version, HelloMessage().with { $0.version = [3, 4] }),
        sample("session of 33", .malformed, HelloMessage().with { $0.session.append(0) }),
        sample("no cipher", .malformed, HelloMessage().with { $0.ciphers = [] }),
        sample("odd ciphers", .malformed, HelloMessage().with { $0.ciphers.append(0) }),
        sample("no compression", .malformed, HelloMessage().with { $0.compression = [] }),
        sample("only DEFLATE", .malformed, HelloMessage().with { $0.compression = [1] }),
        sample("no extension block", .noServerName, HelloMessage().with { $0.extensions = nil }),
        sample("no extension", .noServerName, HelloMessage().with { $0.extensions = [] }),
        sample("no server name", .noServerName, HelloMessage(nil)),
        sample("extension block too short", .malformed, HelloMessage().with { $0.extensionLengthError = -1 }),
        sample("extension block too long", .malformed, HelloMessage().with { $0.extensionLengthError = 1 }),
        sample("message too short", .trailing, HelloMessage().with { $0.lengthError = -1 }),
        sample("byte behind the extensions", .malformed, HelloMessage().with { $0.behind = [0] }),
        sample(
            "half an extension", .malformed,
            HelloMessage().with {
                $0.behind = [0]
                $0.extensionLengthError = 1
            }),
        sample(
            "two server name extensions", .duplicateServerName,
            HelloMessage().with { $0.extensions?.append(HelloMessage.serverName(Array("b.test".utf8))) }),
        sample(
            "the same name twice", .duplicateServerName,
            HelloMessage().with { $0.extensions?.append(HelloMessage.serverName(Array("a.test".utf8))) }),
        sample("another extension twice", .duplicateExtension, HelloMessage().adding(10, [0, 2, 0, 29])),
        sample(
            "two names in one list", .badServerName,
            HelloMessage(nil).adding(0, HelloMessage.sized16([0, 0, 1, 97, 0, 0, 1, 98]))),
        sample("empty list", .badServerName, HelloMessage(nil).adding(0, [0, 0])),
        sample("empty extension", .malformed, HelloMessage(nil).adding(0)),
        sample("list too short", .malformed, HelloMessage(nil).adding(0, [0, 3, 0, 0, 1, 97])),
        sample("list too long", .malformed, HelloMessage(nil).adding(0, [0, 5, 0, 0, 1, 97])),
        sample("name longer than its list", .malformed, HelloMessage(nil).adding(0, [0, 4, 0, 0, 2, 97])),
        sample("another name type", .badServerName, HelloMessage(nil).adding(0, [0, 4, 1, 0, 1, 97])),
        sample("extension after the pre-shared key", .malformed, HelloMessage().adding(41).adding(42)),
        sample("encrypted hello", .encryptedHello, HelloMessage().adding(0xfe0d, [0, 0, 1, 0, 1, 0, 0, 0, 0, 0])),
        sample("encrypted hello of a draft", .encryptedHello, HelloMessage().adding(0xfe0a)),
        sample("encrypted server name", .encryptedHello, HelloMessage().adding(0xffce)),
        sample("encrypted hello without a name", .encryptedHello, HelloMessage(nil).adding(0xfe0d)),
        sample("outer extensions", .encryptedHello, HelloMessage().adding(0xfd00)),
        sample("no protocol", .malformed, HelloMessage().adding(16, [0, 0])),
        sample("empty protocol", .malformed, HelloMessage().adding(16, [0, 1, 0])),
        sample(
            "33 protocols", .oversized,
            HelloMessage().adding(16, HelloMessage.sized16([UInt8](repeating: 1, count: 66)))),
        sample(
            "129 extensions", .oversized,
            HelloMessage().with { hello in for type in 1000..<1126 { hello.extensions?.append((type, [])) } }),
    ]

    @Test("refuses", arguments: refusedRecords + refusedHellos)
    func refuses(_ sample: Sample) {
        for size in [Int.max, 1] {
            let reader = read(sample.bytes, by: size)
            #expect(reader.state == .refused(sample.refusal))
            #expect(reader.received.isEmpty)
        }
    }

    @Test(
        "refuses a server name that is no host name",
        arguments: [
            "", ".", "a.test.", ".a.test", "a..test", "1.2.3.4", "0x7f.1", "127.1", "2130706433", "::1", "[::1]",
            "a b.test",
            "a.test\0", "a.test\0.b.test", "a.test:443", "bücher.test", "*.a.test", "a/b.test", "user@a.test",
            String(repeating: "a", count: 64) + ".test", DNSQuestionTests.longName(254),
        ])
    func names(_ name: String) {
        #expect(read(HelloMessage(name).records()).state == .refused(.badServerName))
    }

    @Test(
        "takes a name in any case, with underscores and digits",
        arguments: [
            "A.TEST", "xn--bcher-kva.test", "_x.a_b.test", "0x.test", "1.test", "localhost",
            DNSQuestionTests.longName(253),
        ])
    func goodNames(_ text: String) {
        #expect(name(read(HelloMessage(text).records()).state) == text.lowercased())
    }

    @Test("a rule can allow an encrypted hello, and then the outer name counts")
    func allowed() {
        let bytes = HelloMessage().adding(0xfe0d, [0]).records()
        #expect(read(bytes).state == .refused(.encryptedHello))
        let allowed = ClientHello(
            serverName: "a.test", protocols: [], hasEncryptedHello: true, offersTLS13: true, offersEarlyData: false)
        #expect(read(bytes, ech: true).state == .hello(allowed))
        #expect(read(HelloMessage(nil).adding(0xfe0d).records(), ech: true).state == .refused(.noServerName))
    }

    @Test("takes the longest hello and 128 extensions")
    func longest() {
        let empty = HelloMessage().adding(99).message.count
        let content = [UInt8](repeating: 0, count: ClientHelloReader.longestHello - empty)
        #expect(name(read(HelloMessage().adding(99, content).records(of: 100)).state) == "a.test")
        let many = HelloMessage().with { hello in for type in 1000..<1125 { hello.extensions?.append((type, [])) } }
        #expect(name(read(many.records()).state) == "a.test")
    }

    @Test("the alert is a fatal access_denied in one record")
    func alert() {
        #expect(TLSAlert.accessDenied == [21, 3, 3, 0, 2, 2, 49])
        #expect(TLSAlert.internalError == [21, 3, 3, 0, 2, 2, 80])
    }
}
