// SPDX-License-Identifier: Apache-2.0
import Delivery
import TestSupport
import Testing

/// Values made here by a rule have the form of secrets and open nothing.
@Suite("secrets in a branch", .timeLimit(.minutes(25)))
struct SecretsTests {
    /// Digits and letters in disorder, as long as asked for; the same every time.
    static func drawn(_ count: Int, _ alphabet: String = "aZ3kQ9xW5mB7vN2cL8pR4tY6uH0jD1fGsEo") -> String {
        let letters = Array(alphabet)
        var state: UInt32 = 12345
        return String(
            (0..<count).map { _ in
                state = state &* 1_664_525 &+ 1_013_904_223
                return letters[Int(state >> 8) % letters.count]
            })
    }

    static let upper = "QWERTYUIOPASDFGHJKLZXCVBNM234567"
    static let hexadecimal = "0a1b2c3d4e5f6789"

    struct Case: Sendable, CustomTestStringConvertible {
        let kind: String
        let value: String
        var testDescription: String { kind }
    }

    static let certain: [Case] = [
        Case(kind: "AWS access key", value: "AKIA" + drawn(16, upper)),
        Case(kind: "GitHub token", value: "ghp_" + drawn(36)),
        Case(kind: "GitHub token", value: "github_pat_" + drawn(22) + "_" + drawn(59)),
        Case(kind: "GitLab token", value: "glpat-" + drawn(20)),
        Case(kind: "Slack token", value: "xoxb-" + drawn(12) + "-" + drawn(24)),
        Case(kind: "Google API key", value: "AIza" + drawn(35)),
        Case(kind: "Stripe key", value: "sk_live_" + drawn(24)),
        Case(kind: "Anthropic key", value: "sk-ant-api03-" + drawn(80)),
        Case(kind: "npm token", value: "npm_" + drawn(36)),
        Case(kind: "Hugging Face token", value: "hf_" + drawn(34)),
        Case(kind: "DigitalOcean token", value: "dop_v1_" + drawn(64, hexadecimal)),
        Case(kind: "JSON web token", value: "eyJ" + drawn(40) + ".eyJ" + drawn(60) + "." + drawn(43)),
        Case(kind: "private key", value: "-----BEGIN OPENSSH " + "PRIVATE KEY-----\n" + drawn(70) + "\n" + drawn(70)),
        Case(kind: "private key", value: "\"-----BEGIN RSA " + "PRIVATE KEY-----\\n" + drawn(64) + "\\n\""),
    ]

