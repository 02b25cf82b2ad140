// SPDX-License-Identifier: Apache-2.0
import Policy
import Testing

@testable import Egress

@Suite("name table")
struct NameTableTests {
    private let a = HostName("a.test")!
    private let b = HostName("b.test")!

    @Test("gives each name one index in both families and finds the name again")
    func pairs() throws {
        var table = NameTable()
        let indices = (table.index(of: a), table.index(of: b))
        let first = try #require(indices.0)
        let second = try #require(indices.1)
        #expect(first != second)
        let again = table.index(of: a)
        #expect(again == first)
        #expect(table.v4(first) == .v4(0xC612_0100))
        for (index, name) in [(first, a), (second, b)] {
            #expect(table.name(of: table.v4(index)) == name)
            #expect(table.name(of: table.v6(index)) == name)
        }
    }

    @Test(
        "knows no name for an address that it never gave",
        arguments: [
            IPAddress.v4(0xC612_0101), .v4(0xC612_0001), .v4(0x0808_0808), .v4(.max),
            .v6(0xfd53_414c_4c59_0000, 0x101), .v6(0xfd53_414c_4c59_0000, 0xff), .v6(0, 0x100), .v6(.max, .max),
        ])
    func unknown(_ address: IPAddress) {
        var table = NameTable()
        let index = table.index(of: a)
        #expect(index == 0)
        #expect(table.name(of: address) == nil)
    }

    @Test("a full table refuses new names and keeps the old ones")
    func full() {
        var table = NameTable(limit: 2)
        let indices = [a, b, HostName("c.test")!, a].map { table.index(of: $0) }
        #expect(indices == [0, 1, nil, 0])
        #expect(table.name(of: table.v4(2)) == nil)
    }
}
