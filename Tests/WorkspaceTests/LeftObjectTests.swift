// SPDX-License-Identifier: Apache-2.0
import Testing
import Workspace

@Suite("left objects")
struct LeftObjectTests {
    private let base = Array("0123456789".utf8)

    @Test("a difference takes pieces of its base and bytes of its own")
    func delta() throws {
        // 10 to 9: four bytes from place 2, "ab", three bytes from the start.
        let delta = try #require(ObjectDelta([10, 9, 0x91, 2, 4, 2, 0x61, 0x62, 0x90, 3]))
        #expect(delta.sourceSize == 10 && delta.resultSize == 9)
        #expect(delta.apply(to: base).map { String(decoding: $0, as: UTF8.self) } == "2345ab012")
        #expect(try #require(ObjectDelta([10, 0])).apply(to: base) == [])
        // A length of none is 65536. gitformat-pack(5)
        let large = [UInt8](repeating: 7, count: 70_000)
        let copy = try #require(ObjectDelta([0xF0, 0xA2, 4, 0x80, 0x80, 4, 0x81, 5]))
        #expect(copy.apply(to: large) == [UInt8](repeating: 7, count: 65_536))
    }

    @Test(
        "a difference that leads out of its base, or makes another size, is none",
        arguments: [
            [10, 4, 0x91, 7, 4], [10, 4, 0x91, 2, 3], [10, 4, 0x91, 2, 5], [9, 4, 0x91, 2, 4], [10, 4, 0],
            [10, 4, 4, 1, 2, 3], [10, 4, 0x91, 2], [10, 4], [10, 4, 0x91, 2, 4, 0x91, 2, 1], [10, 4, 0x98, 0xFF, 4],
            [10, 4, 0xFF, 1, 1, 1, 1, 1, 1],
        ] as [[UInt8]])
    func badDelta(_ bytes: [UInt8]) throws {
        #expect(try #require(ObjectDelta(bytes)).apply(to: base) == nil)
    }

    @Test(
        "sizes that have no end are none",
        arguments: [[], [0x80], [10], [10, 0x80], [UInt8](repeating: 0xFF, count: 40)] as [[UInt8]])
    func badSizes(_ bytes: [UInt8]) { #expect(ObjectDelta(bytes) == nil) }

    /// An index of names that begin with the given bytes, at places of 12, 13 and so on.
    private func index(_ firsts: [UInt8], places: [[UInt8]]? = nil, large: [UInt8] = []) -> [UInt8] {
        var bytes: [UInt8] = [0xFF, 0x74, 0x4F, 0x63, 0, 0, 0, 2]
        for byte in 0...255 { bytes += [0, 0, 0, UInt8(firsts.count { $0 <= byte })] }
        for first in firsts { bytes += [first] + [UInt8](repeating: 1, count: 19) }
        bytes += [UInt8](repeating: 0, count: 4 * firsts.count)
        for (row, _) in firsts.enumerated() { bytes += places?[row] ?? [0, 0, 0, UInt8(12 + row)] }
        return bytes + large + [UInt8](repeating: 0, count: 40)
    }

    private func name(_ first: UInt8) -> [UInt8] { [first] + [UInt8](repeating: 1, count: 19) }

    @Test("an index says where objects begin, beyond four gigabytes too")
    func places() throws {
        let plain = try #require(PackIndex(index([0, 7, 7, 255])))
        #expect(plain.count == 4 && plain.offset(of: name(0)) == 12 && plain.offset(of: name(255)) == 15)
        #expect(plain.offset(of: name(8)) == nil && plain.offset(of: []) == nil)
        let far = index([5, 6], places: [[0x80, 0, 0, 0], [0x80, 0, 0, 1]], large: [0, 0, 0, 2, 0, 0, 0, 9])
        let read = try #require(PackIndex(far))
        #expect(read.offset(of: name(5)) == 2 << 32 | 9)
        // It names a row that is not there.
        #expect(read.offset(of: name(6)) == nil)
        let endless = index([5], places: [[0x80, 0, 0, 0]], large: [UInt8](repeating: 0xFF, count: 8))
        #expect(try #require(PackIndex(endless)).offset(of: name(5)) == nil)
    }

    @Test("an index that does not have what it counts is none")
    func badIndex() {
        let good = index([1, 2, 3])
        #expect(PackIndex(good) != nil && PackIndex([]) == nil)
        for length in stride(from: 0, to: good.count, by: 7) { #expect(PackIndex(Array(good[..<length])) == nil) }
        #expect(PackIndex(good + [0]) == nil)
        var version = good
        version[7] = 1
        #expect(PackIndex(version) == nil)
        // Counts that go down.
        var counts = good
        counts[8 + 4 * 100 + 3] = 200
        #expect(PackIndex(counts) == nil)
    }
}
