// SPDX-License-Identifier: Apache-2.0

/// A secret that begins with a known word and goes on in a known alphabet.
struct SecretKind: Sendable {
    let name: String
    let prefix: [UInt8]
    let alphabet: Alphabet
    /// Bytes behind the prefix.
    let length: ClosedRange<Int>
    /// Bits a byte that the bytes behind the prefix have at least.
    let disorder: Double
    /// The prefix is short: a letter or digit before it makes it a part of another word.
    let standsAlone: Bool

    enum Alphabet: Sendable {
        case hexadecimal, upperAndDigits, alphanumeric, base64, url, dotted

        func contains(_ byte: UInt8) -> Bool {
            switch byte {
            case 0x30...0x39: true
            case 0x61...0x66: self != .upperAndDigits
            case 0x67...0x7A: self != .upperAndDigits && self != .hexadecimal
            case 0x41...0x46: true
            case 0x47...0x5A: self != .hexadecimal
            case UInt8(ascii: "_"), UInt8(ascii: "-"): self == .url || self == .dotted
            case UInt8(ascii: "."): self == .dotted
            case UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="): self == .base64
            default: false
            }
        }
    }

    private init(
        _ name: String, _ prefix: String, _ alphabet: Alphabet, _ length: ClosedRange<Int>, disorder: Double = 3,
        standsAlone: Bool = false
    ) {
        self.name = name
        self.prefix = Array(prefix.utf8)
        self.alphabet = alphabet
        self.length = length
        self.disorder = disorder
        self.standsAlone = standsAlone
    }

    static let all: [SecretKind] = [
        SecretKind("AWS access key", "AKIA", .upperAndDigits, 16...16, disorder: 2.5),
        SecretKind("AWS access key", "ASIA", .upperAndDigits, 16...16, disorder: 2.5),
        SecretKind("GitHub token", "ghp_", .alphanumeric, 36...255),
        SecretKind("GitHub token", "gho_", .alphanumeric, 36...255),
        SecretKind("GitHub token", "ghu_", .alphanumeric, 36...255),
        SecretKind("GitHub token", "ghs_", .alphanumeric, 36...255),
        SecretKind("GitHub token", "ghr_", .alphanumeric, 36...255),
        SecretKind("GitHub token", "github_pat_", .url, 50...255),
        SecretKind("GitLab token", "glpat-", .dotted, 20...100),
        SecretKind("GitLab token", "gldt-", .dotted, 20...100),
        SecretKind("GitLab token", "glrt-", .dotted, 20...100),
        SecretKind("Slack token", "xoxb-", .url, 20...200),
        SecretKind("Slack token", "xoxp-", .url, 20...200),
        SecretKind("Slack token", "xoxa-", .url, 20...200),
        SecretKind("Slack token", "xoxr-", .url, 20...200),
        SecretKind("Slack token", "xoxs-", .url, 20...200),
        SecretKind("Slack token", "xapp-", .url, 30...200),
        SecretKind("Slack webhook", "hooks.slack.com/services/", .base64, 30...100),
        SecretKind("Google API key", "AIza", .url, 35...35),
        SecretKind("Google OAuth secret", "GOCSPX-", .url, 20...60),
        SecretKind("Google OAuth token", "ya29.", .dotted, 30...200),
        SecretKind("Stripe key", "sk_live_", .alphanumeric, 20...200),
        SecretKind("Stripe key", "sk_test_", .alphanumeric, 20...200),
        SecretKind("Stripe key", "rk_live_", .alphanumeric, 20...200),
        SecretKind("Anthropic key", "sk-ant-", .url, 32...200),
        SecretKind("OpenAI key", "sk-proj-", .url, 32...300),
        SecretKind("OpenAI key", "sk-", .alphanumeric, 40...64, standsAlone: true),
        SecretKind("Hugging Face token", "hf_", .alphanumeric, 30...64, standsAlone: true),
        SecretKind("npm token", "npm_", .alphanumeric, 36...36),
        SecretKind("PyPI token", "pypi-AgE", .url, 50...300),
        SecretKind("crates.io token", "cio", .alphanumeric, 32...32, standsAlone: true),
        SecretKind("RubyGems token", "rubygems_", .hexadecimal, 48...48),
        SecretKind("Docker token", "dckr_pat_", .url, 20...100),
        SecretKind("DigitalOcean token", "dop_v1_", .hexadecimal, 64...64),
        SecretKind("SendGrid key", "SG.", .dotted, 60...80, standsAlone: true),
        SecretKind("Shopify token", "shpat_", .hexadecimal, 32...32),
        SecretKind("Vault token", "hvs.", .url, 24...200),
        SecretKind("Terraform token", "atlasv1.", .url, 60...100),
        SecretKind("Databricks token", "dapi", .hexadecimal, 32...32, standsAlone: true),
        SecretKind("Atlassian token", "ATATT3", .base64, 60...250),
        SecretKind("Linear key", "lin_api_", .alphanumeric, 32...64),
        SecretKind("age secret key", "AGE-SECRET-KEY-1", .upperAndDigits, 58...58),
        SecretKind("Azure storage key", "AccountKey=", .base64, 80...90, disorder: 4),
        SecretKind("JSON web token", "eyJ", .dotted, 80...4000, disorder: 4, standsAlone: true),
    ]

    /// Which kinds begin with a byte.
    static let byFirstByte: [[SecretKind]] = (0...255).map { byte in all.filter { $0.prefix[0] == UInt8(byte) } }
}
