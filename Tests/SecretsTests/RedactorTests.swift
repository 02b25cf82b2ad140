// SPDX-License-Identifier: Apache-2.0
import Secrets
import Testing

/// Values made here by a rule have the form of secrets and open nothing.
@Suite("redaction")
struct RedactorTests {
    static func drawn(_ count: Int, _ alphabet: String = "aZ3kQ9xW5mB7vN2cL8pR4tY6uH0jD1fGsEo") -> String {
        let letters = Array(alphabet)
        var state: UInt32 = 54321
        return String(
            (0..<count).map { _ in
                state = state &* 1_664_525 &+ 1_013_904_223
                return letters[Int(state >> 8) % letters.count]
            })
    }

    static let lines: [(secret: String, text: String)] = [
        ("ghp_" + drawn(36), "remote: ghp_\(drawn(36)) is no key"),
        (
            "AKIA" + drawn(16, "QWERTYUIOPASDFGHJKLZXCVBNM234567"),
            "id=AKIA\(drawn(16, "QWERTYUIOPASDFGHJKLZXCVBNM234567"));"
        ),
        (drawn(40), "aws_secret_access_key = \(drawn(40))"),
        ("abcdefghijkl", "Authorization: Bearer abcdefghijkl"), ("YWJjOmRlZg==", "authorization: basic YWJjOmRlZg=="),
        ("test", "postgres://admin:test@db.example:5432/app"),
        ("v1." + drawn(20), "https://x-access-token:v1.\(drawn(20))@git.example/o/n.git"),  // not a secret
        ("sk-ant-api03-" + drawn(60), "{\"x-api-key\":\"sk-ant-api03-\(drawn(60))\"}"),
    ]

    @Test("blanks a credential and leaves the words around it", arguments: lines)
    func blanks(_ c: (secret: String, text: String)) {
        let text = "before \(c.text) after\n"
        let result = Redactor.redacted(text)
        #expect(text.contains(c.secret) && !result.contains(c.secret), "\(result)")
        #expect(result.hasPrefix("before ") && result.hasSuffix(" after\n") && result.contains("["), "\(result)")
    }

    @Test("blanks a private key over all its lines, and goes on behind it")
    func key() {
        let body = (0..<30).map { _ in Self.drawn(64) }.joined(separator: "\n")
        let key = "-----BEGIN RSA " + "PRIVATE KEY-----\n\(body)\n-----END RSA " + "PRIVATE KEY-----"
        #expect(Redactor.redacted("a\nb \(key) c\nd\n") == "a\nb [private key]\n c\nd\n")
        // One that is cut is blank to its end.
        #expect(Redactor.redacted("a\n" + key.prefix(700)) == "a\n[private key]\n")
        #expect(Redactor.redacted("-----BEGIN CERTIFICATE-----\nplain\n") == "-----BEGIN CERTIFICATE-----\nplain\n")
    }

    @Test("leaves text alone that has none")
    func plain() {
        for text in [
            "", "\n", "a: b\n", "https://host.example/path?x=1@2\n", "bearer of bad news\n",
            "ssh://git@host.example/o/n\n",
            "the basic idea\n", String(repeating: "x", count: 200_000), "é\u{1F600}\n",
        ] { #expect(Redactor.redacted(text) == text) }
    }

    @Test("what comes out does not depend on how the text comes")
    func pieces() {
        let filler = String(repeating: "lorem ipsum ", count: 5440)
        let text =
            Self.lines.map { "\($0.text)\n" }.joined() + filler + Self.lines[0].text + filler + Self.lines[6].text
            + "\n-----BEGIN " + "PRIVATE KEY-----\n\(Self.drawn(64))\nno end"
        let bytes = Array(text.utf8)
        var whole = Redactor()
        let expected = whole.take(bytes) + whole.end()
        for c in Self.lines { #expect(!String(decoding: expected, as: UTF8.self).contains(c.secret)) }
        for size in [1, 7, 100, 4096, 65_535, 65_536, 65_537] {
            var redactor = Redactor()
            var output: [UInt8] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                output += redactor.take(Array(bytes[start..<min(start + size, bytes.count)]))
            }
            #expect(output + redactor.end() == expected, "in pieces of \(size)")
        }
    }

    @Test("a token that lies across the place where a long line is let go is blanked")
    func across() {
        for offset in stride(from: 57_300, to: 57_350, by: 6) {
            let text =
                String(repeating: " ", count: offset) + Self.lines[0].secret + String(repeating: " ", count: 9000)
            #expect(!Redactor.redacted(text).contains("ghp_"), "at \(offset)")
        }
    }
}