    @Test("a value of a known form is refused, wherever it stands, and never shown", arguments: certain)
    func known(_ c: Case) throws {
        let scene = try GateScene()
        try scene.file("src/config.txt", "line one\nkey = \(c.value)\n")
        try scene.commit()
        let findings = try scene.judge().of(.secrets)
        #expect(findings.count == 1 && findings.isRefused, "\(findings.brief)")
        let finding = try #require(findings.first)
        #expect(finding.place == "src/config.txt:2" && finding.reason.hasPrefix("\(c.kind), fingerprint "))
        // No part of the value either, beyond its public beginning.
        for line in [finding.line, "\(finding)"] { #expect(!line.contains(String(c.value.suffix(8)))) }
    }

    @Test("as many as a branch likes are counted up to a point, and refused")
    func many() throws {
        let scene = try GateScene()
        let lines = (0..<12_000).map { "token = \(Self.drawn(28))\($0 + 10_000_000)" }.joined(separator: "\n")
        try scene.file("flagged", lines)
        try scene.file(
            "refused", (0..<12_000).map { "ghp_\(Self.drawn(28))\($0 + 10_000_000)" }.joined(separator: "\n"))
        try scene.commit()
        let findings = try scene.judge().of(.secrets)
        #expect(findings.isRefused && findings.count == 102)
        #expect(findings.filter { $0.place == "and at least 9950 more" }.count == 2, "\(findings.suffix(1).brief)")
    }

    @Test(
        "what only looks like one is left alone",
        arguments: [
            "AKIA" + "IOSFODNN7EXAMPLE", "ghp_" + String(repeating: "x", count: 36), "AIza-short", "sk-learn==1.4.2",
            "-----BEGIN " + "PRIVATE KEY-----\nif line starts with that",
            "password = os.environ['DATABASE_PASSWORD_2024']",
            "token: ${{ secrets.DEPLOY_TOKEN_123 }}", "secret = \"changeme-please-1234567\"",
            "api_key: your-api-key-here-00",
            "https://user:" + "password@example.com/", "sha512-" + drawn(86) + "==", "token_count = 1234567890123456",
            "def get_password(self): return self.password_hash2", "integrity \(drawn(60))",
        ])
    func harmless(_ text: String) throws {
        let scene = try GateScene()
        try scene.file("file", text + "\n")
        try scene.commit()
        #expect(try scene.judge().of(.secrets).brief == [])
    }

    @Test(
        "a value beside a telling name is flagged",
        arguments: [
            "password = \"\(drawn(20))\"", "API_KEY: \(drawn(24))", "\"clientSecret\": \"\(drawn(32))\"",
            "Authorization: Bearer \(drawn(40))", "export AWS_SECRET_ACCESS_KEY=\(drawn(40))",
            "db_passwd := '\(drawn(16))'",
        ])
    func named(_ text: String) throws {
        let scene = try GateScene()
        try scene.file("file", text + "\n")
        try scene.commit()
        #expect(try scene.judge().of(.secrets).brief == ["flag secrets file:1"])
    }

    @Test("a password in an address is found")
    func address() throws {
        let scene = try GateScene()
        try scene.file("file", "url = postgres://app:" + Self.drawn(16) + "@db.internal/app\n")
        try scene.commit()
        #expect(try scene.judge().of(.secrets).brief == ["refuse secrets file:1"])
    }

    @Test("a secret that a later commit takes out is in the history all the same")
    func history() throws {
        let scene = try GateScene()
        try scene.file("config", Self.certain[1].value + "\n")
        try scene.commit()
        try scene.git("rm", "--quiet", "config")
        try scene.commit("clean")
        #expect(try scene.judge().of(.secrets).brief == ["refuse secrets config:1"])
    }

    @Test("one that the base has already is nobody's news, and one in its place is")
    func alreadyThere() throws {
        let scene = try GateScene()
        try scene.file("config", "\(Self.certain[1].value)\n")
        let base = try scene.commit()
        try scene.file("config", "# moved\n\n\(Self.certain[1].value)\n")
        try scene.commit()
        #expect(try scene.judge(since: base).of(.secrets).isEmpty)
        try scene.file("config", "\(Self.certain[3].value)\n")
        try scene.commit()
        #expect(try scene.judge(since: base).of(.secrets).brief == ["refuse secrets config:1"])
    }

    @Test("a binary file, UTF-16, a message and a path are searched too")
    func elsewhere() throws {
        let value = Self.certain[1].value
        let scene = try GateScene()
        try scene.file("binary", [0, 1, 2, 0x0A] + Array(value.utf8) + [0, 0xFF])
        try scene.file("wide", [0xFF, 0xFE] + value.utf8.flatMap { [$0, 0] })
        try scene.file("d/\(value)", "x\n")
        let id = try scene.commit("title\n\nuses \(value)")
        let findings = try scene.judge().of(.secrets)
        #expect(
            Set(findings.map(\.place)) == [
                "binary:2", "wide:1", "d/[secret] in commit \(id)", "message of commit \(id):3",
            ])
        #expect(!findings.map(\.line).joined().contains(value))
        // The same value, the same fingerprint.
        #expect(Set(findings.map { $0.reason.suffix(8) }).count == 1)
    }

    @Test("a fingerprint can be accepted, and rules can have secrets flagged")
    func accepted() throws {
        let scene = try GateScene()
        try scene.file("config", Self.certain[1].value + "\n")
        try scene.commit()
        let fingerprint = try #require(try scene.judge().of(.secrets).first?.reason.suffix(8))
        let salt = String(repeating: "0f", count: 16)
        let rules = try GateScene.rules("secrets: {salt: \"\(salt)\", accept: [\"\(fingerprint)\"]}")
        #expect(try scene.judge(rules: rules).of(.secrets).isEmpty)
        let flagged = try GateScene.rules("secrets: {action: flag}")
        #expect(try scene.judge(rules: flagged).of(.secrets).brief == ["flag secrets config:1"])
    }
}
