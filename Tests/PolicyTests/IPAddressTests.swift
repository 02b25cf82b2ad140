// SPDX-License-Identifier: Apache-2.0
import Policy
import Testing

@Suite("addresses")
struct IPAddressTests {
    @Test(
        "one spelling of IPv4, all of RFC 4291 for IPv6, one text for each",
        arguments: [
            ("1.2.3.4", "1.2.3.4"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"), ("::", "::"),
            ("::1", "::1"), ("2001:DB8::1", "2001:db8::1"), ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
            ("2001:0db8:0000:0001:0001:0001:0001:0001", "2001:db8:0:1:1:1:1:1"), ("fe80::", "fe80::"),
            ("::ffff:7f00:1", "::ffff:127.0.0.1"), ("::ffff:127.0.0.1", "::ffff:127.0.0.1"),
            ("64:ff9b::127.0.0.1", "64:ff9b::7f00:1"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
            ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"), ("1::8", "1::8"),
        ])
    func text(written: String, shown: String) throws {
        let address = try #require(IPAddress(text: written))
        #expect(address.description == shown)
        #expect(IPAddress(text: shown) == address)
        #expect(IPAddress(bytes: address.bytes) == address)
    }

    @Test(
        "what two programs read differently is no address",
        arguments: [
            "", "1.2.3", "1.2.3.4.5", "127.1", "0x7f.1", "0177.0.0.1", "01.2.3.4", "1.2.3.256", "1.2.3.", ".1.2.3",
            "1.2.3.4 ", " 1.2.3.4", "1.2.3.-4", "+1.2.3.4", "2130706433", "1.2.3.4:80", "[::1]", ":::", "1::2::3", ":1",
            "1:", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "12345::", "g::",
            "+1::", "fe80::1%eth0", "fe80::1%25eth0", "1.2.3.4::", "::1.2.3", "::1.2.3.4:5", "::01.2.3.4",
            "::ffff:1.2.3.4.5",
            "1\u{0}.2.3.4", "\u{0661}.2.3.4",
        ])
    func refused(text: String) { #expect(IPAddress(text: text) == nil) }

    @Test("random addresses survive their own text")
    func roundTrip() {
        var random = SplitMix(state: 7)
        for _ in 0..<2000 {
            // Many zero groups, so that the shortening is met in every place.
            let groups = (0..<8).map { _ in
                Bool.random(using: &random) ? 0 : UInt64.random(in: 0...0xFFFF, using: &random)
            }
            let address = IPAddress.v6(
                groups[0..<4].reduce(0) { $0 << 16 | $1 }, groups[4..<8].reduce(0) { $0 << 16 | $1 })
            #expect(IPAddress(text: address.description) == address)
            let short = IPAddress.v4(UInt32.random(in: 0...UInt32.max, using: &random))
            #expect(IPAddress(text: short.description) == short)
        }
    }

    @Test(
        "an address that wraps another is seen through",
        arguments: [
            ("::ffff:10.1.2.3", "10.1.2.3"), ("::10.1.2.3", "10.1.2.3"), ("::ffff:0:10.1.2.3", "10.1.2.3"),
            ("64:ff9b::a01:203", "10.1.2.3"), ("64:ff9b:1::a01:203", "10.1.2.3"), ("2002:a01:203::1", "10.1.2.3"),
            ("::1", "::1"), ("::", "::"), ("2001:db8::a01:203", "2001:db8::a01:203"), ("10.1.2.3", "10.1.2.3"),
            ("64:ff9b:2::a01:203", "64:ff9b:2::a01:203"),
        ])
    func unwrapped(written: String, inner: String) throws {
        #expect(try #require(IPAddress(text: written)).unwrapped == #require(IPAddress(text: inner)))
    }

    static let classes: [(String, AddressClass)] = [
        ("8.8.8.8", .public), ("1.1.1.1", .public), ("172.15.255.255", .public), ("172.32.0.0", .public),
        ("100.63.255.255", .public), ("100.128.0.0", .public), ("2606:4700::1111", .public), ("2a00::1", .public),
        ("::ffff:8.8.8.8", .public), ("64:ff9b::808:808", .public), ("2002:808:808::1", .public),
        ("10.0.0.1", .private), ("172.16.0.1", .private), ("172.31.255.255", .private), ("192.168.1.1", .private),
        ("fec0::1", .private), ("127.0.0.1", .loopback), ("127.255.255.254", .loopback), ("::1", .loopback),
        ("169.254.1.1", .linkLocal), ("fe80::1", .linkLocal), ("febf::1", .linkLocal),
        ("169.254.169.254", .metadata), ("169.254.170.2", .metadata), ("fd00:ec2::254", .metadata),
        ("168.63.129.16", .metadata), ("100.100.100.200", .metadata), ("192.0.0.192", .metadata),
        ("100.64.0.1", .carrierGradeNAT), ("224.0.0.1", .multicast), ("239.255.255.255", .multicast),
        ("ff02::1", .multicast), ("255.255.255.255", .broadcast), ("0.0.0.0", .unspecified), ("0.1.2.3", .unspecified),
        ("::", .unspecified), ("240.0.0.1", .reserved), ("192.0.0.1", .reserved), ("192.88.99.1", .reserved),
        ("100::1", .reserved), ("5f00::1", .reserved), ("4000::1", .reserved), ("2001:10::1", .reserved),
        ("192.0.2.1", .documentation), ("198.51.100.1", .documentation), ("203.0.113.250", .documentation),
        ("2001:db8::1", .documentation), ("3fff::1", .documentation), ("198.18.0.1", .benchmarking),
        ("198.19.255.255", .benchmarking), ("2001:2::1", .benchmarking), ("fc00::1", .uniqueLocal),
        ("fd12::1", .uniqueLocal), ("64:ff9b:1::808:808", .translation), ("2001::1", .tunnel),
        ("2606:4700::5efe:808:808", .tunnel), ("2606:4700::200:5efe:808:808", .tunnel),
        // Spellings that lead somewhere special.
        ("::ffff:127.0.0.1", .loopback), ("64:ff9b::7f00:1", .loopback), ("64:ff9b::a9fe:a9fe", .metadata),
        ("2002:7f00:1::", .loopback), ("::169.254.169.254", .metadata), ("64:ff9b:1::a9fe:a9fe", .metadata),
        ("::ffff:0:10.0.0.1", .private), ("::ffff:0.0.0.0", .unspecified),
    ]

    @Test("each special range has its class, whatever wraps it", arguments: classes)
    func classified(text: String, expected: AddressClass) throws {
        #expect(AddressClass.of(try #require(IPAddress(text: text))) == expected)
    }

    @Test("every class is met in the table above")
    func complete() { #expect(Set(Self.classes.map { $0.1 }) == Set(AddressClass.allCases)) }

    @Test(
        "a block holds its addresses, also in their IPv6 spellings",
        arguments: [
            ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("10.0.0.0/8", "64:ff9b::a00:1", true), ("10.0.0.0/8", "2001:db8::1", false),
            ("0.0.0.0/0", "8.8.8.8", true), ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::", false), ("::/0", "8.8.8.8", false), ("fe80::/10", "febf::1", true),
            ("2001:db8::8000:0:0:0/65", "2001:db8:0:0:8000::1", true), ("1.2.3.4/32", "1.2.3.5", false),
        ])
    func blocks(block: String, address: String, expected: Bool) throws {
        let parsed = try #require(AddressBlock(text: block))
        #expect(parsed.contains(try #require(IPAddress(text: address))) == expected)
    }

    @Test(
        "a text that is no block says why",
        arguments: [
            ("10.0.0.0", .noLength), ("10.0.0.1/8", .hostBits(AddressBlock(text: "10.0.0.0/8")!)),  // A constant.
            ("10.0.0.0/33", .notABlock), ("10.0.0.0/08", .notABlock), ("10.0.0.0/", .notABlock), ("10/8", .notABlock),
            ("10.0.0.0/8/8", .notABlock), ("10.0.0.0/-1", .notABlock), ("::/129", .notABlock),
            ("::ffff:10.0.0.0/104", .wrapped), ("64:ff9b::/96", .wrapped), ("fe80::1%1/64", .notABlock),
        ] as [(String, AddressBlock.Flaw)])
    func noBlock(text: String, flaw: AddressBlock.Flaw) {
        #expect(throws: flaw) { try AddressBlock(checking: text) }
    }
}
