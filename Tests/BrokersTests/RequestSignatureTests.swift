// SPDX-License-Identifier: Apache-2.0
import LinuxSystem
import Testing

@testable import Brokers

/// The vectors that AWS published for version 4 of its signature, and those of RFC 4231 for the code beneath it.
@Suite("a signature as AWS wants it")
struct RequestSignatureTests {
    private let signer = RequestSignature(
        accessKey: "AKIDEXAMPLE", secretKey: Secret(copying: Array("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".utf8)),
        region: "us-east-1",
        service: "service")
    static let host = ModelField("Host", "example.amazonaws.com")
    static let date = ModelField("X-Amz-Date", "20150830T123600Z")

    struct Vector: Sendable, CustomTestStringConvertible {
        let name: String
        var method = "GET"
        var path = "/"
        var query: [(name: String, value: String)] = []
        var fields: [ModelField] = []
        var body = ""
        let signed: String
        let signature: String
        var testDescription: String { name }
    }

    static let vectors = [
        Vector(
            name: "get-vanilla", signed: "host;x-amz-date",
            signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        Vector(
            name: "get-vanilla-query-order-key-case", query: [("Param2", "value2"), ("Param1", "value1")],
            signed: "host;x-amz-date", signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
        Vector(
            name: "post-vanilla", method: "POST", signed: "host;x-amz-date",
            signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        Vector(
            name: "get-utf8", path: "/\u{1234}", signed: "host;x-amz-date",
            signature: "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
        Vector(
            name: "get-header-key-duplicate",
            fields: [
                ModelField("My-Header1", "value2"), ModelField("My-Header1", "value2"),
                ModelField("My-Header1", "value1"),
            ], signed: "host;my-header1;x-amz-date",
            signature: "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"),
        Vector(
            name: "get-header-value-trim",
            fields: [ModelField("My-Header1", " value1"), ModelField("My-Header2", " \"a   b   c\"")],
            signed: "host;my-header1;my-header2;x-amz-date",
            signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"),
        Vector(
            name: "post-x-www-form-urlencoded", method: "POST",
            fields: [ModelField("Content-Type", "application/x-www-form-urlencoded")], body: "Param1=value1",
            signed: "content-type;host;x-amz-date",
            signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
        Vector(
            name: "post-sts-header-before", method: "POST", fields: [ModelField("X-Amz-Security-Token", token)],
            signed: "host;x-amz-date;x-amz-security-token",
            signature: "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"),
    ]
    private static let token =
        "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthA"
        + "x7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAki"
        + "Y9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="

    @Test(
        "has the time in UTC, over leap years and centuries",
        arguments: [
            (0, "19700101T000000Z"), (951_782_399, "20000228T235959Z"), (951_782_400, "20000229T000000Z"),
            (1_440_938_160, "20150830T123600Z"), (1_709_164_800, "20240229T000000Z"),
            (1_735_689_599, "20241231T235959Z"), (4_107_542_400, "21000301T000000Z"),
        ] as [(UInt64, String)])
    func time(_ seconds: UInt64, _ text: String) { #expect(RequestSignature.time(seconds) == text) }

    @Test("is what AWS says it is", arguments: vectors)
    func published(_ vector: Vector) {
        let value = signer.authorization(
            method: vector.method, path: vector.path, query: vector.query,
            fields: [Self.host, Self.date] + vector.fields,
            body: Array(vector.body.utf8), time: Self.date.value)
        #expect(
            value
                == "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
                + "SignedHeaders=\(vector.signed), Signature=\(vector.signature)")
    }

    @Test("covers the method, the path, each field, the body and the time")
    func covers() {
        func sign(
            _ method: String = "POST", _ path: String = "/model/a%3A0/invoke", _ host: String = "h",
            _ body: String = "b",
            _ time: String = "20150830T123600Z"
        ) -> String {
            signer.authorization(
                method: method, path: path, fields: [ModelField("Host", host)], body: Array(body.utf8), time: time)
        }
        let all = [
            sign(), sign("PUT"), sign("POST", "/model/a:0/invoke"), sign("POST", "/model/a%3A1/invoke"),
            sign("POST", "/model/a%3A0/invoke", "i"), sign("POST", "/model/a%3A0/invoke", "h", ""),
            sign("POST", "/model/a%3A0/invoke", "h", "b", "20150830T123601Z"),
        ]
        #expect(Set(all).count == all.count)
    }

    @Test(
        "is made with the keyed digest of RFC 4231",
        arguments: [
            (
                [UInt8](repeating: 0x0B, count: 20), "Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
            ),
            (
                Array("Jefe".utf8), "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
            ),
            (
                [UInt8](repeating: 0xAA, count: 131), "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
            ),
            ([], "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"),
        ])
    func digest(_ key: [UInt8], _ message: String, _ expected: String) {
        let bytes = KeyedDigest.sha256(Array(message.utf8), key: Secret(copying: key)).withBytes { Array($0) }
        #expect(bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() == expected)
    }
}
