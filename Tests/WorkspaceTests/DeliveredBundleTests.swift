// SPDX-License-Identifier: Apache-2.0
import LinuxSystem
import Testing
import Workspace

/// Our own bundles, taken apart again: what is written holds, and nothing that differs from it.
@Suite("delivered bundle")
struct DeliveredBundleTests {
    static let reference = "refs/heads/x"

    /// A branch with differences of differences, a merge of what is older than the base, and content from before it.
    private struct Setting: ~Copyable {
        let scratch: Scratch
        let bare: BareRepository
        let base: ObjectID
        let tip: ObjectID

        static func make() throws -> Setting {
            let scratch = try Scratch()
            try scratch.makeRepository()
            try scratch.makeDirectory("source/deep/er")
            try scratch.write("source/deep/er/large", lines(0))
            let old = try scratch.commit("source", "old")
            try scratch.write("source/file", Array("two\n".utf8))
            try scratch.git("source", "rm", "--quiet", "deep/er/large")
            try scratch.commit("source", "less")
            let host = try scratch.makeHost()
            let base = host.base
            try scratch.git(".", "clone", "--quiet", "source", "work")
            try scratch.git("work", "checkout", "--quiet", "-b", "side", old)
            try scratch.write("work/side", Array("side\n".utf8))
            try scratch.commit("work", "beside the base")
            try scratch.git("work", "checkout", "--quiet", "-b", "x", "main")
            for step in 1...4 {
                try scratch.write("work/other", lines(step))
                try scratch.commit("work", "step \(step)")
            }
            // As it was before the base.
            try scratch.write("work/file", Array("one\n".utf8))
            try scratch.commit("work", "back")
            try scratch.git("work", "merge", "--quiet", "-s", "ours", "-m", "merge", "side")
            let tip = try #require(ObjectID(try scratch.git("work", "rev-parse", "HEAD")))
            // git's own bundle would name every commit at the edge; ours names the base alone.
            let header = Array("# v2 git bundle\n-\(base)\n\(tip) \(reference)\n\n".utf8)
            let pack = try scratch.gitBytes(
                "work", ["pack-objects", "--revs", "--stdout", "--quiet"], input: Array("x\n^\(base)\n".utf8))
            try scratch.write("received", header + pack)
            _ = try BundleImport(base: base, reference: reference, budget: Budget()).run(
                try scratch.open("received"), into: host.bare)
            return Setting(
                scratch: scratch, bare: try BareRepository.open(at: host.bare.path), base: base, tip: tip)
        }

        private static func lines(_ step: Int) -> [UInt8] {
            Array((0..<2000).map { "\($0) \($0 % 5 < step ? "changed" : "same")\n" }.joined().utf8)
        }

        borrowing func range() throws -> CommitRange { try CommitRange(bare, from: base, to: tip) }

        borrowing func written() throws -> [UInt8] {
            var bytes: [UInt8] = []
            try range().writeBundle(reference: reference, budget: Budget()) {
                bytes += $0
                return true
            }
            return bytes
        }

        borrowing func flaw(_ bytes: [UInt8], budget: Budget = Budget()) throws -> String? {
            try scratch.write("bundle", bytes)
            return try range().flaw(ofBundle: try scratch.open("bundle"), reference: reference, budget: budget)
        }
    }

    @Test("is what it should be as it is written, with differences, merges and old content in it")
    func written() throws {
        let setting = try Setting.make()
        let bytes = try setting.written()
        try #require(try setting.flaw(bytes) == nil)
        // The pack has differences: else nothing was said about them.
        let objects = try setting.scratch.git("work", "rev-list", "--objects", "\(setting.base)..x")
        #expect(bytes.count < 60_000 && objects.split(separator: "\n").count > 12)
        var small = Budget()
        small.objects = 3
        #expect(try setting.flaw(bytes, budget: small)?.contains("more than 3 objects") == true)
        small = Budget()
        small.objectBytes = 1000
        #expect(try setting.flaw(bytes, budget: small)?.contains("larger than 1000 bytes") == true)
    }

    @Test("is none when any byte of it is another, or missing, or there are more")
    func changed() throws {
        let setting = try Setting.make()
        let bytes = try setting.written()
        for place in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 200)) {
            var other = bytes
            other[place] ^= 1 << UInt8.random(in: 0..<8)
            #expect(try setting.flaw(other) != nil, "byte \(place)")
            #expect(try setting.flaw(Array(bytes[..<place])) != nil, "\(place) bytes")
        }
        #expect(try setting.flaw(bytes + [0]) != nil)
    }

    @Test("is none when it brings less than the branch, or more, or what only an older commit has")
    func other() throws {
        let setting = try Setting.make()
        let header = "# v2 git bundle\n-\(setting.base)\n\(setting.tip) \(Self.reference)\n\n"
        func bundle(_ objects: [String]) throws -> [UInt8] {
            let list = Array((objects.joined(separator: "\n") + "\n").utf8)
            return Array(header.utf8)
                + (try setting.scratch.gitBytes("work", ["pack-objects", "--stdout", "--quiet"], input: list))
        }
        func lines(_ arguments: String...) throws -> [String] {
            String(decoding: try setting.scratch.gitBytes("work", arguments), as: UTF8.self).split(separator: "\n").map
            {
                String($0)
            }
        }
        func content(_ commit: String) throws -> Set<String> {
            let entries = try lines("ls-tree", "-r", "-t", commit).map {
                String($0.split(separator: "\t")[0].suffix(40))
            }
            return Set(entries + (try lines("rev-parse", commit + "^{tree}")))
        }
        let commits = try lines("rev-list", "\(setting.base)..x")
        let whole = try commits.reduce(into: Set(commits)) { $0.formUnion(try content($1)) }
            .subtracting(try content("\(setting.base)")).sorted()
        // The base's tree is nobody's here; its file is in the trees of later commits.
        let old = try lines("rev-parse", "x:file", "\(setting.base)^{tree}")
        try #require(try setting.flaw(try bundle(whole)) == nil)
        for number in whole.indices {
            var less = whole
            less.remove(at: number)
            #expect(try setting.flaw(try bundle(less)) != nil, "without \(whole[number])")
        }
        #expect(try setting.flaw(try bundle(whole + [old[1]]))?.contains("no part of") == true)
        #expect(try setting.flaw(try bundle(whole.filter { $0 != old[0] }))?.contains("needs \(old[0])") == true)
    }
}
