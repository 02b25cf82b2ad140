// SPDX-License-Identifier: Apache-2.0
import Policy
import Testing

@Suite("host names")
struct HostNameTests {
    @Test(
        "a name has one form",
        arguments: [
            ("api.example.com", "api.example.com"), ("API.Example.COM", "api.example.com"), ("db", "db"),
            ("_dmarc.example.com", "_dmarc.example.com"), ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
            ("1.example.com", "1.example.com"), ("1e100.example", "1e100.example"), ("0xg", "0xg"), ("a-b.c", "a-b.c"),
        ])
    func canonical(text: String, name: String) { #expect(HostName(text)?.text == name) }

    static let label64 = String(repeating: "a", count: 64)
    static let long = Array(repeating: String(repeating: "a", count: 63), count: 4).joined(separator: ".")

    @Test(
        "everything else is none, with the reason",
        arguments: [
            ("", .empty), ("a..b", .emptyLabel), (".a", .emptyLabel), (".", .emptyLabel), ("a.", .trailingDot),
            ("-a.b", .hyphen), ("a-.b", .hyphen), ("\(label64).b", .longLabel), (long, .tooLong),
            ("a b", .character(" ")), ("a\u{0}.b", .character("\u{0}")), ("m\u{fc}nchen.example", .character("\u{fc}")),
            ("a\\.b", .character("\\")), ("*.a", .character("*")), ("a:443", .character(":")),
            // Each of these is 127.0.0.1, or another address, to some program.
            ("127.0.0.1", .address), ("127.1", .address), ("0x7f.1", .address), ("0x7f000001", .address),
            ("017700000001", .address), ("2130706433", .address), ("1.1.1.1", .address), ("a.0x7f", .address),
            ("a.0x", .address), ("A.0X7F", .address), ("1.1.1.1.", .trailingDot), ("[::1]", .character("[")),
        ] as [(String, HostName.Flaw)])
    func refused(text: String, flaw: HostName.Flaw) {
        #expect(throws: flaw) { try HostName(checking: text) }
        #expect(HostName(text) == nil)
    }

    @Test("253 characters are the longest name")
    func longest() {
        let name = String(Self.long.dropLast(2))
        #expect(name.utf8.count == 253)
        #expect(HostName(name) != nil)
    }

    @Test(
        "a pattern matches what it says and nothing beside it",
        arguments: [
            ("a.example", "a.example", true), ("a.example", "b.a.example", false), ("a.example", "xa.example", false),
            ("*.a.example", "b.a.example", true), ("*.a.example", "a.example", false),
            ("*.a.example", "c.b.a.example", false), ("*.a.example", "ba.example", false),
            ("**.a.example", "b.a.example", true), ("**.a.example", "c.b.a.example", true),
            ("**.a.example", "a.example", false), ("**.a.example", "xa.example", false),
            ("**.example", "example", false),
        ])
    func matches(pattern: String, name: String, expected: Bool) throws {
        #expect(try #require(HostPattern(pattern)).matches(#require(HostName(name))) == expected)
    }

    @Test(
        "a pattern covers another when it matches all that the other does",
        arguments: [
            ("a.x", "a.x", true), ("a.x", "*.a.x", false), ("*.a.x", "b.a.x", true), ("*.a.x", "*.a.x", true),
            ("*.a.x", "**.a.x", false), ("*.a.x", "*.b.a.x", false), ("**.a.x", "**.a.x", true),
            ("**.a.x", "*.a.x", true), ("**.a.x", "*.b.a.x", true), ("**.a.x", "**.b.a.x", true),
            ("**.a.x", "a.x", false), ("**.b.a.x", "**.a.x", false), ("**.a.x", "**.ba.x", false),
        ])
    func covers(wide: String, narrow: String, expected: Bool) throws {
        #expect(try #require(HostPattern(wide)).covers(#require(HostPattern(narrow))) == expected)
    }

    @Test(
        "patterns that are none", arguments: ["*", "**", "*.", "**.", "a.*.b", "*a.b", "***.a", "*.A.b", "*.1.1.1.1"])
    func noPattern(text: String) { #expect(HostPattern(text) == nil) }
}
