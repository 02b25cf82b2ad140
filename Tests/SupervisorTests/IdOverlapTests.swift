// SPDX-License-Identifier: Apache-2.0
import Isolation
import LinuxSystem
import Supervisor
import Testing
import Wire

@Suite("id range against the host's other users")
struct IdOverlapTests {
    let overlap = IdOverlap(IdRange(first: 1_000_000, blocks: 2))  // 1,000,000 up to and without 1,131,072

    @Test(
        "a subordinate range is reported exactly when it meets ours",
        arguments: [
            ("alice:100000:65536", false), ("alice:934464:65536", false), ("alice:934464:65537", true),
            ("alice:1131071:1", true),
            ("alice:1131072:65536", false), ("alice:0:4294967295", true), ("alice:1000000:0", false),
            ("sallyport:1000000:131072", false),
            ("root:1000000:131072", false), ("# comment", false), ("alice:x:1", false),
        ])
    func subordinates(line: String, meets: Bool) {
        #expect(overlap.subordinates([line[...]]).isEmpty == !meets)
    }

    @Test("only a line of ours or root's that holds the whole range reserves it")
    func reserved() {
        #expect(overlap.isReserved([overlap.reservation[...]]))
        #expect(overlap.isReserved(["root:1:4000000000"]))
        #expect(!overlap.isReserved(["sallyport:1000000:131071"]))
        #expect(!overlap.isReserved(["alice:1000000:131072"]))
        #expect(!overlap.isReserved([]))
    }

    @Test("accounts with an id in the range are named")
    func accounts() {
        let lines: [Substring] = [
            "root:x:0:0:root:/root:/bin/sh", "eve:x:1000000:1:::", "mia:x:1131072:1:::", "group:x:1131071:", "broken",
        ]
        #expect(overlap.accounts(lines) == ["eve is 1000000", "group is 1131071"])
    }

    @Test("no id that we give out means two things, and none is anybody's whom systemd knows of")
    func ownRanges() {
        let ranges = OwnIdentities.all
        for (lower, upper) in zip(ranges, ranges.dropFirst()) { #expect(lower.upperBound <= upper.lowerBound) }
        let first = ranges.map(\.lowerBound).min() ?? 0
        let end = ranges.map(\.upperBound).max() ?? 0
        #expect(first >= 1_879_048_192 && end <= 2_147_352_576)
        #expect(OwnIdentities.quarantines == BrokerView.identities)
        let sessions = OwnIdentities.sessions
        #expect(IdRange.standard.first == sessions.lowerBound)
        #expect(IdRange.standard.blocks * Int(IdBlock.size) == sessions.count)
        // As many processes as a 64-bit host can have.
        for range in [OwnIdentities.forgeSteps, OwnIdentities.taskSteps] {
            #expect(OwnIdentities.of(process: 1, in: range) == range.lowerBound + 1)
            #expect(range.contains(OwnIdentities.of(process: 4_194_303, in: range)) && range.count == 4_194_304)
        }
    }

    @Test("the standard range keeps clear of systemd's")
    func standard() {
        #expect(!IdOverlap(.standard).meetsSystemd)
        #expect(overlap.meetsSystemd)
        #expect(IdOverlap(IdRange(first: 1_879_048_192, blocks: 4095)).meetsSystemd)
    }
}
