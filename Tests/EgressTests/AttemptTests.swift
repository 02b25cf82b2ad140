// SPDX-License-Identifier: Apache-2.0
import Policy
import Testing

@testable import Egress

@Suite("first packets")
struct AttemptTests {
    private let syn4: [UInt8] =
        [0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 198, 18, 0, 1, 8, 8, 8, 8] + [0x9C, 0x40, 0x1F, 0x90]
        + .init(
            repeating: 0, count: 16)

    @Test("reads both ends of an IPv4 and an IPv6 packet")
    func reads() throws {
        let first = Attempt(syn4.span)
        let four = try #require(first)
        #expect(four.transport == 6)
        #expect(four.client == Endpoint(.v4(0xC612_0001), 40_000))
        #expect(four.server == Endpoint(.v4(0x0808_0808), 8080))
        #expect(!four.isLocal)
        let own: [UInt8] = [0xfd, 0x53, 0x41, 0x4c, 0x4c, 0x59, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
        let six = [0x60, 0, 0, 0, 0, 8, 17, 64] + own + own + [0, 9, 0, 10, 0, 8, 0, 0]
        let second = Attempt(six.span)
        let read = try #require(second)
        #expect(read.transport == 17)
        #expect(read.server == Endpoint(NameTable.ownV6, 10))
        #expect(read.isLocal)
    }

    @Test("reads the first fragment of a datagram, and none that ends within its headers")
    func fragment() throws {
        let own: [UInt8] = [0xfd, 0x53, 0x41, 0x4c, 0x4c, 0x59, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
        let other: [UInt8] = [0x20, 0x01, 0x0d, 0xb8] + Array(repeating: 0, count: 11) + [2]
        let packet = [0x60, 0, 0, 0, 0, 16, 44, 64] + own + other + [17, 0, 0, 1, 0, 0, 0, 7] + [0, 9, 0, 10]
        let attempt = Attempt(packet.span)
        let read = try #require(attempt)
        #expect(read.transport == 17)
        #expect(read.client == Endpoint(NameTable.ownV6, 9))
        #expect(read.server == Endpoint(.v6(0x2001_0db8_0000_0000, 2), 10))
        for count in 40..<packet.count {
            let cut = Array(packet.prefix(count))
            let attempt = Attempt(cut.span)
            #expect(attempt == nil)
        }
    }

    @Test("refuses every shortened packet and every header that lies about its length")
    func malformed() {
        for count in 0..<24 {
            let cut = Array(syn4.prefix(count))
            let attempt = Attempt(cut.span)
            #expect(attempt == nil)
        }
        for length in [UInt8(0x40), 0x41, 0x44, 0x4F] {
            let lying = [length] + syn4.dropFirst().prefix(23)
            let attempt = Attempt(lying.span)
            #expect(attempt == nil)
        }
        let other = [syn4[0] & 0x0F | 0x50] + syn4.dropFirst()
        let attempt = Attempt(other.span)
        #expect(attempt == nil)
    }
}
